"""Images completed by a model that draws pixel after pixel: the hidden pixels given the known ones.

Such a model draws a hidden pixel given the pixels before it, the known ones among them. Where all known pixels come
before all hidden ones in raster order, what it draws has the law p(hidden | known): exact. Elsewhere it has

    r(hidden) = prod over hidden ij of p(x_ij | earlier),   and   p(hidden | known) = r(hidden) w / E_r[w]
    with   w = prod over known ij of p(x_ij | earlier):

particles are drawn from r, some chosen anew row by row (`filtered.py`), and completions among them with probabilities
proportional to w. Their law tends to p(hidden | known) as particles grow; how far it is off with few, the effective
number of particles tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from stratiform.core.decoder import Autoregressive, AutoregressiveImage
from stratiform.core.hierarchy import from_prior
from stratiform.core.model import LatentModel
from stratiform.data.batches import mix
from stratiform.errors import UserError
from stratiform.evaluation.explore import Watch, chunks, grow, unwatched
from stratiform.evaluation.filtered import Filter, Population, filtered


@dataclass(frozen=True)
class Completions:
    """n completions of one image."""

    images: Tensor  #: [n, C, H, W]
    known: Tensor  #: bool [H, W]
    exact: bool  #: drawn from p(hidden | known); else chosen among weighted particles
    particles: int  #: drawn in all
    effective: float  #: how many equally weighted particles, independent from the start, they are worth
    log_p: Tensor | None  #: log p(hidden | known) of each in nats, [n]; None where not known
    estimator: Literal["exact", "bound", "estimate"] = "exact"  #: what log_p is
    predicted: tuple[Tensor, Tensor] | None = None  #: mean and variance of all that was drawn, [C, H, W]; None: of n

    @property
    def mean(self) -> Tensor:
        """What is expected at every pixel, [C, H, W]; known pixels keep their values."""
        mean = self.images.mean(0) if self.predicted is None else self.predicted[0]
        return torch.where(self.known, self.images[0], mean)

    @property
    def distinct(self) -> int:
        """How many of them differ."""
        return len(self.images.unique(dim=0))

    @property
    def spread(self) -> Tensor:
        """The standard deviation of every pixel over what was drawn, root mean square of its channels, [H, W]."""
        variance = self.images.var(0, correction=0) if self.predicted is None else self.predicted[1]
        return variance.mean(0).sqrt()


@torch.no_grad()
def complete(
    model: LatentModel,
    x: Tensor,
    known: Tensor,
    n: int,
    *,
    particles: int = 200,
    temperature: float = 1.0,
    seed: int = 0,
    watch: Watch = unwatched,
) -> Completions:
    """n completions of x [1, C, H, W], of which the pixels `known`, bool [H, W], keep their values.

    Args:
        particles: how many are drawn to choose from, where the known pixels do not all come first.
        temperature: times the spread of every hidden pixel's distribution. Weights are of the known pixels as they
            are; `log_p` is the model's own.
        watch: hears how they grow.

    Raises:
        UserError: the model has levels, or draws all pixels at once; or there is nothing to do, or nothing to go by.
    """
    _check(model, x, known)
    exact = comes_first(known)
    if not exact:
        check_enough(particles, n)
    count = n if exact else particles
    x, known = x.to(model.hierarchy.top), known.to(model.hierarchy.top.device)
    drawn, log_p, parts = [], [], []
    for rows in chunks(count):
        image = model.decode(rows.stop - rows.start, from_prior())
        assert isinstance(image, AutoregressiveImage)
        if exact:
            images = grow(image, rows.start, n, seed=seed, temperature=temperature, watch=watch, x=x, known=known).x
            drawn.append(images.cpu())
            log_p.append(image.log_prob_each(images)[:, ~known].sum(1).cpu())
        else:
            how = Filter(seed, temperature, watch, rows.start, particles)
            parts.append(filtered(image, torch.zeros(len(image.h)), x, known, how))
    if exact:
        return Completions(torch.cat(drawn), known.cpu(), True, n, float(n), torch.cat(log_p))
    return chosen_among(parts, known, n, mix(seed))


def chosen_among(parts: Sequence[Population], known: Tensor, n: int, seed: int) -> Completions:
    """n completions, with probabilities proportional to the particles' weights."""
    of = Population.joined(parts)
    images = of.choose(n, Generator().manual_seed(seed))
    return Completions(images, known.cpu(), False, len(of.log_w), of.effective, None)


def comes_first(known: Tensor) -> bool:
    """Do all known pixels come before all hidden ones in raster order?"""
    order = known.flatten()
    return bool(order[: order.sum()].all())


def _check(model: LatentModel, x: Tensor, known: Tensor) -> None:
    levels, decoder = len(model.hierarchy.levels), model.decoder
    if levels or not isinstance(decoder, Autoregressive):
        has = f"has {levels} level{'s' * (levels > 1)}" if levels else "draws all pixels at once"
        raise UserError(
            f"this model {has}: pixel after pixel, images are completed by models without levels (PixelCNN and its "
            "kin); `stratiform inpaint RUN IMAGE` completes them by others"
        )
    check(x, known, decoder.shape)


def check_enough(particles: int, n: int) -> None:
    """Refuses fewer particles than completions to be chosen among them."""
    if particles < n:
        raise UserError(f"particles are {particles}, of which {n} completions cannot be chosen; give {n} or more")


def check(x: Tensor, known: Tensor, shape: tuple[int, ...]) -> None:
    """Refuses what cannot be completed by a model of images [C, H, W]: x is one of them, known a bool [H, W]."""
    if x.shape != (1, *shape):
        raise UserError(f"the image is {list(x.shape)}; give one of {[1, *shape]}")
    if known.shape != x.shape[2:]:
        raise UserError(f"the mask is {list(known.shape)}, the image {list(x.shape[2:])}; give one of its size")
    if known.all():
        raise UserError("nothing is hidden: there is nothing to complete; hide some pixels")
    if not known.any():
        raise UserError("everything is hidden: nothing is left to go by; `stratiform sample RUN` draws images")
