"""Laws of probability: KLs, bounds and masses."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import torch
from torch import Tensor

from stratiform.core.decoder import Autoregressive, Factorised
from stratiform.evaluation.bound import bounds, log_weights
from stratiform.evaluation.laws.case import Broken, Case, NotApplicable, near, random_images

SIGMAS = 5.0  # standard errors that a Monte-Carlo mean may be off; the noise is fixed, so the verdict is too
MOST_VALUES = 4096  # of one pixel, channels joined, that are enumerated
MOST_IMAGES = 4096  # that are enumerated
WEIGHTS = 2**16  # draws in all, of all images together


def analytic_kl_is_monte_carlo_kl(case: Case) -> str:
    """At every level whose KL is analytic, it is never negative and equals the mean log q - log p of 1,024 draws."""
    case.need_levels()
    x = case.x[:2].repeat(512, 1, 1, 1)
    with torch.no_grad():
        latents = case.model.encode(x, draw=case.rows(2, 512))
    exact = [(level, latent) for level, latent in enumerate(latents) if latent.exact]
    if not exact:
        raise NotApplicable("no level's KL is analytic")
    for level, latent in exact:
        if latent.kl_each().min() < -1e-12:
            raise Broken(f"level {level + 1}: a KL of {latent.kl_each().min():.3g} nats is negative")
    worst = max(
        _sigmas(f"level {level + 1}", latent.kl(), replace(latent, exact=False).kl()) for level, latent in exact
    )
    return f"{len(exact)} levels within {worst:.1f} standard errors"


def bounds_are_ordered(case: Case) -> str:
    """ELBO <= importance-weighted bound, growing with k; the ELBO with analytic KLs is the mean log-weight."""
    case.need_levels()
    k, n = 64, len(case.x)
    with torch.no_grad():
        terms = case.model(case.x.repeat(k, 1, 1, 1), draw=case.rows(n, k))
    sigmas = _sigmas("the ELBO", terms.elbo(), terms.log_weight())
    weights = log_weights(case.model, case.x, k)
    groups = [weights.view(-1, size, n).logsumexp(1).mean(0) - math.log(size) for size in (1, 8, 64)]
    found = bounds(case.model, case.x, k, chunk=5)
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
    sums = [_mass(case, i, j) for i, j in some_pixels(case)]
    low, high = min(sums), max(sums)
    if not _is_normalised(case):
        if high > 1.0 + 1e-4:
            raise Broken(f"the masses of a pixel sum to {high:.9f}, more than 1")
        return f"this dialect leaves a mass of {low:.4f} to {high:.4f}"
    if max(high - 1.0, 1.0 - low) > 1e-9:
        raise Broken(f"the masses of a pixel sum to {low:.9f} to {high:.9f}")
    return f"{len(sums)} pixels within {max(high - 1.0, 1.0 - low):.1g}"


def images_sum_to_one(case: Case) -> str:
    """The importance-weighted estimates of p(x) over all images that exist sum to 1: tiny images only."""
    spec = case.spec
    if spec.bins is None or spec.dimensions * math.log(spec.bins) > math.log(MOST_IMAGES) + 1e-9:
        raise NotApplicable("there are too many images to enumerate")
    values = torch.linspace(0.0, 1.0, spec.bins, dtype=torch.float64)
    images = torch.cartesian_prod(*[values] * spec.dimensions).view(-1, *spec.shape)
    k = WEIGHTS // len(images) if case.levels else 1
    weights = torch.cat([log_weights(case.model, x, k, first=256 * i) for i, x in enumerate(images.split(256))], 1)
    sums = weights.exp().sum(1)
    slack = SIGMAS * sums.std().item() / math.sqrt(k) if case.levels else 0.0
    if abs(sums.mean().item() - 1.0) > slack + 1e-9:
        raise Broken(f"the {len(images)} images have mass {sums.mean().item():.6f}, expected 1 within {slack:.2g}")
    return f"{len(images)} images: {sums.mean().item():.6f}, within {slack:.1g} of 1"


def some_pixels(case: Case) -> list[tuple[int, int]]:
    """Corners, edges and the middle, [(i, j)]."""
    _, height, width = case.spec.shape
    rows, columns = {0, height // 2, height - 1}, {0, width // 2, width - 1}
    return sorted(itertools.product(rows, columns))


def _mass(case: Case, i: int, j: int) -> float:
    """The sum over all values of pixel (i, j), all else held."""
    base = case.x[0]
    if case.spec.bins**case.spec.channels <= MOST_VALUES:
        every = torch.cartesian_prod(*[_grid(case)] * case.spec.channels).view(-1, case.spec.channels)
        return _log_mass(case, base, every, i, j).logsumexp(0).exp().item()
    return _mass_of_independent_channels(case, base, i, j)


def _mass_of_independent_channels(case: Case, base: Tensor, i: int, j: int) -> float:
    """The same, one channel at a time: (sum_k p(x_c = k, others)) / p(others) as a product over channels.

    Only where the channels are independent, which random values must confirm.
    """
    grid, channels = _grid(case), case.spec.channels
    pixel = base[:, i, j]
    random = random_images(case.spec, 8, seed=5)[:, :, i, j]
    here = _log_mass(case, base, pixel[None], i, j)
    log_ratios, rebuilt = [], torch.zeros(len(random), dtype=torch.float64)
    for c in range(channels):
        varied = pixel.repeat(len(grid), 1)
        varied[:, c] = grid
        ratio = _log_mass(case, base, varied, i, j) - here
        log_ratios.append(ratio.logsumexp(0))
        rebuilt = rebuilt + ratio[torch.round(random[:, c] * (len(grid) - 1)).long()]
    if not torch.allclose(rebuilt + here, _log_mass(case, base, random, i, j), rtol=1e-9, atol=1e-9):
        raise NotApplicable(f"{case.spec.bins} levels in {channels} coupled channels are too many to enumerate")
    return (here + torch.stack(log_ratios).sum()).exp().item()


def _log_mass(case: Case, base: Tensor, values: Tensor, i: int, j: int) -> Tensor:
    """log p of pixel (i, j) at each of the values [V, C], [V]."""
    return torch.cat([_log_mass_of_few(case, base, few, i, j) for few in values.split(256)])


def _log_mass_of_few(case: Case, base: Tensor, values: Tensor, i: int, j: int) -> Tensor:
    x = base.repeat(len(values), 1, 1, 1)
    x[:, :, i, j] = values
    with torch.no_grad():
        return case.image(len(values)).log_prob_each(x)[:, i, j]


def _grid(case: Case) -> Tensor:
    return torch.linspace(0.0, 1.0, case.spec.bins or 0, dtype=torch.float64)


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
