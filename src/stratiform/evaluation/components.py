"""Which component of a mixture prior each image belongs to, and whether that agrees with classes never told.

Of a level whose prior is a mixture of Gaussians (Bachman 2016, Section 2.3): r_i(z) = p(component i | z) at the
posterior mean. Beside it k-means with as many clusters, on the code of any run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stratiform.core.hierarchy import Carry, Draw, Pick, from_prior, with_noise
from stratiform.core.latent import Latent
from stratiform.core.model import LatentModel
from stratiform.core.posterior import mean
from stratiform.distributions import Distribution, GaussianMixture
from stratiform.errors import UserError
from stratiform.evaluation.bootstrap import RESAMPLES, Estimate, bootstrap
from stratiform.evaluation.cluster import accuracy, clustered, nmi
from stratiform.evaluation.explore import noise, render


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Of clusters and classes, with standard errors over images."""

    clusters: int
    used: int  # clusters with at least one image
    accuracy: Estimate  # under the best one-to-one map
    purity: Estimate  # every cluster given to the class that it holds most of
    nmi: Estimate


def level_of_mixture(model: LatentModel) -> int:
    """The level whose prior is a mixture, counted from 0.

    Raises:
        UserError: there is none.
    """
    with torch.no_grad():
        latents = model.hierarchy.descend(1, from_prior())[1]
    for level, latent in enumerate(latents):
        if isinstance(latent.p, GaussianMixture):
            return level
    raise UserError(
        "no level of this model has a mixture as its prior; train one: stratiform train matnet-gmm-mnist-small"
    )


@torch.no_grad()
def responsibilities(model: LatentModel, batches: Iterable[Tensor], draw: Draw = mean) -> np.ndarray:
    """r_i of every image, [N, k] float64."""
    level, found = level_of_mixture(model), []
    for x in batches:
        latent = model.encode(x.to(model.hierarchy.top), draw)[level]
        assert isinstance(latent.p, GaussianMixture)
        found.append(latent.p.responsibilities(latent.z).double().cpu())
    return torch.cat(found).numpy()


def agreement(classes: np.ndarray, clusters: np.ndarray, count: int, *, seed: int = 0) -> Agreement:
    """Classes [N] and clusters [N], of which there are `count`."""

    def statistic(rows: np.ndarray) -> np.ndarray:
        ours, theirs = classes[rows], clusters[rows]
        return np.array([accuracy(ours, theirs), purity(ours, theirs), nmi(ours, theirs)])

    right, pure, shared = bootstrap(statistic, len(classes), resamples=RESAMPLES, seed=seed)
    used = len(np.unique(clusters))
    return Agreement(clusters=count, used=used, accuracy=right, purity=pure, nmi=shared)


def purity(classes: np.ndarray, clusters: np.ndarray) -> float:
    """Share of [N] images whose class is the one that their cluster holds most of."""
    _, named = np.unique(classes, return_inverse=True)
    return float(sum(np.bincount(named[clusters == c]).max() for c in np.unique(clusters)) / len(classes))


def by_k_means(classes: np.ndarray, code: np.ndarray, count: int, *, seed: int = 0) -> Agreement:
    """Of k-means on a code [N, d] and classes [N]."""
    return agreement(classes, clustered(code, count, seed), count, seed=seed)


def from_component(model: LatentModel, index: int, n: int, seed: int = 0) -> Tensor:
    """n images whose top is drawn from one component, [n, C, H, W]; means of p(x | z)."""
    level, held = level_of_mixture(model), noise(model, n, seed)

    def pick(rows: slice) -> Pick:
        below = with_noise({at: e[rows] for at, e in held.items()}, from_prior())

        def of_component(at: int, h: Tensor, p: Distribution, carry: Carry) -> tuple[Latent, Carry]:
            if at != level or not isinstance(p, GaussianMixture):
                return below(at, h, p, carry)
            return Latent(p.component(index).draw(held[at][rows])[0], p), carry

        return of_component

    return render(model, n, pick, seed)
