"""What a whole level says of a factor, in nats: mutual information by nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma

from stratiform.evaluation.bootstrap import RESAMPLES, Estimate, bootstrap
from stratiform.evaluation.factors import Factor
from stratiform.evaluation.labelled import Given, Key, checked, lone
from stratiform.evaluation.probe import standardised

NEIGHBOURS = 3


def information(
    codes: Mapping[Key, np.ndarray], factors: Given, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[Key, dict[str, Estimate]]:
    """Mutual information of a whole level and a factor, nats; about 0, of either sign, where they are independent.

    By 3 nearest neighbours in the largest difference of any standardised unit: with numbers and angles (points on the
    circle) the first estimator of Kraskov et al. (2004), with classes that of Ross (2014), where images alone in their
    class are left out. Noise of 1e-10 parts what is equal, as Kraskov et al. advise. Both are the mean of a term per
    image; the error is that of a mean of such terms, found once, because an image drawn twice would be its own
    neighbour.
    """
    codes, named = checked(codes, factors)

    def mean(code: np.ndarray, factor: Factor) -> Estimate:
        rows = np.flatnonzero(factor.known & ~lone(factor))
        points, rng = factor.at(rows).points(), np.random.default_rng(seed)
        z = _parted(code[rows], rng)
        terms = (
            _with_classes(z, points.argmax(1)) if factor.kind == "class" else _with_numbers(z, _parted(points, rng))
        )
        return bootstrap(lambda drawn: terms[drawn].mean(keepdims=True), len(terms), resamples=resamples, seed=seed)[0]

    return {key: {name: mean(code, factor) for name, factor in named.items()} for key, code in codes.items()}


def _parted(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[n, d] standardised, no two images equal."""
    return standardised(points) + 1e-10 * rng.normal(size=points.shape)


def _with_numbers(code: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Terms [n] of Kraskov et al.: psi(k) - psi(n_x + 1) - psi(n_y + 1) + psi(N)."""
    radius = _radius(np.concatenate([code, points], 1), NEIGHBOURS)
    around = digamma(_around(code, radius)) + digamma(_around(points, radius))
    return digamma(NEIGHBOURS) + digamma(len(code)) - around


def _with_classes(code: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Terms [n] of Ross: psi(N) - psi(N_x) + psi(k) - psi(m); k is fewer in classes of three and two."""
    size, k, radius = (np.empty(len(code)) for _ in range(3))
    for value in np.unique(classes):
        own = classes == value
        size[own] = own.sum()
        k[own] = min(NEIGHBOURS, own.sum() - 1)
        radius[own] = _radius(code[own], int(min(NEIGHBOURS, own.sum() - 1)))
    return digamma(len(code)) - digamma(size) + digamma(k) - digamma(_around(code, radius))


def _radius(points: np.ndarray, k: int) -> np.ndarray:
    """[n]: just less than the distance of the k-th other point, in the largest difference."""
    return np.nextafter(cKDTree(points).query(points, k + 1, p=np.inf)[0][:, -1], 0)


def _around(points: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """[n]: how many points lie within each point's radius, itself among them."""
    return cKDTree(points).query_ball_point(points, radius, p=np.inf, return_length=True)
