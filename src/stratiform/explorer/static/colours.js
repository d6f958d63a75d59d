// Colours that colour-blind readers tell apart: cividis for amounts and levels, Paul Tol's muted set for classes.

const CIVIDIS = [[0, 34, 78], [18, 53, 112], [59, 73, 109], [87, 93, 109], [112, 113, 115], [138, 135, 121], [165, 157, 118], [195, 181, 105], [225, 204, 85], [254, 232, 56]];
const LIGHT = ["#332288", "#117733", "#882255", "#0b7fa8", "#999933", "#aa4499", "#44aa99", "#cc6677", "#b08a1e", "#6b6b6b"];
const DARK = ["#a99df2", "#5cc27c", "#e07ba8", "#88ccee", "#c9c957", "#dd8fce", "#5fd0bd", "#f29aa8", "#ddcc77", "#bdbdbd"];

export const isDark = () =>
  document.documentElement.dataset.theme === "dark" ||
  (document.documentElement.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);

export function cividis(share) {
  const place = Math.min(Math.max(share, 0), 1) * (CIVIDIS.length - 1);
  const [low, part] = [Math.floor(place), place % 1];
  const [a, b] = [CIVIDIS[low], CIVIDIS[Math.min(low + 1, CIVIDIS.length - 1)]];
  return `rgb(${a.map((value, i) => Math.round(value + part * (b[i] - value))).join(" ")})`;
}

// One colour per level, told apart by lightness alone; as in the report.
export function levelColour(index, count) {
  const [low, high] = isDark() ? [0.35, 0.9] : [0.1, 0.9];
  return cividis(count < 2 ? high : low + ((high - low) * index) / (count - 1));
}

export const classColour = (index) => (isDark() ? DARK : LIGHT)[index % LIGHT.length];

// A colour for each value of a factor, and what they mean.
export function scale(factor) {
  const known = factor.values.filter((value) => value !== null);
  if (factor.kind === "class") {
    const classes = [...new Set(known)].sort((a, b) => a - b);
    const place = new Map(classes.map((value, i) => [value, i]));
    const names = classes.map((value) => factor.names?.[value] ?? String(value));
    return { classes, names, of: (value) => (value === null ? null : classColour(place.get(value))) };
  }
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (factor.kind === "angle") return { low: 0, high: 1, of: (v) => (v === null ? null : `hsl(${360 * v} 65% 50%)`) };
  return { low, high, of: (v) => (v === null ? null : cividis((v - low) / (high - low || 1))) };
}
