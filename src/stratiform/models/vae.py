"""The variational autoencoder (Kingma and Welling 2014): one level, p(z) = N(0, I), at the deep end of the ladder.

Also the control of the VLAE paper's claim: the same network, its one code read as several (`--split-code`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stratiform.core.model import LatentModel
from stratiform.distributions import Likelihood
from stratiform.models.parts import Network, free_ladder
from stratiform.spec import ImageSpec


@dataclass(frozen=True, kw_only=True)
class VAE:
    """Variational autoencoder: one level."""

    latent: int = 6
    """units of the code"""
    network: Network = field(default_factory=Network)
    likelihood: Likelihood = field(default_factory=Likelihood)

    def build(self, spec: ImageSpec) -> LatentModel:
        return free_ladder(self.network, self.likelihood, (self.latent,), spec)
