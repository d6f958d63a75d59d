"""A particle filter over the rows of images that are drawn pixel after pixel (Gordon, Salmond, Smith 1993).

Particles are drawn row by row, hidden pixels from the model given the pixels before them, known ones left as they are.
The weight of a particle is the product of p(x_ij | earlier) over its known pixels. Wherever, after a row, the weights
make n particles worth less than n / 2 equal ones, n are drawn among them with probabilities proportional to their
weights, and go on, all with the mean weight: no rows are wasted on beginnings that do not go with what is known. What
is drawn at last, weighted, tends to p(hidden | known) as particles grow; the mean of the weights is an unbiased
estimate of the probability of the known pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from stratiform.core.decoder import AutoregressiveImage
from stratiform.data.batches import mix
from stratiform.evaluation.explore import Watch

FEW = 0.5  # of all particles: with fewer equal ones they are chosen anew
CHOICE = 1  # what a seed is for, beside pixels


@dataclass(frozen=True)
class Population:
    """Particles of one image."""

    images: Tensor  # [particles, C, H, W], on the CPU
    log_w: Tensor  # [particles] float64, relative to all others'
    origin: Tensor  # int64 [particles]: which of those begun each has come from

    @classmethod
    def joined(cls, parts: Sequence[Population]) -> Population:
        """Of several filters of the same image, each with particles of its own."""
        starts = torch.tensor([0, *(len(part.log_w) for part in parts[:-1])]).cumsum(0)
        origins = [part.origin + start for part, start in zip(parts, starts, strict=True)]
        joined = (torch.cat([getattr(part, name) for part in parts]) for name in ("images", "log_w"))
        return cls(*joined, torch.cat(origins))

    @property
    def effective(self) -> float:
        """How many beginnings it rests on: (sum w)^2 / sum w^2, those of one origin taken together."""
        w = torch.zeros(len(self.log_w), dtype=torch.float64).index_add_(0, self.origin, weights(self.log_w))
        return effective(w)

    def choose(self, n: int, generator: Generator) -> Tensor:
        """n images [n, C, H, W] with probabilities proportional to their weights, in the order of the particles."""
        return self.images[systematic(weights(self.log_w), n, generator)]


@dataclass(frozen=True)
class Filter:
    """How particles are drawn."""

    seed: int
    temperature: float  # times the spread of every hidden pixel's distribution; weights are of the model as it is
    watch: Watch  # hears how they grow
    first: int  # which of all particles the first one is
    particles: int  # in all


@torch.no_grad()
def filtered(image: AutoregressiveImage, log_w: Tensor, x: Tensor, known: Tensor, how: Filter) -> Population:
    """As many particles as `image` has.

    Args:
        log_w: [particles], their weights before any pixel: of z, where they have levels.
        x, known: the image [1, C, H, W], and which of its pixels are known, bool [H, W].
    """
    count, height = len(image.h), image.shape[1]
    before, origin, chosen = log_w.double().cpu(), torch.arange(count), None
    choice = Generator().manual_seed(mix(how.seed, how.first, CHOICE))
    pixels = Generator(image.h.device).manual_seed(mix(how.seed, how.first))
    rows = image.grow(pixels, how.temperature, x, known)
    for _ in range(height):
        grown = rows.send(chosen)
        how.watch(grown.x, (how.first + count * grown.rows / height) / how.particles)
        log_w, chosen = before + grown.log_known.double().cpu(), None
        if grown.rows < height and effective(weights(log_w)) < FEW * count:
            chosen = systematic(weights(log_w), count, choice)
            before = log_w.logsumexp(0) - math.log(count) - (log_w - before)[chosen]
            origin, chosen = origin[chosen], chosen.to(grown.x.device)
    return Population(grown.x.cpu(), log_w, origin)


def weights(log_w: Tensor) -> Tensor:
    """w / sum w in float64, [particles]."""
    return log_w.double().softmax(0)


def effective(w: Tensor) -> float:
    """How many equal weights they are worth: (sum w)^2 / sum w^2 of weights that sum to 1."""
    return 1.0 / w.square().sum().item()


def systematic(w: Tensor, n: int, generator: Generator) -> Tensor:
    """n indices drawn with the probabilities w, ascending: index i floor(n w_i) times at least (Kitagawa 1996)."""
    places = (torch.arange(n) + torch.rand(1, generator=generator, dtype=w.dtype)) / n
    return torch.searchsorted(w.cumsum(0), places).clamp(max=len(w) - 1)
