// Images of one's own: A and B. Dropped, pasted, drawn or taken from the data; then placed, rebuilt and scored.

import { get, postFile } from "./api.js";
import { button, el, group, say } from "./dom.js";
import { own } from "./pixels.js";
import { sketch } from "./sketch.js";
import { canonical } from "./store.js";

const EXAMPLES = 24;

export class Own {
  constructor(page) {
    this.page = page;
    this.slots = Object.fromEntries(["a", "b"].map((letter) => [letter, this.slot(letter)]));
    this.element = el(
      "section",
      { class: "card own", "aria-labelledby": "own-title" },
      el("h2", { id: "own-title" }, "Your images"),
      el("p", { class: "faint" }, "Drop or paste one anywhere, or take one:"),
      el("div", { class: "slots" }, this.slots.a.element, page.about.levels.length ? this.slots.b.element : null),
    );
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      const letter = event.target.closest?.("[data-slot]")?.dataset.slot ?? "a";
      this.file(letter, event.dataTransfer.files[0]);
    });
    addEventListener("paste", (event) => {
      const file = event.clipboardData?.files[0];
      if (file) this.file(this.page.store.view.a && page.about.levels.length ? "b" : "a", file);
    });
  }

  slot(letter) {
    const name = letter.toUpperCase();
    const frame = el("div", { class: "frame" });
    const input = el("input", { type: "file", accept: "image/*", class: "away", tabindex: "-1", "aria-label": `File for image ${name}` });
    input.addEventListener("change", () => {
      this.file(letter, input.files[0]);
      input.value = "";
    });
    const { spec, paper } = this.page.about;
    const clear = button("×", () => this.set(letter, ""), { "aria-label": `Remove image ${name}` });
    const element = el(
      "div",
      { class: "slot", "data-slot": letter, role: "group", "aria-label": `Image ${name}` },
      frame,
      el(
        "div",
        { class: "buttons" },
        button("Data", () => this.choose(letter), { "aria-label": `Image ${name} from the data` }),
        button("Draw", () => sketch(spec, paper, (blob) => this.file(letter, blob)), { "aria-label": `Draw image ${name}` }),
        button("File", () => input.click(), { "aria-label": `Image ${name} from a file` }),
        clear,
        input,
      ),
    );
    return { element, frame, clear };
  }

  async file(letter, file) {
    if (!file) return;
    if (!file.type.startsWith("image/")) return say(`${file.name ?? "that"} is no image`, true);
    await this.page.tried(async () => {
      const { image, known } = await postFile(`${this.page.path}/image`, file);
      this.set(letter, image, known?.[0]);
    });
  }

  // A model that completes images starts with one of the data, a part of it hidden.
  async first() {
    const { store, path } = this.page;
    const { images, known } = await get(`${path}/examples?count=1`);
    store.view = canonical({ ...store.view, a: images[0], known: known[0] });
  }

  // A new image A is shown as the model rebuilds it: every level that is not locked takes what A has there.
  // A model that completes images draws what is hidden of it: its mask stays, or is `known`, by the model's own law.
  set(letter, image, known) {
    const { store, about: { completes } } = this.page;
    const view = { ...store.view, [letter]: image };
    const gone = (choice) => !image && (choice.source === letter || choice.source === "between");
    view.levels = view.levels.map((choice) => {
      if (gone(choice)) return { lock: !!choice.lock };
      return image && letter === "a" && !choice.lock && !completes ? { source: "a" } : choice;
    });
    if (letter === "a" && !completes) delete view.known; // a mask is of one image
    if (letter === "a" && completes) view.known ??= known;
    store.commit(view);
  }

  async choose(letter) {
    const grid = el("div", { class: "strip many" });
    let first = 0;
    const more = button("Others", () => fill());
    const fill = () =>
      this.page.tried(async () => {
        const told = await get(`${this.page.path}/examples?first=${first}&count=${EXAMPLES}`);
        first = first + EXAMPLES >= told.of ? 0 : first + EXAMPLES;
        grid.replaceChildren(
          ...told.images.map((image, i) => {
            const thumb = own(image, this.page.about.spec, "");
            thumb.removeAttribute("role");
            const take = () => {
              dialog.close();
              this.set(letter, image, told.known?.[i]);
            };
            return el("button", { type: "button", class: "thumb", "aria-label": `Image ${told.first + i + 1} of the data`, onclick: take }, thumb);
          }),
        );
      });
    const dialog = el(
      "dialog",
      { "aria-labelledby": "choose-title", onclose: () => dialog.remove() },
      el("h2", { id: "choose-title" }, `Image ${letter.toUpperCase()}: one of the data's`),
      grid,
      group("Examples", more, button("Close", () => dialog.close())),
    );
    document.body.append(dialog);
    dialog.showModal();
    await fill();
  }

  refresh() {
    const { view } = this.page.store;
    for (const [letter, { frame, clear }] of Object.entries(this.slots)) {
      const image = view[letter];
      if (frame.dataset.image === (image ?? "")) continue;
      frame.dataset.image = image ?? "";
      const name = letter.toUpperCase();
      frame.replaceChildren(image ? own(image, this.page.about.spec, `Image ${name}`) : el("span", {}, name));
      clear.hidden = !image || (letter === "a" && this.page.about.completes);
    }
  }
}
