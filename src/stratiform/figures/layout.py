"""Axes of so many pixels with a title above and a caption beneath, and what is drawn around them."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from stratiform.figures.look import Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 100  # of layout; `png` may render finer


def png(figure: Figure, *, fine: float = 1.0) -> bytes:
    """The figure as PNG, the same bytes for the same figure; `fine` times the layout's 100 dots per inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI * fine, metadata={"Software": None})
    return buffer.getvalue()


def beside(figures: Sequence[Figure]) -> bytes:
    """Several figures side by side as one PNG."""
    pictures = [Image.open(io.BytesIO(png(figure))) for figure in figures]
    whole = Image.new("RGB", (sum(p.width for p in pictures), max(p.height for p in pictures)), "white")
    for i, picture in enumerate(pictures):
        whole.paste(picture, (sum(p.width for p in pictures[:i]), 0))
    buffer = io.BytesIO()
    whole.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def laid_out(
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


def picture(canvas: np.ndarray, title: str, caption: str, look: Look, **margins: int) -> tuple[Figure, Axes]:
    """Axes that hold a mosaic [h, w, 4], pixel for pixel."""
    figure, axes = laid_out(canvas.shape[1], canvas.shape[0], title, caption, look, **margins)
    axes.imshow(canvas, interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.tick_params(length=0, labelsize=9, colors=look.faint)
    axes.xaxis.label.set_color(look.ink)
    axes.yaxis.label.set_color(look.ink)
    return figure, axes


def axes_above(figure: Figure, axes: Axes, gap: int, width: int, height: int, left: int = 0) -> Axes:
    """Further axes of width x height layout pixels, `gap` over the others' upper edge, `left` from the left one."""
    wide, high = figure.get_size_inches() * DPI
    place = axes.get_position()
    added = figure.add_axes((place.x0 + left / wide, place.y1 + gap / high, width / wide, height / high))
    for spine in added.spines.values():
        spine.set_visible(False)
    return added


def plain_axes(axes: Axes, look: Look) -> None:
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(True)
        axes.spines[side].set_color(look.faint)
    axes.tick_params(colors=look.faint, labelcolor=look.ink)
    axes.xaxis.label.set_color(look.ink)
    axes.yaxis.label.set_color(look.ink)


def text_beside(axes: Axes, text: str, place: tuple[float, float], look: Look) -> None:
    """Text to the right of a point."""
    axes.annotate(text, place, (6, 0), textcoords="offset points", va="center", color=look.ink, annotation_clip=False)


def apart(places: np.ndarray, least: float) -> np.ndarray:
    """Ascending label places pushed up until neighbours are `least` apart."""
    placed = np.array(places, float)
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + least)
    return placed
