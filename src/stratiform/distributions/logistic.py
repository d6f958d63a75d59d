"""The discretised logistic in the dialects of the papers, for parity; this library's own is `Binned(Logistic())`.

PixelCNN++ (Salimans et al. 2017): bins centred at k / (b - 1), open tails. Its code replaces a mass below 1e-5 by
density times width, off by up to 2.15 nats at log-scale -7. IAF (Kingma et al. 2016): b equal cells without tails,
plus 1e-7 per cell. AGAVE, Eq. 8 (Lucas and Verbeek 2018): the same cells without the 1e-7.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from stratiform.distributions.families import Logistic
from stratiform.distributions.image import Binned
from stratiform.distributions.tools import total

OPENAI_SMALLEST = 1e-5
IAF_LEAK = 1e-7


@dataclass(frozen=True)
class Dialect:
    """A binned likelihood whose masses are computed as a paper's code computes them: they need not sum to 1."""

    exact: Binned
    log_mass: Callable[[Binned, Tensor], Tensor]

    def log_prob_each(self, x: Tensor) -> Tensor:
        return self.log_mass(self.exact, x).sum(1)

    def log_prob(self, x: Tensor) -> Tensor:
        return total(self.log_prob_each(x))

    def sample(self, generator: Generator | None = None, temperature: float = 1.0) -> Tensor:
        return self.exact.sample(generator, temperature)

    @property
    def mean(self) -> Tensor:
        return self.exact.mean


def openai(mean: Tensor, log_scale: Tensor, bins: int) -> Dialect:
    """PixelCNN++'s code: sums to 1 within 1e-5."""
    return Dialect(Binned(Logistic(), mean, log_scale, bins), openai_mass)


def iaf(mean: Tensor, log_scale: Tensor, bins: int) -> Dialect:
    """IAF's code: sums to the logistic's mass within [0, 1], plus 1e-7 per level."""
    return Dialect(Binned(Logistic(), mean, log_scale, bins, "cells", "cut"), _iaf_mass)


def cells(mean: Tensor, log_scale: Tensor, bins: int) -> Binned:
    """AGAVE's Eq. 8 with open tails: sums to 1; the cells of fewer levels are made of whole cells of more."""
    return Binned(Logistic(), mean, log_scale, bins, "cells")


def agave(mean: Tensor, log_scale: Tensor, bins: int) -> Binned:
    """AGAVE's Eq. 8 as printed: sums to the logistic's mass within [0, 1]."""
    return Binned(Logistic(), mean, log_scale, bins, "cells", "cut")


def openai_mass(exact: Binned, x: Tensor) -> Tensor:
    """Elementwise, as `Binned.log_mass`; a mass below 1e-5 is density times width."""
    step = 1.0 / (exact.bins - 1)
    mass = exact.log_mass(x)
    offset = (x - exact.mean) * torch.exp(-exact.log_scale)
    density = Logistic().log_density(offset) - exact.log_scale + math.log(step)
    inside = (x > 0.5 * step) & (x < 1.0 - 0.5 * step)
    return torch.where(inside & (mass <= math.log(OPENAI_SMALLEST)), density, mass)


def _iaf_mass(exact: Binned, x: Tensor) -> Tensor:
    mass = exact.log_mass(x)
    return torch.logaddexp(mass, torch.full_like(mass, math.log(IAF_LEAK)))
