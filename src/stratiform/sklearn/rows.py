"""Rows of features, as scikit-learn has them, and images, as models have them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from stratiform.errors import UserError

REACH = 4.0  # standard deviations on each side of the mean that [0, 1] holds; what lies beyond is not cut off


@dataclass(frozen=True, eq=False)
class Rows:
    """x = shift + scale u between a row x [D] and an image u [C, H, W] near [0, 1].

    Attributes:
        shape: [C, H, W], D = C H W.
        shift, scale: float64 [D].
        density: rows are continuous, and log p(x) = log p(u) - sum log scale is the log of a density; else of a mass.
    """

    shape: tuple[int, int, int]
    shift: np.ndarray
    scale: np.ndarray
    density: bool

    @classmethod
    def standardised(cls, x: np.ndarray, shape: tuple[int, int, int]) -> Self:
        """From rows [n, D]: mean 0, variance 1, then REACH of these on either side of 1/2; constant columns as 0."""
        mean, deviation = x.mean(0), x.std(0)
        deviation = np.where(deviation > 1e-12 * np.maximum(1.0, np.abs(mean)), deviation, 1.0)
        return cls(shape, mean - REACH * deviation, 2.0 * REACH * deviation, density=True)

    @classmethod
    def of_levels(cls, bins: int, shape: tuple[int, int, int]) -> Self:
        """Rows that hold the grey levels 0 ... bins - 1."""
        d = math.prod(shape)
        return cls(shape, np.zeros(d), np.full(d, bins - 1.0), density=False)

    def images(self, x: np.ndarray) -> Tensor:
        """[n, D] -> float64 [n, C, H, W]"""
        return torch.from_numpy(((x - self.shift) / self.scale).reshape(len(x), *self.shape))

    def rows(self, images: Tensor) -> np.ndarray:
        """[n, C, H, W] -> float64 [n, D]"""
        found: np.ndarray = images.double().flatten(1).numpy() * self.scale + self.shift
        return found

    @property
    def log_volume(self) -> float:
        """What is taken off log p(u) to give log p(x), in nats."""
        return float(np.log(self.scale).sum()) if self.density else 0.0


def shape_of(features: int, asked: Sequence[int] | None) -> tuple[int, int, int]:
    """[C, H, W] of rows of so many features: as asked, (H, W) or (C, H, W); without asking one row of pixels."""
    if asked is None:
        return 1, 1, features
    if len(asked) not in (2, 3) or math.prod(asked) != features:
        raise UserError(
            f"image_shape is {tuple(asked)}, but a row has {features} features; give (height, width) or (channels, "
            "height, width) whose product that is, or None: no image"
        )
    channels, height, width = (1, *asked) if len(asked) == 2 else asked
    return channels, height, width


def keys(images: Tensor) -> Tensor:
    """A number for each of images [n, C, H, W] that depends on its values alone, int64 [n].

    Noise goes by it, so that what is said of an image depends neither on its place nor on its neighbours.
    """
    values = np.ascontiguousarray(images.double().numpy()) + 0.0  # -0.0 is 0.0
    digests = (hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in values)
    return torch.tensor([int.from_bytes(digest, "little", signed=True) for digest in digests], dtype=torch.int64)
