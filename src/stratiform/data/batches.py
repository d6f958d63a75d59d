"""Batches of float images: the order from (seed, epoch), the noise from (seed, step, rank) or from (seed, image)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor

from stratiform.data.split import Data, chosen

ORDER, TRAINING, EVALUATION = range(3)  # what a seed is for
FINE = 2**16  # steps of u that float32 still tells apart beside 255, lest k + u be rounded up to k + 1
_MASK = 2**64 - 1


def mix(seed: int, *words: int) -> int:
    """A seed of 63 bits that depends on every word and on their order (SplitMix64)."""
    state = 0
    for word in (seed, *words):
        state = _scramble(state ^ _scramble(word & _MASK))
    return state >> 1


def _scramble(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def is_random(data: Data) -> bool:
    """Does dressing draw noise?"""
    return data.config.binarise == "dynamic" or data.config.dequantise


def dress(k: Tensor, data: Data, generator: Generator | None = None) -> Tensor:
    """uint8 k [B, C, H, W] -> float images in [0, 1], binarised or dequantised as `data.config` says."""
    u = torch.rand(k.shape, generator=generator, device=k.device) if is_random(data) else None
    return _dressed(k, data, u)


def _dressed(k: Tensor, data: Data, u: Tensor | None) -> Tensor:
    """u: uniform on [0, 1), the shape of k, or None where none is needed."""
    if u is None:
        return k.float() / (data.grid - 1)
    if data.config.dequantise:
        return (k.float() + (u * FINE).floor() / FINE) / data.grid
    return (u < k.float() / (data.grid - 1)).float()


def grey_levels(images: Tensor, grid: int, dequantised: bool = False) -> Tensor:
    """The inverse of dressing: float images in [0, 1] -> uint8, the nearest of the grid's levels."""
    steps = images * grid if dequantised else images * (grid - 1) + 0.5
    return steps.floor().clamp(0, grid - 1).to(torch.uint8)


class Batches:
    """Training batches, without end.

    Every epoch shows each image once, in a new order; batches run on over its end, so none is short and no image is
    left out. The batches of all ranks together are those of one process with a batch `world` times as large.
    """

    def __init__(
        self, data: Data, size: int, *, seed: int, rank: int = 0, world: int = 1, device: str | torch.device = "cpu"
    ):
        self.data, self.size, self.seed = data, size, seed
        self.rank, self.world, self.device = rank, world, torch.device(device)
        self._order = lru_cache(maxsize=2)(self._shuffle)

    def at(self, step: int) -> Tensor:
        """float [size, C, H, W]: a function of (seed, step, rank) alone, so that resuming needs no state."""
        start = (step * self.world + self.rank) * self.size
        k = self.data.train.rows(self.indices(start, start + self.size)).to(self.device)
        generator = torch.Generator(self.device).manual_seed(mix(self.seed, TRAINING, step, self.rank))
        return dress(k, self.data, generator)

    def indices(self, start: int, stop: int) -> np.ndarray:
        """Which images are the start-th to the stop-th shown, counted over all epochs."""
        count = len(self.data.train)
        epochs = range(start // count, (stop - 1) // count + 1)
        parts = [self._order(epoch)[max(start - epoch * count, 0) : stop - epoch * count] for epoch in epochs]
        return np.concatenate(parts)

    def _shuffle(self, epoch: int) -> np.ndarray:
        return np.random.default_rng(mix(self.seed, ORDER, epoch)).permutation(len(self.data.train))


def in_order(
    data: Data,
    split: Literal["train", "test"] = "test",
    *,
    size: int = 256,
    limit: int | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> Iterator[Tensor]:
    """Evaluation batches, float [at most size, C, H, W], in the order of the split.

    Noise depends on (seed, index of the image in the split) alone: the same images whatever the batch size or the
    limit, which chooses as `split.chosen` does.
    """
    images = data.train if split == "train" else data.test
    indices = chosen(len(images), limit)
    generator = torch.Generator()
    for start in range(0, len(indices), size):
        rows = indices[start : start + size]
        k, u = images.rows(rows), None
        if is_random(data):
            seeds = (mix(seed, EVALUATION, int(i)) for i in rows)
            u = torch.stack([torch.rand(k.shape[1:], generator=generator.manual_seed(s)) for s in seeds])
        yield _dressed(k, data, u).to(device)
