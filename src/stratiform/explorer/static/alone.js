// What a level does by itself, asked for in pauses: eight draws of it, and the pictures behind its pad.

import { Later, post } from "./api.js";
import { el } from "./dom.js";
import { REACH } from "./pad.js";
import { thumbs } from "./picture.js";
import { canonical } from "./store.js";

const DRAWS = 8;
const CELLS = 9; // pictures along each side of a pad

export class Alone {
  constructor(panel) {
    const { page, about } = panel;
    const late = (show, pause) => new Later(show, (error) => page.trouble(error), pause);
    Object.assign(this, { panel, page, level: about.level, pictures: false });
    this.element = el("div", { class: "strip eight", role: "group", "aria-label": `Level ${about.level} alone drawn anew` });
    this.draws = late((view, signal) => this.showDraws(view, signal), 220);
    this.sweep = late((view, signal) => this.showPictures(view, signal), 120);
  }

  // Pictures behind the pad, or none; whether there are any now.
  toggle() {
    this.pictures = !this.pictures;
    if (!this.pictures) this.panel.pad.behind({ swept: null });
    return this.pictures;
  }

  follow() {
    this.askDraws();
    if (this.pictures) this.askPictures();
  }

  // This level drawn anew, the others as they are.
  askDraws() {
    const own = { temperature: this.panel.choice.temperature ?? 1 };
    const asked = this.view(own, (each) => ({ ...each, lock: true }));
    const key = this.key(asked);
    if (key === this.drawn) return;
    this.drawn = key;
    this.draws.ask(asked);
  }

  // What the other levels are decides the pictures; where on its own pad this one is, does not.
  askPictures() {
    const asked = this.view(this.panel.about.kind === "pad" ? { source: "zero" } : this.panel.choice, (each) => each);
    const key = this.key(asked);
    if (key === this.swept && this.panel.pad.swept) return;
    this.swept = key;
    this.sweep.ask(asked);
  }

  view(own, other) {
    const { view } = this.page.store;
    return canonical({ ...view, levels: view.levels.map((each, i) => (i === this.panel.index ? own : other(each))) });
  }

  // Of the question and of the weights that answer it.
  key(asked) {
    return JSON.stringify([asked, this.page.about.version]);
  }

  async showDraws(view, signal) {
    const told = await (await post(`${this.page.path}/neighbours`, { view, count: DRAWS, first: 1 }, signal)).json();
    const { panel, page } = this;
    const take = (chosen) => !panel.locked() && page.store.change(panel.index, chosen.levels[panel.index]);
    this.element.replaceChildren(...thumbs(told, (i) => `Take draw ${i + 1} of level ${this.level}`, take));
  }

  async showPictures(view, signal) {
    const body = { view, level: this.level, cells: CELLS, reach: (REACH * (CELLS - 1)) / CELLS };
    const told = await (await post(`${this.page.path}/sweep`, body, signal)).json();
    if (this.pictures) this.panel.pad.behind({ swept: { told, columns: CELLS } });
  }
}
