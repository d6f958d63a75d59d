"""The importance-weighted bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.core.posterior import sample
from stratiform.objective.tools import at_least_one


@dataclass(frozen=True, kw_only=True)
class IWAE:
    """-log (1/k) sum_i w_i, the importance-weighted bound (Burda et al. 2016); a bound at beta 1 only."""

    samples: int = 5
    """k, draws of z per image"""
    gradient: Literal["reparameterised", "stl", "dreg"] = "reparameterised"
    """estimator of its gradient; stl (Roeder et al. 2017) and dreg (Tucker et al. 2019) drop the score of q"""

    def __post_init__(self) -> None:
        at_least_one(self.samples)

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        bound = self.log_weight(terms, beta).logsumexp(1) - math.log(self.samples)
        return -bound.mean() - (0.0 if terms.log_py is None else terms.log_py.mean())

    def log_weight(self, terms: Terms, beta: Tensor) -> Tensor:
        """log w_i, [B, k]; log p(x | z) + beta (log p(z) - log q(z | x)) while beta is not 1."""
        return (terms.log_px + beta * (terms.log_weight() - terms.log_px)).view(-1, self.samples)

    def terms(self, model: LatentModel, x: Tensor, beta: Tensor, seen: Tensor | None) -> Terms:
        """Those of the model, or for STL and DReG those of its `score`."""
        if self.gradient == "reparameterised":
            return model(x, seen)  # type: ignore[no-any-return]
        if self.gradient == "stl":
            drawn = model.encode(x if seen is None else seen, sample)
            return model.score(x, {level: latent.z for level, latent in enumerate(drawn)}, seen)
        terms: Terms = model(x, seen)
        share = self.log_weight(terms, beta).detach().softmax(1)  # once here, once in the gradient of the bound:
        z = {  # to phi sum_i w~_i^2 (d log w_i / d z) (d z / d phi), with w~ = w / sum w
            level: _slowed(latent.z, share.reshape(-1, *[1] * (latent.z.dim() - 1)))
            for level, latent in enumerate(terms.latents)
        }
        return model.score(x, z, seen)


def _slowed(z: Tensor, share: Tensor) -> Tensor:
    """z, its gradient multiplied by `share`."""
    return z.detach() + share * (z - z.detach())
