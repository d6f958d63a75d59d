"""What is minimised. A bound is reported without weights; the weights live here.

`beta`, 0-d, is the weight of the KL terms; it comes from a schedule outside (warm-up; AGAVE's lambda).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from stratiform.core.latent import Terms
from stratiform.errors import UserError


class Objective(Protocol):
    """Terms of a batch -> a scalar loss, in nats per image."""

    @property
    def samples(self) -> int:
        """How often each image stands in the batch, its repeats side by side."""
        ...

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class ELBO:
    """-E[log p(x | z) + log p(y | z)] + beta KL(q || p)."""

    samples: int = 1
    """draws of z per image"""

    def __post_init__(self) -> None:
        _at_least_one(self.samples)

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        return _distortion(terms) + beta * terms.kls().sum(0).mean()


@dataclass(frozen=True, kw_only=True)
class FreeBits:
    """The ELBO with a floor under the KL of each channel (Kingma et al. 2016): sum over channels of max(nats, KL_c).

    KL_c is a channel's KL, summed over space and *averaged over the batch*; a unit of a dense level is a channel.
    """

    nats: float = 0.25
    """lambda, the floor of each channel"""
    samples: int = 1
    """draws of z per image"""

    def __post_init__(self) -> None:
        _at_least_one(self.samples)
        if self.nats < 0.0:
            raise UserError(f"free bits are {self.nats} nats; give 0 or more, for instance 0.25")

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        rate = terms.log_px.new_zeros(())
        for latent in terms.latents:
            each = latent.kl_each()  # [B, C, ...]
            channels = each.flatten(2).sum(2) if each.dim() > 2 else each
            rate = rate + channels.mean(0).clamp(min=self.nats).sum()
        return _distortion(terms) + beta * rate


@dataclass(frozen=True, kw_only=True)
class IWAE:
    """-log (1/k) sum_i w_i, the importance-weighted bound (Burda et al. 2016); a bound at beta 1 only."""

    samples: int = 5
    """k, draws of z per image"""

    def __post_init__(self) -> None:
        _at_least_one(self.samples)

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        log_weight = terms.log_px + beta * (terms.log_weight() - terms.log_px)  # [B k]
        bound = log_weight.view(-1, self.samples).logsumexp(1) - math.log(self.samples)
        return -bound.mean() - (0.0 if terms.log_py is None else terms.log_py.mean())


@dataclass(frozen=True, kw_only=True)
class MMD:
    """The reference VLAE's `--reg mmd`: the KL of each level replaced by MMD^2 between draws of q and of p.

    With the kernel exp(-mean_d (a - b)^2 / d). Not a bound. The reference minimises 100 (mean L1 + MMD^2), which is
    this loss at weight D / b up to a factor: 784 * 8 = 6272 on MNIST.
    """

    weight: float = 6272.0
    """of MMD^2, in nats"""
    samples: int = 1
    """draws of z per image"""

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        distance = terms.log_px.new_zeros(())
        for latent in terms.latents:
            ours, theirs = latent.z.flatten(1), latent.p.draw()[0].flatten(1)
            distance = distance + _kernel(ours, ours) + _kernel(theirs, theirs) - 2.0 * _kernel(ours, theirs)
        return _distortion(terms) + beta * self.weight * distance


OBJECTIVES: dict[str, type[Objective]] = {"elbo": ELBO, "free-bits": FreeBits, "iwae": IWAE, "mmd": MMD}


def _distortion(terms: Terms) -> Tensor:
    """-E[log p(x | z) + log p(y | z)], 0-d."""
    observed = terms.log_px if terms.log_py is None else terms.log_px + terms.log_py
    return -observed.mean()


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """E[k(a, b)] over all pairs of rows, [n, d] and [m, d] -> 0-d."""
    squared = (a[:, None] - b[None]).square().mean(2)
    return torch.exp(-squared / a.shape[1]).mean()


def _at_least_one(samples: int) -> None:
    if samples < 1:
        raise UserError(f"samples is {samples}; give the draws of z per image, 1 or more")
