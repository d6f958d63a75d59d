"""The ten digits as strokes in the unit box: x to the right, y down.

Each shape fills the box and has no slant of its own (the mixed second moment of its ink is zero), so that width and
slant of a drawn glyph say nothing of its identity.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

Stroke = np.ndarray  # [K, 2] points of a polyline, (x, y)
Points = list[tuple[float, float]]

WIDTH, HEIGHT, STROKE = 13.5, 17.0, 2.5  # pixels of a middling glyph, on which the slant is taken out


@cache
def shapes() -> tuple[tuple[Stroke, ...], ...]:
    """The strokes of 0 to 9."""
    return tuple(_upright([np.array(stroke, float) for stroke in digit]) for digit in _drawn_by_hand())


def lower(nearest: np.ndarray, points: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """Lowers `nearest` [N, Y, X], squared distances, to those from the polylines through `points` [N, K, 2]."""
    for a, b in zip(points[:, :-1].transpose(1, 2, 0), points[:, 1:].transpose(1, 2, 0), strict=True):
        (ax, ay), (dx, dy) = a[..., None, None], (b - a)[..., None, None]
        px, py = x - ax, y[:, None] - ay  # [N, 1, X], [N, Y, 1]
        squared = dx**2 + dy**2
        along = np.clip(px * (dx / squared) + py * (dy / squared), 0, 1)
        across_x, across_y = px - along * dx, py - along * dy
        across_x *= across_x
        across_y *= across_y
        across_x += across_y
        np.minimum(nearest, across_x, out=nearest)


def _drawn_by_hand() -> list[list[Points]]:
    return [
        [_arc(0.5, 0.5, 0.5, 0.5, 0, 1)],
        [[(0.0, 0.25), (0.5, 0.0), (0.5, 1.0)], [(0.0, 1.0), (1.0, 1.0)]],
        [[*_arc(0.5, 0.29, 0.5, 0.29, -0.5, 0.1), (0.0, 1.0), (1.0, 1.0)]],
        [[*_arc(0.45, 0.25, 0.5, 0.25, -0.42, 0.25), *_arc(0.45, 0.74, 0.55, 0.26, -0.25, 0.42)]],
        [[(0.2, 0.0), (0.0, 0.62), (1.0, 0.62)], [(0.75, 0.1), (0.75, 1.0)]],
        [[(0.95, 0.0), (0.15, 0.0), (0.1, 0.44), *_arc(0.48, 0.68, 0.52, 0.32, -0.36, 0.4)]],
        [[(0.8, 0.0), *_arc(0.75, 0.66, 0.75, 0.55, -0.32, -0.5), *_arc(0.5, 0.7, 0.5, 0.3, -0.5, 0.5)]],
        [[(0.0, 0.0), (1.0, 0.0), (0.35, 1.0)]],
        [_arc(0.5, 0.24, 0.42, 0.24, 0, 1), _arc(0.5, 0.74, 0.5, 0.26, 0, 1)],
        [[*_arc(0.5, 0.3, 0.5, 0.3, 0, 1), *_arc(0.25, 0.34, 0.75, 0.55, 0.0, 0.18), (0.2, 1.0)]],
    ]


def _arc(x: float, y: float, rx: float, ry: float, start: float, stop: float) -> Points:
    """Points on an ellipse about (x, y); angles in turns, 0 to the right, 0.25 below."""
    count = max(4, math.ceil(18 * abs(stop - start)))
    turns = np.linspace(start, stop, count + 1) * 2 * np.pi
    return list(zip(x + rx * np.cos(turns), y + ry * np.sin(turns), strict=True))


def _upright(strokes: list[Stroke]) -> tuple[Stroke, ...]:
    """Stretched to fill the unit box, and without slant there: stretching changes it, so that both are repeated."""
    strokes = _fill(strokes)
    for _ in range(12):
        slant = _slant(strokes)
        strokes = _fill([stroke - [[slant, 0]] * (stroke[:, 1:] - 0.5) for stroke in strokes])
    return tuple(strokes)


def _fill(strokes: list[Stroke]) -> list[Stroke]:
    low, high = np.min([s.min(0) for s in strokes], 0), np.max([s.max(0) for s in strokes], 0)
    return [(stroke - low) / (high - low) for stroke in strokes]


def _slant(strokes: list[Stroke]) -> float:
    """Covariance of x and y over variance of y, of the ink of a middling glyph, in units of the box."""
    box = np.array([WIDTH - STROKE, HEIGHT - STROKE])
    x, y = (np.arange(-STROKE / 2, side + STROKE / 2, 0.5) for side in box)
    nearest = np.full((1, len(y), len(x)), np.inf)
    for stroke in strokes:
        lower(nearest, stroke[None] * box, x, y)
    ink = np.clip(STROKE / 2 - np.sqrt(nearest[0]) + 0.5, 0, 1)
    x, y = x - ink.sum(0) @ x / ink.sum(), y - ink.sum(1) @ y / ink.sum()
    return (y @ ink @ x) / (ink.sum(1) @ y**2) * box[1] / box[0]
