"""Colours: of text and paper, of levels, of what heat maps shade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


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


def level_colours(count: int, look: Look) -> list[Any]:
    """One colour per level, bottom -> top: dark to light, told apart by lightness alone."""
    from matplotlib import colormaps

    return [colormaps["cividis"](v) for v in np.linspace(*look.levels, max(count, 1))]


def colour_scale(look: Look) -> Any:
    """Of heat maps, from 0 to 1."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("scale", [look.low, look.high])


def ink_on(colour: tuple[float, ...], look: Look) -> str:
    """Dark or light text, whichever reads better on this colour."""
    if colour[3] == 0:
        return look.faint
    luminance = float(np.dot(np.power(colour[:3], 2.2), (0.2126, 0.7152, 0.0722)))
    return "#14171a" if luminance > 0.18 else "#ffffff"  # where both have the same contrast
