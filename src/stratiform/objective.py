"""What is minimised. A bound is reported without weights; the weights live here.

`beta`, 0-d, is the weight of the KL terms; it comes from a schedule outside (warm-up; AGAVE's lambda).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from stratiform.core.hierarchy import from_prior
from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.core.posterior import sample
from stratiform.distributions import Gaussian, total
from stratiform.errors import UserError


class Objective(Protocol):
    """Terms of a batch -> a scalar loss, in nats per image."""

    @property
    def samples(self) -> int:
        """How often each image stands in the batch, its repeats side by side."""
        ...

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor: ...


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
        _at_least_one(self.samples)
        _not_negative("weight", self.weight)

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        return _distortion(terms) + beta * self.weight * terms.kls().sum(0).mean()


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
        _at_least_one(self.samples)
        _not_negative("nats", self.nats)

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        rate = terms.log_px.new_zeros(())
        for latent in terms.latents:
            each = latent.kl_each()  # [B, C, ...]
            channels = each.flatten(2).sum(2) if each.dim() > 2 else each
            rate = rate + channels.mean(0).clamp(min=self.nats).sum()
        return _distortion(terms) + beta * rate


@dataclass(frozen=True, kw_only=True)
class IWAE:
    """-log (1/k) sum_i w_i, the importance-weighted bound (Burda et al. 2016); a bound at beta 1 only."""

    samples: int = 5
    """k, draws of z per image"""
    gradient: Literal["reparameterised", "stl", "dreg"] = "reparameterised"
    """estimator of its gradient; stl (Roeder et al. 2017) and dreg (Tucker et al. 2019) drop the score of q"""

    def __post_init__(self) -> None:
        _at_least_one(self.samples)

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        bound = self.log_weight(terms, beta).logsumexp(1) - math.log(self.samples)
        return -bound.mean() - (0.0 if terms.log_py is None else terms.log_py.mean())

    def log_weight(self, terms: Terms, beta: Tensor) -> Tensor:
        """log w_i, [B, k]; log p(x | z) + beta (log p(z) - log q(z | x)) while beta is not 1."""
        return (terms.log_px + beta * (terms.log_weight() - terms.log_px)).view(-1, self.samples)


@dataclass(frozen=True, kw_only=True)
class MMD:
    """The reference VLAE's `--reg mmd`: the KL of each level replaced by MMD^2 between draws of q and of p.

    With the kernel exp(-mean_d (a - b)^2 / d). Not a bound. The reference minimises 100 (mean L1 + MMD^2), which is
    this loss at weight D / b up to a factor: 784 * 8 = 6272 on MNIST.
    """

    weight: float = 6272.0
    """of MMD^2, in nats"""
    samples: int = 1
    """draws of z per image"""

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        distance = terms.log_px.new_zeros(())
        for latent in terms.latents:
            ours, theirs = latent.z.flatten(1), latent.p.draw()[0].flatten(1)
            distance = distance + _kernel(ours, ours) + _kernel(theirs, theirs) - 2.0 * _kernel(ours, theirs)
        return _distortion(terms) + beta * self.weight * distance


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
        _at_least_one(self.samples)
        _not_negative("weight", self.weight)

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
        return _distortion(terms) + beta * (information + self.weight * correlation + marginal).mean()


OBJECTIVES: dict[str, type[Objective]] = {
    "elbo": ELBO,
    "free-bits": FreeBits,
    "iwae": IWAE,
    "mmd": MMD,
    "total-correlation": TotalCorrelation,
}


def terms_for(objective: Objective, model: LatentModel, x: Tensor, beta: Tensor, seen: Tensor | None = None) -> Terms:
    """The terms that the objective reads: those of the model, or for STL and DReG those of its `score`."""
    if not isinstance(objective, IWAE) or objective.gradient == "reparameterised":
        return model(x, seen)  # type: ignore[no-any-return]
    if objective.gradient == "stl":
        drawn = model.encode(x if seen is None else seen, sample)
        return model.score(x, {level: latent.z for level, latent in enumerate(drawn)}, seen)
    terms: Terms = model(x, seen)
    share = objective.log_weight(terms, beta).detach().softmax(1)  # once here, once in the gradient of the bound:
    z = {  # to phi sum_i w~_i^2 (d log w_i / d z) (d z / d phi), with w~ = w / sum w
        level: _slowed(latent.z, share.reshape(-1, *[1] * (latent.z.dim() - 1)))
        for level, latent in enumerate(terms.latents)
    }
    return model.score(x, z, seen)


@torch.no_grad()
def check_fit(objective: Objective, model: LatentModel) -> None:
    """Raises UserError where the objective means nothing for the model."""
    if not isinstance(objective, TotalCorrelation):
        return
    latents = model.hierarchy.descend(2, from_prior())[1]
    flat = all(
        isinstance(latent.p, Gaussian) and not latent.p.mean.any() and not latent.p.log_scale.any()
        for latent in latents
    )
    if not flat or not model.posterior.independent:
        raise UserError(
            "total-correlation needs a flat prior and levels of q that are independent given x (vae, vlae); "
            "minimise elbo, free-bits or iwae instead"
        )


def _distortion(terms: Terms) -> Tensor:
    """-E[log p(x | z) + log p(y | z)], 0-d."""
    observed = terms.log_px if terms.log_py is None else terms.log_px + terms.log_py
    return -observed.mean()


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """E[k(a, b)] over all pairs of rows, [n, d] and [m, d] -> 0-d."""
    squared = (a[:, None] - b[None]).square().mean(2)
    return torch.exp(-squared / a.shape[1]).mean()


def _slowed(z: Tensor, share: Tensor) -> Tensor:
    """z, its gradient multiplied by `share`."""
    return z.detach() + share * (z - z.detach())


def _log_mean(log_values: Tensor) -> Tensor:
    """log mean exp over the images x_j, [B, B, ...] -> [B, ...]."""
    return log_values.logsumexp(1) - math.log(log_values.shape[1])


def _at_least_one(samples: int) -> None:
    if samples < 1:
        raise UserError(f"samples is {samples}; give the draws of z per image, 1 or more")


def _not_negative(name: str, value: float) -> None:
    if not value >= 0.0:
        raise UserError(f"objective.{name} is {value}; give 0 or more")
