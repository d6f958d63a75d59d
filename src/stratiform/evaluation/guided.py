"""Images completed by a model with levels whose pixels are drawn one after the other.

    p(z, x_u | x_k) ~ p(z) prod over all ij of p(x_ij | earlier, f(z))

A particle is a z ~ r(z), and the hidden pixels drawn in raster order given it, the known ones keeping their values.
Its weight is p(z) / r(z) times the product over *known* pixels of p(x_ij | earlier, f(z)); particles are chosen anew
row by row (`filtered.py`), and completions among them at the end, by weight. r is the mixture of `particles.py`: a
quarter the prior, the others q(z | x~) of fills x~, images completed without any choice, first under z ~ p(z), then
renewed: z ~ q(z | x~), and the hidden pixels given it. Whatever the fills are, what is drawn tends to p(x_u | x_k) as
particles grow.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stratiform.core.decoder import Autoregressive, AutoregressiveImage, Growing
from stratiform.core.hierarchy import from_prior, given, with_noise
from stratiform.core.model import LatentModel
from stratiform.core.posterior import noisy
from stratiform.data.batches import mix
from stratiform.evaluation.complete import Completions, check, check_enough, chosen_among
from stratiform.evaluation.explore import Watch, chunks, grow, noise, unwatched
from stratiform.evaluation.filtered import Filter, filtered
from stratiform.evaluation.particles import Levels, decoded, log_ratio

FILLS, PRIOR, ROUNDS = 15, 5, 2  # of twenty particles one comes from each fill, five from the prior
CHOSEN, STARTED, DRAWN, RENEWED = range(4)  # what a seed is for; the last one, and those after it, round by round


@torch.no_grad()
def complete_given_levels(
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
        particles: how many are drawn to choose from.
        temperature: times the spread of every hidden pixel's distribution; weights are of the model as it is.
        watch: hears how the particles grow.

    Raises:
        UserError: there is nothing to do, or nothing to go by.
    """
    assert isinstance(model.decoder, Autoregressive)
    check(x, known, model.decoder.shape)
    check_enough(particles, n)
    x, known = x.to(model.hierarchy.top), known.to(model.hierarchy.top.device)
    fills = _fills(model, x, known, temperature, seed)
    source = (torch.arange(particles) % (FILLS + PRIOR)).clamp(max=FILLS)  # the fill of each; FILLS: the prior
    held, seed_of_pixels = noise(model, particles, mix(seed, DRAWN)), mix(seed, DRAWN)
    parts = []
    for rows in chunks(particles):
        z = _proposed(model, fills, {level: e[rows] for level, e in held.items()}, source[rows])
        f, at_z = model.hierarchy.descend(len(z[0]), given(z, from_prior()))
        how = Filter(seed_of_pixels, temperature, watch, rows.start, particles)
        parts.append(filtered(model.decoder(f), log_ratio(model, fills, z, at_z, source), x, known, how))
    return chosen_among(parts, known, n, mix(seed, CHOSEN))


def _fills(model: LatentModel, x: Tensor, known: Tensor, temperature: float, seed: int) -> Tensor:
    """Images with what may be in the hole, [FILLS, C, H, W]."""

    def painted(z: Levels, seed: int) -> Growing:
        return grow(_pixels(model, z), 0, FILLS, seed=seed, temperature=temperature, x=x, known=known)

    fills = painted(_of_prior(model, noise(model, FILLS, mix(seed, STARTED))), mix(seed, STARTED)).x
    for step in range(ROUNDS):
        again = mix(seed, RENEWED + step)
        latents = model.encode(fills, noisy(noise(model, FILLS, again)))
        fills = painted({level: latent.z for level, latent in enumerate(latents)}, again).x
    return fills


def _proposed(model: LatentModel, fills: Tensor, held: Levels, source: Tensor) -> dict[int, Tensor]:
    """z of particles, [B, *z] per level.

    Args:
        held: standard normal noise of every level.
        source: the fill that each is inferred from; FILLS: none, it is drawn from the prior.
    """
    z, inferred = _of_prior(model, held), torch.nonzero(source < FILLS)[:, 0]
    by_fill = model.encode(fills[source[inferred]], noisy({level: e[inferred] for level, e in held.items()}))
    for level, latent in enumerate(by_fill):
        z[level][inferred] = latent.z
    return z


def _of_prior(model: LatentModel, held: Levels) -> dict[int, Tensor]:
    latents = model.hierarchy.descend(len(held[0]), with_noise(held, from_prior()))[1]
    return {level: latent.z for level, latent in enumerate(latents)}


def _pixels(model: LatentModel, z: Levels) -> AutoregressiveImage:
    image = decoded(model, z)
    assert isinstance(image, AutoregressiveImage)
    return image
