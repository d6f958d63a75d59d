// The panel of one level: what it knows, its pad or sliders or map, and what one can do with it.

import { Alone } from "./alone.js";
import { Brush } from "./brush.js";
import { levelColour } from "./colours.js";
import { button, el, group, range, say, tenths } from "./dom.js";
import { Pad, REACH } from "./pad.js";

const SLIDERS = 8; // most active units that get one

const rounded = (value) => Math.round(value * 1000) / 1000;
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

export class Panel {
  constructor(page, index) {
    Object.assign(this, { page, index, about: page.about.levels[index], held: null, early: [], codes: null });
    this.alone = new Alone(this);
    const number = this.about.level;
    this.facts = el("p", { class: "facts" }, `${this.units()}`);
    const title = el("h3", {}, `Level ${number}`);
    const where = number === page.about.levels.length && number > 1 ? "top" : number === 1 && page.about.levels.length > 1 ? "nearest the image" : "";
    if (where) title.append(el("small", {}, where));
    this.steer = el("div", { class: "steer" });
    this.section = el(
      "section",
      { class: "panel", "aria-label": `Level ${number}`, "data-level": number },
      el("header", {}, title, this.facts),
      this.words(),
      this.steer,
      this.controls(),
    );
    this.section.addEventListener("keydown", (event) => this.key(event));
    this.build();
    this.visible = false; // pictures of panels out of sight are not asked for
    new IntersectionObserver(([entry]) => {
      this.visible = entry.isIntersecting;
      this.follow();
    }).observe(this.section);
  }

  get choice() {
    return this.page.store.view.levels[this.index];
  }

  units() {
    const { units, shape, kind } = this.about;
    return kind === "map" ? `${shape[0]} maps of ${shape[1]} × ${shape[2]}` : `${units} unit${units === 1 ? "" : "s"}`;
  }

  words() {
    if (!this.about.headline) return null;
    const text = this.about.headline;
    return el("p", { class: "words", title: this.about.about }, `${text[0].toUpperCase()}${text.slice(1)}.`);
  }

  controls() {
    const { page, index } = this;
    const act = (work) => () => !this.locked() && work();
    this.lock = button("Lock", () => this.toggleLock(), { "aria-pressed": "false", title: "Hold this level (l)" });
    this.buttons = {
      fresh: button("New draw", act(() => page.store.redraw(index)), { title: "Draw this level anew (n)" }),
      zero: button("Zero", act(() => this.from({ source: "zero" })), { title: "The middle of its prior (z)" }),
      a: button("From A", act(() => this.from({ source: "a" })), { title: "As image A has it (a)" }),
      b: button("From B", act(() => this.from({ source: "b" })), { title: "As image B has it (b)" }),
      undo: button("Undo", act(() => this.undo()), { title: "This level as it was before (u)" }),
    };
    this.temperature = range("Temperature", {
      min: 0, max: 2, step: 0.05, value: 1,
      onmove: (value) => this.hot(value, false),
      onset: (value) => this.hot(value, true),
    });
    this.share = range("A to B", {
      min: 0, max: 1, step: 0.01, value: 0.5,
      onmove: (value) => this.between(value, false),
      onset: (value) => this.between(value, true),
    });
    this.hold = button("Hold value", () => this.toggleHold(), {
      "aria-pressed": "false",
      title: "Hold the level's value instead of its noise: then it does not follow the levels above",
    });
    const show = this.about.kind === "map" ? null : button("Pictures", () => this.togglePictures(), {
      "aria-pressed": "false", title: "Behind the pad: the data's codes, or the pictures that lie there (p)",
    });
    this.show = show;
    return el(
      "div",
      { class: "controls" },
      group(`Level ${this.about.level}`, this.lock, ...Object.values(this.buttons), show, this.hold),
      this.temperature,
      this.share,
      el("p", { class: "faint" }, "This level alone drawn anew:"),
      this.alone.element,
    );
  }

  build() {
    const { kind, level, shape } = this.about;
    const done = () => this.page.store.commit();
    if (kind === "map") {
      this.brush = new Brush({
        label: `Level ${level}: arrow keys choose a position, space draws it anew`,
        height: shape[1], width: shape[2], set: done,
        move: (brush) => this.preview({ ...this.choice, brush }),
      });
      this.steer.replaceChildren(this.brush.element);
      return;
    }
    this.pad = new Pad({
      label: kind === "pad" ? `Level ${level}, place of its code` : `Level ${level}, place on its two principal axes`,
      axes: Math.min(this.about.units, 2), set: () => this.known(done),
      move: (place) => this.known(() => this.movePad(place)),
    });
    this.steer.replaceChildren(this.pad.element);
    if (kind === "units") {
      this.sliders = el("div", { class: "sliders" });
      this.steer.append(this.sliders);
    }
  }

  // The data's codes have come: axes, points, and which units say most.
  place(codes) {
    this.codes = codes;
    const bits = tenths(codes.kl / Math.LN2);
    const active = this.about.kind === "map" ? "" : `, ${codes.active_units} active`;
    this.facts.textContent = `${this.units()}${active} · ${bits} bits per image`;
    if (this.brush) this.brush.put(this.choice.brush ?? [], codes.kl_map);
    // Sliders that a hand is on stay: new weights may call other units the most active.
    if (this.sliders && !this.sliders.contains(document.activeElement)) {
      this.sliders.replaceChildren(
        ...codes.order.slice(0, SLIDERS).map((unit) => {
          const row = range(`Unit ${unit + 1}`, {
            min: -REACH, max: REACH, step: 0.05, value: 0,
            onmove: (value) => this.known(() => this.moveUnit(unit, value)),
            onset: () => this.known(() => this.page.store.commit()),
          });
          row.unit = unit;
          return row;
        }),
      );
      if (codes.order.length > SLIDERS) {
        this.sliders.append(el("p", { class: "faint" }, `the ${SLIDERS} of ${this.about.units} units that say most`));
      }
    }
    this.refresh();
  }

  colour(factor) {
    this.pad?.behind({ factor });
  }

  axes() {
    if (this.about.units <= 2) return [[1, 0], [0, 1]].slice(0, this.about.units).map((axis) => axis.slice(0, this.about.units));
    return this.codes?.axes ?? null;
  }

  at(held) {
    const axes = this.axes();
    return axes && held ? axes.map((axis) => dot(axis, held)) : null;
  }

  // The view has changed: unless a hand on this level changed it, what it holds now is being asked.
  forget() {
    if (this.heldOf !== this.moment()) this.held = null;
  }

  moment() {
    return JSON.stringify([this.page.store.view, this.page.about.version]);
  }

  // Does `act` now, or as soon as it is known what the level holds: no movement of a hand is lost.
  known(act) {
    if (this.held) return act();
    this.early.push(act);
    this.section.setAttribute("aria-busy", "true");
  }

  // What the levels hold has come from the server.
  hear(told, ofImages) {
    this.held = told;
    this.heldOf = this.moment();
    this.early.splice(0).forEach((act) => act());
    this.section.setAttribute("aria-busy", "false");
    const held = this.held ?? told;
    const place = this.at(held);
    if (this.pad && place && !this.dragging) this.pad.put(place);
    if (this.pad) {
      const marks = this.byValue() ? [] : Object.entries(ofImages).map(([letter, levels]) => [letter, this.at(levels[this.index])]);
      this.pad.mark(Object.fromEntries(marks.filter(([, mark]) => mark)));
    }
    this.sliders?.querySelectorAll("label").forEach((row) => row.set(held[row.unit]));
  }

  movePad(place) {
    if (this.locked()) return;
    const axes = this.axes();
    const moved = this.held.map((value, unit) => {
      const by = axes.reduce((sum, axis, i) => sum + (place[i] - dot(axis, this.held)) * axis[unit], 0);
      return rounded(value + by);
    });
    this.held = moved;
    this.preview(this.byHand(Object.fromEntries(moved.entries())));
  }

  moveUnit(unit, value) {
    if (this.locked()) return;
    this.held = this.held.map((own, i) => (i === unit ? rounded(value) : own));
    const others = this.choice.temperature === undefined ? this.choice.units : Object.fromEntries(this.held.map(rounded).entries());
    this.preview(this.byHand({ ...others, [unit]: rounded(value) }));
    const place = this.at(this.held);
    if (place) this.pad.put(place);
  }

  // What is put in by hand is exact: no temperature.
  byHand(units) {
    const { temperature, ...choice } = this.choice;
    return { ...choice, units };
  }

  preview(choice) {
    this.dragging = true;
    this.page.store.preview(this.page.store.with(this.index, choice), this.index);
    this.heldOf = this.moment();
  }

  from(source) {
    const letter = source.source;
    if ((letter === "a" || letter === "b") && !this.page.store.view[letter]) {
      say(`there is no image ${letter.toUpperCase()} yet: drop, paste or draw one`);
      return;
    }
    const hold = this.choice.hold && letter !== "draw" ? { hold: this.choice.hold } : {};
    this.page.store.change(this.index, { ...source, ...hold, lock: !!this.choice.lock });
  }

  hot(value, done) {
    if (this.locked()) return;
    const { store } = this.page;
    const { hold, ...choice } = this.choice;
    store.preview(store.with(this.index, { ...choice, temperature: value }));
    if (done) store.commit();
  }

  between(share, done) {
    if (this.locked()) return;
    const { store } = this.page;
    const hold = this.choice.hold ? { hold: this.choice.hold } : {};
    store.preview(store.with(this.index, { source: "between", share, ...hold }));
    if (done) store.commit();
  }

  toggleHold() {
    if (this.locked()) return;
    const { hold, temperature, units, brush, ...choice } = this.choice;
    this.page.store.change(this.index, hold === "value" ? choice : { ...choice, hold: "value" });
  }

  toggleLock() {
    this.page.store.change(this.index, { ...this.choice, lock: !this.choice.lock });
  }

  togglePictures() {
    this.show.setAttribute("aria-pressed", String(this.alone.toggle()));
    this.follow();
  }

  // There is a pause: what takes longer.
  follow() {
    if (this.visible && !this.page.lacksImage) this.alone.follow();
  }

  undo() {
    if (!this.page.store.undoLevel(this.index)) say(`level ${this.about.level} has not changed yet`);
  }

  // A pad lies in the noise of its level: where the value is held instead, nothing of the data can stand on it.
  byValue() {
    return this.choice.hold === "value";
  }

  locked() {
    return !!this.choice.lock;
  }

  // The view has changed: everything that is told of this level's choice.
  refresh() {
    const { choice, page } = this;
    const { view } = page.store;
    this.dragging = false;
    const locked = this.locked();
    this.section.style.setProperty("--level", levelColour(this.index, page.about.levels.length));
    this.section.classList.toggle("locked", locked);
    this.lock.setAttribute("aria-pressed", String(locked));
    this.lock.textContent = locked ? "Locked" : "Lock";
    for (const [name, each] of Object.entries(this.buttons)) {
      each.setAttribute("aria-disabled", String(locked || (["a", "b"].includes(name) && !view[name])));
    }
    for (const name of ["a", "b"]) this.buttons[name].classList.toggle("on", choice.source === name);
    this.buttons.zero.classList.toggle("on", choice.source === "zero");
    this.temperature.set(choice.temperature ?? 1);
    this.temperature.input.disabled = locked || choice.hold === "value";
    this.share.hidden = !(view.a && view.b);
    this.share.set(choice.source === "between" ? (choice.share ?? 0.5) : choice.source === "b" ? 1 : choice.source === "a" ? 0 : 0.5);
    this.share.input.disabled = locked;
    this.hold.hidden = page.about.free || !["a", "b", "between", "zero"].includes(choice.source);
    this.hold.setAttribute("aria-pressed", String(choice.hold === "value"));
    this.pad?.hold(locked || !this.axes());
    this.pad?.behind({ points: this.byValue() ? null : (this.codes?.points ?? null) });
    this.sliders?.querySelectorAll("label").forEach((row) => (row.input.disabled = locked));
    if (this.brush) {
      this.brush.locked = locked;
      this.brush.put(choice.brush ?? []);
    }
  }

  key(event) {
    if (!this.page.shortcuts(event)) return;
    const acts = {
      l: () => this.toggleLock(), n: () => this.buttons.fresh.click(), z: () => this.buttons.zero.click(),
      a: () => this.buttons.a.click(), b: () => this.buttons.b.click(), u: () => this.buttons.undo.click(),
      p: () => this.show?.click(),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  }
}
