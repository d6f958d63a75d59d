"""The evidence lower bound."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from stratiform.core.latent import Terms
from stratiform.objective.tools import at_least_one, distortion, not_negative


@dataclass(frozen=True, kw_only=True)
class ELBO:
    """-E[log p(x | z) + log p(y | z)] + beta weight KL(q || p): a beta-VAE (Higgins et al. 2017) where weight > 1.

    With several samples it is the k-sample VAE that the IWAE paper compares with: the same bound, less noise.
    """

    weight: float = 1.0
    """of the KL, above 1 for a beta-VAE; the schedule's beta multiplies it"""
    samples: int = 1
    """draws of z per image"""

    def __post_init__(self) -> None:
        at_least_one(self.samples)
        not_negative("weight", self.weight)

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        return distortion(terms) + beta * self.weight * terms.kls().sum(0).mean()
