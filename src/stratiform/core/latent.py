"""The values that a model hands out: one level's draw, and the pieces of one bound."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stratiform.distributions import (
    Distribution,
    Gaussian,
    GaussianMixture,
    gaussian_kl,
    mixture_kl_bound,
    total,
)


@dataclass(frozen=True)
class Latent:
    """One level's draw: z ~ q in inference, z ~ p in generation."""

    z: Tensor  #: [B, *z]
    p: Distribution  #: prior given the levels above
    q: Distribution | None = None
    log_q: Tensor | None = None  #: [B, *z], taken at the draw
    exact: bool = False  #: the analytic KL is allowed here

    def log_p(self) -> Tensor:
        """log p(z | levels above), [B], in nats."""
        return total(self.p.log_prob(self.z))

    def analytic_kl(self) -> Tensor | None:
        """KL(q || p) of every unit, [B, *z], in nats, in closed form: where that is allowed and exists."""
        if self.exact and isinstance(self.q, Gaussian) and isinstance(self.p, Gaussian):
            return gaussian_kl(self.q, self.p)
        return None

    def kl_each(self) -> Tensor:
        """KL(q || p) of every unit, [B, *z], in nats: analytic where it can be, else log q - log p at the draw."""
        analytic = self.analytic_kl()
        if analytic is not None:
            return analytic
        if self.log_q is None:
            raise ValueError("this level was drawn from its prior: it has no posterior, and so no KL")
        return self.log_q - self.p.log_prob(self.z)

    def kl(self) -> Tensor:
        """[B], in nats."""
        return total(self.kl_each())

    def kl_bound(self) -> Tensor:
        """For training: an upper bound of the KL in closed form where p is a mixture, elsewhere `kl`; [B], in nats."""
        if self.exact and isinstance(self.q, Gaussian) and isinstance(self.p, GaussianMixture):
            return mixture_kl_bound(self.q, self.p)
        return self.kl()


@dataclass(frozen=True)
class Terms:
    """The pieces of one bound: unweighted, in nats, each [B]."""

    log_px: Tensor
    latents: tuple[Latent, ...]  #: bottom (nearest x) -> top
    log_py: Tensor | None = None  #: an auxiliary observation (AGAVE)

    def kls(self) -> Tensor:
        """[L, B], bottom -> top."""
        if not self.latents:
            return self.log_px.new_zeros(0, len(self.log_px))
        return torch.stack([latent.kl() for latent in self.latents])

    def elbo(self) -> Tensor:
        """log p(x | z) - sum of KLs, [B]: never log p(y | z), never a weight."""
        return self.log_px - self.kls().sum(0)

    def log_weight(self) -> Tensor:
        """log p(x, z) - log q(z | x), [B], for importance-weighted bounds: at the draw, never an analytic KL."""
        log_weight = self.log_px
        for latent in self.latents:
            if latent.log_q is None:
                raise ValueError("a level was drawn from its prior: its importance weight is unknown")
            log_weight = log_weight + latent.log_p() - total(latent.log_q)
        return log_weight
