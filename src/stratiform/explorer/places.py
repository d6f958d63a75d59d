"""Places on a level's pad, and the views that lie there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from stratiform.explorer.attached import Opened
from stratiform.explorer.picture import held
from stratiform.explorer.view import View, drawn

DIGITS = 4  # after the point, of numbers that go into URLs


def where(opened: Opened, view: View) -> dict[str, Any]:
    """What every level holds, bottom -> top."""
    found = held(opened.model, [view], opened.encoded)
    levels = {**found.noise, **found.values}
    return {
        "levels": [np.round(levels[level].flatten().double().numpy(), DIGITS).tolist() for level in sorted(levels)]
    }


def grid(opened: Opened, view: View, level: int, cells: int, reach: float) -> list[View]:
    """One level, counted from 0, put to `cells` places along each of its axes from -reach to reach, from the top left.

    A level of positions has no axes: it is drawn anew in every cell.
    """
    choice, shape = view.levels[level], opened.model.hierarchy.shapes[level]
    if len(shape) == 3:
        return [view.with_choice(level, drawn(choice, draw)) for draw in range(1, cells * cells + 1)]
    own = np.array(where(opened, view)["levels"][level])
    axes = _axes(opened, level, math.prod(shape))
    put = replace(choice, temperature=1.0, brush=())
    return [
        view.with_choice(level, replace(put, units=_units(own + (place - axes @ own) @ axes)))
        for place in _places(len(axes), cells, reach)
    ]


def _axes(opened: Opened, level: int, units: int) -> np.ndarray:
    axes = np.eye(units) if units <= 2 else opened.codes().levels[level].axes
    assert axes is not None  # only levels of positions have none
    return axes


def _places(axes: int, cells: int, reach: float) -> Iterator[np.ndarray]:
    """Row by row from the top, [axes] each."""
    steps = np.linspace(-reach, reach, cells)
    for up in steps[::-1] if axes == 2 else steps[:1]:
        yield from (np.array([across, up][:axes]) for across in steps)


def _units(values: np.ndarray) -> tuple[tuple[int, float], ...]:
    return tuple(enumerate(np.round(values, DIGITS).tolist()))
