"""Distributions over images: binary, binned (grey levels), and plain densities.

Images are [B, C, H, W] in [0, 1]; every distribution gives log p per pixel, [B, H, W], its channels joined. A binned
likelihood is the mass that a density on the real line puts on each grey level, so its masses sum to 1 over the levels;
a density does not, and is never reported for quantised images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from stratiform.distributions.families import Family
from stratiform.distributions.tools import total


class Image(Protocol):
    """A distribution over images."""

    def log_prob_each(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> log p of every pixel, its channels joined, [B, H, W], in nats."""
        ...

    def log_prob(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> log p(x), [B], in nats."""
        ...

    def sample(self, generator: Generator | None = None, temperature: float = 1.0) -> Tensor:
        """[B, C, H, W], on the grid of the data; the spread of every pixel's distribution times `temperature`."""
        ...

    @property
    def mean(self) -> Tensor | None:
        """What to show, [B, C, H, W] in [0, 1]: the location of every pixel; None where only sampling tells."""
        ...


@dataclass(frozen=True)
class Bernoulli:
    """Binary images: log p = x a - softplus(a)."""

    logits: Tensor  # a, [B, C, H, W]

    def log_prob_each(self, x: Tensor) -> Tensor:
        return (x * self.logits - F.softplus(self.logits)).sum(1)

    def log_prob(self, x: Tensor) -> Tensor:
        return total(self.log_prob_each(x))

    def sample(self, generator: Generator | None = None, temperature: float = 1.0) -> Tensor:
        u = torch.rand(self.logits.shape, generator=generator, dtype=self.logits.dtype, device=self.logits.device)
        return (self.logits > temperature * torch.logit(u)).to(self.logits)

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(self.logits)


@dataclass(frozen=True)
class Density:
    """log f((x - mean) / scale) - log scale: for continuous data, and for training only where asked for by name."""

    family: Family
    mean: Tensor  # [B, C, H, W]
    log_scale: Tensor  # broadcasts to it

    def log_prob_each(self, x: Tensor) -> Tensor:
        return (self.family.log_density((x - self.mean) * torch.exp(-self.log_scale)) - self.log_scale).sum(1)

    def log_prob(self, x: Tensor) -> Tensor:
        return total(self.log_prob_each(x))

    def sample(self, generator: Generator | None = None, temperature: float = 1.0) -> Tensor:
        return _draw(self.family, self.mean, self.log_scale, generator, temperature)


@dataclass(frozen=True)
class Binned:
    """The mass of each grey level k: F(upper edge) - F(lower edge).

    `grid` places the bins: "centred" has level k at k / (b - 1), with half a step on either side (PixelCNN++);
    "cells" cuts [0, 1] into b equal cells (IAF, AGAVE). `tails`: "open" extends the first and the last bin to
    infinity, and the masses sum to 1; "cut" loses what lies outside, as the papers of the "cells" grid print it.
    """

    family: Family
    mean: Tensor  # [B, C, H, W], on the axis of the grid
    log_scale: Tensor  # broadcasts to it
    bins: int
    grid: Literal["centred", "cells"] = "centred"
    tails: Literal["open", "cut"] = "open"

    def log_prob_each(self, x: Tensor) -> Tensor:
        return self.log_mass(x).sum(1)

    def log_prob(self, x: Tensor) -> Tensor:
        return total(self.log_prob_each(x))

    def log_mass(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape, in nats."""
        shrink = torch.exp(-self.log_scale)
        middle, half_bin = (self._centre(x) - self.mean) * shrink, 0.5 * self._step() * shrink
        lowest, highest, inner = self.family.log_masses(middle, half_bin)
        if self.tails == "cut":
            return inner
        half = 0.5 / (self.bins - 1)
        return torch.where(x < half, lowest, torch.where(x > 1.0 - half, highest, inner))

    def sample(self, generator: Generator | None = None, temperature: float = 1.0) -> Tensor:
        """The level whose bin a draw falls into: exact for open tails; what "cut" loses goes to the edge levels."""
        value = _draw(self.family, self.mean, self.log_scale, generator, temperature)
        top = self.bins - 1
        level = torch.round(value * top) if self.grid == "centred" else torch.floor(value * self.bins)
        return level.clamp(0, top) / top

    def _centre(self, x: Tensor) -> Tensor:
        return x if self.grid == "centred" else (x * (self.bins - 1) + 0.5) / self.bins

    def _step(self) -> float:
        return 1.0 / (self.bins - 1) if self.grid == "centred" else 1.0 / self.bins


def _draw(family: Family, mean: Tensor, log_scale: Tensor, generator: Generator | None, temperature: float) -> Tensor:
    u = torch.rand(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
    tiny = torch.finfo(u.dtype).eps
    return mean + family.quantile(u.clamp(tiny, 1.0 - tiny)) * torch.exp(log_scale) * temperature
