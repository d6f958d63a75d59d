// Images as bytes, on canvases.

import { el } from "./dom.js";

export function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

export function text(values) {
  let plain = "";
  for (const value of values) plain += String.fromCharCode(value);
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

// A mask, a byte 0 or 1 per pixel, to and from bits.
export function packed(mask) {
  const found = new Uint8Array(Math.ceil(mask.length / 8));
  mask.forEach((bit, i) => (found[i >> 3] |= bit << (7 - (i & 7))));
  return text(found);
}

export function unpacked(bits, length) {
  const found = bytes(bits);
  return Uint8Array.from({ length }, (_, i) => (found[i >> 3] >> (7 - (i & 7))) & 1);
}

// values [C, H, W] times `times` are grey levels up to 255.
export function show(canvas, values, [channels, height, width], times = 1) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const size = height * width;
  for (let i = 0; i < size; i += 1) {
    for (let c = 0; c < 3; c += 1) image.data[4 * i + c] = values[(channels === 3 ? c : 0) * size + i] * times;
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// A picture of its own size, for people who see it and for people who do not.
export function picture(values, shape, times, label) {
  const canvas = el("canvas", { class: "pixels", role: "img", "aria-label": label });
  return show(canvas, values, shape, times);
}

// An image that the model sees: a byte per value k, of `bins` grey levels.
export const times = (spec) => (spec.bins === null ? 1 : 255 / (spec.bins - 1));
export const shape = (spec) => [spec.channels, spec.height, spec.width];

export function own(image, spec, label) {
  return picture(bytes(image), shape(spec), times(spec), label);
}

// The n images of an answer {shape, pixels}, as arrays of grey levels.
export function split(told) {
  const [count, ...one] = told.shape;
  const size = one.reduce((a, b) => a * b);
  const all = bytes(told.pixels);
  return Array.from({ length: count }, (_, i) => all.subarray(i * size, (i + 1) * size));
}
