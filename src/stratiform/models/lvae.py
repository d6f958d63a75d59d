"""The Ladder Variational Autoencoder (Sonderby et al. 2016).

Generator   the Markov hierarchy of HVAE; with shortcuts as an option
Way up      d_0 = x, d_l = MLP_l(d_{l-1}); mu^_l, sigma^_l = Linear(d_l)              `Climb`
Way down    q(z_L | x) = N(mu^_L, sigma^_L^2)
            q(z_l | z_{l+1}, x) = N(mu^_l, sigma^_l^2) N(mu_p, sigma_p^2) / c         `Precision`
Objective   the ELBO under deterministic warm-up: beta from 0 to 1, in training only

In the paper mu_p, sigma_p are those of the generative p(z_l | z_{l+1}); in its code inference has a top-down network
of its own (`share=False`), and the way up feeds mu^_{l-1} to MLP_l instead of d_{l-1} (`up="mean"`). Both normalise by
batch statistics; ours is layer normalisation, and a scale is exp(raw) where theirs is the root of softplus(raw).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn

from stratiform.core.hierarchy import Above
from stratiform.core.model import LatentModel
from stratiform.core.posterior import TopDown
from stratiform.distributions import Distribution, Gaussian, Likelihood, gaussian_product
from stratiform.models.chain import Blueprint, Chain, Prior
from stratiform.nn.chain import Climb
from stratiform.spec import ImageSpec


class Precision(nn.Module):
    """q = the product of what the image says, N(mu^, sigma^), and of what the level above says.

    Args:
        top_down: h -> raw parameters of what the level above says; None: the generative p.
    """

    def __init__(self, top_down: nn.Module | None = None) -> None:
        super().__init__()
        self.top_down = top_down

    def forward(self, raw: Tensor, h: Tensor, p: Distribution, above: Above | None) -> tuple[Distribution, None]:
        seen = Gaussian.from_raw(raw)
        if not h.shape[1]:  # the top: nothing is above
            return seen, None
        expected = p if self.top_down is None else Gaussian.from_raw(self.top_down(h))
        assert isinstance(expected, Gaussian)
        return gaussian_product(seen, expected), None


@dataclass(frozen=True, kw_only=True)
class LVAE:
    """Ladder VAE: a chain of conditionals, inferred from the top down by precision weighting."""

    latents: tuple[int, ...] = (64, 32, 16, 8, 4)
    """units per level, bottom (nearest the image) to top"""
    prior: Prior = "markov"
    """what a level sees of those above it: markov, the next one (the paper's); shortcut, all"""
    share: bool = True
    """inference uses the generative conditionals (the paper); no-share: networks of its own (its code)"""
    up: Literal["features", "mean"] = "features"
    """what the way up hands on: d_l (the paper), or mu^_l (its code)"""
    network: Chain = field(default_factory=lambda: Chain(hidden=(512, 256, 128, 64, 32)))
    likelihood: Likelihood = field(default_factory=Likelihood)

    def build(self, spec: ImageSpec) -> LatentModel:
        plan = Blueprint(self.network, self.latents, spec)
        hierarchy, decoder = plan.generator(self.prior, self.likelihood)
        levels, top = range(len(self.latents)), len(self.latents) - 1
        trail = Climb(
            plan.ends.stem(),
            plan.blocks(means_up=self.up == "mean"),
            [plan.head(plan.hidden(level), level) for level in levels],
            means_up=self.up == "mean",
        )
        nets = [
            None if self.share or level == top else plan.conditional(plan.state(self.prior, level), level)
            for level in levels
        ]
        return LatentModel(hierarchy, TopDown(trail, [Precision(net) for net in nets]), decoder)
