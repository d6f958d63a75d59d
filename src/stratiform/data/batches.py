"""Batches of float images: the order from (seed, epoch), the noise from (seed, step) or from (seed, image)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Literal, Self

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
    left out. Several processes share each batch: together they have the images, and the noise, of a single one.

    Args:
        size: images of a batch, of all processes together.
        rank, world: which process this is, of how many.
        parts: in how many parts each process takes its share; part by part, together they have the batch's rows in
            order. `size` is a multiple of parts * world.
    """

    def __init__(
        self,
        data: Data,
        size: int,
        *,
        seed: int,
        rank: int = 0,
        world: int = 1,
        parts: int = 1,
        device: str | torch.device = "cpu",
    ):
        self.data, self.size, self.seed, self.device = data, size, seed, torch.device(device)
        self._mine = slice(None) if world == 1 else np.arange(size).reshape(parts, world, -1)[:, rank].reshape(-1)
        self._order = lru_cache(maxsize=2)(self._shuffle)

    def at(self, step: int) -> Tensor:
        """float [size / world, C, H, W]: a function of (seed, step) and of the rows' places: no state."""
        start = step * self.size
        k = self.data.train.rows(self.indices(start, start + self.size)[self._mine]).to(self.device)
        u = None
        if is_random(self.data):
            generator = torch.Generator(self.device).manual_seed(mix(self.seed, TRAINING, step, 0))
            u = torch.rand((self.size, *k.shape[1:]), generator=generator, device=self.device)[self._mine]
        return _dressed(k, self.data, u)

    def indices(self, start: int, stop: int) -> np.ndarray:
        """Which images are the start-th to the stop-th shown, counted over all epochs."""
        count = len(self.data.train)
        epochs = range(start // count, (stop - 1) // count + 1)
        parts = [self._order(epoch)[max(start - epoch * count, 0) : stop - epoch * count] for epoch in epochs]
        return np.concatenate(parts)

    def _shuffle(self, epoch: int) -> np.ndarray:
        return np.random.default_rng(mix(self.seed, ORDER, epoch)).permutation(len(self.data.train))


class Ahead:
    """Batches made one step ahead, by a thread, while the step before is computed.

    Args:
        batches: what each step is given; a function of the step alone, so nothing is lost where training stops.
        until: the step after the last.

    Attributes:
        waited: seconds that steps have waited for their batch.
    """

    def __init__(self, batches: Batches, until: int) -> None:
        self.batches, self.until, self.waited = batches, until, 0.0
        self._thread = ThreadPoolExecutor(1, "batches")
        self._coming: tuple[int, Future[Tensor]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def at(self, step: int) -> Tensor:
        """As `Batches.at`; steps are asked for in order."""
        began = time.perf_counter()
        if self._coming is None or self._coming[0] != step:
            self._coming = step, self._thread.submit(self.batches.at, step)
        x = self._coming[1].result()
        self.waited += time.perf_counter() - began
        if step + 1 < self.until:
            self._coming = step + 1, self._thread.submit(self.batches.at, step + 1)
        return x


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
