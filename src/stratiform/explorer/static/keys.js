// The keyboard: everything can be reached with Tab; single keys are shortcuts, and can be switched off.

import { byId, el } from "./dom.js";

const KEYS = [
  ["Tab", "to the next thing"],
  ["arrow keys", "move the code on a pad, the brush, the pen; with Shift five times as far"],
  ["Home", "to the middle of a pad"],
  ["1 … 9", "to level 1 … 9"],
  ["r", "draw all levels anew that are not locked"],
  ["Ctrl+Z", "one step back"],
  ["l  n  z", "in a level: lock, new draw, zero"],
  ["a  b  u  p", "in a level: as in A, as in B, undo, pictures behind the pad"],
  ["?", "this list"],
];

export function keys(page) {
  byId("help").addEventListener("click", help);
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && !event.target.closest("textarea, dialog")) {
      event.preventDefault();
      page.store.undo();
      return;
    }
    if (!page.shortcuts(event)) return;
    if (event.key === "?") help();
    else if (event.key === "r") page.easel ? page.easel.anew() : page.store.redrawFree();
    else if (/^[1-9]$/.test(event.key)) focus(page, Number(event.key));
    else return;
    event.preventDefault();
  });
}

function focus(page, number) {
  const panel = page.panels.find((each) => each.about.level === number);
  if (!panel) return;
  panel.section.scrollIntoView({ block: "nearest" });
  (panel.pad?.handle ?? panel.brush.handle).focus();
}

function help() {
  const rows = KEYS.map(([key, meaning]) => el("tr", {}, el("th", { scope: "row" }, key), el("td", {}, meaning)));
  const on = el("input", { type: "checkbox", checked: localStorage.getItem("keys") !== "off" });
  on.addEventListener("change", () => localStorage.setItem("keys", on.checked ? "on" : "off"));
  const dialog = el(
    "dialog",
    { "aria-labelledby": "keys-title", onclose: () => dialog.remove() },
    el("h2", { id: "keys-title" }, "Keys"),
    el("table", {}, el("tbody", {}, ...rows)),
    el("label", {}, on, " single keys are shortcuts"),
    el("form", { method: "dialog" }, el("button", { class: "main" }, "Close")),
  );
  document.body.append(dialog);
  dialog.showModal();
}
