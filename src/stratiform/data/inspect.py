"""What is in a set: counts, sizes, levels really used, duplicates, and a sheet to look at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from stratiform.data.config import DataConfig
from stratiform.data.source import find, load
from stratiform.data.split import Data, Split, chosen
from stratiform.spec import ImageSpec

CHUNK = 1024
MOST_CLASSES = 50  # of which each is counted by name
COLUMNS, ROWS, GAP = 16, 6, 1
TILE = 48  # pixels: small images are enlarged to at least this, large ones reduced to twice as much


def describe(config: DataConfig) -> dict[str, Any]:
    """A JSON-able summary of a source as `config` sees it."""
    data = load(config)
    train, test = _digests(data.train), _digests(data.test)
    return {
        "source": config.source,
        "title": find(config.source).title,
        "train": len(data.train),
        "test": len(data.test),
        "channels": data.spec.channels,
        "height": data.spec.height,
        "width": data.spec.width,
        "dimensions": data.spec.dimensions,
        "levels": data.grid,
        "levels_used": _levels_used(data),
        "likelihoods": likelihoods(data.spec),
        "duplicates_in_train": len(train) - len(np.unique(train)),
        "duplicates_in_test": len(test) - len(np.unique(test)),
        "test_also_in_train": int(np.isin(test, train).sum()),
        "classes": len(data.class_names) if data.train.labels is not None else None,
        "images_per_class": _per_class(data),
        "attributes": sorted(data.train.factors),
        "notes": list(data.notes),
    }


def likelihoods(spec: ImageSpec) -> list[str]:
    """Names of those that are distributions over such images."""
    if spec.bins == 2:
        return ["bernoulli"]  # others are, too, and say the same with more parameters
    continuous = ["laplace", "gaussian", "logistic"]
    return continuous if spec.bins is None else [*continuous, "softmax", "mixture"]


def contact_sheet(data: Data) -> Image.Image:
    """16 x 6 training images, or as many as there are, as stored."""
    rows = chosen(len(data.train), COLUMNS * ROWS)
    spec, side = data.spec, max(data.spec.height, data.spec.width)
    scale = -(-TILE // side) if side <= 2 * TILE else 2 * TILE / side
    tile = round(spec.width * scale), round(spec.height * scale)
    down = -(-len(rows) // COLUMNS)
    sheet = Image.new("RGB", ((tile[0] + GAP) * min(COLUMNS, len(rows)) + GAP, (tile[1] + GAP) * down + GAP), "grey")
    for i, k in enumerate(data.train.rows(rows).numpy()):
        pixels = np.rint(k * (255 / (data.grid - 1))).astype(np.uint8).transpose(1, 2, 0)
        picture = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
        picture = picture.resize(tile, Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.HAMMING)
        sheet.paste(picture, (GAP + i % COLUMNS * (tile[0] + GAP), GAP + i // COLUMNS * (tile[1] + GAP)))
    return sheet


def _blocks(split: Split) -> Iterator[np.ndarray]:
    return (split.images[start : start + CHUNK] for start in range(0, len(split), CHUNK))


def _digests(split: Split) -> np.ndarray:
    """[N] a hash of each image's pixels."""
    hashes = (hashlib.blake2b(image.tobytes(), digest_size=16).digest() for block in _blocks(split) for image in block)
    return np.array(list(hashes), "V16") if len(split) else np.empty(0, "V16")


def _levels_used(data: Data) -> int:
    """How many different values occur."""
    used = np.zeros(data.grid, bool)
    for block in (*_blocks(data.train), *_blocks(data.test)):
        used |= np.bincount(block.ravel(), minlength=data.grid) > 0
    return int(used.sum())


def _per_class(data: Data) -> dict[str, int] | None:
    """Training images of each class; of many classes only the extremes."""
    if data.train.labels is None:
        return None
    counts = np.bincount(data.train.labels, minlength=len(data.class_names)).tolist()
    if len(counts) > MOST_CLASSES:
        return {"fewest": min(counts), "most": max(counts)}
    return dict(zip(data.class_names, counts, strict=True))
