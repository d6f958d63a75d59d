"""What can be measured on an image itself: on strokes (grey) and on pictures (colour)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from stratiform.data import cache
from stratiform.data.pictures import NAMES as OF_PICTURES
from stratiform.data.pictures import measure_pictures
from stratiform.data.split import Split
from stratiform.data.strokes import NAMES as OF_STROKES
from stratiform.data.strokes import measure_strokes

VERSION = 1  # of the definitions: a new one is measured anew


def names(channels: int) -> tuple[str, ...]:
    """What `measure` returns for images of so many channels."""
    return OF_STROKES if channels == 1 else OF_PICTURES


def measure(k: np.ndarray, grid: int) -> dict[str, np.ndarray]:
    """k: uint8 [N, C, H, W], grey levels 0 ... grid - 1. name -> float64 [N], NaN where nothing can be measured."""
    bytes_ = k if grid == 256 else np.rint(k * (255 / (grid - 1))).astype(np.uint8)
    return measure_strokes(bytes_[:, 0]) if k.shape[1] == 1 else measure_pictures(bytes_)


def measured(split: Split, grid: int, folder: Path | None = None) -> dict[str, np.ndarray]:
    """`measure` on a whole split, kept in the cache folder: the same images are measured once."""
    content = hashlib.blake2b(f"{VERSION} {grid} {split.images.shape}".encode(), digest_size=16)
    for start in range(0, len(split), 1024):
        content.update(np.ascontiguousarray(split.images[start : start + 1024]))
    path = cache.folder(folder) / f"measured-{content.hexdigest()}.safetensors"
    found = cache.read(path)
    if found is None:
        values = measure(split.images, grid)
        cache.write(path, {name: cache.Stream.of(value) for name, value in values.items()}, {})
        return values
    return {name: np.array(value) for name, value in found.arrays.items()}
