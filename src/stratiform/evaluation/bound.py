"""Bounds on log p(x), per image and in nats: the ELBO, the importance-weighted bound, and what each level pays.

With log-weights log w_s = log p(x, z_s) - log q(z_s | x) of k draws of z (Burda et al. 2016):

    ELBO = mean_s log w_s  <=  log (1/k) sum_s w_s  <=  log p(x) in expectation

Both come from the same draws, so the first inequality holds for every image, exactly. No analytic KL enters a weight
(with it the second would be no bound); the KL reported per level is analytic where the posterior allows it. Draws are
functions of (seed, image, sample), so every number is the same whatever the batch and chunk, up to rounding. No mean
leaves an image out: a weight that is not finite ends the evaluation, and the error names the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor

from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.errors import Failed, UserError
from stratiform.evaluation.moments import Mean, Moments
from stratiform.evaluation.noise import keyed
from stratiform.spec import ImageSpec

PIXELS_AT_ONCE = 2_000_000  # of the images of one chunk, repeats included
ACTIVE = 0.01  # a unit is active where Var_x E_q[u | x] is above this (Burda et al. 2016)


@dataclass(frozen=True)
class Bounds:
    """What k draws say of every image: float64, in nats."""

    elbo: Tensor  #: [B] mean log-weight
    bound: Tensor  #: [B] log of the mean weight; the exact log p(x) where there are no levels
    effective: Tensor  #: [B] (sum w)^2 / sum w^2, between 1 and k
    kl: Tensor  #: [L, B] mean over the draws, bottom -> top
    means: tuple[Tensor, ...]  #: [B, *z] per level, E_q[z | x] averaged over the draws of the levels it depends on
    auxiliary: Tensor | None  #: [B] E_q[log p(y | z)] - KL, where the model has an auxiliary observation


@dataclass(frozen=True, kw_only=True)
class LevelBound:
    """One level, counted from 1 at the bottom."""

    level: int
    kl: float  #: nats per image
    units: int
    active_units: int


@dataclass(frozen=True, kw_only=True)
class PerImage:
    """What a model says of each of N images, in nats; and its levels, over all of them."""

    elbo: tuple[float, ...]  #: [N]
    bound: tuple[float, ...]  #: [N] importance-weighted; the exact log p(x) where there are no levels
    levels: tuple[LevelBound, ...]
    effective_samples: float  #: mean over images; near 1 the bound rests on single draws: take more samples
    auxiliary: float | None = None  #: mean over images, where the model has an auxiliary observation

    @classmethod
    def of(
        cls,
        model: LatentModel,
        batches: Iterable[Tensor],
        *,
        samples: int = 50,
        seed: int = 0,
        chunk: int | None = None,
    ) -> Self:
        """Of all images of the batches [B, C, H, W]; the model is put in eval mode meanwhile.

        The index of an image is its place in the whole. Arguments as in `bounds`.

        Raises:
            UserError: no images, or fewer than one sample.
            Failed: a weight is not finite.
        """
        if samples < 1:
            raise UserError(f"samples is {samples}; give the draws of z per image, 1 or more")
        elbo: list[float] = []
        bound: list[float] = []
        kl, effective, auxiliary = Moments(), Moments(), Moments()
        codes = [Moments() for _ in model.hierarchy.shapes]
        with _in_eval_mode(model):
            for x in batches:
                found = bounds(model, x, samples, seed=seed, first=len(elbo), chunk=chunk)
                elbo += found.elbo.tolist()
                bound += found.bound.tolist()
                kl.add(found.kl.T)
                effective.add(found.effective)
                for code, means in zip(codes, found.means, strict=True):
                    code.add(means)
                if found.auxiliary is not None:
                    auxiliary.add(found.auxiliary)
        if not elbo:
            raise UserError("there are no images to evaluate; choose another split or a higher --limit")
        return cls(
            elbo=tuple(elbo),
            bound=tuple(bound),
            levels=tuple(_level(i, kl.mean[i], code) for i, code in enumerate(codes)),
            effective_samples=effective.mean.item(),
            auxiliary=auxiliary.mean.item() if auxiliary.count else None,
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        levels = tuple(LevelBound(**level) for level in values["levels"])
        known = {name: values[name] for name in ("effective_samples", "auxiliary") if name in values}
        return cls(elbo=tuple(values["elbo"]), bound=tuple(values["bound"]), levels=levels, **known)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Means over images, with standard errors over images; nats per image but for bits per dimension."""

    images: int
    dimensions: int
    estimator: str  #: "exact" where the model has no levels, else "iw"
    samples: int
    seed: int
    elbo: float
    elbo_stderr: float | None
    log_likelihood_bound: float
    log_likelihood_bound_stderr: float | None
    bits_per_dim: float | None
    auxiliary_bits_per_dim: float | None
    levels: tuple[LevelBound, ...]
    effective_samples: float  #: mean over images

    def to_json(self) -> dict[str, Any]:
        """The keys of `evaluate --json` that a model and images decide."""
        keys = [name for name in self.__dataclass_fields__ if name not in ("levels", "effective_samples")]
        return {**{name: getattr(self, name) for name in keys}, "levels": [dict(vars(level)) for level in self.levels]}


def log_weights(
    model: LatentModel,
    x: Tensor,
    samples: int,
    *,
    seed: int = 0,
    first: int = 0,
    chunk: int | None = None,
    seen: Tensor | None = None,
) -> Tensor:
    """log p(x, z) - log q(z | x) of every draw, [k, B] float64.

    Args:
        x: images, [B, C, H, W].
        samples: k, draws of z per image.
        seed: of the draws.
        first: the index of x[0] among all images: draws belong to images, not to places in a batch.
        chunk: how many draws of each image go through the network at once; None: by memory.
        seen: what inference sees of each image, [B, ...]; of a model that completes images, which pixels are known.
    """
    return torch.cat([weights for weights, _ in _chunks(model, x, samples, seed, first, chunk, seen)])


def bounds(
    model: LatentModel,
    x: Tensor,
    samples: int,
    *,
    seed: int = 0,
    first: int | Tensor = 0,
    chunk: int | None = None,
    seen: Tensor | None = None,
) -> Bounds:
    """The bounds of every image, in the memory of one chunk of draws. Arguments as in `log_weights`.

    Args:
        first: the index of x[0] among all images, or of every image, int64 [B].

    Raises:
        Failed: a weight is not finite; the message names the image.
    """
    levels = len(model.hierarchy.levels)
    k = samples if levels else 1
    total = x.new_zeros(len(x), dtype=torch.float64)
    log_sum = log_squares = torch.full_like(total, -math.inf)
    kl, auxiliary = total.new_zeros(levels, len(x)), None
    means = tuple(total.new_zeros(len(x), *shape) for shape in model.hierarchy.shapes)
    for weights, terms in _chunks(model, x, samples, seed, first, chunk, seen):
        total = total + weights.sum(0)
        log_sum = torch.logaddexp(log_sum, weights.logsumexp(0))
        log_squares = torch.logaddexp(log_squares, (2.0 * weights).logsumexp(0))
        rate = _by_image(terms.kls().T, len(x)).sum(0).T
        kl = kl + rate
        means = tuple(m + _by_image(t.q.mean, len(x)).sum(0) for m, t in zip(means, terms.latents, strict=True))
        if terms.log_py is not None:
            gained = _by_image(terms.log_py, len(x)).sum(0) - rate.sum(0)
            auxiliary = gained if auxiliary is None else auxiliary + gained
    return Bounds(
        elbo=total / k,
        bound=log_sum - math.log(k),
        effective=torch.exp(2.0 * log_sum - log_squares),
        kl=kl / k,
        means=tuple(m / k for m in means),
        auxiliary=None if auxiliary is None else auxiliary / k,
    )


def evaluate(
    model: LatentModel,
    spec: ImageSpec,
    batches: Iterable[Tensor],
    *,
    samples: int = 100,
    seed: int = 0,
    grid: int | None = None,
    chunk: int | None = None,
) -> Evaluation:
    """Means over all images of the batches. Arguments and errors as in `PerImage.of`.

    Args:
        grid: grey levels of the data before dequantisation; None where it was not dequantised.
    """
    found = PerImage.of(model, batches, samples=samples, seed=seed, chunk=chunk)
    elbo, bound = Mean.of(found.elbo), Mean.of(found.bound)
    return Evaluation(
        images=len(found.elbo),
        dimensions=spec.dimensions,
        estimator="iw" if found.levels else "exact",
        samples=samples if found.levels else 1,
        seed=seed,
        elbo=elbo.value,
        elbo_stderr=elbo.stderr,
        log_likelihood_bound=bound.value,
        log_likelihood_bound_stderr=bound.stderr,
        bits_per_dim=bits_of(model, bound.value, spec, grid),
        auxiliary_bits_per_dim=None if found.auxiliary is None else bits_per_dim(found.auxiliary, spec, grid),
        levels=found.levels,
        effective_samples=found.effective_samples,
    )


def bits_per_dim(log_p: float, spec: ImageSpec, grid: int | None = None) -> float | None:
    """log p(x) in nats -> bits per dimension, lower is better.

    Args:
        spec: its bins tell whether log p is a mass or, at None, a density on [0, 1].
        grid: grey levels of dequantised data x = (k + u) / grid: a density on [0, 1] is a bound on the masses after
            log2(grid) bits are added. Without it, continuous data has no bits per dimension: None.
    """
    bits = -log_p / (spec.dimensions * math.log(2.0))
    if spec.bins is not None:
        return bits
    return None if grid is None else bits + math.log2(grid)


def bits_of(model: LatentModel, log_p: float, spec: ImageSpec, grid: int | None = None) -> float | None:
    """`bits_per_dim` of what a model scores; None where that is a part of the image."""
    return bits_per_dim(log_p, spec, grid) if model.whole else None


def active_units(variance: Tensor) -> int:
    """How many units have Var_x E_q[u | x] > 0.01, from that variance, [*z]."""
    return int((variance > ACTIVE).sum())


def _level(index: int, kl: Tensor, code: Moments) -> LevelBound:
    active = active_units(code.variance)
    return LevelBound(level=index + 1, kl=kl.item(), units=code.mean.numel(), active_units=active)


def _chunks(
    model: LatentModel,
    x: Tensor,
    samples: int,
    seed: int,
    first: int | Tensor,
    chunk: int | None,
    seen: Tensor | None = None,
) -> Iterator[tuple[Tensor, Terms]]:
    """Log-weights [c, B] in float64 and the Terms of their c * B rows, chunk by chunk; one row each without levels."""
    samples = samples if len(model.hierarchy.levels) else 1
    chunk = chunk or max(1, PIXELS_AT_ONCE // x.numel())
    image = first if isinstance(first, Tensor) else torch.arange(first, first + len(x), device=x.device)
    for start in range(0, samples, chunk):
        sample = torch.arange(start, min(start + chunk, samples), device=x.device)
        c = len(sample)
        draw = keyed(seed, image.repeat(c), sample.repeat_interleave(len(x)))
        with torch.no_grad():
            inferred_from = {} if seen is None else {"seen": seen.repeat(c, 1, 1, 1)}
            terms = model(x.repeat(c, 1, 1, 1), draw=draw, **inferred_from)
            weights = _by_image(terms.log_weight(), len(x))
        _refuse_non_finite(weights, terms, 0 if isinstance(first, Tensor) else first)
        yield weights, terms


def _by_image(rows: Tensor, images: int) -> Tensor:
    """[c * B, ...] -> [c, B, ...] float64."""
    return rows.double().view(len(rows) // images, images, *rows.shape[1:])


def _refuse_non_finite(weights: Tensor, terms: Terms, first: int) -> None:
    broken = (~weights.isfinite()).nonzero()
    if not len(broken):
        return
    sample, image = broken[0].tolist()
    row = sample * weights.shape[1] + image
    log_px = terms.log_px[row].item()
    kls = ", ".join(f"{kl:.4g}" for kl in terms.kls()[:, row].tolist())
    raise Failed(
        f"the log-weight of image {first + image} is {weights[sample, image].item()} (log p(x|z) {log_px:.4g}, "
        f"KL of levels 1 to L: {kls or 'none'}); no image is left out, so there is no bound"
    )


@contextmanager
def _in_eval_mode(model: LatentModel) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
