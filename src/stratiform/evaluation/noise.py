"""Standard normal noise that is a pure function of (seed, image, sample, level, unit).

A bound made from it depends on neither the batch, nor the chunk, nor the order in which images come, nor the device.
The stream of every (image, sample, level) has a key of its own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from stratiform.core.hierarchy import Draw
from stratiform.core.keys import GOLDEN, scrambled, uniform


def keyed(seed: int, image: Tensor, sample: Tensor) -> Draw:
    """The draw whose row r has the noise of (image[r], sample[r]): z ~ q, independent of the other rows.

    Args:
        seed: any integer.
        image: the index of each row's image, int64 [B].
        sample: which of the image's draws each row is, int64 [B].
    """
    return lambda level, q: q.draw(standard_normal(seed, level, image, sample, q.mean.shape[1:]).to(q.mean))


def standard_normal(seed: int, level: int, image: Tensor, sample: Tensor, shape: tuple[int, ...]) -> Tensor:
    """[B, *shape] float64, row r a function of (seed, level, image[r], sample[r]) alone, 52 bits each."""
    key = torch.full_like(image, _signed(seed))
    for word in (level, image, sample):
        key = scrambled(key + GOLDEN) ^ word
    return torch.special.ndtri(uniform(key, math.prod(shape))).view(-1, *shape)


def _signed(seed: int) -> int:
    """Any integer as a signed 64-bit one."""
    return (seed + (1 << 63)) % (1 << 64) - (1 << 63)
