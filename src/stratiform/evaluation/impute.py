"""The hidden pixels x_u of an image given its known ones x_k, by every kind of model: drawn, and scored.

    a model that completes images   z ~ p(z | x_k), x_u ~ p(x_u | z): exact; log p(x_u | x_k) by the
                                    importance-weighted bound with draws from q(z | x_k, x_u)
    any other with levels           z from weighted particles, an estimate of both (`particles.py`)
    pixel after pixel, with levels  drawn by weighted particles (`guided.py`); not scored
    pixel after pixel, no levels    exact where all known pixels come first; else drawn by resampling (`complete.py`)

What each hands out is a function of (model, image, mask, seed).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Generator, Tensor

from stratiform.core import keys
from stratiform.core.conditional import ConditionalModel
from stratiform.core.decoder import Autoregressive
from stratiform.core.hierarchy import from_prior, with_noise
from stratiform.core.masks import RandomMask
from stratiform.core.model import LatentModel
from stratiform.data.batches import mix
from stratiform.errors import UserError
from stratiform.evaluation.bound import log_weights
from stratiform.evaluation.complete import Completions, check, check_enough, comes_first, complete
from stratiform.evaluation.explore import Watch, chunks, noise, unwatched
from stratiform.evaluation.guided import complete_given_levels
from stratiform.evaluation.particles import Particles, decoded, infer

LEVELS, PIXELS, CHOICE = 100, 101, 102  # what a seed is for
Estimator = Literal["exact", "bound", "estimate"]


class Law(Protocol):
    """p(x_u | x_k) of one image.

    Attributes:
        exact: what is drawn has the model's own law.
        estimator: what `log_p` is.
        effective: how many independent draws of z it rests on.
    """

    exact: bool
    estimator: Estimator

    @property
    def effective(self) -> float: ...

    def draw(self, n: int, temperature: float = 1.0) -> Tensor:
        """Completions [n, C, H, W]; known pixels keep their values."""
        ...

    def log_p(self, images: Tensor) -> Tensor:
        """log p(x_u | x_k) of completions [m, C, H, W], [m] float64, in nats."""
        ...


@dataclass(frozen=True)
class Conditional:
    """Of a model that completes images.

    Args:
        x: the image [1, C, H, W], `known` of it bool [H, W].
        samples: draws of q behind each bound.
    """

    model: ConditionalModel
    x: Tensor
    known: Tensor
    samples: int
    seed: int
    exact = True
    estimator: Estimator = "bound"
    effective = math.inf

    def draw(self, n: int, temperature: float = 1.0) -> Tensor:
        held, drawn, known = noise(self.model, n, mix(self.seed, LEVELS)), [], self.known[None, None]
        for rows in chunks(n):
            count = rows.stop - rows.start
            guide = self.model.given(self.x.expand(count, -1, -1, -1), known.expand(count, -1, -1, -1))
            pick = with_noise({level: e[rows] for level, e in held.items()}, from_prior())
            pixels = self.model.decode(count, pick, guide)
            drawn.append(pixels.sample(_generator(self.x, self.seed, rows), temperature))
        return torch.where(known, self.x, torch.cat(drawn).to(self.x))

    def log_p(self, images: Tensor) -> Tensor:
        seen = self.known.expand(len(images), 1, -1, -1)
        weights = log_weights(self.model, images, self.samples, seed=self.seed, seen=seen)
        return weights.logsumexp(0) - math.log(self.samples)


@dataclass(frozen=True)
class Weighted:
    """Of a model with levels and pixels independent given z, by particles."""

    particles: Particles
    x: Tensor
    known: Tensor
    seed: int
    exact = False
    estimator: Estimator = "estimate"

    @property
    def effective(self) -> float:
        return self.particles.effective

    def draw(self, n: int, temperature: float = 1.0) -> Tensor:
        z, drawn = self.particles.choose(n, Generator().manual_seed(mix(self.seed, CHOICE))), []
        for rows in chunks(n):
            pixels = decoded(self.particles.model, {level: value[rows] for level, value in z.items()})
            drawn.append(pixels.sample(_generator(self.x, self.seed, rows), temperature))
        return torch.where(self.known, self.x, torch.cat(drawn).to(self.x))

    def log_p(self, images: Tensor) -> Tensor:
        return self.particles.log_p(images, ~self.known)


@dataclass(frozen=True)
class InOrder:
    """Of a model without levels that draws pixel after pixel, where all known pixels come first."""

    model: LatentModel
    x: Tensor
    known: Tensor
    seed: int
    exact = True
    estimator: Estimator = "exact"
    effective = math.inf

    def draw(self, n: int, temperature: float = 1.0) -> Tensor:
        return complete(self.model, self.x, self.known, n, temperature=temperature, seed=self.seed).images.to(self.x)

    def log_p(self, images: Tensor) -> Tensor:
        pixels = self.model.decode(len(images), from_prior())
        return pixels.log_prob_each(images)[:, ~self.known].double().sum(1)


@torch.no_grad()
def law(
    model: LatentModel, x: Tensor, known: Tensor, *, particles: int = 200, samples: int = 100, seed: int = 0
) -> Law:
    """p(x_u | x_k) of an image x [1, C, H, W], of which the pixels `known` are given, bool [H, W].

    Args:
        particles: draws of z, where they must be weighted.
        samples: draws of q, where what is scored is a bound.

    Raises:
        UserError: there is nothing to do or nothing to go by, or no way to do it with this model.
    """
    check(x, known, _shape(model))
    x, known = x.to(model.hierarchy.top), known.to(model.hierarchy.top.device)
    if isinstance(model, ConditionalModel):
        return Conditional(model, x, known, samples, seed)
    if not isinstance(model.decoder, Autoregressive):
        return Weighted(infer(model, x, known, particles, seed=seed), x, known, seed)
    _refuse_levels(model)
    if not comes_first(known):
        raise UserError(
            "this model draws pixel after pixel: its log p(hidden | known) is known where what is hidden comes last, "
            "row by row (--hide bottom), and nowhere else"
        )
    return InOrder(model, x, known, seed)


@torch.no_grad()
def impute(
    model: LatentModel,
    x: Tensor,
    known: Tensor,
    n: int,
    *,
    particles: int = 200,
    samples: int = 100,
    temperature: float = 1.0,
    seed: int = 0,
    watch: Watch = unwatched,
) -> Completions:
    """n completions of x [1, C, H, W], of which the pixels `known`, bool [H, W], keep their values; of any model.

    Args:
        particles: of models with levels, how many completions the expected image and its spread come from; draws of z
            to choose from, where they must be weighted. Of others, as in `complete`.
        samples: draws of q behind each bound.
        temperature: times the spread of every hidden pixel's distribution.
        watch: hears how images grow that are drawn pixel after pixel.

    Raises:
        UserError: there is nothing to do or nothing to go by, or no way to do it with this model.
    """
    if isinstance(model.decoder, Autoregressive):
        how = complete_given_levels if len(model.hierarchy.levels) else complete
        return how(model, x, known, n, particles=particles, temperature=temperature, seed=seed, watch=watch)
    check_enough(particles, n)
    found = law(model, x, known, particles=particles, samples=samples, seed=seed)
    drawn = found.draw(particles, temperature)
    images = drawn[torch.arange(n) * particles // n]  # resampled ones lie in the order of their particles
    return Completions(
        images=torch.where(known, x, images.cpu().to(x)),
        known=known,
        exact=found.exact,
        particles=particles,
        effective=min(found.effective, float(particles)),
        log_p=found.log_p(images).cpu(),
        estimator=found.estimator,
        predicted=(drawn.mean(0).cpu(), drawn.var(0, correction=0).cpu()),
    )


def hole(mask: RandomMask, seed: int, image: int) -> Tensor:
    """Which pixels are known of the image of this index, bool [H, W]: by the law of the mask, a function of these."""
    return mask.known(keys.uniform(torch.tensor([mix(seed, image)]), mask.numbers))[0, 0]


def _shape(model: LatentModel) -> tuple[int, ...]:
    """Of its images, [C, H, W]."""
    if isinstance(model.decoder, Autoregressive):
        return model.decoder.shape
    top = model.hierarchy.top
    middle = {level: top.new_zeros(1, *shape) for level, shape in enumerate(model.hierarchy.shapes)}
    mean = decoded(model, middle).mean
    assert mean is not None  # pixels are independent given z
    return tuple(mean.shape[1:])


def _refuse_levels(model: LatentModel) -> None:
    levels = len(model.hierarchy.levels)
    if levels:
        raise UserError(
            f"this model draws pixel after pixel given {levels} level{'s' * (levels > 1)}: it completes images "
            "(`stratiform inpaint RUN IMAGE`), but its log p(hidden | known) is not known"
        )


def _generator(x: Tensor, seed: int, rows: slice) -> Generator:
    return Generator(x.device).manual_seed(mix(seed, PIXELS, rows.start))
