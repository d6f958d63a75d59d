"""Images made from others, by name: what a model should find strange, without a file of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from stratiform.data.batches import mix
from stratiform.data.split import Data, Split, chosen

Make = Callable[[np.ndarray, int, np.ndarray, int], np.ndarray]
"""(images uint8 [N, C, H, W], grid, rows asked for, seed) -> images of the same shape, whose other rows are free."""


def flipped(images: np.ndarray, grid: int, rows: np.ndarray, seed: int) -> np.ndarray:
    """Left and right exchanged."""
    return images[..., ::-1]


def inverted(images: np.ndarray, grid: int, rows: np.ndarray, seed: int) -> np.ndarray:
    """Black and white exchanged: k becomes grid - 1 - k."""
    made = np.zeros(images.shape, np.uint8)  # pages that are never written take no memory
    made[rows] = grid - 1 - images[rows]
    return made


def noise(images: np.ndarray, grid: int, rows: np.ndarray, seed: int) -> np.ndarray:
    """Every value uniform among the grid's levels; image i a function of (seed, i) alone."""
    made = np.zeros(images.shape, np.uint8)
    for i in rows:
        made[i] = np.random.default_rng(mix(seed, int(i))).integers(grid, size=images.shape[1:], dtype=np.uint8)
    return made


DERIVED: dict[str, Make] = {"flipped": flipped, "inverted": inverted, "noise": noise}


def derive(
    data: Data, name: str, split: Literal["train", "test"] = "test", *, limit: int | None = None, seed: int = 0
) -> Data:
    """`data` in which the images of one split are made from its own, each in its own place.

    Args:
        name: one of DERIVED.
        limit: only so many images will be asked for, those that `chosen` chooses.
        seed: of the noise.
    """
    own = data.train if split == "train" else data.test
    images = DERIVED[name](own.images, data.grid, chosen(len(own), limit), seed)
    made = Split(images, None if name == "noise" else own.labels, {})
    return replace(data, train=made) if split == "train" else replace(data, test=made)
