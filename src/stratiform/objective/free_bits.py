"""The ELBO with free bits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stratiform.core.latent import Terms
from stratiform.objective.tools import Mean, at_least_one, distortion, not_negative


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
        at_least_one(self.samples)
        not_negative("nats", self.nats)

    def __call__(self, terms: Terms, beta: Tensor, shared: Mean | None = None) -> Tensor:
        """The loss; `shared` where several processes share the batch: their mean of KL_c, of which the floor is."""
        means = [_by_channel(latent.kl_each()).mean(0) for latent in terms.latents]  # [C] each
        if shared is not None and means:
            means = list(torch.split(shared(torch.cat(means)), [len(mean) for mean in means]))
        rate = terms.log_px.new_zeros(())
        for mean in means:
            rate = rate + mean.clamp(min=self.nats).sum()
        return distortion(terms) + beta * rate


def _by_channel(each: Tensor) -> Tensor:
    """KLs summed over space, [B, C, ...] -> [B, C]."""
    return each.flatten(2).sum(2) if each.dim() > 2 else each
