"""The ten digits as strokes in the unit box: x to the right, y down.

Each shape fills the box and has no slant of its own (the mixed second moment of its ink is zero), so that width and
slant of a drawn glyph say nothing of its identity.
"""

from __future__ import annotations

import math

import numpy as np

Stroke = np.ndarray  # [K, 2] points of a polyline, (x, y)


def arc(x: float, y: float, rx: float, ry: float, start: float, stop: float) -> list[tuple[float, float]]:
    """Points on an ellipse about (x, y); angles in turns, 0 to the right, 0.25 below."""
    count = max(4, math.ceil(18 * abs(stop - start)))
    turns = np.linspace(start, stop, count + 1) * 2 * np.pi
    return list(zip(x + rx * np.cos(turns), y + ry * np.sin(turns), strict=True))


def upright(strokes: list[list[tuple[float, float]]], aspect: float = 0.75) -> tuple[Stroke, ...]:
    """Without slant, filling the unit box; the slant is that of a box `aspect` wide, 1 high, evenly inked strokes."""
    shape = [np.array(stroke, dtype=float) for stroke in strokes]
    for _ in range(20):  # stretching changes where the ink lies, and so the slant
        low, high = np.min([s.min(0) for s in shape], 0), np.max([s.max(0) for s in shape], 0)
        shape = [(s - low) / (high - low) for s in shape]
        slant, middle = _slant(shape, aspect)
        shape = [s - np.stack([slant * (s[:, 1] - middle), np.zeros(len(s))], 1) for s in shape]
    low, high = np.min([s.min(0) for s in shape], 0), np.max([s.max(0) for s in shape], 0)
    return tuple((s - low) / (high - low) for s in shape)


def _slant(shape: list[Stroke], aspect: float) -> tuple[float, float]:
    """(covariance of x and y / variance of y, mean of y) of the ink."""
    a, b = np.concatenate([s[:-1] for s in shape]), np.concatenate([s[1:] for s in shape])
    t = np.linspace(0, 1, 9)[:, None, None]
    points = a + t * (b - a)
    ink = np.broadcast_to(np.hypot(*((b - a) * (aspect, 1)).T), points.shape[:2])
    x, y = points[..., 0], points[..., 1]
    middle_x, middle = np.average(x, weights=ink), np.average(y, weights=ink)
    covariance = np.average((x - middle_x) * (y - middle), weights=ink)
    return covariance / np.average((y - middle) ** 2, weights=ink), middle


SHAPES: tuple[tuple[Stroke, ...], ...] = tuple(
    map(
        upright,
        [
            [arc(0.5, 0.5, 0.5, 0.5, 0, 1)],
            [[(0.0, 0.25), (0.5, 0.0), (0.5, 1.0)], [(0.0, 1.0), (1.0, 1.0)]],
            [[*arc(0.5, 0.29, 0.5, 0.29, -0.5, 0.1), (0.0, 1.0), (1.0, 1.0)]],
            [[*arc(0.45, 0.25, 0.5, 0.25, -0.42, 0.25), *arc(0.45, 0.74, 0.55, 0.26, -0.25, 0.42)]],
            [[(0.2, 0.0), (0.0, 0.62), (1.0, 0.62)], [(0.75, 0.1), (0.75, 1.0)]],
            [[(0.95, 0.0), (0.15, 0.0), (0.1, 0.44), *arc(0.48, 0.68, 0.52, 0.32, -0.36, 0.4)]],
            [[(0.8, 0.0), *arc(0.75, 0.66, 0.75, 0.55, -0.32, -0.5), *arc(0.5, 0.7, 0.5, 0.3, -0.5, 0.5)]],
            [[(0.0, 0.0), (1.0, 0.0), (0.35, 1.0)]],
            [arc(0.5, 0.24, 0.42, 0.24, 0, 1), arc(0.5, 0.74, 0.5, 0.26, 0, 1)],
            [[*arc(0.5, 0.3, 0.5, 0.3, 0, 1), *arc(0.25, 0.34, 0.75, 0.55, 0.0, 0.18), (0.2, 1.0)]],
        ],
    )
)
