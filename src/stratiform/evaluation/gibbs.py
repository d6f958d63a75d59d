"""The chain of Prop. 1 (Zhao, Song, Ermon 2017): z ~ q(z | x), x ~ p(x | z), and again.

Where q(z | x) is the model's own posterior, this leaves p(x) as it is, and the prior p(z) is not needed to draw from
it. In a Markov hierarchy the chain reads q(z_1 | x) and p(x | z_1) alone, the form that the paper prints, for the walk
forgets what is above z_1; with shortcuts it reads all of q(z | x). Both are one pick, that of inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from stratiform.core.hierarchy import from_prior, with_noise
from stratiform.core.model import LatentModel
from stratiform.data.batches import mix
from stratiform.errors import UserError
from stratiform.evaluation.explore import chunks, noise
from stratiform.evaluation.noise import keyed
from stratiform.spec import ImageSpec


@dataclass(frozen=True)
class Chains:
    """n chains at some of their steps, K of them."""

    steps: tuple[int, ...]  #: ascending; the first step is 1
    means: Tensor  #: [K, n, C, H, W] the mean of p(x | z): what to show; a sample where it has none
    samples: Tensor  #: [K, n, C, H, W] x ~ p(x | z): where the chain is


@torch.no_grad()
def gibbs(model: LatentModel, x: Tensor, steps: int, *, keep: Sequence[int] | None = None, seed: int = 0) -> Chains:
    """One chain from each image of x [n, C, H, W], `steps` long.

    The chain goes on from a *sample* of p(x | z). From its mean it would have another stationary law, if any.

    Args:
        x: where the chains start: data, or `uniform`, or `ancestral`.
        keep: the steps that are returned; the last alone where nothing is said.
    """
    if not model.hierarchy.shapes:
        raise UserError("this model has no levels: a chain of z ~ q(z|x), x ~ p(x|z) needs a z")
    kept = (steps,) if keep is None else tuple(sorted(set(keep)))
    if not kept or not 1 <= kept[0] <= kept[-1] <= steps:
        raise UserError(f"the steps to keep are {list(keep or kept)} of {steps}; give some from 1 to {steps}")
    parts = [_chains(model, x[rows], rows.start, kept, seed) for rows in chunks(len(x))]
    means, samples = (torch.cat([part[which] for part in parts], 1) for which in (0, 1))
    return Chains(kept, means, samples)


@torch.no_grad()
def ancestral(model: LatentModel, n: int, seed: int = 0) -> Tensor:
    """z ~ p(z), x ~ p(x | z): n samples [n, C, H, W], not the means that `explore.samples` shows."""
    device, held, images = model.hierarchy.top.device, noise(model, n, seed), []
    for rows in chunks(n):
        pick = with_noise({level: e[rows] for level, e in held.items()}, from_prior())
        image = model.decode(rows.stop - rows.start, pick)
        images.append(image.sample(Generator(device).manual_seed(mix(seed, rows.start, 0))).cpu())
    return torch.cat(images)


def uniform(spec: ImageSpec, n: int, seed: int = 0) -> Tensor:
    """n images [n, C, H, W] that are nothing but noise: every grey level as likely."""
    generator = Generator().manual_seed(mix(seed))
    if spec.bins is None:
        return torch.rand(n, *spec.shape, generator=generator)
    return torch.randint(spec.bins, (n, *spec.shape), generator=generator) / (spec.bins - 1)


def _chains(model: LatentModel, x: Tensor, first: int, kept: tuple[int, ...], seed: int) -> tuple[Tensor, Tensor]:
    """Means and samples, [K, rows, C, H, W] each, of the chains from the row `first` on."""
    x, rows = x.to(model.hierarchy.top), torch.arange(first, first + len(x))
    means, samples = [], []
    for step in range(1, kept[-1] + 1):
        pick = model.posterior.pick(x, keyed(seed, rows, torch.full_like(rows, step)))
        image = model.decode(len(x), pick)
        x = image.sample(Generator(x.device).manual_seed(mix(seed, first, step)))
        if step in kept:
            mean = image.mean
            means.append((x if mean is None else mean).cpu())
            samples.append(x.cpu())
    return torch.stack(means), torch.stack(samples)
