"""The hierarchical variational autoencoder, as the VLAE paper compares with it (Zhao, Song, Ermon 2017, Section 3).

Prior       Markov      p(z) = prod_l p(z_l | z_{l+1}) p(z_L)              Eq. 4:   `Markov`
            shortcut    p(z) = prod_l p(z_l | z_>l) p(z_L)                 Eq. 3:   `Shortcut`
Generator   x ~ p(x | z_1); with shortcuts p(x | z_1 .. z_L)
Inference   bottom-up   q(z | x) = q(z_1 | x) prod_l q(z_{l+1} | z_l)      `BottomUp`: analytic KL at the top alone
            mean-field  q(z | x) = prod_l q(z_l | x)
            top-down    q(z | x) = prod_l q(z_l | z_>l, x)
Objective   E log p(x | z) - KL(q(z | x) || p(z))

Every conditional is a diagonal Gaussian. The paper leaves q and all sizes open; with (100, 50) units, tanh layers of
(200, 100) and bottom-up inference this is the two-layer network of Burda et al. (2016).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stratiform.core.model import LatentModel
from stratiform.distributions import Likelihood
from stratiform.models.chain import Blueprint, Chain, Inference, Prior
from stratiform.spec import ImageSpec


@dataclass(frozen=True, kw_only=True)
class HVAE:
    """Hierarchical VAE: a chain of conditionals."""

    latents: tuple[int, ...] = (32, 16, 8)
    """units per level, bottom (nearest the image) to top"""
    prior: Prior = "markov"
    """what a level sees of those above it: markov, the next one; shortcut, all"""
    inference: Inference = "bottom-up"
    """bottom-up: q(z_1|x) q(z_2|z_1) ...; mean-field: every q(z_l|x); top-down: q(z_l|z_>l, x)"""
    network: Chain = field(default_factory=Chain)
    likelihood: Likelihood = field(default_factory=Likelihood)

    def build(self, spec: ImageSpec) -> LatentModel:
        plan = Blueprint(self.network, self.latents, spec)
        hierarchy, decoder = plan.generator(self.prior, self.likelihood)
        return LatentModel(hierarchy, plan.posterior(self.prior, self.inference), decoder)
