// Models that draw pixel after pixel: row by row while one watches, and the rest changed.

import { lines } from "./api.js";
import { button, el, group, range } from "./dom.js";
import { packed, unpacked } from "./pixels.js";
import { anyDraw } from "./store.js";

const FRAME = 45; // milliseconds that a row is seen before the next one comes
const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));

export class Easel {
  constructor(page) {
    this.page = page;
    const { spec } = page.about;
    this.stop = button("Stop", () => this.abort?.abort(), { disabled: true });
    this.temperature = range("Temperature", {
      min: 0, max: 2, step: 0.05, value: 1, onset: (value) => page.store.commit({ ...page.store.view, temperature: value }),
    });
    this.keep = range("Rows that stay", {
      min: 0, max: spec.height - 1, step: 1, value: 0, show: String, onset: (rows) => this.keepRows(rows),
    });
    this.note = el("p", { class: "faint", role: "status" });
    this.element = el(
      "section",
      { class: "card", "aria-labelledby": "paint-title" },
      el("h2", { id: "paint-title" }, "Row by row"),
      el("p", { class: "faint" }, "Each pixel is drawn given those before it. Stop where you like, keep what you like, and change the rest."),
      group(
        "Paint",
        button("Paint anew", () => this.anew(), { class: "main", title: "A new picture, from the first row (r)" }),
        this.stop,
        button("Change the rest", () => this.rest()),
      ),
      this.temperature,
      this.keep,
      this.note,
    );
  }

  // Everything drawn anew.
  anew() {
    const { known, ...view } = this.page.store.view;
    this.page.store.commit({ ...view, seed: anyDraw() });
  }

  // What stays stays, the rest is drawn anew.
  rest() {
    const { view } = this.page.store;
    if (!view.known && this.image) return this.keepRows(this.rows ?? Number(this.keep.input.value), anyDraw());
    this.page.store.commit({ ...view, seed: anyDraw() });
  }

  // The first rows of what is seen stay.
  keepRows(rows, seed = this.page.store.view.seed ?? 0) {
    const { width, height } = this.page.about.spec;
    const { known, ...view } = this.page.store.view;
    if (!rows || !this.image) return this.page.store.commit({ ...view, seed });
    const drawn = Math.min(rows, this.rows ?? height); // of a picture that is still painted, no more than there is
    const mask = Uint8Array.from({ length: width * height }, (_, at) => (at < drawn * width ? 1 : 0));
    this.page.store.commit({ ...view, a: this.image, known: packed(mask), seed });
  }

  refresh() {
    const { view } = this.page.store;
    const { spec, version } = this.page.about;
    this.temperature.set(view.temperature ?? 1);
    const mask = view.known ? unpacked(view.known, spec.height * spec.width) : null;
    const hidden = mask ? mask.indexOf(0) : 0;
    const rowwise = mask && !mask.subarray(Math.max(hidden, 0)).some(Boolean);
    this.keep.set(rowwise ? Math.floor(hidden / spec.width) : 0);
    const asked = JSON.stringify([view, version]);
    if (asked !== this.asked) this.paint(view);
    this.asked = asked;
  }

  async paint(view) {
    this.abort?.abort();
    const abort = (this.abort = new AbortController());
    const { page } = this;
    this.stop.disabled = false;
    this.image = undefined;
    this.rows = undefined;
    const { height } = page.about.spec;
    await page.tried(async () => {
      try {
        for await (const told of lines(`${page.path}/paint`, { view }, abort.signal)) {
          if (abort.signal.aborted) return;
          page.picture.put(told.image);
          this.image = told.image;
          this.rows = told.done ? undefined : told.rows;
          this.note.textContent = told.done ? "done" : `row ${told.rows} of ${height}`;
          if (told.done) page.picture.canvas.dataset.view = JSON.stringify(view);
          else await wait(matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : FRAME);
        }
      } catch (error) {
        if (error.name !== "AbortError") throw error;
      }
    });
    if (this.abort !== abort) return;
    this.stop.disabled = true;
    if (this.rows) {
      this.note.textContent = `stopped after row ${this.rows} of ${height}; “Change the rest” goes on from here`;
      this.keep.set(this.rows);
    }
  }
}
