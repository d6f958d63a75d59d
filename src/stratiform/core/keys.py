"""Random bits that are a pure function of a key: SplitMix64 (Steele, Lea, Flood 2014) on int64 tensors."""

from __future__ import annotations

import torch
from torch import Tensor

GOLDEN, FIRST, SECOND = (word - (1 << 64) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def scrambled(word: Tensor) -> Tensor:
    """SplitMix64's finaliser, a bijection on 64 bits; int64 multiplication wraps."""
    word = (word ^ _shifted(word, 30)) * FIRST
    word = (word ^ _shifted(word, 27)) * SECOND
    return word ^ _shifted(word, 31)


def uniform(key: Tensor, count: int) -> Tensor:
    """int64 keys [B] -> `count` numbers in (0, 1) of each stream, 52 bits each, [B, count] float64."""
    units = torch.arange(1, count + 1, device=key.device)
    bits = scrambled(scrambled(key)[:, None] + units * GOLDEN)
    return (_shifted(bits, 12).double() + 0.5) * 2.0**-52


def of_images(x: Tensor) -> Tensor:
    """Images [B, C, H, W] in [0, 1] -> int64 keys [B] of what they show, to 1/65535 of the range."""
    values = (x.detach().flatten(1).double() * 65535.0).round().long()
    places = torch.arange(1, values.shape[1] + 1, device=x.device)
    return scrambled((scrambled(places * GOLDEN) * (values + 1)).sum(1))


def _shifted(word: Tensor, by: int) -> Tensor:
    """The logical shift to the right of a signed word."""
    return (word >> by) & ((1 << (64 - by)) - 1)
