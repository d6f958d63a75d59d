// The page of one run: what there is to see, and who hears when the view changes.

import { get, Later, Newest, post } from "./api.js";
import { scale } from "./colours.js";
import { Completions } from "./complete.js";
import { byId, el, say } from "./dom.js";
import { bar, Findings } from "./findings.js";
import { keys } from "./keys.js";
import { Panel } from "./level.js";
import { Own } from "./own.js";
import { Easel } from "./paint.js";
import { Neighbours, Picture } from "./picture.js";
import { Store } from "./store.js";
import { theme } from "./theme.js";

const WATCH = 3000; // milliseconds between looks at a run that may be training

class Page {
  constructor(about) {
    this.about = about;
    this.path = `runs/${encodeURIComponent(about.name)}`;
    this.store = new Store(about.name, about.levels.length);
    this.picture = new Picture(this);
    this.own = new Own(this);
    this.findings = new Findings(this);
    this.panels = about.levels.map((_, index) => new Panel(this, index)).reverse();
    this.neighbours = about.levels.length ? new Neighbours(this) : null;
    this.easel = about.draws_pixels && !about.levels.length ? new Easel(this) : null;
    this.completions = new Completions(this);
    this.where = new Newest((view) => this.place(view), (error) => this.trouble(error));
    this.rest = new Later(() => this.follow(), (error) => this.trouble(error), 90);
    this.store.addEventListener("view", (event) => this.refresh(event.detail.cause));
    this.build();
  }

  build() {
    this.bits = el("div", { class: "bits" });
    this.colour = el("select", { id: "colour", onchange: () => this.paintPads() });
    this.legend = el("p", { class: "legend faint" });
    const over = el(
      "div",
      { class: "over" },
      el("h2", { id: "levels-title" }, this.panels.length > 1 ? "The levels, from the top down" : "The level"),
      this.bits,
      this.about.completes
        ? el("p", { class: "faint unmeasured" }, "They are levels of what is hidden of image A, given what is known of it: every prior depends on the pixels that stay. Behind the pads lie codes of images of the data, of each another part hidden.")
        : null,
      this.about.levels.some((level) => level.headline) || !this.panels.length
        || this.about.completes
        ? null
        : el("p", { class: "faint unmeasured" }, "What each level knows and controls is not measured yet: ", el("code", {}, `stratiform levels ${this.about.path}`)),
      el("div", { class: "colouring" }, el("label", { for: "colour" }, "Codes coloured by "), this.colour, this.legend),
    );
    const levels = el("section", { class: "levels", id: "levels", tabindex: "-1", "aria-labelledby": "levels-title" }, over, ...this.panels.map((panel) => panel.section));
    const below = this.about.completes ? [this.completions.element, levels, this.findings.element] : [levels, this.findings.element, this.completions.element];
    const middle = this.easel
      ? el("div", { class: "levels", id: "levels", tabindex: "-1" }, this.easel.element, this.completions.element, this.findings.element)
      : el("div", { class: "levels" }, ...below);
    const side = el("div", { class: "side" });
    const narrow = matchMedia("(max-width: 900px)");
    // On a phone the levels come next to the picture, which stays in sight.
    const arrange = () => {
      const rest = [this.neighbours?.element, this.own.element].filter(Boolean);
      side.replaceChildren(this.picture.element, ...(narrow.matches ? [] : rest));
      byId("main").replaceChildren(...(narrow.matches ? [this.picture.element, middle, ...rest] : [side, middle]));
    };
    narrow.addEventListener("change", arrange);
    arrange();
    this.head();
  }

  head() {
    const { recipe, source, about, step, steps } = this.about;
    const going = this.training ? `training: step ${step.toLocaleString("en")} of ${steps.toLocaleString("en")}` : `${step.toLocaleString("en")} steps`;
    byId("title").textContent = `What ${recipe} learnt from ${source.split("/").at(-1)}`;
    byId("subtitle").textContent = `${about}; ${going}`;
    document.title = `${this.about.name} – Stratiform explorer`;
  }

  async begin() {
    byId("main").setAttribute("aria-busy", "false");
    if (this.lacksImage) await this.tried(() => this.own.first());
    this.refresh();
    keys(this);
    if (this.panels.length) await this.tried(() => this.learn());
    await this.watch();
    setInterval(() => document.hidden || this.watch(), WATCH);
  }

  // Where the data lie.
  async learn() {
    if (!this.factors) this.legend.textContent = "finding out where the data lie …";
    const codes = await get(`${this.path}/codes`).catch((error) => {
      this.legend.textContent = error.message;
      throw error;
    });
    this.factors = codes.factors;
    this.panels.forEach((panel) => panel.place(codes.levels[panel.index]));
    this.bits.replaceChildren(bar(codes.levels.map((level) => level.kl / Math.LN2), "Bits of each level's code, mean of the data"));
    this.refresh();
    this.offer();
    this.factors = (await get(`${this.path}/factors`)).factors;
    this.offer();
  }

  offer() {
    const chosen = this.colour.value;
    const names = Object.keys(this.factors);
    this.colour.replaceChildren(el("option", { value: "" }, "nothing"), ...names.map((name) => el("option", { value: name }, name.replaceAll("_", " "))));
    this.colour.value = chosen && names.includes(chosen) ? chosen : (names[0] ?? "");
    this.paintPads();
  }

  paintPads() {
    const factor = this.factors?.[this.colour.value] ?? null;
    this.panels.forEach((panel) => panel.colour(factor));
    if (!factor) return this.legend.replaceChildren();
    const colours = scale(factor);
    if (colours.classes) {
      if (colours.classes.length > 12) return this.legend.replaceChildren(`${colours.classes.length} classes`);
      return this.legend.replaceChildren(
        ...colours.classes.map((value, i) => {
          const swatch = el("i", { "aria-hidden": "true" });
          swatch.style.background = colours.of(value);
          return el("span", {}, swatch, colours.names[i]);
        }),
      );
    }
    const ramp = el("b", { "aria-hidden": "true" });
    const stops = [0, 0.25, 0.5, 0.75, 1].map((share) => colours.of(colours.low + share * (colours.high - colours.low)));
    ramp.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
    const words = (value) => Number(value.toPrecision(2)).toString().replace("-", "−");
    this.legend.replaceChildren(words(colours.low), ramp, words(colours.high));
  }

  // A model that completes images draws none without one.
  get lacksImage() {
    return this.about.completes && !this.store.view.a;
  }

  // The view has changed: the picture at once, the rest when there is a pause. `cause`: the level that is dragged.
  refresh(cause) {
    if (this.lacksImage) return this.own.refresh();
    if (this.easel) this.easel.refresh();
    else this.picture.refresh();
    // What a hand moves in one level changes nothing of what the others hold.
    if (this.panels.some((panel) => panel.index !== cause && (cause === undefined || !panel.held))) this.where.ask({ view: this.store.view, cause });
    if (cause === undefined) {
      this.panels.forEach((panel) => {
        panel.forget();
        panel.refresh();
      });
    }
    this.rest.ask();
  }

  async follow() {
    const { address } = this.store;
    if (location.hash !== address) history.replaceState(history.state, "", address);
    this.neighbours?.refresh();
    this.own.refresh();
    this.findings.refresh();
    this.completions.refresh();
    this.panels.forEach((panel) => panel.follow());
  }

  // What the levels hold, of this view and of images A and B.
  async place({ view, cause }) {
    const letters = ["a", "b"].filter((letter) => view[letter]);
    const of = (letter) => ({ a: view.a, b: view.b, known: view.known, levels: view.levels.map(() => ({ source: letter })) });
    const views = [view, ...(cause === undefined ? letters : []).map(of)];
    const told = (await (await post(`${this.path}/where`, { views })).json()).views;
    if (view !== this.store.view) return; // the newer view has been asked for already
    if (cause === undefined) this.marks = Object.fromEntries(letters.map((letter, i) => [letter.toUpperCase(), told[i + 1].levels]));
    for (const panel of this.panels) {
      if (panel.index !== cause) panel.hear(told[0].levels[panel.index], this.marks ?? {});
    }
  }

  // A run that trains has new weights: everything is asked for again.
  async watch() {
    let told;
    try {
      told = await get(`${this.path}/progress`);
    } catch {
      return;
    }
    const training = told.logged !== null && told.logged < told.steps && told.version !== null;
    const fresh = told.version !== null && told.version !== this.about.version;
    if (fresh) {
      await this.tried(async () => {
        const { levels, ...about } = await get(this.path);
        Object.assign(this.about, about);
        if (this.panels.length) await this.learn();
        else this.refresh();
        say(`new weights, of step ${this.about.step.toLocaleString("en")}`);
      });
    }
    if (fresh || training !== this.training) {
      this.training = training;
      this.head();
    }
  }

  shortcuts(event) {
    const typed = event.target.closest("input:not([type=range]):not([type=checkbox]), select, textarea, dialog");
    return !typed && !event.ctrlKey && !event.metaKey && !event.altKey && localStorage.getItem("keys") !== "off";
  }

  trouble(error) {
    if (error.name === "AbortError" || error.status === 499) return;
    if (error.status === undefined) console.error(error);
    say(error.message, true);
  }

  async tried(work) {
    try {
      await work();
    } catch (error) {
      this.trouble(error);
    }
  }
}

async function about(name) {
  const path = `runs/${encodeURIComponent(name)}`;
  while ((await get(`${path}/progress`)).version === null) {
    byId("subtitle").textContent = `${name} has no weights yet; training writes the first ones within a minute`;
    await new Promise((resolve) => setTimeout(resolve, WATCH));
  }
  return get(path);
}

async function begin() {
  const { runs } = await get("runs");
  const names = runs.map((run) => run.name);
  const asked = new URLSearchParams(location.hash.slice(1)).get("run");
  const name = names.includes(asked) ? asked : names[0];
  const choice = byId("runs").querySelector("select");
  choice.append(...names.map((each) => el("option", { value: each, selected: each === name }, each)));
  byId("runs").hidden = names.length < 2;
  choice.addEventListener("change", () => {
    location.hash = `run=${encodeURIComponent(choice.value)}`;
    location.reload();
  });
  const page = new Page(await about(name));
  theme(() => {
    page.panels.forEach((panel) => panel.refresh());
    page.paintPads();
  });
  await page.begin();
}

begin().catch((error) => {
  byId("subtitle").textContent = error.message;
  byId("main").setAttribute("aria-busy", "false");
});
