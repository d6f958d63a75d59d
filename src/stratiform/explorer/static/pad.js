// A pad: the places of a level's code along one or two axes, with the data's codes behind and a handle to drag.

import { scale } from "./colours.js";
import { el, shown } from "./dom.js";
import { show, split } from "./pixels.js";

export const REACH = 3; // standard deviations of the prior that a pad shows

const TOLD = 0.45; // share of the codes' variance between classes above which their names are written on the pad

const clamp = (value) => Math.min(Math.max(value, -REACH), REACH);

export class Pad {
  // `move(place)` while one drags, `set(place)` when one lets go; a place is one number per axis.
  constructor({ label, axes, move, set }) {
    Object.assign(this, { axes, move, set, place: null, points: null, factor: null, swept: null, locked: false });
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.marks = el("div", { class: "marks", "aria-hidden": "true" });
    this.handle = el("div", {
      class: "handle", role: "slider", tabindex: "0", "aria-label": label,
      "aria-valuemin": -REACH, "aria-valuemax": REACH,
    });
    this.element = el("div", { class: axes === 1 ? "pad flat" : "pad" }, this.canvas, this.marks, this.handle);
    this.element.addEventListener("pointerdown", (event) => this.grab(event));
    this.handle.addEventListener("keydown", (event) => this.key(event));
    this.handle.addEventListener("blur", () => this.settle());
    new ResizeObserver(() => this.draw()).observe(this.element);
    this.hold(false);
  }

  // Whether it stays as it is; without a place it has nothing to move.
  hold(locked) {
    this.locked = locked;
    this.element.classList.toggle("waiting", !this.place);
    this.handle.setAttribute("aria-disabled", String(locked || !this.place));
  }

  put(place) {
    this.place = this.axes === 1 ? [place[0], 0] : [place[0], place[1]];
    const [across, up] = this.place.map(clamp);
    this.handle.style.left = `${(50 * (across + REACH)) / REACH}%`;
    this.handle.style.top = `${(50 * (REACH - up)) / REACH}%`;
    this.handle.setAttribute("aria-valuenow", this.place[0].toFixed(2));
    const words = ["first", "second"].slice(0, this.axes).map((name, i) => `${name} ${shown(this.place[i])}`);
    this.handle.setAttribute("aria-valuetext", words.join(", "));
    this.hold(this.locked);
  }

  mark(letters) {
    this.marks.replaceChildren(
      ...Object.entries(letters).map(([letter, place]) => {
        const mark = el("span", {}, letter);
        mark.style.left = `${(50 * (clamp(place[0]) + REACH)) / REACH}%`;
        mark.style.top = `${(50 * (REACH - clamp(this.axes === 1 ? 0 : place[1]))) / REACH}%`;
        return mark;
      }),
    );
  }

  grab(event) {
    if (this.locked || event.button) return;
    event.preventDefault();
    this.handle.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const moved = (now) => {
      const box = this.element.getBoundingClientRect();
      const across = clamp((2 * REACH * (now.clientX - box.left)) / box.width - REACH);
      const up = this.axes === 1 ? 0 : clamp(REACH - (2 * REACH * (now.clientY - box.top)) / box.height);
      this.put([across, up]);
      this.move(this.place);
    };
    const released = () => {
      this.element.removeEventListener("pointermove", moved);
      this.set();
    };
    moved(event);
    this.element.addEventListener("pointermove", moved);
    this.element.addEventListener("lostpointercapture", released, { once: true });
  }

  key(event) {
    const step = event.shiftKey ? 0.5 : 0.1;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const by = moves[event.key];
    if (this.locked || !this.place || event.ctrlKey || event.metaKey || event.altKey || !(by || event.key === "Home")) return;
    event.preventDefault();
    const along = this.axes === 1 && by && !by[0] ? [by[1], 0] : by;
    this.put(along ? [clamp(this.place[0] + along[0]), clamp(this.place[1] + along[1])] : [0, 0]);
    this.unsettled = true;
    this.move(this.place);
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.settle(), 600);
  }

  settle() {
    clearTimeout(this.pause);
    if (this.unsettled) this.set();
    this.unsettled = false;
  }

  // What lies behind: codes [[x, y], ...] coloured by a factor, or a grid of pictures, or nothing.
  behind({ points = this.points, factor = this.factor, swept = this.swept }) {
    Object.assign(this, { points, factor, swept });
    this.element.classList.toggle("pictures", !!this.swept);
    this.draw();
  }

  draw() {
    const [width, height] = [this.element.clientWidth, this.element.clientHeight];
    if (!width) return;
    const times = devicePixelRatio || 1;
    this.canvas.width = width * times;
    this.canvas.height = height * times;
    const pen = this.canvas.getContext("2d");
    pen.scale(times, times);
    if (this.swept) return this.drawSwept(pen, width, height);
    const style = getComputedStyle(this.element);
    pen.strokeStyle = style.getPropertyValue("--line");
    for (let at = -REACH; at <= REACH; at += 1) {
      pen.globalAlpha = at === 0 ? 1 : 0.45;
      const [x, y] = [(width * (at + REACH)) / (2 * REACH), (height * (at + REACH)) / (2 * REACH)];
      pen.beginPath();
      pen.moveTo(x, 0);
      pen.lineTo(x, height);
      if (this.axes === 2) {
        pen.moveTo(0, y);
        pen.lineTo(width, y);
      }
      pen.stroke();
    }
    if (this.points) this.drawPoints(pen, width, height, style);
  }

  drawPoints(pen, width, height, style) {
    const colours = this.factor && scale(this.factor);
    const faint = style.getPropertyValue("--faint");
    const centres = new Map();
    this.points.forEach((point, i) => {
      const x = (width * (point[0] + REACH)) / (2 * REACH);
      const up = this.axes === 1 ? REACH * (1.7 * ((i * 0.618034) % 1) - 0.85) : point[1];
      const y = (height * (REACH - up)) / (2 * REACH);
      const value = this.factor?.values[i] ?? null;
      pen.globalAlpha = colours ? 0.6 : 0.35;
      pen.fillStyle = colours?.of(value) ?? faint;
      pen.beginPath();
      pen.arc(x, y, 2.1, 0, 7);
      pen.fill();
      if (colours?.classes && value !== null) {
        if (!centres.has(value)) centres.set(value, []);
        centres.get(value).push([x, y]);
      }
    });
    if (!colours?.classes || colours.classes.length > 12 || explained([...centres.values()]) < TOLD) return;
    const middle = (places, axis) => places.map((place) => place[axis]).sort((a, b) => a - b)[places.length >> 1];
    pen.globalAlpha = 1;
    pen.font = "600 13px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineWidth = 4;
    pen.strokeStyle = style.getPropertyValue("--paper");
    pen.fillStyle = style.getPropertyValue("--ink");
    colours.classes.forEach((value, i) => {
      const places = centres.get(value) ?? [];
      if (places.length < 3 || (this.axes === 1 && colours.classes.length > 4)) return;
      const [x, y] = [middle(places, 0), middle(places, 1)];
      pen.strokeText(colours.names[i], x, y);
      pen.fillText(colours.names[i], x, y);
    });
  }

  drawSwept(pen, width, height) {
    const { told, columns } = this.swept;
    const images = split(told);
    const rows = images.length / columns;
    pen.imageSmoothingEnabled = false;
    images.forEach((image, i) => {
      const cell = show(document.createElement("canvas"), image, told.shape.slice(1));
      const [across, down] = [i % columns, Math.floor(i / columns)];
      const gap = 1.5;
      pen.drawImage(cell, (across * width) / columns + gap, (down * height) / rows + gap, width / columns - 2 * gap, height / rows - 2 * gap);
    });
  }
}

// How much of the places' variance lies between the classes, given as lists of places.
function explained(classes) {
  const mean = (places) => [0, 1].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
  const spread = (places, from) => places.reduce((sum, [x, y]) => sum + (x - from[0]) ** 2 + (y - from[1]) ** 2, 0);
  const all = classes.flat();
  return 1 - classes.reduce((sum, places) => sum + spread(places, mean(places)), 0) / spread(all, mean(all));
}
