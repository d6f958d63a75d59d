"""The ELBO under a mixture on top."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.distributions import GaussianMixture
from stratiform.errors import UserError
from stratiform.objective.tools import at_least_one, distortion, not_negative, priors


@dataclass(frozen=True, kw_only=True)
class MixtureELBO:
    """The ELBO in which the KL from a mixture is its bound, MatNet's Eq. 12, plus a penalty on undecided components.

    -E[log p(x | z)] + beta sum_l KL_l + entropy H(r(z)): r_i(z) says which component the draw z belongs to. That
    penalty, "slight" in Bachman (2016), makes the components separate.
    """

    entropy: float = 0.4
    """weight of the entropy of an image's responsibilities; 0.4 in the paper's code"""
    samples: int = 1
    """draws of z per image"""

    def __post_init__(self) -> None:
        at_least_one(self.samples)
        not_negative("entropy", self.entropy)

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        rate = sum(latent.kl_bound().mean() for latent in terms.latents)
        undecided = sum(
            entropy(latent.p.log_responsibilities(latent.z)).mean()
            for latent in terms.latents
            if isinstance(latent.p, GaussianMixture)
        )
        return distortion(terms) + beta * rate + self.entropy * undecided

    def check(self, model: LatentModel) -> None:
        """Raises UserError where no prior is a mixture."""
        if not any(isinstance(p, GaussianMixture) for p in priors(model)):
            raise UserError(
                "mixture needs a level whose prior is a mixture of Gaussians (matnet, --model.mixture 10); "
                "minimise elbo instead"
            )


def entropy(log_r: Tensor) -> Tensor:
    """-sum_i r_i log r_i, [B, k] -> [B], in nats."""
    return -(log_r.exp() * log_r).sum(1)
