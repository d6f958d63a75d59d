// The picture of the view, live; what one can take away; its neighbours.

import { Later, Newest, post } from "./api.js";
import { button, copied, download, el, group, say } from "./dom.js";
import { bytes, shape, show, split, times } from "./pixels.js";
import { canonical } from "./store.js";

const NEIGHBOURS = 8;

export class Picture {
  constructor(page) {
    this.page = page;
    this.canvas = el("canvas", { class: "pixels live", role: "img", "aria-label": "The picture of this view" });
    const { width, height } = page.about.spec;
    Object.assign(this.canvas, { width, height });
    this.canvas.style.aspectRatio = `${width} / ${height}`;
    const levels = page.about.levels.length > 0;
    const { store } = page;
    this.element = el(
      "section",
      { class: "card picture", "aria-labelledby": "picture-title" },
      el("h2", { id: "picture-title" }, "The picture"),
      this.canvas,
      group(
        "Picture",
        levels && button("New draw", () => store.redrawFree(), { class: "main", title: "Draw all levels anew that are not locked (r)" }),
        button("Undo", () => store.undo() || say("nothing to undo"), { title: "One step back (Ctrl+Z)" }),
      ),
      el(
        "div",
        { class: "buttons small", role: "group", "aria-label": "Take away" },
        button("Copy link", () => copied(location.href, "link")),
        button("PNG", () => this.png(), { "aria-label": "Download as PNG" }),
        button("NPZ", () => this.npz(), { "aria-label": "Download as NPZ, in full precision" }),
        button("As Python", () => this.python(), { "aria-label": "Copy as Python", title: "The script that makes this picture, bit for bit" }),
      ),
    );
    this.live = new Newest((view) => this.draw(view), (error) => page.trouble(error));
  }

  async draw(view) {
    const answer = await post(`${this.page.path}/pixels`, { view });
    show(this.canvas, new Uint8Array(await answer.arrayBuffer()), shape(this.page.about.spec));
    this.canvas.dataset.view = JSON.stringify(canonical(view));
  }

  refresh() {
    this.live.ask(this.page.store.view);
  }

  // An image of the model's own kind, while it is painted or chosen.
  put(image) {
    const { spec } = this.page.about;
    show(this.canvas, bytes(image), shape(spec), times(spec));
  }

  async python() {
    await this.page.tried(async () => {
      const told = await (await post(`${this.page.path}/python`, { view: this.page.store.view })).json();
      await copied(told.python, "Python script");
    });
  }

  async png() {
    await this.page.tried(async () => {
      const { height, width } = this.page.about.spec;
      const scale = Math.max(1, Math.floor(512 / Math.max(height, width)));
      const answer = await post(`${this.page.path}/picture`, { view: this.page.store.view, scale });
      download(await answer.blob(), `${this.page.about.name}.png`);
    });
  }

  async npz() {
    await this.page.tried(async () => {
      const answer = await post(`${this.page.path}/npz`, { view: this.page.store.view });
      download(await answer.blob(), `${this.page.about.name}.npz`);
    });
  }
}

// The pictures of an answer {views, shape, pixels}, each a button that takes its view.
export function thumbs(told, label, take) {
  return split(told).map((image, i) => {
    const canvas = show(document.createElement("canvas"), image, told.shape.slice(1));
    canvas.className = "pixels";
    return el("button", { type: "button", class: "thumb", "aria-label": label(i), onclick: () => take(told.views[i]) }, canvas);
  });
}

// Draws of the free levels, the locked ones as they are; a click takes one.
export class Neighbours {
  constructor(page) {
    this.page = page;
    this.first = 1;
    this.strip = el("div", { class: "strip", role: "group", "aria-label": "Neighbours" });
    this.note = el("p", { class: "faint" });
    this.element = el(
      "section",
      { class: "card", "aria-labelledby": "neighbours-title" },
      el("div", { class: "heading" }, el("h2", { id: "neighbours-title" }, "Neighbours"), button("Others", () => this.others())),
      this.note,
      this.strip,
    );
    this.later = new Later((view, signal) => this.draw(view, signal), (error) => page.trouble(error), 250);
  }

  others() {
    this.first += NEIGHBOURS;
    this.asked = undefined;
    this.refresh();
  }

  refresh() {
    const { view } = this.page.store;
    const locked = view.levels.map((choice, i) => [choice.lock, i + 1]).filter(([lock]) => lock).map(([, i]) => i);
    const count = view.levels.length;
    const words = locked.length ? `Level ${locked.join(" and ")} held, the others drawn anew.` : "All levels drawn anew; lock one to hold it.";
    this.note.textContent = locked.length === count && count > 0 ? "All levels are locked: nothing is left to draw." : words;
    const asked = JSON.stringify(canonical({ ...view, levels: view.levels.map((c) => (c.lock ? c : { temperature: c.temperature ?? 1 })) }));
    if (asked === this.asked) return;
    this.asked = asked;
    this.later.ask(view);
  }

  async draw(view, signal) {
    const told = await (await post(`${this.page.path}/neighbours`, { view, count: NEIGHBOURS, first: this.first }, signal)).json();
    this.strip.replaceChildren(...thumbs(told, (i) => `Take neighbour ${i + 1}`, (chosen) => this.page.store.commit(chosen)));
  }
}
