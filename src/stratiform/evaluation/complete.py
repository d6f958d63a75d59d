"""Images completed by a model that draws pixel after pixel: the hidden pixels given the known ones.

Such a model draws a hidden pixel given the pixels before it, the known ones among them. Where all known pixels come
before all hidden ones in raster order, what it draws has the law p(hidden | known): exact. Elsewhere it has

    r(hidden) = prod over hidden ij of p(x_ij | earlier),   and   p(hidden | known) = r(hidden) w / E_r[w]
    with   w = prod over known ij of p(x_ij | earlier):

particles are drawn from r, and completions among them with probabilities proportional to w (sampling importance
resampling, Rubin 1987). Their law tends to p(hidden | known) as particles grow; how far it is off with few, the
effective number of particles tells.
"""

from __future__ import annotations

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


@dataclass(frozen=True)
class Completions:
    """n completions of one image."""

    images: Tensor  # [n, C, H, W]
    known: Tensor  # bool [H, W]
    exact: bool  # drawn from p(hidden | known); else resampled
    particles: int  # drawn in all
    effective: float  # (sum w)^2 / sum w^2, of the particles
    log_p: Tensor | None  # log p(hidden | known) of each in nats, [n]; None where not known
    estimator: Literal["exact", "bound", "estimate"] = "exact"  # what log_p is
    predicted: tuple[Tensor, Tensor] | None = None  # mean and variance of all that was drawn, [C, H, W]; None: of n

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
    drawn, log_w, log_p = [], [], []
    for rows in chunks(count):
        image = model.decode(rows.stop - rows.start, from_prior())
        assert isinstance(image, AutoregressiveImage)
        grown = grow(image, rows.start, count, seed=seed, temperature=temperature, watch=watch, x=x, known=known)
        drawn.append(grown.x.cpu())
        log_w.append(grown.log_known.cpu())
        if exact:
            log_p.append(image.log_prob_each(grown.x)[:, ~known].sum(1).cpu())
    images, known = torch.cat(drawn), known.cpu()
    if exact:
        return Completions(images, known, True, n, float(n), torch.cat(log_p))
    return resampled(images, torch.cat(log_w), known, n, mix(seed))


def resampled(images: Tensor, log_w: Tensor, known: Tensor, n: int, seed: int) -> Completions:
    """n completions among particles [particles, C, H, W], with probabilities proportional to w."""
    w = weights(log_w)
    chosen = systematic(w, n, Generator().manual_seed(seed))
    return Completions(images[chosen], known, False, len(images), 1.0 / w.square().sum().item(), None)


def comes_first(known: Tensor) -> bool:
    """Do all known pixels come before all hidden ones in raster order?"""
    order = known.flatten()
    return bool(order[: order.sum()].all())


def weights(log_w: Tensor) -> Tensor:
    """w / sum w in float64, [particles]."""
    return log_w.double().softmax(0)


def systematic(w: Tensor, n: int, generator: Generator) -> Tensor:
    """n indices drawn with the probabilities w, ascending: index i floor(n w_i) times at least (Kitagawa 1996)."""
    places = (torch.arange(n) + torch.rand(1, generator=generator, dtype=w.dtype)) / n
    return torch.searchsorted(w.cumsum(0), places).clamp(max=len(w) - 1)


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
