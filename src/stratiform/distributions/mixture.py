"""A mixture of discretised logistics with coupled channels (PixelCNN++: Salimans et al. 2017, Eqs 2 and 3).

One component per pixel, shared by its channels; the means of a channel move with the channels before it:

    mu_c = m_c + sum over d < c of a_cd x_d,  x on [-1, 1],  a = tanh(raw)
    log p(pixel) = logsumexp_k [ log softmax(pi)_k + sum_c log P(x_c | mu_ck, s_ck) ]

The masses are exact in log space. `dialect="openai"` computes them as the reference code does (see `logistic.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Literal

import torch
from torch import Generator, Tensor

from stratiform.distributions.families import Logistic
from stratiform.distributions.image import Binned
from stratiform.distributions.logistic import openai_mass
from stratiform.distributions.softmax import choose
from stratiform.distributions.tools import clamp_log_scale, total

MASS: dict[str, Callable[[Binned, Tensor], Tensor]] = {"exact": Binned.log_mass, "openai": openai_mass}


def outputs(channels: int, mixtures: int) -> int:
    """How many numbers per pixel a network must give: K (1 + 2 C + C (C - 1) / 2); 10 K for colour, 3 K for grey."""
    return mixtures * (1 + 2 * channels + channels * (channels - 1) // 2)


@dataclass(frozen=True)
class Mixture:
    """Means and scales are on the axis [-1, 1] of the paper, the images on [0, 1]."""

    logits: Tensor  # pi, [B, K, H, W]
    means: Tensor  # m, [B, K, C, H, W]
    log_scales: Tensor  # log s, [B, K, C, H, W]
    couplings: Tensor  # a, [B, K, C (C - 1) / 2, H, W]: a_10, a_20, a_21, ...
    _: KW_ONLY
    bins: int
    dialect: Literal["exact", "openai"] = "exact"

    @classmethod
    def from_raw(cls, raw: Tensor, channels: int, bins: int, dialect: Literal["exact", "openai"] = "exact") -> Mixture:
        """A network's outputs [B, P, H, W] with P = `outputs(channels, K)`: pi, m, log s, a."""
        k, pairs = raw.shape[1] // outputs(channels, 1), channels * (channels - 1) // 2
        ends = [k, k + k * channels, k + 2 * k * channels]

        def part(first: int, after: int | None, each: int) -> Tensor:
            return raw[:, first:after].reshape(len(raw), k, each, *raw.shape[2:])

        return cls(
            logits=raw[:, :k],
            means=part(ends[0], ends[1], channels),
            log_scales=clamp_log_scale(part(ends[1], ends[2], channels)),
            couplings=torch.tanh(part(ends[2], None, pairs)),
            bins=bins,
            dialect=dialect,
        )

    def log_prob_each(self, x: Tensor) -> Tensor:
        seen = 2.0 * x[:, None] - 1.0
        channels = [self._mean(c, seen[:, :, :c]) for c in range(x.shape[1])]
        masses = MASS[self.dialect](self._binned(torch.stack(channels, 2), self.log_scales), x[:, None])
        return (self.logits.log_softmax(1) + masses.sum(2)).logsumexp(1)

    def log_prob(self, x: Tensor) -> Tensor:
        return total(self.log_prob_each(x))

    def sample(self, generator: Generator | None = None, temperature: float = 1.0) -> Tensor:
        """The component, then channel after channel, each on the grid before the next one reads it."""
        component = choose(self.logits, 1, generator, temperature)
        return self._of(component[:, None], partial(Binned.sample, generator=generator, temperature=temperature))

    @property
    def mean(self) -> Tensor:
        """The location of the likeliest component."""
        return self._of(self.logits.argmax(1, keepdim=True), lambda channel: channel.mean.clamp(0.0, 1.0))

    def _of(self, component: Tensor, value: Callable[[Binned], Tensor]) -> Tensor:
        """[B, 1, H, W] indices -> `value` of each channel in turn, [B, C, H, W]."""
        parts = (self.logits, self.means, self.log_scales, self.couplings)
        here = Mixture(*(_take(part, component) for part in parts), bins=self.bins)
        drawn: list[Tensor] = []
        for c in range(self.means.shape[2]):
            seen = 2.0 * torch.stack(drawn, 2) - 1.0 if drawn else here.means[:, :, :0]
            drawn.append(value(here._binned(here._mean(c, seen), here.log_scales[:, :, c])))
        return torch.cat(drawn, 1)

    def _mean(self, c: int, seen: Tensor) -> Tensor:
        """mu_c [B, K, H, W], from the channels before it [B, 1, c, H, W]."""
        first = c * (c - 1) // 2
        return self.means[:, :, c] + (self.couplings[:, :, first : first + c] * seen).sum(2)

    def _binned(self, mean: Tensor, log_scale: Tensor) -> Binned:
        return Binned(Logistic(), 0.5 * (mean + 1.0), log_scale - math.log(2.0), self.bins)


def _take(part: Tensor, component: Tensor) -> Tensor:
    """[B, K, ..., H, W] -> [B, 1, ..., H, W], the chosen component of every pixel."""
    index = component if part.ndim == 4 else component[:, :, None].expand(-1, -1, part.shape[2], -1, -1)
    return part.gather(1, index)
