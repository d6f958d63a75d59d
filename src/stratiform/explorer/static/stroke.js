// A stroke over the cells of a grid: fast movements leave no gaps.

// Calls `visit(row, column)` for every cell from where the pointer went down, and `done()` when it is lifted.
export function stroke(element, event, [height, width], visit, done) {
  const cell = (now) => {
    const box = element.getBoundingClientRect();
    return [(height * (now.clientY - box.top)) / box.height, (width * (now.clientX - box.left)) / box.width];
  };
  let last = cell(event);
  const moved = (now) => {
    const next = cell(now);
    const steps = Math.max(1, Math.ceil(2 * Math.max(Math.abs(next[0] - last[0]), Math.abs(next[1] - last[1]))));
    for (let i = 1; i <= steps; i += 1) {
      const [row, column] = [0, 1].map((axis) => Math.floor(last[axis] + ((next[axis] - last[axis]) * i) / steps));
      if (row >= 0 && column >= 0 && row < height && column < width) visit(row, column);
    }
    last = next;
  };
  event.preventDefault();
  element.focus({ preventScroll: true });
  element.setPointerCapture(event.pointerId);
  moved(event);
  element.addEventListener("pointermove", moved);
  const released = () => {
    element.removeEventListener("pointermove", moved);
    done();
  };
  element.addEventListener("lostpointercapture", released, { once: true });
}
