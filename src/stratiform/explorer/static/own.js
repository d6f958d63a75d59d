// Images of one's own: A and B. Dropped, pasted, drawn or taken from the data; then placed, rebuilt and scored.

import { get, Later, post, postFile } from "./api.js";
import { cividis, levelColour } from "./colours.js";
import { button, el, group, say, shown, tenths } from "./dom.js";
import { own, picture, split } from "./pixels.js";
import { thumbs } from "./picture.js";
import { sketch } from "./sketch.js";
import { canonical } from "./store.js";

const EXAMPLES = 24;
const STEPS = 9;

export class Own {
  constructor(page) {
    this.page = page;
    this.slots = Object.fromEntries(["a", "b"].map((letter) => [letter, this.slot(letter)]));
    this.element = el(
      "section",
      { class: "card own", "aria-labelledby": "own-title" },
      el("h2", { id: "own-title" }, "Your images"),
      el("p", { class: "faint" }, "Drop or paste one anywhere, or take one:"),
      el("div", { class: "slots" }, this.slots.a.element, page.about.levels.length ? this.slots.b.element : null),
    );
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      const letter = event.target.closest?.("[data-slot]")?.dataset.slot ?? "a";
      this.file(letter, event.dataTransfer.files[0]);
    });
    addEventListener("paste", (event) => {
      const file = event.clipboardData?.files[0];
      if (file) this.file(this.page.store.view.a && page.about.levels.length ? "b" : "a", file);
    });
  }

  slot(letter) {
    const name = letter.toUpperCase();
    const frame = el("div", { class: "frame" });
    const input = el("input", { type: "file", accept: "image/*", class: "away", tabindex: "-1", "aria-label": `File for image ${name}` });
    input.addEventListener("change", () => {
      this.file(letter, input.files[0]);
      input.value = "";
    });
    const { spec, paper } = this.page.about;
    const clear = button("×", () => this.set(letter, ""), { "aria-label": `Remove image ${name}` });
    const element = el(
      "div",
      { class: "slot", "data-slot": letter, role: "group", "aria-label": `Image ${name}` },
      frame,
      el(
        "div",
        { class: "buttons" },
        button("Data", () => this.choose(letter), { "aria-label": `Image ${name} from the data` }),
        button("Draw", () => sketch(spec, paper, (blob) => this.file(letter, blob)), { "aria-label": `Draw image ${name}` }),
        button("File", () => input.click(), { "aria-label": `Image ${name} from a file` }),
        clear,
        input,
      ),
    );
    return { element, frame, clear };
  }

  async file(letter, file) {
    if (!file) return;
    if (!file.type.startsWith("image/")) return say(`${file.name ?? "that"} is no image`, true);
    await this.page.tried(async () => {
      const { image, known } = await postFile(`${this.page.path}/image`, file);
      this.set(letter, image, known?.[0]);
    });
  }

  // A model that completes images starts with one of the data, a part of it hidden.
  async first() {
    const { store, path } = this.page;
    const { images, known } = await get(`${path}/examples?count=1`);
    store.view = canonical({ ...store.view, a: images[0], known: known[0] });
  }

  // A new image A is shown as the model rebuilds it: every level that is not locked takes what A has there.
  // A model that completes images draws what is hidden of it: its mask stays, or is `known`, by the model's own law.
  set(letter, image, known) {
    const { store, about: { completes } } = this.page;
    const view = { ...store.view, [letter]: image };
    const gone = (choice) => !image && (choice.source === letter || choice.source === "between");
    view.levels = view.levels.map((choice) => {
      if (gone(choice)) return { lock: !!choice.lock };
      return image && letter === "a" && !choice.lock && !completes ? { source: "a" } : choice;
    });
    if (letter === "a" && !completes) delete view.known; // a mask is of one image
    if (letter === "a" && completes) view.known ??= known;
    store.commit(view);
  }

  async choose(letter) {
    const grid = el("div", { class: "strip many" });
    let first = 0;
    const more = button("Others", () => fill());
    const fill = () =>
      this.page.tried(async () => {
        const told = await get(`${this.page.path}/examples?first=${first}&count=${EXAMPLES}`);
        first = first + EXAMPLES >= told.of ? 0 : first + EXAMPLES;
        grid.replaceChildren(
          ...told.images.map((image, i) => {
            const thumb = own(image, this.page.about.spec, "");
            thumb.removeAttribute("role");
            const take = () => {
              dialog.close();
              this.set(letter, image, told.known?.[i]);
            };
            return el("button", { type: "button", class: "thumb", "aria-label": `Image ${told.first + i + 1} of the data`, onclick: take }, thumb);
          }),
        );
      });
    const dialog = el(
      "dialog",
      { "aria-labelledby": "choose-title", onclose: () => dialog.remove() },
      el("h2", { id: "choose-title" }, `Image ${letter.toUpperCase()}: one of the data's`),
      grid,
      group("Examples", more, button("Close", () => dialog.close())),
    );
    document.body.append(dialog);
    dialog.showModal();
    await fill();
  }

  refresh() {
    const { view } = this.page.store;
    for (const [letter, { frame, clear }] of Object.entries(this.slots)) {
      const image = view[letter];
      if (frame.dataset.image === (image ?? "")) continue;
      frame.dataset.image = image ?? "";
      const name = letter.toUpperCase();
      frame.replaceChildren(image ? own(image, this.page.about.spec, `Image ${name}`) : el("span", {}, name));
      clear.hidden = !image || (letter === "a" && this.page.about.completes);
    }
  }
}

// What the model says of image A, and the way from A to B.
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
