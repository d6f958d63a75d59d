// An image of which one paints over what is to be hidden.

import { el } from "./dom.js";
import { bytes, shape, show, times } from "./pixels.js";
import { stroke } from "./stroke.js";

export class Mask {
  // `set(known)` hears which pixels stay, a byte 0 or 1 each, when one lets go.
  constructor(spec, set) {
    Object.assign(this, { spec, set, cursor: [0, 0], image: null });
    this.known = new Uint8Array(spec.height * spec.width).fill(1);
    this.canvas = el("canvas", { class: "pixels", "aria-hidden": "true" });
    this.cover = el("canvas", { class: "pixels cover", "aria-hidden": "true" });
    this.element = el(
      "div",
      {
        class: "mask", role: "application", tabindex: "0", "aria-roledescription": "mask",
        "aria-label": "Image A: arrow keys choose a pixel, space hides or shows it",
      },
      this.canvas,
      this.cover,
    );
    this.element.style.aspectRatio = `${spec.width} / ${spec.height}`;
    this.element.addEventListener("pointerdown", (event) => this.grab(event));
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  put(image, known) {
    show(this.canvas, bytes(image), shape(this.spec), times(this.spec));
    this.known = known ?? this.known.fill(1);
    this.draw();
  }

  // Named parts: which pixels they hide, by (row, column) as shares of the image.
  hide(part) {
    const { height, width } = this.spec;
    this.known = this.known.map((_, at) => (part(Math.floor(at / width) / height, (at % width) / width) ? 0 : 1));
    this.draw();
    this.set(this.known);
  }

  grab(event) {
    if (event.button) return;
    const { height, width } = this.spec;
    const reach = Math.max(0, Math.round(Math.min(height, width) / 24) - 1);
    let value;
    const paint = (row, column) => {
      value ??= 1 - this.known[row * width + column];
      for (let i = Math.max(row - reach, 0); i <= Math.min(row + reach, height - 1); i += 1) {
        for (let j = Math.max(column - reach, 0); j <= Math.min(column + reach, width - 1); j += 1) {
          this.known[i * width + j] = value;
        }
      }
      this.draw();
    };
    stroke(this.element, event, [height, width], paint, () => this.set(this.known));
  }

  key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const { height, width } = this.spec;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) {
      const [row, column] = this.cursor.map((value, i) => value + moves[event.key][i]);
      this.cursor = [(row + height) % height, (column + width) % width];
    } else if (event.key === " ") {
      this.known[this.cursor[0] * width + this.cursor[1]] ^= 1;
      this.set(this.known);
    } else return;
    event.preventDefault();
    this.draw();
  }

  draw() {
    const { height, width } = this.spec;
    const cell = 8;
    Object.assign(this.cover, { width: width * cell, height: height * cell });
    const pen = this.cover.getContext("2d");
    pen.fillStyle = "#e69f00";
    this.known.forEach((known, at) => {
      if (!known) pen.fillRect((at % width) * cell, Math.floor(at / width) * cell, cell, cell);
    });
    pen.strokeStyle = "#56b4e9";
    pen.lineWidth = 2;
    pen.strokeRect(this.cursor[1] * cell + 1, this.cursor[0] * cell + 1, cell - 2, cell - 2);
  }
}
