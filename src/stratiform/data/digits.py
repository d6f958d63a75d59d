"""scikit-learn's 1,797 handwritten digits: 8 x 8, 17 grey levels; no network needed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from stratiform.data.config import DataConfig
from stratiform.data.listing import Item, Listing

ROUND = 3  # every third image is for testing: a tenth would be too few to probe


def read_digits(config: DataConfig) -> Listing:
    """1,198 images for training, 599 for testing."""
    return Listing(
        identity="digits 1",
        splits={"train": partial(_items, test=False), "test": partial(_items, test=True)},
        class_names=tuple("0123456789"),
        levels=17,
    )


def _items(test: bool) -> Iterator[Item]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    for i, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        if (i % ROUND == ROUND - 1) == test:
            yield Item(f"digit {i}", image.astype(np.uint8), str(label))
