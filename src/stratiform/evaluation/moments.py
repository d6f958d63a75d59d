"""Mean and variance of what comes in batches; means with their standard errors, and of paired differences.

Some images are hard for every model, so that bounds of two models vary together over images. The standard error of the
mean of their differences leaves that common part out; it is far smaller than the two models' own errors suggest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


class Moments:
    """Running mean and variance over images of float64 [B, ...] (Chan, Golub, LeVeque 1979)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = torch.zeros((), dtype=torch.float64)

    def add(self, values: Tensor) -> None:
        count, mean = self.count + len(values), values.mean(0)
        step = mean - self.mean
        self.squares = self.squares + ((values - mean) ** 2).sum(0) + step**2 * (self.count * len(values) / count)
        self.mean = self.mean + step * (len(values) / count)
        self.count = count

    @property
    def variance(self) -> Tensor:
        return self.squares / self.count

    def stderr(self) -> float | None:
        """Of the mean; None of a single image."""
        if self.count < 2:
            return None
        return math.sqrt(self.squares.item() / (self.count - 1) / self.count)


@dataclass(frozen=True)
class Mean:
    """A mean over images, and its standard error: None of a single image."""

    value: float
    stderr: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """values: [N]."""
        moments = Moments()
        moments.add(torch.tensor(values, dtype=torch.float64))
        return cls(moments.mean.item(), moments.stderr())


def paired(own: Sequence[float], other: Sequence[float]) -> Mean:
    """Mean of own - other over the same images, [N] each, with the standard error of that difference."""
    return Mean.of([a - b for a, b in zip(own, other, strict=True)])
