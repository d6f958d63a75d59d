"""Heat maps: tables of numbers, shaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stratiform.figures.layout import laid_out
from stratiform.figures.look import LIGHT, Look, colour_scale, ink_on

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FRAMED = 0.15  # the least shade of a leading cell that is framed


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
    figure, axes = laid_out(96 * len(columns), 46 * len(rows), title, caption, look, left=names, top=30)
    scale = colour_scale(look)
    for y, cells in enumerate(rows.values()):
        shades = [-1.0 if cell.shade is None else cell.shade for cell in cells]
        for x, cell in enumerate(cells):
            colour = scale(np.clip(shades[x], 0, 1)) if cell.shade is not None else (0, 0, 0, 0)
            axes.add_patch(Rectangle((x + 0.03, y + 0.05), 0.94, 0.9, color=colour, linewidth=0))
            ink = ink_on(colour, look)
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
