// Elements, and the little that all parts of the page share.

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in element && typeof value === "boolean") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

// A labelled range; `onmove` hears every movement, `onset` its end.
export function range(label, { min, max, step, value, onmove, onset, show = shown, ...attributes }) {
  const output = el("output", {}, show(value));
  const input = el("input", { type: "range", min, max, step, value, "aria-label": label, ...attributes });
  const hear = (listener) => () => {
    output.textContent = show(Number(input.value));
    listener?.(Number(input.value));
  };
  input.addEventListener("input", hear(onmove));
  input.addEventListener("change", hear(onset ?? onmove));
  const row = el("label", { class: "range" }, el("span", {}, label), input, output);
  row.set = (number) => {
    if (document.activeElement !== input || Math.abs(Number(input.value) - number) > step) input.value = number;
    output.textContent = show(number);
  };
  row.input = input;
  return row;
}

export const shown = (number) => number.toFixed(2).replace("-", "−");

// To one decimal; what rounds to zero has no sign.
export const tenths = (number) => (Math.round(10 * number) / 10 || 0).toFixed(1).replace("-", "−");

export function group(label, ...children) {
  return el("div", { class: "buttons", role: "group", "aria-label": label }, ...children);
}

export async function copied(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch {
    const box = el("textarea", { readonly: true, rows: 12, "aria-label": what }, text);
    const dialog = el(
      "dialog",
      { "aria-label": what, onclose: () => dialog.remove() },
      el("h2", {}, what),
      el("p", {}, "The browser keeps the clipboard to itself; here is the text to copy."),
      box,
      el("form", { method: "dialog" }, el("button", {}, "Close")),
    );
    document.body.append(dialog);
    dialog.showModal();
    box.select();
  }
}

export function download(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

let silence;

// A line at the foot of the page, read out by screen readers; trouble stays longer.
export function say(text, trouble = false) {
  const line = byId("said");
  line.textContent = text;
  line.className = trouble ? "trouble" : "";
  clearTimeout(silence);
  silence = setTimeout(() => (line.textContent = ""), trouble ? 9000 : 3000);
}
