// A part of image A hidden, and what could be there.

import { lines } from "./api.js";
import { cividis } from "./colours.js";
import { button, el, group, shown } from "./dom.js";
import { Mask } from "./mask.js";
import { own, packed, unpacked } from "./pixels.js";

const COUNT = 8;
const PARTICLES = 200; // drawn to choose them from, where they cannot be drawn exactly

export class Completions {
  constructor(page) {
    this.page = page;
    const { spec } = page.about;
    this.mask = new Mask(spec, (known) => this.keepMask(known));
    this.completions = el("div", { class: "completions" });
    const half = (name, part) => button(name, () => this.mask.hide(part), { "aria-label": `Hide the ${name.toLowerCase()}` });
    this.element = el(
      "section",
      { class: "card", "aria-labelledby": "mask-title", hidden: true },
      el("h2", { id: "mask-title" }, "Hide a part, see what could be there"),
      el("p", { class: "faint" }, page.about.completes ? "Paint over image A what is to be hidden: the picture shows it completed, known pixels as they are." : "Paint over image A what is to be hidden."),
      this.mask.element,
      group(
        "Hide",
        half("Bottom", (row) => row >= 0.5),
        half("Top", (row) => row < 0.5),
        half("Left", (_, column) => column < 0.5),
        half("Right", (_, column) => column >= 0.5),
        half("Centre", (row, column) => Math.abs(row - 0.46) < 0.26 && Math.abs(column - 0.46) < 0.26),
        button("Nothing", () => this.mask.hide(() => false)),
      ),
      group("Complete", button("Complete it eight times", () => this.complete(), { class: "main" })),
      this.completions,
    );
  }

  keepMask(known) {
    const { known: before, ...view } = this.page.store.view;
    this.page.store.commit(known.every(Boolean) ? view : { ...view, known: packed(known) });
  }

  refresh() {
    const { view } = this.page.store;
    const { spec } = this.page.about;
    this.element.hidden = !view.a;
    if (view.a) this.mask.put(view.a, view.known ? unpacked(view.known, spec.height * spec.width) : undefined);
    if (view.a !== this.image) this.completions.replaceChildren();
    this.image = view.a;
  }

  async complete() {
    const { page } = this;
    const { view } = page.store;
    if (!view.known) {
      this.completions.replaceChildren(el("p", { role: "status" }, "Nothing is hidden yet."));
      return;
    }
    const note = el("p", { class: "faint", role: "status" }, "drawing …");
    this.completions.replaceChildren(note);
    this.completing?.abort();
    this.completing = new AbortController();
    await page.tried(async () => {
      for await (const told of lines(`${page.path}/complete`, { view, count: COUNT, particles: PARTICLES }, this.completing.signal)) {
        if (told.images) this.show(told, note);
        else note.textContent = `${Math.round(100 * told.drawn)} % drawn`;
      }
    });
  }

  show(told, note) {
    const { spec } = this.page.about;
    const how = told.exact ? "drawn exactly" : `${told.distinct} distinct, chosen from ${told.particles} by weight (${told.effective.toFixed(1)} of them count)`;
    note.textContent = `${COUNT} completions, ${how}; beside them, where they differ.`;
    const top = Math.max(...told.spread.flat(), 1e-9);
    const map = el("canvas", { class: "pixels", role: "img", "aria-label": `Where the completions differ, up to ${shown(top)}` });
    Object.assign(map, { width: spec.width, height: spec.height });
    const pen = map.getContext("2d");
    told.spread.forEach((row, i) => row.forEach((value, j) => {
      pen.fillStyle = cividis(value / top);
      pen.fillRect(j, i, 1, 1);
    }));
    const thumbs = told.images.map((image, i) => own(image, spec, `Completion ${i + 1}`));
    const spread = el("figure", {}, map, el("figcaption", {}, `standard deviation: dark 0, bright ${shown(top)}`));
    this.completions.replaceChildren(note, el("div", { class: "row" }, el("div", { class: "strip" }, ...thumbs), spread));
  }
}
