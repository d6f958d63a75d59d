"""What every distribution here offers, and the arithmetic that they share. All logarithms are natural."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Generator, Tensor

LOG_SCALE_MIN, LOG_SCALE_MAX = -7.0, 7.0  # the one clamp of a network's log-scales


class Distribution(Protocol):
    """A distribution of one level's z, elementwise: a value made of tensors [B, ...], not a module."""

    def draw(
        self, noise: Tensor | None = None, temperature: float = 1.0, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """z and log p(z), both [B, ...]; the density is taken at the draw, so that a flow need not be inverted.

        `noise` is standard normal, [B, ...]; drawn here where it is not given, from `generator` where that is given.
        """
        ...

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z), [B, ...], in nats."""
        ...

    @property
    def mean(self) -> Tensor:
        """E[z], [B, ...]; what a code is made of."""
        ...


def total(each: Tensor) -> Tensor:
    """[B, ...] -> [B]: the sum over everything but the batch."""
    return each.flatten(1).sum(1)


def clamp_log_scale(raw: Tensor) -> Tensor:
    """A network's log-scale kept in [-7, 7]; in float32 at least."""
    return at_least_float(raw).clamp(LOG_SCALE_MIN, LOG_SCALE_MAX)


def at_least_float(raw: Tensor) -> Tensor:
    """Densities are computed in float32 or better, whatever the network's type."""
    return raw if raw.dtype == torch.float64 else raw.float()


def log1mexp(a: Tensor) -> Tensor:
    """log(1 - exp(-a)) for a > 0, without loss at either end (Maechler 2012), its gradient finite."""
    small = a < math.log(2.0)
    near = torch.log(-torch.expm1(-torch.where(small, a, torch.ones_like(a))))
    far = torch.log1p(-torch.exp(-torch.where(small, torch.ones_like(a), a)))
    return torch.where(small, near, far)
