"""Several numbers against steps or seconds, one panel each; a name has one look in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from stratiform.figures.layout import axes_above, laid_out, plain_axes
from stratiform.figures.look import LIGHT, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, ACROSS, BETWEEN_ROWS = 220, 150, 62, 74  # pixels of a panel, and between panels
LEGEND_ABOVE, LEGEND_ROW = 26, 20  # pixels: over the panels; of a row
KEY, LETTER = 48, 7  # pixels of the legend: a name's line and what is around it; about a letter
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito (2008)
MARKS, DASHES = ("o", "s", "^", "D", "v", "P"), ((0, (6, 2)), (0, (1, 1.5)))


@dataclass(frozen=True)
class Line:
    """y against x, and how far each y may lie from the truth, the band; none where nothing is said."""

    x: Sequence[float]
    y: Sequence[float]
    error: Sequence[float] | None = None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One number: its lines by name, some for a name; and constants by name, each with its error."""

    title: str
    across: str
    lines: Mapping[str, Sequence[Line]]
    constants: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    logarithmic: bool = False


def lines(panels: Sequence[Panel], *, title: str, caption: str = "", columns: int = 3, look: Look = LIGHT) -> Figure:
    """The panels row by row, one legend above them all."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    wide, high = columns * (WIDTH + ACROSS) - ACROSS, rows * (HEIGHT + BETWEEN_ROWS) - BETWEEN_ROWS
    looks = _looks(panels, look)
    per_row = min(2 * columns, max(1, wide // (KEY + LETTER * max(map(len, looks)))))
    top = LEGEND_ABOVE + LEGEND_ROW * -(-len(looks) // per_row)
    figure, area = laid_out(wide, high, title, caption, look, left=46, right=14, top=top, bottom=48)
    area.set_axis_off()
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        above = -HEIGHT - row * (HEIGHT + BETWEEN_ROWS)
        axes = axes_above(figure, area, above, WIDTH, HEIGHT, left=column * (WIDTH + ACROSS))
        _draw(axes, panel, looks, look)
    _legend(area, looks, per_row, look)
    return figure


def _looks(panels: Sequence[Panel], look: Look) -> dict[str, dict[str, Any]]:
    """How each name is drawn: lines by colour and mark, constants by dashes."""
    drawn = dict.fromkeys(name for panel in panels for name in panel.lines)
    held = dict.fromkeys(name for panel in panels for name in panel.constants)
    marked = zip(drawn, cycle(COLOURS), cycle(MARKS), strict=False)
    dashed = zip(held, cycle(DASHES), strict=False)
    return {name: {"color": colour, "marker": mark, "linestyle": "-"} for name, colour, mark in marked} | {
        name: {"color": look.faint, "linestyle": dashes} for name, dashes in dashed
    }


def _draw(axes: Axes, panel: Panel, looks: Mapping[str, Mapping[str, Any]], look: Look) -> None:
    for name, (value, error) in panel.constants.items():
        axes.axhspan(value - error, value + error, color=look.faint, alpha=0.18, linewidth=0)
        axes.axhline(value, linewidth=1.2, **looks[name])
    for name, some in panel.lines.items():
        for line in some:
            x, y = np.array(line.x), np.array(line.y)
            if line.error is not None:
                band = np.array(line.error)
                axes.fill_between(x, y - band, y + band, color=looks[name]["color"], alpha=0.2, linewidth=0)
            axes.plot(x, y, linewidth=1.4, markersize=3.5, markevery=max(1, len(x) // 8), **looks[name])
    if panel.logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    axes.set_title(panel.title, loc="left", fontsize=9, color=look.ink)
    axes.set_xlabel(panel.across, fontsize=9)
    plain_axes(axes, look)
    axes.tick_params(labelsize=8)


def _legend(area: Axes, looks: Mapping[str, Mapping[str, Any]], columns: int, look: Look) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=name, markersize=4, **how) for name, how in looks.items()]
    above = 1 + LEGEND_ABOVE / area.bbox.height
    area.legend(
        handles=handles,
        ncols=columns,
        frameon=False,
        fontsize=9,
        labelcolor=look.ink,
        loc="lower left",
        bbox_to_anchor=(0, above),
        borderaxespad=0,
    )
