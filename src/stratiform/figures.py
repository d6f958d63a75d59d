"""Captioned figures from images and results: labelled, colour-blind safe, without pyplot's global state.

Every function returns a matplotlib `Figure`; `png` turns it into bytes. Levels are shown to people as 1 (nearest the
image) to L.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from stratiform.evaluation.complete import Completions
    from stratiform.evaluation.explore import Sweep

DPI = 100  # of layout; `png` may render finer
MOSAIC, GAP = 680, 2  # pixels: what a mosaic's wider side aims at, and the least that lies between its images
HIDDEN = "#e69f00"  # what covers hidden pixels: the orange of Okabe and Ito (2008)
FRAMED = 0.15  # the least shade of a leading cell that is framed


@dataclass(frozen=True)
class Look:
    """Colours of a figure: text, secondary text, background, the ends of the heat maps' scale and of the levels'."""

    ink: str
    faint: str
    paper: str
    low: str
    high: str
    levels: tuple[float, float]  # of matplotlib's cividis, bottom and top


LIGHT = Look("#1a1d21", "#5d646d", "#ffffff", "#eef2f7", "#08457e", (0.1, 0.9))
DARK = Look("#e8eaed", "#a3abb5", "#15181c", "#20262d", "#8ec9ff", (0.35, 0.9))
BETWEEN = Look("#7b8087", "#7b8087", "none", "none", "none", (0.3, 0.9))  # for pictures on light and dark pages alike


def png(figure: Figure, *, fine: float = 1.0) -> bytes:
    """The figure as PNG, the same bytes for the same figure; `fine` times the layout's 100 dots per inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI * fine, metadata={"Software": None})
    return buffer.getvalue()


def mosaic(images: Tensor, columns: int, side: int = MOSAIC) -> np.ndarray:
    """Images [N, 1 or 3, H, W] in [0, 1], row by row -> [h, w, 4] uint8, transparent between the images.

    Every image pixel becomes a square of whole pixels, so that the wider side comes near to `side`; gaps are as wide
    as such a square, for strokes that reach the edge must not seem to go on in the next image.
    """
    cells = (images.detach().float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    rows, times = -(-len(cells) // columns), _times(images, columns, side)
    cells = cells.repeat(times, 1).repeat(times, 2)
    _, height, width, channels = cells.shape
    gap = max(GAP, times)
    canvas = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for index, cell in enumerate(cells):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        place = canvas[top : top + height, left : left + width]
        place[..., :3] = cell if channels == 3 else cell.repeat(3, 2)
        place[..., 3] = 255
    return canvas


def _times(images: Tensor, columns: int, side: int) -> int:
    """How many pixels of a mosaic's side are one of an image's."""
    rows, (height, width) = -(-len(images) // columns), images.shape[2:]
    return max(1, round(side / max(rows * height, columns * width)))


def grid(images: Tensor, *, columns: int, title: str, caption: str = "", look: Look = LIGHT) -> Figure:
    """A mosaic of images [N, C, H, W]."""
    figure, _ = _picture(mosaic(images, columns), title, caption, look)
    return figure


def strips(rows: Mapping[str, Tensor], *, title: str, caption: str = "", look: Look = LIGHT) -> Figure:
    """One row of images per name, [n, C, H, W] each: originals over their reconstructions."""
    import torch

    named = list(rows)
    canvas = mosaic(torch.cat([rows[name] for name in named]), columns=len(rows[named[0]]))
    figure, axes = _picture(canvas, title, caption, look, left=20 + 7 * max(map(len, named)))
    height = canvas.shape[0] / len(named)
    axes.set_yticks([height * (i + 0.5) - 0.5 for i in range(len(named))], named)
    return figure


def sweep(swept: Sweep, *, title: str, caption: str = "", look: Look = LIGHT, side: int = MOSAIC) -> Figure:
    """One level's sweep, the values of its units along the axes."""
    canvas = mosaic(swept.images, swept.columns, side)
    labelled = bool(swept.across)
    figure, axes = _picture(canvas, title, caption, look, left=48 if swept.up else 0, bottom=44 if labelled else 8)
    if labelled:
        width = canvas.shape[1] / swept.columns
        axes.set_xticks(_ticks(width, swept.columns), _values(swept.across))
        axes.set_xlabel(f"$z_{{{swept.level + 1}}}$, first unit", labelpad=2)
    if swept.up:
        height = canvas.shape[0] / swept.rows
        axes.set_yticks(_ticks(height, swept.rows), _values(swept.up[::-1]))
        axes.set_ylabel(f"$z_{{{swept.level + 1}}}$, second unit", labelpad=2)
    return figure


def completed(x: Tensor, found: Completions, *, title: str, caption: str = "", look: Look = LIGHT) -> Figure:
    """An image [1, C, H, W], what is hidden of it, how much its completions differ there, and these beneath."""
    import torch
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize, to_rgb

    columns = max(4, math.ceil(math.sqrt(len(found.images))))
    scale = ScalarMappable(Normalize(0.0, max(found.spread.max().item(), 1e-9)), _scale(look))
    whole, tone = x[0].float().expand(3, -1, -1), torch.tensor(to_rgb(HIDDEN))[:, None, None]
    spread = torch.from_numpy(scale.to_rgba(found.spread.numpy())[..., :3]).permute(2, 0, 1).float()
    times, (height, width) = _times(found.images, columns, MOSAIC), x.shape[2:]
    first = mosaic(torch.stack([whole, whole.where(found.known, tone), spread]), 3, times * max(height, 3 * width))
    figure, axes = _picture(mosaic(found.images, columns), title, caption, look, top=first.shape[0] + 64)
    axes.set_title("completions", loc="left", fontsize=9, color=look.faint)
    above = _above(figure, axes, 34, first.shape[1], first.shape[0])
    above.imshow(first, interpolation="nearest", aspect="auto")
    left_edges = [i * (first.shape[1] + max(GAP, times)) / 3 for i in range(3)]
    above.set_xticks(left_edges, ["image", "hidden", "spread"], ha="left")
    above.set_yticks([])
    above.xaxis.tick_top()
    above.tick_params(length=0, labelsize=9, colors=look.faint)
    bar = figure.colorbar(scale, cax=_above(figure, axes, 34, 10, first.shape[0], left=first.shape[1] + 12))
    bar.set_label("standard deviation", color=look.faint, fontsize=9)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=9, colors=look.faint)
    return figure


@dataclass(frozen=True)
class Cell:
    """One cell of a heat map: the number written, a smaller note under it, and the colour's place in [0, 1]."""

    text: str
    shade: float | None  # None: not measured
    note: str = ""


def heat(
    rows: Mapping[str, Sequence[Cell]], columns: Sequence[str], *, title: str, caption: str = "", look: Look = LIGHT
) -> Figure:
    """A table of numbers, shaded; the strongest cell of each row framed."""
    from matplotlib.patches import Rectangle

    names = 16 + 7 * max(map(len, rows))
    figure, axes = _canvas(96 * len(columns), 46 * len(rows), title, caption, look, left=names, top=30)
    scale = _scale(look)
    for y, cells in enumerate(rows.values()):
        shades = [-1.0 if cell.shade is None else cell.shade for cell in cells]
        for x, cell in enumerate(cells):
            colour = scale(np.clip(shades[x], 0, 1)) if cell.shade is not None else (0, 0, 0, 0)
            axes.add_patch(Rectangle((x + 0.03, y + 0.05), 0.94, 0.9, color=colour, linewidth=0))
            ink = _ink_on(colour, look)
            low = 0.38 if cell.note else 0.5
            axes.text(x + 0.5, y + low, cell.text, ha="center", va="center", color=ink, fontsize=12)
            axes.text(x + 0.5, y + 0.74, cell.note, ha="center", va="center", color=ink, fontsize=7.5)
        if max(shades) >= FRAMED and len(cells) > 1:
            best = int(np.argmax(shades))
            frame = Rectangle((best + 0.03, y + 0.05), 0.94, 0.9, fill=False, edgecolor=look.ink, linewidth=2)
            axes.add_patch(frame)
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns)
    axes.xaxis.tick_top()
    axes.set_yticks(np.arange(len(rows)) + 0.5, list(rows))
    axes.tick_params(length=0, labelsize=10, labelcolor=look.ink)
    return figure


def kl_over_training(
    steps: Sequence[int], kl: np.ndarray, *, title: str, caption: str = "", look: Look = LIGHT
) -> Figure:
    """The KL of every level, [T, L] bottom -> top in nats per image, stacked over the training steps."""
    figure, axes = _canvas(340, 230, title, caption, look, left=50, bottom=48, right=62)
    edges = np.concatenate([np.zeros((len(kl), 1)), np.cumsum(kl, 1)], 1)
    colours = level_colours(kl.shape[1], look)
    for level in range(kl.shape[1]):
        below, above = edges[:, level], edges[:, level + 1]
        axes.fill_between(steps, below, above, color=colours[level], linewidth=0.6, edgecolor=look.paper)
    top = max(float(edges.max()), 1e-9)
    for level, y in enumerate(_apart((edges[-1, :-1] + edges[-1, 1:]) / 2, 0.06 * top)):
        _beside(axes, f"level {level + 1}", (steps[-1], y), look)
    axes.set_xlim(steps[0], steps[-1] if len(steps) > 1 else steps[0] + 1)
    axes.set_ylim(0, 1.04 * top)
    axes.set_xlabel("training step")
    axes.set_ylabel("nats per image")
    _plain_axes(axes, look)
    return figure


def bars(
    values: Mapping[str, float], notes: Sequence[str], *, title: str, caption: str = "", look: Look = LIGHT
) -> Figure:
    """One horizontal bar per level, given bottom -> top with a note each, drawn with the top level uppermost."""
    names, lengths = list(values), list(values.values())
    figure, axes = _canvas(210, 40 * len(names), title, caption, look, left=62, bottom=14, right=190)
    axes.barh(range(len(names)), lengths, height=0.66, color=level_colours(len(names), look))
    for y, (length, note) in enumerate(zip(lengths, notes, strict=True)):
        _beside(axes, note, (length, y), look)
    axes.set_xlim(0, max([*lengths, 1e-9]))
    axes.set_ylim(-0.5, len(names) - 0.5)
    axes.set_yticks(range(len(names)), names)
    _plain_axes(axes, look)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    return figure


def level_colours(count: int, look: Look) -> list[Any]:
    """One colour per level, bottom -> top: dark to light, told apart by lightness alone."""
    from matplotlib import colormaps

    return [colormaps["cividis"](v) for v in np.linspace(*look.levels, max(count, 1))]


def _canvas(
    width: int,
    height: int,
    title: str,
    caption: str,
    look: Look,
    *,
    left: int = 0,
    right: int = 0,
    top: int = 8,
    bottom: int = 8,
) -> tuple[Figure, Axes]:
    """A figure around axes of width x height layout pixels, the title above and the caption beneath."""
    from matplotlib.figure import Figure

    edge = 10 if title else 0
    left, right = left + edge, right + edge
    total = max(left + width + right, 360)
    lines = textwrap.wrap(caption, int((total - 20) / 7.2))
    heading = 30 if title else 0
    footing = 17 * len(lines) + (10 if lines else 0)
    full = heading + top + height + bottom + footing
    figure = Figure(figsize=(total / DPI, full / DPI), dpi=DPI, facecolor=look.paper)
    axes = figure.add_axes((left / total, (footing + bottom) / full, width / total, height / full), facecolor="none")
    figure.text(10 / total, 1 - 10 / full, title, color=look.ink, fontsize=12, weight="bold", va="top")
    figure.text(10 / total, 8 / full, "\n".join(lines), color=look.faint, fontsize=9, va="bottom", linespacing=1.35)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure, axes


def _picture(canvas: np.ndarray, title: str, caption: str, look: Look, **margins: int) -> tuple[Figure, Axes]:
    """Axes that hold a mosaic [h, w, 4], pixel for pixel."""
    figure, axes = _canvas(canvas.shape[1], canvas.shape[0], title, caption, look, **margins)
    axes.imshow(canvas, interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.tick_params(length=0, labelsize=9, colors=look.faint)
    axes.xaxis.label.set_color(look.ink)
    axes.yaxis.label.set_color(look.ink)
    return figure, axes


def _above(figure: Figure, axes: Axes, gap: int, width: int, height: int, left: int = 0) -> Axes:
    """Further axes of width x height layout pixels, `gap` over the others and `left` from their left edge."""
    wide, high = figure.get_size_inches() * DPI
    place = axes.get_position()
    added = figure.add_axes((place.x0 + left / wide, place.y1 + gap / high, width / wide, height / high))
    for spine in added.spines.values():
        spine.set_visible(False)
    return added


def _plain_axes(axes: Axes, look: Look) -> None:
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(True)
        axes.spines[side].set_color(look.faint)
    axes.tick_params(colors=look.faint, labelcolor=look.ink)
    axes.xaxis.label.set_color(look.ink)
    axes.yaxis.label.set_color(look.ink)


def _beside(axes: Axes, text: str, place: tuple[float, float], look: Look) -> None:
    """Text to the right of a point."""
    axes.annotate(text, place, (6, 0), textcoords="offset points", va="center", color=look.ink, annotation_clip=False)


def _scale(look: Look) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("scale", [look.low, look.high])


def _ink_on(colour: tuple[float, ...], look: Look) -> str:
    """Dark or light text, whichever reads better on this colour."""
    if colour[3] == 0:
        return look.faint
    luminance = float(np.dot(np.power(colour[:3], 2.2), (0.2126, 0.7152, 0.0722)))
    return "#14171a" if luminance > 0.18 else "#ffffff"  # where both have the same contrast


def _ticks(side: float, count: int) -> list[float]:
    """The middles of `count` cells along an axis, `side` pixels each."""
    return [side * (i + 0.5) - 0.5 for i in range(count)]


def _values(axis: Sequence[float]) -> list[str]:
    """Whole numbers only: the cells between need no label."""
    return [f"{round(v)}".replace("-", "\u2212") if abs(v - round(v)) < 1e-6 else "" for v in axis]


def _apart(places: np.ndarray, least: float) -> np.ndarray:
    """Ascending label places pushed up until neighbours are `least` apart."""
    placed = np.array(places, float)
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + least)
    return placed
