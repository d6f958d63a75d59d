"""How strange a model finds an image, in nats; and how well that tells two sets of images apart.

With levels z_1 (nearest x) to z_L, and S draws per image (Havtorn et al. 2021, "Hierarchical VAEs know what they don't
know"; k counts as there, from the bottom):

    L_S       importance-weighted bound on log p(x), from z ~ q(z | x)
    L^{>k}    = E[log p(x | z) + log p(z_>k) - log q(z_>k | x)],  z_>k ~ q(z_>k | x),  z_<=k ~ p(z_<=k | z_>k)
    LLR^{>k}  = L_S - L^{>k}

A high likelihood may rest on details that any image has. L^{>k} explains x by its upper levels alone, so LLR^{>k} is
large where x needs low levels that do not go with its high ones. As S grows, L_S tends to log p(x) and LLR^{>k} to
KL(q(z_>k | x) p(z_<=k | z_>k) || p(z | x)) >= 0. L^{>k} stays the mean of its S log-weights: importance-weighted too,
it would tend to the same log p(x), and the score to 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from stratiform.core.hierarchy import Draw, Pick
from stratiform.core.latent import Latent
from stratiform.core.model import LatentModel
from stratiform.core.posterior import Posterior, mean, sample
from stratiform.errors import UserError
from stratiform.evaluation.bound import bounds
from stratiform.evaluation.explore import upper_by


@dataclass(frozen=True)
class Scores:
    """What a model says of N images: float64, in nats."""

    bound: Tensor  #: [N] L_S; where there are no levels the exact log p(x)
    llr: Tensor  #: [L - 1, N] LLR^{>1} to LLR^{>L-1}; higher is stranger

    def named(self) -> dict[str, np.ndarray]:
        """Scores [N] that are higher for stranger images, by the names that tables give them."""
        return {"-bound": -self.bound.numpy(), **{f"llr_{k}": row.numpy() for k, row in enumerate(self.llr, start=1)}}


class Upper(Posterior):
    """q(z_>k | x) p(z_<=k | z_>k): only the levels above the k lowest are inferred.

    Where inference starts at the bottom, q(z_l | z_{l-1}), the law of z_>k alone is a mixture over the levels below,
    without a density at hand. There q(z_>k | x) means q(z_>k | mean of z_<=k under q), as in the authors' code: a
    density made from x alone, so that L^{>k} is a lower bound on log p(x) still.
    """

    def __init__(self, posterior: Posterior, k: int) -> None:
        super().__init__()
        self.posterior, self.k = posterior, k

    def pick(self, x: Tensor, draw: Draw = sample) -> Pick:
        above = self.posterior.pick(x, lambda level, q: (draw if level >= self.k else mean)(level, q))
        return upper_by(above, self.k, lambda level, h, p, carry: (_free(Latent(draw(level, p)[0], p)), carry))


def _free(drawn: Latent) -> Latent:
    """A draw from the prior as one from q = p: its weight p / q is 1."""
    return replace(drawn, q=drawn.p, log_q=drawn.p.log_prob(drawn.z))


def upper_bound(
    model: LatentModel, x: Tensor, k: int, samples: int, *, seed: int = 0, first: int = 0, chunk: int | None = None
) -> Tensor:
    """L^{>k} of every image, [B] float64: the mean log-weight of `samples` draws. Arguments as in `bound.bounds`."""
    upper = LatentModel(model.hierarchy, Upper(model.posterior, k), model.decoder)
    return bounds(upper, x, samples, seed=seed, first=first, chunk=chunk).elbo


def scores(
    model: LatentModel, batches: Iterable[Tensor], *, samples: int = 20, seed: int = 0, chunk: int | None = None
) -> Scores:
    """Bound and likelihood ratios of every image of the batches [B, C, H, W]; the model in eval mode.

    The levels above k have the same noise in L_S and in L^{>k}: a function of (seed, image, draw, level).

    Args:
        samples: S, draws of z per image and per bound.

    Raises:
        UserError: no images, or fewer than one sample.
        Failed: a weight is not finite.
    """
    if samples < 1:
        raise UserError(f"samples is {samples}; give the draws of z per image, 1 or more")
    top = model.hierarchy.top
    bound, llr, count = [], [], 0
    for batch in batches:
        x = batch.to(top)
        whole = bounds(model, x, samples, seed=seed, first=count, chunk=chunk).bound
        partial = [
            upper_bound(model, x, k, samples, seed=seed, first=count, chunk=chunk)
            for k in range(1, len(model.hierarchy.levels))
        ]
        bound.append(whole.cpu())
        llr.append((whole - torch.stack(partial) if partial else whole.new_zeros(0, len(x))).cpu())
        count += len(x)
    if not count:
        raise UserError("there are no images to score; choose another split or a higher --limit")
    return Scores(torch.cat(bound), torch.cat(llr, 1))


def auroc(usual: np.ndarray, strange: np.ndarray) -> tuple[float, float | None]:
    """P(a strange image scores higher than a usual one), ties half, and its standard error.

    The error is that of the two-sample U-statistic (DeLong, DeLong, Clarke-Pearson 1988): no shape of the scores'
    distribution is assumed. None of a single image; 0 where the two sets do not overlap.

    Args:
        usual: scores [n].
        strange: scores [m].
    """
    won, beaten = _placed(strange, usual), 1.0 - _placed(usual, strange)
    if min(len(usual), len(strange)) < 2:
        return float(won.mean()), None
    return float(won.mean()), math.sqrt(won.var(ddof=1) / len(strange) + beaten.var(ddof=1) / len(usual))


def _placed(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of `others` that each value exceeds, ties half."""
    ordered = np.sort(others)
    below, upto = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return (below + upto) / (2.0 * len(ordered))
