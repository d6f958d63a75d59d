"""Symmetric location-scale families in standard units, t = (value - mean) / scale, exact in every tail.

Each family answers four questions, and `image.py` makes both densities and binned likelihoods of them. By symmetry a
bin is moved to the upper side before its mass is taken, so that no two masses near 1 are ever subtracted.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from stratiform.distributions.tools import log1mexp

LOG_2 = math.log(2.0)
HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class Family(Protocol):
    """All elementwise, in nats."""

    def log_density(self, t: Tensor) -> Tensor:
        """log f(t)"""
        ...

    def log_survival(self, t: Tensor) -> Tensor:
        """log P(T > t)"""
        ...

    def log_masses(self, middle: Tensor, half: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log P(T < middle + half), log P(T > middle - half), log P(both): of a bin 2 half wide."""
        ...

    def quantile(self, u: Tensor) -> Tensor:
        """t with P(T < t) = u, for u in (0, 1): the sampler."""
        ...


class Laplace:
    """f(t) = exp(-|t|) / 2"""

    def log_density(self, t: Tensor) -> Tensor:
        return -t.abs() - LOG_2

    def log_survival(self, t: Tensor) -> Tensor:
        return torch.where(t > 0, -t - LOG_2, torch.log1p(-0.5 * torch.exp(t.clamp(max=0.0))))

    def log_masses(self, middle: Tensor, half: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        lower, width = middle.abs() - half, 2.0 * half
        beyond = -lower - LOG_2 + log1mexp(width)  # both ends on one side of the mode
        below, above = lower.clamp(max=0.0), (lower + width).clamp(min=0.0)
        around = torch.log(-0.5 * (torch.expm1(below) + torch.expm1(-above)))
        both = torch.where(lower >= 0, beyond, around)
        return self.log_survival(-middle - half), self.log_survival(middle - half), both

    def quantile(self, u: Tensor) -> Tensor:
        centred = u - 0.5
        return -torch.sign(centred) * torch.log1p(-2.0 * centred.abs())


class Normal:
    """f(t) = exp(-t^2 / 2) / sqrt(2 pi)"""

    def log_density(self, t: Tensor) -> Tensor:
        return -0.5 * t**2 - HALF_LOG_2PI

    def log_survival(self, t: Tensor) -> Tensor:
        log_survival: Tensor = torch.special.log_ndtr(-t)
        return log_survival

    def log_masses(self, middle: Tensor, half: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        from_lower, from_upper = self.log_survival(middle.abs() - half), self.log_survival(middle.abs() + half)
        both = from_lower + log1mexp(from_lower - from_upper)
        return self.log_survival(-middle - half), self.log_survival(middle - half), both

    def quantile(self, u: Tensor) -> Tensor:
        quantile: Tensor = torch.special.ndtri(u)
        return quantile


class Logistic:
    """F(t) = sigmoid(t); log(F(b) - F(a)) = log F(b) + log F(-a) + log(1 - e^(a - b)) for a < b."""

    def log_density(self, t: Tensor) -> Tensor:
        return F.logsigmoid(t) + F.logsigmoid(-t)

    def log_survival(self, t: Tensor) -> Tensor:
        return F.logsigmoid(-t)

    def log_masses(self, middle: Tensor, half: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        below, above = F.logsigmoid(half + middle), F.logsigmoid(half - middle)
        return below, above, below + above + torch.log(-torch.expm1(-2.0 * half))

    def quantile(self, u: Tensor) -> Tensor:
        return torch.logit(u)
