"""The ELBO that punishes large KLs early."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.core.posterior import BottomUp
from stratiform.distributions import Gaussian
from stratiform.errors import UserError
from stratiform.objective.tools import at_least_one, distortion, priors


@dataclass(frozen=True, kw_only=True)
class MixedKL:
    """-E[log p(x | z)] + lambda KL + (1 - lambda) sum_j KL_j^2, over all units j of all levels (MatNet's code).

    The schedule's beta is what carries lambda from `start` to 1: lambda = start + (1 - start) beta. While lambda is
    small a unit may cost little and no unit much, the opposite of free bits; at beta 1 this is the ELBO.
    """

    start: float = 0.02
    """lambda while beta is 0"""
    samples: int = 1
    """draws of z per image"""

    def __post_init__(self) -> None:
        at_least_one(self.samples)
        if not 0.0 <= self.start <= 1.0:
            raise UserError(f"objective.start is {self.start}; give a number from 0 to 1")

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        share = self.start + (1.0 - self.start) * beta
        each = [latent.kl_each().flatten(1) for latent in terms.latents]  # [B, units]
        rate = sum(kl.sum(1).mean() for kl in each)
        squares = sum(kl.square().sum(1).mean() for kl in each)
        return distortion(terms) + share * rate + (1.0 - share) * squares

    def check(self, model: LatentModel) -> None:
        """Raises UserError where the KL of some unit is known by a draw alone: its square is another number."""
        found = priors(model)
        sampled = isinstance(model.posterior, BottomUp) and len(found) > 1
        if not found or sampled or not all(isinstance(p, Gaussian) for p in found):
            raise UserError(
                "mixed-kl needs levels whose KLs are all in closed form (Gaussian priors, inference from the top "
                "down); minimise elbo or free-bits instead"
            )
