"""Laws of probability: KLs, bounds and masses."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import torch
from torch import Tensor

from stratiform.core.conditional import ConditionalModel
from stratiform.core.decoder import Autoregressive, Factorised
from stratiform.core.masks import FixedMask
from stratiform.evaluation.bound import bounds, log_weights
from stratiform.evaluation.laws.case import Broken, Case, NotApplicable, near, random_images

SIGMAS = 5.0  # standard errors that a Monte-Carlo mean may be off; the noise is fixed, so the verdict is too
ROWS = 256  # values of a pixel at once
MOST_VALUES = 4096  # of one pixel, channels joined, that are enumerated
MOST_IMAGES = 4096  # that are enumerated
PIXELS = 2**18  # of the images that are encoded to compare KLs
WEIGHTS = 2**16  # draws in all, of all images together


def analytic_kl_is_monte_carlo_kl(case: Case) -> str:
    """Where a level's KL is analytic, it is never negative and equals the mean of log q - log p over draws."""
    case.need_levels()
    draws = min(max(PIXELS // case.spec.dimensions, 32), 512)
    with torch.no_grad():
        latents = case.model.encode(case.x[:2].repeat(draws, 1, 1, 1), draw=case.rows(2, draws))
    exact = [(level, latent) for level, latent in enumerate(latents) if latent.analytic_kl() is not None]
    if not exact:
        raise NotApplicable("no level's KL is analytic")
    for level, latent in exact:
        if latent.kl_each().min() < -1e-12:
            raise Broken(f"level {level + 1}: a KL of {latent.kl_each().min():.3g} nats is negative")
    worst = max(
        _sigmas(f"level {level + 1}", latent.kl(), replace(latent, exact=False).kl()) for level, latent in exact
    )
    return f"{len(exact)} levels, {2 * draws} draws: within {worst:.1f} standard errors"


def bounds_are_ordered(case: Case) -> str:
    """ELBO <= importance-weighted bound, growing with k; the ELBO with analytic KLs is the mean log-weight."""
    case.need_levels()
    k, n, x = 64, 2, case.x[:2]
    with torch.no_grad():
        terms = case.model(x.repeat(k, 1, 1, 1), draw=case.rows(n, k))
    sigmas = _sigmas("the ELBO", terms.elbo(), terms.log_weight())
    groups = [terms.log_weight().view(-1, size, n).logsumexp(1).mean(0) - math.log(size) for size in (1, 8, 64)]
    found = bounds(case.model, x, k, chunk=5)
    near("bounds in chunks and at once", found.bound, groups[-1], 1e-10)
    near("ELBO and mean log-weight", found.elbo, groups[0], 1e-10)
    if (groups[1] < groups[0] - 1e-9).any() or (groups[2] < groups[1] - 1e-9).any():
        raise Broken("the bound shrinks with k")
    means = " <= ".join(f"{group.mean().item():.2f}" for group in groups)
    return f"{means} nats for k = 1, 8, 64; ELBO within {sigmas:.1f} standard errors"


def neither_batch_nor_chunk_matters(case: Case) -> str:
    """An image's bound is the same alone, in a batch, and whatever the chunk."""
    together = bounds(case.model, case.x, 6, chunk=4).bound
    alone = [bounds(case.model, case.x[i : i + 1], 6, first=i).bound for i in range(len(case.x))]
    return near("bounds alone and in a batch", torch.cat(alone), together, 1e-9)


def masses_sum_to_one(case: Case) -> str:
    """Over all values of a pixel, given those before it, the masses sum to 1 (or to less, where a dialect says so)."""
    if case.spec.bins is None:
        raise NotApplicable("continuous data has a density")
    pixels = _Pixels(case)
    sums = [pixels.mass(i, j) for i, j in some_pixels(case)]
    low, high = min(sums), max(sums)
    if not _is_normalised(case):
        if high > 1.0 + 1e-4:
            raise Broken(f"the masses of a pixel sum to {high:.9f}, more than 1")
        return f"this dialect leaves a mass of {low:.4f} to {high:.4f}"
    if max(high - 1.0, 1.0 - low) > 1e-9:
        raise Broken(f"the masses of a pixel sum to {low:.9f} to {high:.9f}")
    return f"{len(sums)} pixels within {max(high - 1.0, 1.0 - low):.1g}"


def images_sum_to_one(case: Case) -> str:
    """The importance-weighted estimates of p(x) over all images that exist sum to 1: tiny images only.

    Of a model that completes images, those of p(hidden | known), one pixel known.
    """
    spec = case.spec
    if spec.bins is None or spec.dimensions * math.log(spec.bins) > math.log(MOST_IMAGES) + 1e-9:
        raise NotApplicable("there are too many images to enumerate")
    values = torch.linspace(0.0, 1.0, spec.bins, dtype=torch.float64)
    images = torch.cartesian_prod(*[values] * spec.dimensions).view(-1, *spec.shape)
    model = case.copy()
    if isinstance(model, ConditionalModel):
        known = torch.zeros(spec.shape[1:], dtype=torch.bool)
        known[0, 0] = True
        model.mask = FixedMask(known)
        images = images[(images[:, :, 0, 0] == case.x[0, :, 0, 0]).all(1)]
    k = WEIGHTS // len(images) if case.levels else 1
    weights = torch.cat([log_weights(model, x, k, first=256 * i) for i, x in enumerate(images.split(256))], 1)
    sums = weights.exp().sum(1)
    slack = SIGMAS * sums.std().item() / math.sqrt(k) if case.levels else 0.0
    if abs(sums.mean().item() - 1.0) > slack + 1e-9:
        raise Broken(f"the {len(images)} images have mass {sums.mean().item():.6f}, expected 1 within {slack:.2g}")
    return f"{len(images)} images: {sums.mean().item():.6f}, within {slack:.1g} of 1"


def some_pixels(case: Case) -> list[tuple[int, int]]:
    """The corners and the middle, [(i, j)]."""
    _, height, width = case.spec.shape
    corners = itertools.product((0, height - 1), (0, width - 1))
    return sorted({*corners, (height // 2, width // 2)})


class _Pixels:
    """log p of single pixels of one image, at any values, all other pixels held."""

    def __init__(self, case: Case) -> None:
        self.spec, self.base, self.image = case.spec, case.x[0], case.image(ROWS)
        self.grid = torch.linspace(0.0, 1.0, case.spec.bins or 0, dtype=torch.float64)

    def mass(self, i: int, j: int) -> float:
        """The sum over all values of pixel (i, j)."""
        if self.spec.bins**self.spec.channels > MOST_VALUES:
            return self._mass_of_independent_channels(i, j)
        every = torch.cartesian_prod(*[self.grid] * self.spec.channels).view(-1, self.spec.channels)
        return self.log_mass(every, i, j).logsumexp(0).exp().item()

    def log_mass(self, values: Tensor, i: int, j: int) -> Tensor:
        """log p of pixel (i, j) at each of the values [V, C], [V]."""
        found = []
        for few in values.split(ROWS):
            x = self.base.repeat(ROWS, 1, 1, 1)
            x[: len(few), :, i, j] = few
            with torch.no_grad():
                found.append(self.image.log_prob_each(x)[: len(few), i, j])
        return torch.cat(found)

    def _mass_of_independent_channels(self, i: int, j: int) -> float:
        """The same, one channel at a time: the product over channels of sum_k p(x_c = k, others) / p(others), times p.

        Only where the channels are independent, which random values must confirm.
        """
        channels, pixel = self.spec.channels, self.base[:, i, j]
        varied = pixel.repeat(channels, len(self.grid), 1)
        for c in range(channels):
            varied[c, :, c] = self.grid
        random = random_images(self.spec, 8, seed=5)[:, :, i, j]
        log_p = self.log_mass(torch.cat([pixel[None], random, varied.flatten(0, 1)]), i, j)
        here, at_random, ratios = log_p[0], log_p[1:9], log_p[9:].view(channels, -1) - log_p[0]
        indices = torch.round(random.T * (len(self.grid) - 1)).long()
        if not torch.allclose(here + ratios.gather(1, indices).sum(0), at_random, rtol=1e-9, atol=1e-9):
            raise NotApplicable(f"{self.spec.bins} levels in coupled channels are too many to enumerate")
        return (here + ratios.logsumexp(1).sum()).exp().item()


def _is_normalised(case: Case) -> bool:
    decoder = case.model.decoder
    return not isinstance(decoder, Factorised | Autoregressive) or decoder.head.kind.normalised


def _sigmas(what: str, a: Tensor, b: Tensor) -> float:
    """By how many standard errors the means of two paired [B] differ."""
    difference = (a - b).detach()
    mean, error = difference.mean().item(), difference.std().item() / math.sqrt(len(difference))
    if not abs(mean) <= SIGMAS * error + 1e-9:
        means = f"{a.mean().item():.4f} nats against {b.mean().item():.4f} by Monte Carlo"
        raise Broken(f"{what}: {means}, standard error {error:.2g}")
    return abs(mean) / (error + 1e-9)
