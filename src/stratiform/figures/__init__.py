"""Captioned figures from images and results: labelled, colour-blind safe, without pyplot's global state.

Every function returns a matplotlib `Figure`; `png` turns it into bytes. Levels are shown to people as 1 (nearest the
image) to L.
"""

from __future__ import annotations

from stratiform.figures.completions import completed, imputed
from stratiform.figures.heatmap import FRAMED, Cell, heat
from stratiform.figures.images import GAP, MOSAIC, grid, mosaic, strips
from stratiform.figures.layout import DPI, beside, png
from stratiform.figures.levels import bars, kl_over_training
from stratiform.figures.lines import Line, Panel, lines
from stratiform.figures.look import BETWEEN, DARK, LIGHT, Look, level_colours
from stratiform.figures.sweeps import sweep

__all__ = [
    "BETWEEN",
    "DARK",
    "DPI",
    "FRAMED",
    "GAP",
    "LIGHT",
    "MOSAIC",
    "Cell",
    "Line",
    "Look",
    "Panel",
    "bars",
    "beside",
    "completed",
    "grid",
    "heat",
    "imputed",
    "kl_over_training",
    "level_colours",
    "lines",
    "mosaic",
    "png",
    "strips",
    "sweep",
]
