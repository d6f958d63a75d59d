"""Levels inferred from the known pixels alone, by a model that was taught to infer them from whole images.

Particles z_i are drawn from a mixture r(z) of proposals, and weighted:

    w_i = p(z_i) p(x_k | z_i) / r(z_i),    p(x_u | x_k) = E_r[w p(x_u | z)] / E_r[w],    p(x_k) = E_r[w]

The proposals are q(z | x~) of fifteen fills x~, the image with something in its hole, and the prior p(z), from which a
quarter of the particles come; each is weighed by the mixture, whichever proposal it came from (the balance heuristic
of Veach and Guibas 1995): no fill need be near the truth, and thanks to the prior no weight exceeds 4 p(x_k | z).
A fill starts as what a particle of the prior shows, chosen by p(x_k | z), and is renewed a few times: z ~ q(z | x~),
then the mean of p(x_u | z) goes into the hole (the pseudo-Gibbs chain of Rezende, Mohamed and Wierstra 2014). Whatever
the fills are, the weights are right: p(x_k) is unbiased, and the law of what is drawn tends to p(x_u | x_k) as
particles grow. With few it is too narrow; how few they are worth, the effective number of particles tells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from stratiform.core.decoder import Image
from stratiform.core.hierarchy import from_prior, given, with_noise
from stratiform.core.latent import Latent
from stratiform.core.model import LatentModel
from stratiform.core.posterior import noisy, replay
from stratiform.data.batches import mix
from stratiform.evaluation.explore import chunks, noise
from stratiform.evaluation.filtered import effective, systematic, weights

FILLS, PRIOR, ROUNDS = 15, 5, 4  # of twenty particles one comes from each fill, five from the prior
CHOSEN, STARTED, DRAWN, RENEWED = range(4)  # what a seed is for; the last one, and those after it, round by round
Levels = Mapping[int, Tensor]  # z of every level, [n, *z]


@dataclass(frozen=True)
class Particles:
    """n draws of z, weighted so that they follow p(z | x_k), of one image."""

    model: LatentModel
    z: Levels
    log_w: Tensor  # log p(z) p(x_k | z) / r(z), [n] float64

    @property
    def effective(self) -> float:
        """(sum w)^2 / sum w^2"""
        return effective(weights(self.log_w))

    def log_known(self) -> float:
        """An estimate of log p(x_k) in nats: log E_r[w], in expectation no higher."""
        return self.log_w.logsumexp(0).item() - math.log(len(self.log_w))

    def choose(self, n: int, generator: Generator) -> Levels:
        """n of them with probabilities proportional to their weights: equally good draws of z."""
        return _rows(self.z, systematic(weights(self.log_w).cpu(), n, generator))

    def log_p(self, images: Tensor, hidden: Tensor) -> Tensor:
        """log sum_i w_i p(x_u | z_i) / sum_i w_i of images [m, C, H, W] float64, hidden bool [H, W]; [m], in nats.

        That is a distribution over x_u, the one that `choose` draws the levels of.
        """
        each = []
        for rows in chunks(len(self.log_w)):
            image = decoded(self.model, {level: value[rows] for level, value in self.z.items()})
            count = rows.stop - rows.start
            each.append(torch.stack([log_p_of(image, x.expand(count, -1, -1, -1), hidden) for x in images], 1))
        return (self.log_w.log_softmax(0)[:, None] + torch.cat(each)).logsumexp(0)


@torch.no_grad()
def infer(model: LatentModel, x: Tensor, known: Tensor, n: int, *, seed: int = 0) -> Particles:
    """n particles of the levels of x [1, C, H, W] given the pixels `known`, bool [H, W]; a function of the seed."""
    fills = _fills(model, x, known, n, seed)
    source = (torch.arange(n) % (FILLS + PRIOR)).clamp(max=FILLS)  # the fill of each particle; FILLS: the prior
    from_fills = noise(model, n, mix(seed, DRAWN))
    z = _values(model.hierarchy.descend(n, with_noise(from_fills, from_prior()))[1])
    inferred = torch.nonzero(source < FILLS)[:, 0]
    by_fill = model.encode(fills[source[inferred]], noisy(_rows(from_fills, inferred)))
    for level, latent in enumerate(by_fill):
        z[level][inferred] = latent.z
    parts = [{level: value[rows] for level, value in z.items()} for rows in chunks(n)]
    log_w = [_log_weights(model, x, known, fills, part, source) for part in parts]
    return Particles(model, z, torch.cat(log_w))


def _fills(model: LatentModel, x: Tensor, known: Tensor, n: int, seed: int) -> Tensor:
    """Images with what may be in the hole, [FILLS, C, H, W]."""
    drawn = _values(model.hierarchy.descend(n, with_noise(noise(model, n, mix(seed, STARTED)), from_prior()))[1])
    w = weights(log_p_of(decoded(model, drawn), x.expand(n, -1, -1, -1), known))
    z = _rows(drawn, systematic(w.cpu(), FILLS, Generator().manual_seed(mix(seed, CHOSEN))))
    for step in range(ROUNDS):
        z = _values(model.encode(_filled(model, x, known, z), noisy(noise(model, FILLS, mix(seed, RENEWED + step)))))
    return _filled(model, x, known, z)


def _filled(model: LatentModel, x: Tensor, known: Tensor, z: Levels) -> Tensor:
    mean = decoded(model, z).mean
    assert mean is not None  # pixels are independent given z
    return torch.where(known, x, mean.to(x))


def _log_weights(model: LatentModel, x: Tensor, known: Tensor, fills: Tensor, z: Levels, source: Tensor) -> Tensor:
    """log p(z) p(x_k | z) / r(z) of particles z, [n] float64; arguments as in `log_ratio`."""
    n = len(z[0])
    f, at_z = model.hierarchy.descend(n, given(z, from_prior()))
    known_pixels = log_p_of(model.decoder(f), x.expand(n, -1, -1, -1), known)
    return known_pixels + log_ratio(model, fills, z, at_z, source)


def log_ratio(model: LatentModel, fills: Tensor, z: Levels, at_z: tuple[Latent, ...], source: Tensor) -> Tensor:
    """log p(z) - log r(z) of particles z, [n] float64.

    Args:
        fills: images x~ of the proposals q(z | x~).
        at_z: their priors there.
        source: of all particles, which proposal each came from: a fill, or as many as there are fills for the prior.
    """
    log_p = torch.stack([latent.log_p() for latent in at_z]).sum(0).double()
    log_each = torch.cat([log_q(model, fills, z), log_p[None]])
    shares = torch.bincount(source, minlength=len(fills) + 1).double() / len(source)
    return log_p - (log_each + shares.log().to(log_p)[:, None]).logsumexp(0)


def log_q(model: LatentModel, x: Tensor, z: Levels) -> Tensor:
    """log q(z | x) of levels [n, *z] given each of m images [m, C, H, W]; [m, n] float64, in nats."""
    n = len(z[0])
    if not model.posterior.independent:
        return torch.stack([_at_draw(model.encode(one.expand(n, -1, -1, -1), replay(z))) for one in x])
    each = [
        latent.q.log_prob(z[level][:, None]).double().flatten(2).sum(2)  # [n, m]: q does not read the levels above
        for level, latent in enumerate(model.encode(x))
        if latent.q is not None
    ]
    return torch.stack(each).sum(0).T


def _at_draw(latents: tuple[Latent, ...]) -> Tensor:
    """log q(z | x) at the draw, [n] float64."""
    return torch.stack(
        [latent.log_q.double().flatten(1).sum(1) for latent in latents if latent.log_q is not None]
    ).sum(0)


def log_p_of(image: Image, x: Tensor, where: Tensor) -> Tensor:
    """log p of those pixels of images x [n, C, H, W], where bool [H, W]; [n] float64, in nats."""
    return image.log_prob_each(x)[:, where].double().sum(1)


def decoded(model: LatentModel, z: Levels) -> Image:
    """p(x | z) of levels [n, *z]."""
    image: Image = model.decoder(model.hierarchy.descend(len(z[0]), given(z, from_prior()))[0])
    return image


def _values(latents: tuple[Latent, ...]) -> dict[int, Tensor]:
    return {level: latent.z for level, latent in enumerate(latents)}


def _rows(z: Levels, rows: Tensor) -> dict[int, Tensor]:
    return {level: value[rows.to(value.device)] for level, value in z.items()}
