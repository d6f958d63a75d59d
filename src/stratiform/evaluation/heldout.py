"""Held-out log p(hidden | known): one hole in every image of a split, the same for all models and fills.

Numbers are functions of (model, image, its index, seed): neither the batches matter nor how many images there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from stratiform.core import keys
from stratiform.core.masks import RandomMask
from stratiform.core.model import LatentModel
from stratiform.data.batches import in_order, mix
from stratiform.data.split import Data, chosen
from stratiform.errors import Failed, UserError
from stratiform.evaluation.bound import bounds
from stratiform.evaluation.calibration import (
    Reliability,
    coverage,
    miscalibration,
    ranks,
    reliability,
    together,
    within,
)
from stratiform.evaluation.fill import Fill, Grid, MeanFill, Nearest
from stratiform.evaluation.impute import Law, Weighted, hole, law
from stratiform.evaluation.moments import Mean

POOL, TRIED = 10_000, 100  # training images that fills are made of, and among them, that they are fitted on
SCORED = 4  # completions of each image whose log p is taken, for the entropy
FITTING, TIES = 200, 201  # what a seed is for


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How holes are made, filled and scored."""

    hide: str = "occluders"
    samples: int = 50  # draws of q, where what is scored is a bound
    particles: int = 1000  # draws of z, where they must be weighted
    draws: int = 100  # completions of each image, which its uncertainty is told from
    shown: int = 6  # images whose completions are kept
    seed: int = 0


@dataclass(frozen=True)
class Hole:
    """An image with a hole."""

    x: Tensor  # [1, C, H, W]
    known: Tensor  # bool [H, W]
    index: int

    @property
    def size(self) -> int:
        """Hidden values: pixels times channels."""
        return int((~self.known).sum()) * self.x.shape[1]


@dataclass(frozen=True)
class Shown:
    """A hole, and what was drawn for it."""

    hole: Hole
    draws: Tensor  # [N, C, H, W]


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What a model makes of N holes; nats per image."""

    estimator: str  # what log_p is: exact, bound or estimate
    hidden: tuple[int, ...]  # [N] hidden values: pixels times channels
    log_p: tuple[float, ...]  # [N] log p(x_u | x_k)
    by_bounds: tuple[float, ...] | None  # [N] bound on log p(x) less the estimate of log p(x_k), of weighted particles
    effective: float | None  # mean effective number of particles; None where they need no weights
    entropy: tuple[float, ...]  # [N] mean of -log p over completions, nats per hidden value
    distance: tuple[float, ...]  # [N] root mean square difference of two completions, per hidden value
    inside: dict[float, Mean] | None  # of each central interval, the share of what is true; None of binary images
    reliability: tuple[Reliability, ...] | None  # of binary images
    shown: tuple[Shown, ...]

    @property
    def agreement(self) -> float | None:
        """Do completions differ more where the entropy is higher? Spearman's correlation over images."""
        return together(self.distance, self.entropy)

    @property
    def miscalibration(self) -> float | None:
        return None if self.reliability is None else miscalibration(self.reliability)


def holes(images: Iterable[Tensor], settings: Settings) -> Iterator[Hole]:
    """Every image of the batches [B, C, H, W] with its hole."""
    rows = (batch[i : i + 1] for batch in images for i in range(len(batch)))
    for index, x in enumerate(rows):
        yield Hole(x, hole(RandomMask(settings.hide, *x.shape[2:]), settings.seed, index), index)


@torch.no_grad()
def held_out(model: LatentModel, bins: int | None, images: Iterable[Tensor], settings: Settings) -> HeldOut:
    """What the model makes of the images of the batches [B, C, H, W].

    Args:
        bins: the images' grey levels; None: continuous.

    Raises:
        UserError: no images, or the model cannot score such holes.
        Failed: a log p is not finite.
    """
    log_p: list[float] = []
    sizes: list[int] = []
    by_bounds, effective, entropy, distance, inside, predicted, true = [], [], [], [], [], [], []
    shown: list[Shown] = []
    for here in holes(images, settings):
        found, hidden = _law(model, here, settings), ~here.known
        draws = found.draw(settings.draws).cpu()
        scored = torch.cat([here.x.to(draws), draws[torch.arange(SCORED) * len(draws) // SCORED]])
        truth, *others = found.log_p(scored.to(model.hierarchy.top)).tolist()
        log_p.append(_finite(truth, here.index))
        sizes.append(here.size)
        entropy.append(-sum(others) / SCORED / here.size)
        distance.append((2.0 * draws[:, :, hidden].double().var(0)).mean().sqrt().item())
        values, x = _on_grid(draws[:, :, hidden].flatten(1), bins), _on_grid(here.x[0][:, hidden].flatten(), bins)
        if bins == 2:
            predicted.append(values.double().mean(0))
            true.append(x)
        else:
            key = torch.tensor([mix(settings.seed, TIES, here.index)])
            inside.append(within(ranks(values, x, keys.uniform(key, len(x))[0])))
        if isinstance(found, Weighted):
            effective.append(found.effective)
            by_bounds.append(_by_bounds(found, here, settings))
        if len(shown) < settings.shown:
            shown.append(Shown(here, draws))
    if not log_p:
        raise UserError("there are no images to complete; choose another split or a higher --limit")
    return HeldOut(
        estimator=found.estimator,
        hidden=tuple(sizes),
        log_p=tuple(log_p),
        by_bounds=tuple(by_bounds) or None,
        effective=Mean.of(effective).value if effective else None,
        entropy=tuple(entropy),
        distance=tuple(distance),
        inside=coverage(inside) if inside else None,
        reliability=reliability(torch.cat(predicted), torch.cat(true)) if predicted else None,
        shown=tuple(shown),
    )


def fills(data: Data, settings: Settings) -> dict[str, Fill]:
    """What needs no model, made of the training images (at most `POOL`), fitted to such holes."""
    grid = Grid(data.spec.bins)
    batches = in_order(data, "train", limit=POOL, seed=mix(settings.seed, FITTING))
    levels = torch.cat([grid.levels(x) for x in batches])
    if len(levels) < 2:
        raise UserError("there is one training image, which has no neighbours; give a source of more")
    mask = RandomMask(settings.hide, data.spec.height, data.spec.width)
    tried = chosen(len(levels), TRIED).tolist()
    known = partial(hole, mask, mix(settings.seed, FITTING))
    return {"mean fill": MeanFill.of(grid, levels), "nearest": Nearest.fitted(grid, levels, known, tried)}


def filled(fill: Fill, images: Iterable[Tensor], settings: Settings) -> tuple[float, ...]:
    """log p(x_u | x_k) of every image of the batches [B, C, H, W], in nats."""
    return tuple(fill.log_p(here.x[0], here.known) for here in holes(images, settings))


def _law(model: LatentModel, here: Hole, settings: Settings) -> Law:
    seed = mix(settings.seed, here.index)
    return law(model, here.x, here.known, particles=settings.particles, samples=settings.samples, seed=seed)


def _by_bounds(found: Weighted, here: Hole, settings: Settings) -> float:
    """log p(x) by the importance-weighted bound, less the estimate of log p(x_k)."""
    seed = mix(settings.seed, here.index)
    whole = bounds(found.particles.model, found.x, settings.samples, seed=seed).bound.item()
    return whole - found.particles.log_known()


def _finite(value: float, index: int) -> float:
    if value - value != 0.0:
        raise Failed(f"log p(hidden | known) of image {index} is {value}; no image is left out, so there is no mean")
    return value


def _on_grid(x: Tensor, bins: int | None) -> Tensor:
    """Grey levels, so that equal ones are equal to the last bit; continuous values as they are."""
    return x if bins is None else (x * (bins - 1)).round()
