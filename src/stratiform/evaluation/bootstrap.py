"""Standard errors over images by drawing the images again (Efron & Tibshirani 1993, algorithm 6.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stratiform.errors import UserError

RESAMPLES = 20  # a standard error from 20 resamples is itself known to one part in six


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and its standard error over images; None where it has no meaning."""

    value: float | None
    stderr: float | None


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray], count: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> list[Estimate]:
    """The m numbers of a statistic of N images, each with its standard error.

    Args:
        statistic: rows [N], indices of images with repetition -> [m], NaN where a number has no meaning.
        count: N.
        resamples: how often N of the N images are drawn with replacement; 0: no errors are given.
    """
    if resamples < 0 or resamples == 1:
        raise UserError(f"resamples is {resamples}; give 2 or more, or 0 for no standard errors")
    values = statistic(np.arange(count))
    rng = np.random.default_rng(seed)
    drawn = [statistic(rng.integers(count, size=count)) for _ in range(resamples)]
    spread = np.std(drawn, axis=0, ddof=1) if drawn else np.full(len(values), np.nan)
    return [Estimate(value=_known(v), stderr=_known(s)) for v, s in zip(values, spread, strict=True)]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
