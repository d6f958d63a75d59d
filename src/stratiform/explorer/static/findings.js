// What the model says of image A, and the way from A to B.

import { Later, post } from "./api.js";
import { cividis, levelColour } from "./colours.js";
import { el, shown, tenths } from "./dom.js";
import { own, picture, split } from "./pixels.js";
import { thumbs } from "./picture.js";
import { canonical } from "./store.js";

const STEPS = 9;

export class Findings {
  constructor(page) {
    this.page = page;
    this.body = el("div", { class: "findings" });
    this.between = el("div", {});
    this.element = el(
      "section",
      { class: "card wide", "aria-labelledby": "findings-title", hidden: true },
      el("h2", { id: "findings-title" }, "Image A, as the model sees it"),
      this.body,
      this.between,
    );
    this.scored = new Later((image, signal) => this.score(image, signal), (error) => page.trouble(error), 60);
    this.way = new Later((view, signal) => this.walk(view, signal), (error) => page.trouble(error), 200);
  }

  refresh() {
    const { view } = this.page.store;
    this.element.hidden = !view.a;
    const { version, completes } = this.page.about;
    const asked = completes ? { image: view.a, known: view.known } : { image: view.a };
    if (view.a && this.image !== JSON.stringify(asked) + version) {
      this.image = JSON.stringify(asked) + version;
      this.scored.ask(asked);
    }
    if (!view.a) this.image = undefined;
    const pair = view.a && view.b && view.levels.length ? view.a + view.b + version : undefined;
    if (pair && this.pair !== pair) this.way.ask(canonical({ ...view, levels: view.levels.map(() => ({})) }));
    if (!pair) this.between.replaceChildren();
    this.pair = pair;
  }

  async score(asked, signal) {
    const { image } = asked;
    const { completes } = this.page.about;
    const found = await (await post(`${this.page.path}/score`, asked, signal)).json();
    const bits = found.bits_per_dim === null ? `${shown(found.bound)} nats` : `${found.bits_per_dim.toFixed(3)} bits per dimension`;
    const meaning = completes
      ? "what is hidden given what is known: an importance-weighted bound, 50 draws; higher is better"
      : this.page.about.levels.length
      ? "an importance-weighted bound, 50 draws; lower is better"
      : "exact; lower is better";
    this.strange = el("p", { class: "faint", role: "status" }, completes ? "How likely a whole image is, a model that completes images does not say." : "Comparing it with images of the data …");
    this.body.replaceChildren(
      el("div", { class: "kept" }, ...(found.kept ? this.kept(found.kept, image) : [])),
      el(
        "div",
        { class: "scores" },
        el("p", {}, el("strong", {}, bits), ` (${meaning})`),
        found.level_bits.length ? bar(found.level_bits, "Bits of each level's code, image A") : "",
        this.strange,
      ),
      this.heat(found.pixel_bits),
    );
    if (completes) return;
    const told = await (await post(`${this.page.path}/strangeness`, { image }, signal)).json();
    this.strange.textContent = strangeness(told.scores);
  }

  kept(told, image) {
    const count = told.shape[0] - 1;
    const rebuilt = split(told).map((one, i) => {
      const keep = count - i;
      const words = keep === count ? "all levels" : keep === 0 ? "no level" : keep === 1 ? "top level" : `top ${keep}`;
      return el("figure", {}, picture(one, told.shape.slice(1), 1, `Rebuilt from ${words}`), el("figcaption", {}, words));
    });
    const original = el("figure", {}, own(image, this.page.about.spec, "Image A"), el("figcaption", {}, "image A"));
    return [el("h3", {}, "Rebuilt from its upper levels"), el("div", { class: "row" }, original, ...rebuilt)];
  }

  heat(bits) {
    const top = Math.max(...bits.flat(), 1e-9);
    const canvas = el("canvas", { class: "pixels", role: "img", "aria-label": `Bits of each pixel, up to ${shown(top)}` });
    Object.assign(canvas, { width: bits[0].length, height: bits.length });
    const pen = canvas.getContext("2d");
    bits.forEach((row, i) => row.forEach((value, j) => {
      pen.fillStyle = cividis(Math.max(value, 0) / top);
      pen.fillRect(j, i, 1, 1);
    }));
    const hidden = this.page.about.completes ? "hidden pixel" : "pixel";
    const words = this.page.about.levels.length ? `bits per ${hidden}, once the code is known` : "bits per pixel";
    return el("figure", { class: "heat" }, canvas, el("figcaption", {}, `${words}: dark 0, bright ${shown(top)}`));
  }

  async walk(view, signal) {
    const told = await (await post(`${this.page.path}/between`, { view, steps: STEPS }, signal)).json();
    const names = ["all levels", ...view.levels.map((_, i) => `level ${i + 1}`)];
    const name = (at) => `Take ${names[Math.floor(at / STEPS)]}, ${Math.round((100 * (at % STEPS)) / (STEPS - 1))} % B`;
    const all = thumbs(told, name, (chosen) => this.take(chosen));
    const table = el("div", { class: "way" });
    for (let row = 0; row < all.length / STEPS; row += 1) {
      const strip = el("div", { class: "strip one", role: "group", "aria-label": `From A to B in ${names[row]}` });
      strip.append(...all.slice(row * STEPS, (row + 1) * STEPS));
      table.append(el("span", {}, names[row]), strip);
    }
    this.between.replaceChildren(el("h3", {}, "From A to B, the other levels those of A"), table);
  }

  take(view) {
    const { store } = this.page;
    const levels = view.levels.map((choice, i) => (store.view.levels[i].lock ? store.view.levels[i] : choice));
    store.commit({ ...store.view, levels });
  }
}

// A bar of bits, bottom level first, each with its number.
export function bar(bits, label) {
  const total = bits.reduce((sum, each) => sum + Math.max(each, 0), 0);
  const parts = bits.map((each, i) => {
    const part = el("span", { class: "part", title: `level ${i + 1}: ${tenths(each)} bits` });
    part.style.flexGrow = 100 * Math.max(each / Math.max(total, 1e-9), 0.001);
    part.style.background = levelColour(i, bits.length);
    return part;
  });
  const words = bits.map((each, i) => {
    const swatch = el("i", { "aria-hidden": "true" });
    swatch.style.background = levelColour(i, bits.length);
    return el("span", {}, swatch, `level ${i + 1}: ${tenths(each)}`);
  });
  return el(
    "figure",
    { class: "bar", "aria-label": label },
    el("div", { class: "parts", "aria-hidden": "true" }, ...parts),
    el("figcaption", {}, ...words, ` of ${tenths(total)} bits`),
  );
}

function strangeness(scores) {
  const [plain, ...ratios] = scores;
  const share = (score) => `${Math.round(100 * score.above)} %`;
  const words = `Less likely than ${share(plain)} of ${plain.of} images of the data.`;
  if (!ratios.length) return words;
  const each = ratios.map((score) => `${share(score)} (levels above ${score.name.replace("llr_", "")})`);
  return `${words} By the likelihood ratio of its upper levels, stranger than ${each.join(", ")}.`;
}
