"""The Variational Ladder Autoencoder (Zhao, Song, Ermon 2017).

Prior       p(z) = prod_l N(0, I)                                            flat: no level knows the others
Generator   h_L = f_L(z_L);  h_l = u_l([h_{l+1}; v_l(z_l)])                  Eqs 8-9:   `Free.step`
            x ~ r(x; f_0(h_1))                                               Eq. 10:    the decoder
Inference   e_0 = x;  e_l = g_l(e_{l-1})                                     Eq. 12:    `Trail`
            z_l ~ N(mu_l(e_l), sigma_l^2(e_l))                               Eq. 13:    `FromTrail`
Objective   E log p(x | z) - sum_l KL(q(z_l | x) || N(0, I))                 Eq. 14:    `Terms.elbo`

The levels differ in one thing only: how many layers lie between them and the image. The paper states a Gaussian r of
fixed variance; its code trains a Laplace of scale 1/8 (an L1 loss times 8), and so do we by default. Its batch
normalisation makes a sample depend on its batch; ours is group and layer normalisation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stratiform.core.model import LatentModel
from stratiform.distributions import Likelihood
from stratiform.models.parts import Network, free_ladder
from stratiform.spec import ImageSpec


@dataclass(frozen=True, kw_only=True)
class VLAE:
    """Variational Ladder Autoencoder: a flat prior and a ladder of depth."""

    latents: tuple[int, ...] = (2, 2, 2)
    """units per level, bottom (nearest the image) to top"""
    inference: Literal["trail", "top-down"] = "trail"
    """trail: q(z_l|x), the paper's; top-down: q(z_l|z_>l, x), to tell the architecture from the inference"""
    network: Network = field(default_factory=Network)
    likelihood: Likelihood = field(default_factory=Likelihood)

    def build(self, spec: ImageSpec) -> LatentModel:
        return free_ladder(self.network, self.likelihood, self.latents, spec, self.inference == "top-down")
