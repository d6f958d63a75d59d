"""Standard normal noise that is a pure function of (seed, image, sample, level, unit).

A bound made from it depends on neither the batch, nor the chunk, nor the order in which images come, nor the device.
The stream of every (image, sample, level) is SplitMix64 (Steele, Lea, Flood 2014) from a key of its own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from stratiform.core.hierarchy import Draw

GOLDEN, FIRST, SECOND = (word - (1 << 64) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


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
        key = _scrambled(key + GOLDEN) ^ word
    units = torch.arange(1, math.prod(shape) + 1, device=image.device)
    bits = _scrambled(_scrambled(key)[:, None] + units * GOLDEN)
    uniform = (_shifted(bits, 12).double() + 0.5) * 2.0**-52
    return torch.special.ndtri(uniform).view(-1, *shape)


def _scrambled(word: Tensor) -> Tensor:
    """SplitMix64's finaliser, a bijection on 64 bits; int64 multiplication wraps."""
    word = (word ^ _shifted(word, 30)) * FIRST
    word = (word ^ _shifted(word, 27)) * SECOND
    return word ^ _shifted(word, 31)


def _shifted(word: Tensor, by: int) -> Tensor:
    """The logical shift to the right of a signed word."""
    return (word >> by) & ((1 << (64 - by)) - 1)


def _signed(seed: int) -> int:
    """Any integer as a signed 64-bit one."""
    return (seed + (1 << 63)) % (1 << 64) - (1 << 63)
