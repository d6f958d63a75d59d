"""What is minimised. A bound is reported without weights; the weights live here.

`beta`, 0-d, is the weight of the KL terms; it comes from a schedule outside (warm-up; AGAVE's lambda).
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.objective.elbo import ELBO
from stratiform.objective.free_bits import FreeBits
from stratiform.objective.iwae import IWAE
from stratiform.objective.mixed_kl import MixedKL
from stratiform.objective.mixture import MixtureELBO
from stratiform.objective.mmd import MMD
from stratiform.objective.sleep import Sleep
from stratiform.objective.total_correlation import TotalCorrelation


class Objective(Protocol):
    """Terms of a batch -> a scalar loss, in nats per image."""

    @property
    def samples(self) -> int:
        """How often each image stands in the batch, its repeats side by side."""
        ...

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor: ...


OBJECTIVES: dict[str, type[Objective]] = {
    "elbo": ELBO,
    "free-bits": FreeBits,
    "iwae": IWAE,
    "mixture": MixtureELBO,
    "mixed-kl": MixedKL,
    "sleep": Sleep,
    "mmd": MMD,
    "total-correlation": TotalCorrelation,
}


def terms_for(objective: Objective, model: LatentModel, x: Tensor, beta: Tensor, seen: Tensor | None = None) -> Terms:
    """The terms that the objective reads: those of the model, unless it takes others."""
    if isinstance(objective, IWAE | Sleep):
        return objective.terms(model, x, beta, seen)
    return model(x, seen)  # type: ignore[no-any-return]


@torch.no_grad()
def check_fit(objective: Objective, model: LatentModel) -> None:
    """Raises UserError where the objective means nothing for the model."""
    if isinstance(objective, MixtureELBO | MixedKL | Sleep | TotalCorrelation):
        objective.check(model)


__all__ = [
    "ELBO", "IWAE", "MMD", "OBJECTIVES", "FreeBits", "MixedKL", "MixtureELBO", "Objective", "Sleep",
    "TotalCorrelation", "check_fit", "terms_for",
]  # fmt: skip
