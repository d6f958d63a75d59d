// A level of positions: a heat map of what each position says of images, and a brush that draws noise anew under it.

import { cividis } from "./colours.js";
import { el, shown } from "./dom.js";
import { anyDraw } from "./store.js";
import { stroke } from "./stroke.js";

const CELL = 10; // pixels of the canvas along each side of a position
const DARK = 0.1; // nats: a level that says less than this everywhere is dark everywhere

export class Brush {
  // `move(brush)` while one paints, `set()` when one lets go; a brush is a draw per position, 0 where untouched.
  constructor({ label, height, width, move, set }) {
    Object.assign(this, { height, width, move, set, map: null, brush: [], cursor: [0, 0], locked: false, label });
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.spot = el("div", { class: "spot", "aria-hidden": "true" });
    this.handle = el(
      "div",
      { class: "field", role: "application", tabindex: "0", "aria-roledescription": "brush", "aria-label": label },
      this.canvas,
      this.spot,
    );
    this.handle.style.aspectRatio = `${width} / ${height}`;
    this.note = el("p", { class: "faint", role: "status" });
    this.legend = el("p", { class: "faint" }, "nats of each position");
    this.element = el("div", { class: "brushed" }, this.handle, this.legend, this.note);
    this.handle.addEventListener("pointerdown", (event) => this.grab(event));
    this.handle.addEventListener("keydown", (event) => this.key(event));
    this.draw();
  }

  put(brush, map) {
    this.brush = brush.length ? brush : new Array(this.height * this.width).fill(0);
    this.map = map ?? this.map;
    if (this.map) this.legend.textContent = `nats of each position: dark 0, bright ${shown(this.brightest())}`;
    this.draw();
  }

  grab(event) {
    if (this.locked || event.button) return;
    const draw = anyDraw();
    const paint = (row, column) => this.paint(row, column, draw);
    stroke(this.handle, event, [this.height, this.width], paint, () => this.set());
  }

  key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) {
      const [down, across] = moves[event.key];
      const [row, column] = this.cursor;
      this.cursor = [(row + down + this.height) % this.height, (column + across + this.width) % this.width];
      this.tell();
    } else if (event.key === " " && !this.locked) {
      this.paint(...this.cursor, anyDraw());
      this.set();
    } else return;
    event.preventDefault();
    this.draw();
  }

  paint(row, column, draw) {
    const at = row * this.width + column;
    if (this.brush[at] === draw) return;
    this.brush = this.brush.map((own, i) => (i === at ? draw : own));
    this.cursor = [row, column];
    this.draw();
    this.move(this.brush);
  }

  brightest() {
    return Math.max(...this.map.flat(), DARK);
  }

  tell() {
    const [row, column] = this.cursor;
    const nats = this.map ? `, ${shown(this.map[row][column])} nats` : "";
    this.note.textContent = `row ${row + 1}, column ${column + 1}${nats}`;
  }

  draw() {
    Object.assign(this.canvas, { width: this.width * CELL, height: this.height * CELL });
    const pen = this.canvas.getContext("2d");
    pen.scale(CELL, CELL);
    const top = this.map ? this.brightest() : 1;
    for (let row = 0; row < this.height; row += 1) {
      for (let column = 0; column < this.width; column += 1) {
        pen.fillStyle = this.map ? cividis(Math.max(this.map[row][column], 0) / top) : "#888";
        pen.fillRect(column, row, 1, 1);
        if (this.brush[row * this.width + column]) {
          pen.fillStyle = "#e69f00";
          pen.fillRect(column + 0.3, row + 0.3, 0.4, 0.4);
        }
      }
    }
    const [row, column] = this.cursor;
    Object.assign(this.spot.style, {
      left: `${(100 * column) / this.width}%`, top: `${(100 * row) / this.height}%`,
      width: `${100 / this.width}%`, height: `${100 / this.height}%`,
    });
  }
}
