"""The total correlation of the code."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.distributions import Gaussian, total
from stratiform.errors import UserError
from stratiform.objective.tools import at_least_one, distortion, not_negative, priors


@dataclass(frozen=True, kw_only=True)
class TotalCorrelation:
    """beta-TCVAE (Chen et al. 2018, Eq. 2): the KL taken apart, the total correlation of q(z) weighted.

    KL = I(z; x) + weight KL(q(z) || prod_j q(z_j)) + sum_j KL(q(z_j) || p(z_j)), over the units of all levels, q(z)
    estimated by minibatch weighting (their Eq. 5, but for a constant that depends on the size of the data alone).
    Only for a flat prior and levels that are independent given x: VAE and VLAE.
    """

    weight: float = 6.0
    """of the total correlation"""
    samples: int = 1
    """draws of z per image"""

    def __post_init__(self) -> None:
        at_least_one(self.samples)
        not_negative("weight", self.weight)

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        batch = len(terms.log_px)
        log_p = log_own = log_each = terms.log_px.new_zeros(batch)
        log_q = terms.log_px.new_zeros(batch, batch)
        for latent in terms.latents:
            q, z = latent.q, latent.z
            assert isinstance(q, Gaussian)  # by check_fit
            of_others = (
                Gaussian(q.mean[None], q.log_scale[None]).log_prob(z[:, None]).flatten(2)
            )  # [B, B, d]: z_i, x_j
            log_q = log_q + of_others.sum(2)  # log q(z_i | x_j), [B, B]
            log_each = log_each + _log_mean(of_others).sum(1)  # sum_d log q(z_id), [B]
            log_own = log_own + total(q.log_prob(z))  # log q(z_i | x_i), [B]
            log_p = log_p + latent.log_p()
        log_all = _log_mean(log_q)  # log q(z_i), [B]
        information, correlation, marginal = log_own - log_all, log_all - log_each, log_each - log_p
        return distortion(terms) + beta * (information + self.weight * correlation + marginal).mean()

    def check(self, model: LatentModel) -> None:
        """Raises UserError where the levels are not independent."""
        flat = all(isinstance(p, Gaussian) and not p.mean.any() and not p.log_scale.any() for p in priors(model))
        if not flat or not model.posterior.independent:
            raise UserError(
                "total-correlation needs a flat prior and levels of q that are independent given x (vae, vlae); "
                "minimise elbo, free-bits or iwae instead"
            )


def _log_mean(log_values: Tensor) -> Tensor:
    """log mean exp over the images x_j, [B, B, ...] -> [B, ...]."""
    return log_values.logsumexp(1) - math.log(log_values.shape[1])
