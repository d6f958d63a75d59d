// A sheet to draw an image on.

import { button, el, group, range } from "./dom.js";

const SIDE = 336;

// Calls `done(file)` with a PNG of what was drawn.
export function sketch(spec, paper, done) {
  const wide = spec.width >= spec.height;
  const canvas = el("canvas", { class: "sheet", tabindex: "0", role: "application",
    "aria-label": "Sheet: arrow keys move the pen, space puts it down or lifts it" });
  canvas.width = wide ? SIDE : Math.round((SIDE * spec.width) / spec.height);
  canvas.height = wide ? Math.round((SIDE * spec.height) / spec.width) : SIDE;
  const pen = canvas.getContext("2d");
  const dark = el("input", { type: "checkbox", checked: paper === "dark" });
  const colour = el("input", { type: "color", value: paper === "dark" ? "#ffffff" : "#000000", "aria-label": "Ink" });
  const size = range("Pen", { min: 4, max: 60, step: 1, value: 26, show: String });
  let at = [canvas.width / 2, canvas.height / 2];
  let down = false;

  const clear = () => {
    pen.fillStyle = dark.checked ? "#000" : "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
  };
  const line = (from, to) => {
    pen.strokeStyle = spec.channels === 3 ? colour.value : dark.checked ? "#fff" : "#000";
    pen.lineWidth = Number(size.input.value);
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(to[0] + 0.01, to[1]);
    pen.stroke();
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    at = place(event);
    line(at, at);
    const moved = (now) => {
      line(at, place(now));
      at = place(now);
    };
    canvas.addEventListener("pointermove", moved);
    canvas.addEventListener("lostpointercapture", () => canvas.removeEventListener("pointermove", moved), { once: true });
  });
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] };
    if (event.key === " ") {
      down = !down;
      if (down) line(at, at);
    } else if (moves[event.key]) {
      const to = at.map((value, i) => Math.min(Math.max(value + moves[event.key][i], 0), [canvas.width, canvas.height][i]));
      if (down) line(at, to);
      at = to;
    } else return;
    event.preventDefault();
  });
  dark.addEventListener("change", clear);

  const dialog = el(
    "dialog",
    { "aria-labelledby": "sketch-title", onclose: () => dialog.remove() },
    el("h2", { id: "sketch-title" }, "Draw an image"),
    canvas,
    size,
    spec.channels === 3 ? el("label", {}, "Ink ", colour) : null,
    el("label", {}, dark, " dark paper"),
    group(
      "Sheet",
      button("Use it", () => canvas.toBlob((blob) => {
        dialog.close();
        done(blob);
      }, "image/png"), { class: "main" }),
      button("Clear", clear),
      button("Close", () => dialog.close()),
    ),
  );
  document.body.append(dialog);
  clear();
  dialog.showModal();
}
