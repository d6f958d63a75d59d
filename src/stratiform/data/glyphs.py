"""Digits drawn from known factors, so that what a level has learnt can be compared with the truth.

A glyph is a set of strokes (`shapes.py`), put into a box, slanted, and filled where the distance to a stroke is below
half of the stroke's width. All factors are independent of each other, identity included, but for the brightness of
ink, which keeps its distance from the background's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from stratiform.data import colour
from stratiform.data.config import DataConfig
from stratiform.data.listing import Item, Listing
from stratiform.data.shapes import lower, shapes

VERSION = 3  # of how they are drawn: raise it, and all are drawn anew
DIGITS = 10
TRAIN, TEST = 20_000, 5_000
CHUNK = 256  # images drawn at once: their distances fit a processor's cache
GREY_SIZE, COLOUR_SIZE = 28, 32

RANGES = {  # pixels of a 28 x 28 (grey) or 32 x 32 (coloured) image, radians
    "stroke_width": (1.4, 3.6),
    "slant": (-0.4, 0.4),
    "width": (10.0, 17.0),  # of the upright glyph, strokes included
    "height": (13.5, 21.0),
    "shift_x": (-1.0, 1.0),
    "shift_y": (-1.0, 1.0),
}
COLOUR_RANGES = {
    "ink_hue": (0.0, 1.0),  # turns
    "ink_brightness": (0.0, 1.0),  # a share of what is far enough from the background: see colour.apart
    "background_hue": (0.0, 1.0),
    "background_brightness": (0.2, 0.8),
    "light_x": (-0.3, 0.3),  # relative change of brightness from the centre to the right edge
    "light_y": (-0.3, 0.3),  # ... to the lower edge
}
NEIGHBOURS = {"left_neighbour": -1, "right_neighbour": 1}
GAP = 3.0  # pixels between neighbours


@dataclass(frozen=True)
class Glyphs:
    """Drawn images with the exact factors beside each.

    Attributes:
        images: uint8 [N, C, size, size].
        labels: int64 [N], the digit.
        factors: name -> float64 [N] (pixels at this size, radians, turns), or int64 [N] for neighbours there or not.
    """

    images: np.ndarray
    labels: np.ndarray
    factors: Mapping[str, np.ndarray]


def draw(count: int, *, size: int | None = None, seed: int = 0, coloured: bool = False) -> Glyphs:
    """`count` glyphs; image i depends on (size, seed, coloured, i) alone, not on the count."""
    size = size or (COLOUR_SIZE if coloured else GREY_SIZE)
    plan = _plan(count, size, seed, coloured)
    images = np.concatenate([_picture(part, size) for part in _parts(plan, count)]) if count else np.empty((0,))
    shape = (count, 3 if coloured else 1, size, size)
    return Glyphs(images.reshape(shape), plan["label"], {name: plan[name] for name in _named(plan)})


def read_glyphs(config: DataConfig, coloured: bool = False) -> Listing:
    """20,000 glyphs for training and 5,000 for testing, drawn at the size that is asked for."""
    size = config.size or (COLOUR_SIZE if coloured else GREY_SIZE)
    return Listing(
        identity=f"glyphs {VERSION} {size} {coloured}",
        splits={
            "train": partial(_items, 0, TRAIN, size, coloured),
            "test": partial(_items, TRAIN, TRAIN + TEST, size, coloured),
        },
        class_names=tuple("0123456789"),
    )


def _items(start: int, stop: int, size: int, coloured: bool) -> Iterator[Item]:
    plan = _plan(stop, size, 0, coloured)
    plan = {name: values[start:] for name, values in plan.items()}
    i = start
    for part in _parts(plan, stop - start):
        factors = {name: part[name].tolist() for name in _named(part)}
        for j, image in enumerate(_picture(part, size)):
            pixels = image.transpose(1, 2, 0).squeeze(-1) if len(image) == 1 else image.transpose(1, 2, 0)
            yield Item(
                f"glyph {i}", pixels, str(part["label"][j]), {name: values[j] for name, values in factors.items()}
            )
            i += 1


def _plan(count: int, size: int, seed: int, coloured: bool) -> dict[str, np.ndarray]:
    """name -> [N]: everything that is chosen before drawing, a row of random numbers for each image."""
    ranges = RANGES | (COLOUR_RANGES if coloured else {})
    u = np.random.default_rng([seed, int(coloured)]).random((count, 1 + len(ranges) + 2 * len(NEIGHBOURS)))
    plan = {"label": (u[:, 0] * DIGITS).astype(np.int64)}
    plan |= {name: low + (high - low) * u[:, i] for i, (name, (low, high)) in enumerate(ranges.items(), start=1)}
    pixel = size / (COLOUR_SIZE if coloured else GREY_SIZE)
    for name in ("stroke_width", "width", "height", "shift_x", "shift_y"):
        plan[name] = plan[name] * pixel
    if coloured:
        plan["ink_brightness"] = colour.apart(plan["background_brightness"], plan["ink_brightness"])
        for i, name in enumerate(NEIGHBOURS):
            plan[name] = (u[:, -1 - i] < 0.5).astype(np.int64)
            plan[f"{name} label"] = (u[:, -3 - i] * DIGITS).astype(np.int64)
    return plan


def _named(plan: Mapping[str, np.ndarray]) -> list[str]:
    return [name for name in plan if "label" not in name]


def _parts(plan: Mapping[str, np.ndarray], count: int) -> Iterator[dict[str, np.ndarray]]:
    for start in range(0, count, CHUNK):
        yield {name: values[start : start + CHUNK] for name, values in plan.items()}


def _picture(plan: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """uint8 [N, C, size, size]"""
    ink = _ink(plan, size)
    if "ink_hue" in plan:
        ink = _with_neighbours(ink, plan, size)
        return np.rint(255 * colour.paint(ink, plan)).astype(np.uint8)
    return np.rint(255 * ink[:, None]).astype(np.uint8)


def _with_neighbours(ink: np.ndarray, plan: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """Ink of the glyph and of those beside it, which the edges cut."""
    for name, side in NEIGHBOURS.items():
        there = plan[name].astype(bool)
        beside = {key: values[there] for key, values in plan.items()}
        beside["label"] = beside[f"{name} label"]
        beside["shift_x"] = beside["shift_x"] + side * (beside["width"] + GAP * size / COLOUR_SIZE)
        columns = slice(0, size // 2) if side < 0 else slice(size // 2, size)
        ink[there, :, columns] = np.maximum(ink[there, :, columns], _ink(beside, size, columns))
    return ink


def _ink(plan: Mapping[str, np.ndarray], size: int, columns: slice = slice(None)) -> np.ndarray:
    """[N, size, columns] float32: 1 within half a stroke's width of a stroke, with an edge of one pixel."""
    y = np.arange(size, dtype=np.float32) + 0.5
    x = y[columns]
    ink = np.empty((len(plan["label"]), size, len(x)), np.float32)
    for label, strokes in enumerate(shapes()):
        of = np.flatnonzero(plan["label"] == label)
        if len(of):
            one = {name: values[of] for name, values in plan.items()}
            nearest = np.full((len(of), size, len(x)), np.inf, np.float32)
            for stroke in strokes:
                lower(nearest, _place(stroke, one, size), x, y)
            ink[of] = np.clip(one["stroke_width"][:, None, None] / 2 - np.sqrt(nearest) + 0.5, 0, 1)
    return ink


def _place(stroke: np.ndarray, plan: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """[N, K, 2] float32 (x, y) in pixels of a stroke's K points [K, 2] in the unit box."""
    centre = size / 2
    across = (plan["width"] - plan["stroke_width"])[:, None] * (stroke[:, 0] - 0.5)
    down = (plan["height"] - plan["stroke_width"])[:, None] * (stroke[:, 1] - 0.5)
    x = centre + plan["shift_x"][:, None] + across - np.tan(plan["slant"])[:, None] * down
    y = centre + plan["shift_y"][:, None] + down
    return np.stack([x, y], -1).astype(np.float32)
