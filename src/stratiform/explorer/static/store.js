// The view: everything that decides one picture. It is the page's address, so that every view is a link.

const PLAIN = {
  source: "draw", draw: 0, share: 0.5, hold: "noise", temperature: 1, lock: false, seed: 0, a: "", b: "", known: "",
};

// The same words for the same view: keys in order, nothing that goes without saying.
export function canonical(value) {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.keys(value).filter((key) => {
    const each = value[key];
    if (key in PLAIN) return each !== PLAIN[key];
    return !(key === "units" && Object.keys(each).length === 0) && !(key === "brush" && !each.some(Boolean));
  });
  return Object.fromEntries(kept.sort().map((key) => [key, canonical(value[key])]));
}

export const drawn = (choice, draw) => canonical({ draw, temperature: choice.temperature ?? 1, lock: !!choice.lock });

export const anyDraw = () => 1 + crypto.getRandomValues(new Uint32Array(1))[0] % 999999;

export class Store extends EventTarget {
  constructor(run, count) {
    super();
    this.run = run;
    this.count = count;
    this.view = this.read() ?? this.plain();
    this.past = [];
    this.pastOf = Array.from({ length: count }, () => []);
    addEventListener("popstate", () => this.restore());
    addEventListener("hashchange", () => this.restore());
  }

  plain() {
    return { levels: Array.from({ length: this.count }, () => ({})) };
  }

  // The address's view, if it is one of this run.
  read() {
    const told = new URLSearchParams(location.hash.slice(1));
    try {
      const view = JSON.parse(told.get("view"));
      return told.get("run") === this.run && view.levels.length === this.count ? canonical(view) : null;
    } catch {
      return null;
    }
  }

  get address() {
    const view = encodeURIComponent(JSON.stringify(canonical(this.view)));
    const plain = view.replaceAll("%7B", "{").replaceAll("%7D", "}").replaceAll("%2C", ",").replaceAll("%3A", ":");
    return `#run=${encodeURIComponent(this.run)}&view=${plain.replaceAll("%5B", "[").replaceAll("%5D", "]")}`;
  }

  // While one drags: shown, but not yet a step that can be undone.
  preview(view, cause) {
    this.before ??= this.view;
    this.show(view, cause);
  }

  commit(view = this.view, cause = undefined) {
    const before = this.before ?? this.view;
    this.before = undefined;
    if (JSON.stringify(canonical(before)) !== JSON.stringify(canonical(view))) {
      this.past.push(before);
      before.levels.forEach((choice, i) => {
        if (JSON.stringify(choice) !== JSON.stringify(canonical(view.levels[i]))) this.pastOf[i].push(choice);
      });
      this.show(view, cause);
      history.pushState(null, "", this.address);
    } else if (view !== this.view) {
      this.show(view, cause);
    }
  }

  show(view, cause) {
    this.view = canonical(view);
    this.dispatchEvent(new CustomEvent("view", { detail: { cause } }));
  }

  restore() {
    const view = this.read();
    if (view && JSON.stringify(view) !== JSON.stringify(canonical(this.view))) this.show(view);
  }

  // Views of one level.
  with(level, choice) {
    return { ...this.view, levels: this.view.levels.map((own, i) => (i === level ? choice : own)) };
  }

  change(level, choice, cause) {
    this.commit(this.with(level, choice), cause);
  }

  redraw(level) {
    this.change(level, drawn(this.view.levels[level], anyDraw()));
  }

  redrawFree() {
    const draw = anyDraw();
    this.commit({ ...this.view, levels: this.view.levels.map((own) => (own.lock ? own : drawn(own, draw))) });
  }

  undo() {
    const view = this.past.pop();
    if (!view) return false;
    this.show(view);
    history.pushState(null, "", this.address);
    return true;
  }

  // The level as it was before it last changed, the others as they are.
  undoLevel(level) {
    const before = this.pastOf[level].pop();
    if (!before) return false;
    this.change(level, before);
    this.pastOf[level].pop();
    return true;
  }
}
