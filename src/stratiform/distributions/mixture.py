"""A mixture of discretised logistics with coupled channels (PixelCNN++: Salimans et al. 2017, Eqs 2 and 3).

One component per pixel, shared by its channels; the means of a channel move with the channels before it:

    mu_c = m_c + sum over d < c of a_cd x_d,  x on [-1, 1],  a = tanh(raw)
    log p(pixel) = logsumexp_k [ log softmax(pi)_k + sum_c log P(x_c | mu_ck, s_ck) ]

The masses are exact in log space. `dialect="openai"` computes them as the reference code does (see `logistic.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
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
        each = [1, channels, channels, pairs]
        logits, means, log_scales, couplings = (
            torch.unflatten(part, 1, (k, n))
            for part, n in zip(torch.split(raw.contiguous(), [k * n for n in each], 1), each, strict=True)
        )
        return cls(
            logits=logits[:, :, 0],
            means=means,
            log_scales=clamp_log_scale(log_scales),
            couplings=torch.tanh(couplings),
            bins=bins,
            dialect=dialect,
        )

    def log_prob_each(self, x: Tensor) -> Tensor:
        log_p, channels = self.logits.log_softmax(1), torch.split(x, 1, 1)
        for image, binned in zip(channels, self._channels(channels), strict=True):
            log_p = log_p + MASS[self.dialect](binned, image)
        return log_p.logsumexp(1)

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
        for binned in here._channels(drawn):
            drawn.append(value(binned))
        return torch.cat(drawn, 1)

    def _channels(self, x: Sequence[Tensor]) -> Iterator[Binned]:
        """Every channel [B, K, H, W] in turn, given those before it, [B, 1, H, W] each, by then in x."""
        couplings = iter(self.couplings.unbind(2))
        for c, (mean, log_scale) in enumerate(zip(self.means.unbind(2), self.log_scales.unbind(2), strict=True)):
            for before in x[:c]:
                mean = torch.addcmul(mean, next(couplings), 2.0 * before - 1.0)
            yield Binned(Logistic(), 0.5 * (mean + 1.0), log_scale - math.log(2.0), self.bins)


def _take(part: Tensor, component: Tensor) -> Tensor:
    """[B, K, ..., H, W] -> [B, 1, ..., H, W], the chosen component of every pixel."""
    index = component if part.ndim == 4 else component[:, :, None].expand(-1, -1, part.shape[2], -1, -1)
    return part.gather(1, index)
