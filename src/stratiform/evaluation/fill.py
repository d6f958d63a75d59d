"""What fills a hole without a model: the usual pixel, and what others show that look alike around it.

    mean fill          p(x_u | x_k) = prod over hidden values of their marginal histogram in the training images
    nearest neighbours p(x_u | x_k) = 1/K sum_j prod over hidden values of [(1 - e) k(x - t_j) + e / b]

b grey levels; every value, a pixel's channel, is counted by itself. The histograms have half a count more in every
level (Jeffreys). t_j are the K training images nearest to x in the known pixels (squared distance); k is a Laplace of
scale s on the grey levels, cut to them and normalised; e is a uniform floor. K, s and e are those under which training
images with the same kind of hole are likeliest, each given the others (leave-one-out). Both are distributions over
x_u: their masses sum to 1. Continuous images are seen in 256 cells of equal density.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

CELLS = 256
NEIGHBOURS = (1, 3, 10, 30, 100)
FLOORS = (0.003, 0.01, 0.03, 0.1, 0.3)
SCALES = tuple(2.0**-k for k in range(1, 10))  # of the range
AT_ONCE = 1000  # training images compared at once


class Fill(Protocol):
    """A distribution over hidden pixels given known ones."""

    def log_p(self, x: Tensor, known: Tensor) -> float:
        """log p(x_u | x_k) in nats, of an image [C, H, W], known bool [H, W]."""
        ...

    def about(self) -> str: ...


@dataclass(frozen=True)
class Grid:
    """Grey levels 0 ... b - 1 of images in [0, 1]; of continuous ones, cells."""

    bins: int | None

    @property
    def count(self) -> int:
        return self.bins or CELLS

    @property
    def log_density(self) -> float:
        """What a mass's logarithm is short of a density's, per value."""
        return 0.0 if self.bins is not None else math.log(CELLS)

    def levels(self, x: Tensor) -> Tensor:
        """uint8, the shape of x."""
        placed = x * (self.bins - 1) + 0.5 if self.bins is not None else x * CELLS
        return placed.floor().clamp(0, self.count - 1).to(torch.uint8)


@dataclass(frozen=True)
class MeanFill:
    """Every hidden value by itself: its histogram in the training images."""

    grid: Grid
    log_mass: Tensor  # [b, C, H, W] float64
    images: int

    @classmethod
    def of(cls, grid: Grid, levels: Tensor) -> MeanFill:
        """levels: uint8 [P, C, H, W]."""
        counts = torch.stack([(levels == k).sum(0) for k in range(grid.count)]).double() + 0.5
        return cls(grid, (counts / counts.sum(0)).log(), len(levels))

    def log_p(self, x: Tensor, known: Tensor) -> float:
        at = self.grid.levels(x).long()
        mass = self.log_mass.gather(0, at[None])[0][:, ~known]
        return mass.sum().item() + mass.numel() * self.grid.log_density

    def about(self) -> str:
        return f"the histogram of every value in {self.images:,} training images, half a count added to each level"


@dataclass(frozen=True)
class Nearest:
    """What the nearest training images show in the hole."""

    grid: Grid
    levels: Tensor  # of the training images, uint8 [P, C, H, W]
    neighbours: int
    scale: float  # in grey levels
    floor: float

    @classmethod
    def fitted(cls, grid: Grid, levels: Tensor, holes: Callable[[int], Tensor], tried: Sequence[int]) -> Nearest:
        """The likeliest K, scale and floor.

        Args:
            levels: of the training images, uint8 [P, C, H, W], two or more.
            holes: of a training image, the known pixels, bool [H, W].
            tried: which of them are completed given all others.
        """
        counts = [k for k in NEIGHBOURS if k < len(levels)]
        choices = list(itertools.product([scale * grid.count for scale in SCALES], FLOORS))
        tables = [_table(grid.count, *choice) for choice in choices]
        gained = torch.zeros(len(choices), len(counts), dtype=torch.float64)
        for index in tried:
            known = holes(index)
            order = _order(levels, levels[index], known, counts[-1] + 1)
            hidden = levels[order[order != index][: counts[-1]]][:, :, ~known].long()
            truth = levels[index][:, ~known].long()
            for row, table in enumerate(tables):
                each = table[hidden, truth].flatten(1).sum(1)
                gained[row] += torch.stack([each[:k].logsumexp(0) - math.log(k) for k in counts])
        best = int(gained.argmax())
        scale, floor = choices[best // len(counts)]
        return cls(grid, levels, counts[best % len(counts)], scale, floor)

    def log_p(self, x: Tensor, known: Tensor) -> float:
        mine = self.grid.levels(x)
        chosen = _order(self.levels, mine, known, self.neighbours)
        hidden, truth = self.levels[chosen][:, :, ~known].long(), mine[:, ~known].long()
        each = _table(self.grid.count, self.scale, self.floor)[hidden, truth].flatten(1).sum(1)
        return each.logsumexp(0).item() - math.log(len(chosen)) + truth.numel() * self.grid.log_density

    def about(self) -> str:
        return (
            f"{self.neighbours} of {len(self.levels):,} training images, Laplace of {self.scale:.3g} grey levels, "
            f"floor {self.floor:g}"
        )


def _table(count: int, scale: float, floor: float) -> Tensor:
    """log [(1 - e) k(x - t) + e / b] of every t (row) and x, [b, b] float64."""
    level = torch.arange(count, dtype=torch.float64)
    kernel = (-(level[:, None] - level).abs() / scale).softmax(1)
    return ((1.0 - floor) * kernel + floor / count).log()


def _order(levels: Tensor, x: Tensor, known: Tensor, count: int) -> Tensor:
    """The images nearest to x [C, H, W] in the known pixels, the nearest first; of equal ones the earlier first."""
    mine = x[:, known].flatten().float()
    parts = [((part[:, :, known].flatten(1).float() - mine) ** 2).sum(1) for part in levels.split(AT_ONCE)]
    return torch.cat(parts).sort(stable=True).indices[:count]
