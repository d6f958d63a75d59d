"""The ELBO with free bits."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from stratiform.core.latent import Terms
from stratiform.objective.tools import at_least_one, distortion, not_negative


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

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        rate = terms.log_px.new_zeros(())
        for latent in terms.latents:
            each = latent.kl_each()  # [B, C, ...]
            channels = each.flatten(2).sum(2) if each.dim() > 2 else each
            rate = rate + channels.mean(0).clamp(min=self.nats).sum()
        return distortion(terms) + beta * rate
