"""What moves when the units of one level move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stratiform.figures.images import MOSAIC, mosaic
from stratiform.figures.layout import picture
from stratiform.figures.look import LIGHT, Look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stratiform.evaluation.explore import Sweep


def sweep(swept: Sweep, *, title: str, caption: str = "", look: Look = LIGHT, side: int = MOSAIC) -> Figure:
    """One level's sweep, the values of its units along the axes."""
    canvas = mosaic(swept.images, swept.columns, side)
    labelled = bool(swept.across)
    figure, axes = picture(canvas, title, caption, look, left=48 if swept.up else 0, bottom=44 if labelled else 8)
    if labelled:
        width = canvas.shape[1] / swept.columns
        axes.set_xticks(_ticks(width, swept.columns), _values(swept.across))
        axes.set_xlabel(f"$z_{{{swept.level + 1}}}$, first unit", labelpad=2)
    if swept.up:
        height = canvas.shape[0] / swept.rows
        axes.set_yticks(_ticks(height, swept.rows), _values(swept.up[::-1]))
        axes.set_ylabel(f"$z_{{{swept.level + 1}}}$, second unit", labelpad=2)
    return figure


def _ticks(side: float, count: int) -> list[float]:
    """The middles of `count` cells along an axis, `side` pixels each."""
    return [side * (i + 0.5) - 0.5 for i in range(count)]


def _values(axis: Sequence[float]) -> list[str]:
    """Whole numbers only: the cells between need no label."""
    return [f"{round(v)}".replace("-", "\u2212") if abs(v - round(v)) < 1e-6 else "" for v in axis]
