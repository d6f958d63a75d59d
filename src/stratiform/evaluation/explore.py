"""Ways of looking at a model: each is a pick. Levels count from 0, nearest x; images come back on the CPU."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from stratiform.core.decoder import Autoregressive, AutoregressiveImage, Growing
from stratiform.core.hierarchy import Pick, from_prior, with_noise
from stratiform.core.model import LatentModel
from stratiform.core.posterior import mean
from stratiform.data import batches
from stratiform.edit import Hold, check_level, encode
from stratiform.errors import UserError
from stratiform.evaluation.noise import standard_normal

CHUNK = 250  # images decoded at once

Watch = Callable[[Tensor, float], None]
"""Hears after every row how images grow: those being drawn now [B, C, H, W], and how much of all is done, up to 1."""


def unwatched(images: Tensor, done: float) -> None:
    """Nobody looks."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What one level does: images [rows * columns, C, H, W], row by row from the top.

    `across` and `up` are the values of the level's first and second unit from left to right and from bottom to top;
    both empty where the level has more than two units: then every image is a draw of that level from the prior.
    """

    images: Tensor
    level: int
    levels: int
    rows: int
    columns: int
    across: tuple[float, ...]
    up: tuple[float, ...]
    others: Literal["drawn", "fixed"]


def noise(model: LatentModel, n: int, seed: int, draw: int = 0) -> dict[int, Tensor]:
    """Standard normal noise of every level, [n, *z] each: a function of (seed, image, draw, level) alone."""
    return {level: noise_of(model, level, n, seed, draw) for level in range(len(model.hierarchy.shapes))}


def noise_of(model: LatentModel, level: int, n: int, seed: int, draw: int = 0) -> Tensor:
    """That of one level, [n, *z]."""
    rows = torch.arange(n)
    drawn = standard_normal(seed, level, rows, torch.full_like(rows, draw), model.hierarchy.level(level).shape)
    return drawn.to(model.hierarchy.top)


def draws_pixels(model: LatentModel) -> bool:
    """Are its images drawn pixel after pixel, so that only samples of them can be shown, no mean?"""
    return isinstance(model.decoder, Autoregressive)


def chunks(n: int) -> Iterator[slice]:
    """Rows 0 to n, some at a time."""
    return (slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK))


@torch.no_grad()
def render(
    model: LatentModel,
    n: int,
    pick: Callable[[slice], Pick],
    seed: int = 0,
    *,
    temperature: float = 1.0,
    watch: Watch = unwatched,
) -> Tensor:
    """n images [n, C, H, W], some at a time: the mean of p(x | z), or where it has none a sample, noise from `seed`.

    Args:
        pick: rows -> the pick that draws their levels.
        temperature: of the pixels of such a sample.
        watch: hears how they grow.
    """
    images = []
    for rows in chunks(n):
        image = model.decode(rows.stop - rows.start, pick(rows))
        shown = image.mean
        if shown is None:
            assert isinstance(image, AutoregressiveImage)
            shown = grow(image, rows.start, n, seed=seed, temperature=temperature, watch=watch).x
        images.append(shown.cpu())
    return torch.cat(images)


def grow(
    image: AutoregressiveImage,
    first: int,
    n: int,
    *,
    seed: int,
    temperature: float = 1.0,
    watch: Watch = unwatched,
    x: Tensor | None = None,
    known: Tensor | None = None,
) -> Growing:
    """A chunk of n images, drawn pixel after pixel; its noise is a function of (seed, first).

    Args:
        first: which of the n images the chunk's first one is.
        x, known: as in `AutoregressiveImage.grow`.
    """
    generator, height = Generator(image.h.device).manual_seed(batches.mix(seed, first)), image.shape[1]
    for growing in image.grow(generator, temperature, x, known):
        watch(growing.x, (first + len(growing.x) * growing.rows / height) / n)
    return growing


def from_noise(
    model: LatentModel,
    n: int,
    held: Mapping[int, Tensor],
    seed: int = 0,
    *,
    temperature: float = 1.0,
    watch: Watch = unwatched,
) -> Tensor:
    """The images that this noise of every level, [n, *z] each, stands for, [n, C, H, W]; the rest as in `render`."""

    def pick(rows: slice) -> Pick:
        return with_noise({level: e[rows] for level, e in held.items()}, from_prior())

    return render(model, n, pick, seed, temperature=temperature, watch=watch)


def samples(
    model: LatentModel, n: int, *, temperature: float = 1.0, seed: int = 0, watch: Watch = unwatched
) -> Tensor:
    """n images from the prior, [n, C, H, W]: means of p(x | z), the first m those of n = m; without a mean, samples.

    Args:
        temperature: times all noise of the levels; times the spread of every pixel too, where pixels are sampled.
        watch: hears how samples grow.
    """
    held = {level: temperature * e for level, e in noise(model, n, seed).items()}
    return from_noise(model, n, held, seed, temperature=temperature, watch=watch)


def reconstruct(model: LatentModel, x: Tensor, *, keep_top: int | None = None, seed: int = 0) -> Tensor:
    """x [B, C, H, W] from the posterior means of its `keep_top` upper levels (None: all), the rest from the prior."""
    count = len(model.hierarchy.levels)
    keep = count if keep_top is None else keep_top
    if not 0 <= keep <= count:
        raise UserError(f"keep_top is {keep}, but this model has {count} levels; give 0 to {count}")
    top = model.hierarchy.top
    drawn = noise(model, len(x), seed)

    def pick(rows: slice) -> Pick:
        above = model.posterior.pick(x[rows].to(top), mean)
        below = with_noise({level: e[rows] for level, e in drawn.items()}, from_prior())
        return upper_by(above, count - keep, below)

    return render(model, len(x), pick, seed)


def mix(model: LatentModel, a: Tensor, b: Tensor, level: int, *, hold: Hold = "noise", seed: int = 0) -> Tensor:
    """The levels from `level` upwards inferred from b, those below from a, [B, C, H, W] each and the result; means.

    Level 0 gives the reconstruction of b. What a's levels hold under those of b is their *noise*: they add to b's
    upper levels what they added to a's own. If they held their *value*, a Markov hierarchy would show nothing of b.
    """
    count = len(model.hierarchy.shapes)
    check_level(level + 1, count)
    if a.shape != b.shape:
        raise UserError(f"images of {list(a.shape)} cannot take levels from {list(b.shape)}; give as many of both")

    def pick(rows: slice) -> Pick:
        of_a, of_b = (encode(model, x[rows], hold) for x in (a, b))
        return of_a.swap(range(level + 1, count + 1), of_b).pick()

    return render(model, len(a), pick, seed)


def upper_by(above: Pick, lowest: int, below: Pick) -> Pick:
    """The levels from `lowest` upwards by one pick, those under it by another."""
    return lambda level, h, p, carry: (above if level >= lowest else below)(level, h, p, carry)


def sweep(
    model: LatentModel,
    level: int,
    *,
    others: Literal["drawn", "fixed"] = "drawn",
    cells: int | None = None,
    reach: float = 2.0,
    seed: int = 0,
) -> Sweep:
    """Changes one level's noise and looks (the VLAE paper's Figs 5-7).

    One or two units: every value of [-reach, reach]; the other levels drawn anew in each cell (the code's "manifold"),
    or one draw for all cells. More units: draws of that level under one fixed draw of the others (its "conditional").

    Args:
        cells: images along each side; 13 of a grid of values, 8 of draws.
    """
    shapes = model.hierarchy.shapes
    check_level(level + 1, len(shapes))
    units = math.prod(shapes[level])
    cells = cells or (13 if units <= 2 else 8)
    axis = torch.linspace(-reach, reach, cells)
    rows = 1 if units == 1 else cells
    held = noise(model, rows * cells, seed)
    if others == "fixed" or units > 2:
        held = {index: e if index == level else e[:1].expand_as(e) for index, e in held.items()}
    if units <= 2:
        value = torch.cartesian_prod(axis.flip(0), axis).flip(1) if units == 2 else axis
        held[level] = value.reshape(-1, *shapes[level]).to(model.hierarchy.top)
    return Sweep(
        images=from_noise(model, rows * cells, held, seed),
        level=level,
        levels=len(shapes),
        rows=rows,
        columns=cells,
        across=tuple(axis.tolist()) if units <= 2 else (),
        up=tuple(axis.tolist()) if units == 2 else (),
        others="fixed" if units > 2 else others,
    )
