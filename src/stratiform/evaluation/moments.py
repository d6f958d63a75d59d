"""Mean and variance of what comes in batches."""

from __future__ import annotations

import math

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
