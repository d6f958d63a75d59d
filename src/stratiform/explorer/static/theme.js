// Light, dark, or as the reader's system has it.

import { byId } from "./dom.js";

const NEXT = { auto: "light", light: "dark", dark: "auto" };

export function theme(changed) {
  const set = (name) => {
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    byId("theme").textContent = `Theme: ${name}`;
    localStorage.setItem("theme", name);
    changed();
  };
  byId("theme").addEventListener("click", () => set(NEXT[localStorage.getItem("theme") ?? "auto"]));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  set(localStorage.getItem("theme") in NEXT ? localStorage.getItem("theme") : "auto");
}
