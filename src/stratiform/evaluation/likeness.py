"""How like the data a set of images is, by six numbers, each with a standard error.

No single number tells samples from data. Set beside them what the same numbers say of data against other data: from a
few hundred images even those are not 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp
from torch import Tensor

from stratiform.data.attributes import measure
from stratiform.data.batches import grey_levels
from stratiform.errors import UserError
from stratiform.evaluation.bootstrap import RESAMPLES, Estimate, bootstrap
from stratiform.evaluation.judge import Judge


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """Entropies in nats; the two of the judge are None where it knows no classes."""

    conditional_entropy: Estimate | None  # E[H(y | x)]: small where single images are plausible
    marginal_entropy: Estimate | None  # H(E[p(y | x)]): as large as the data's where no class is missing
    frechet: Estimate  # Frechet distance of the judge's last features, or of pixels without a judge
    mean_distance: Estimate  # L2 distance of the mean images
    neighbour: Estimate  # accuracy of the nearest neighbour, image or data, left out once: 1/2 for the same law
    kolmogorov: Mapping[str, Estimate]  # Kolmogorov-Smirnov distance of every measured number


@dataclass(frozen=True)
class Seen:
    """What there is to compare of one set of images: measured once."""

    pixels: np.ndarray  # [N, C H W]
    features: np.ndarray  # [N, d]
    chances: np.ndarray | None  # p(y | x) of the label, [N, classes]
    measured: Mapping[str, np.ndarray]  # [N] each, NaN where it could not be measured

    @classmethod
    def of(cls, images: Tensor, judge: Judge | None, bins: int | None) -> Seen:
        """Images [N, C, H, W] in [0, 1]."""
        if len(images) < 2:
            raise UserError(f"{len(images)} images cannot be compared; give 2 or more")
        pixels = images.flatten(1).double().numpy()
        grid = bins or 256
        found = measure(grey_levels(images, grid).numpy(), grid)
        numbers = {name: values for name, values in found.items() if values.ndim == 1 and "hue" not in name}
        if judge is None:
            return cls(pixels, pixels, None, numbers)
        return cls(pixels, judge.features(images), judge.chances(images, "label"), numbers)


def likeness(images: Seen, data: Seen, *, resamples: int = RESAMPLES, seed: int = 0) -> Likeness:
    """Compares images with data; standard errors from drawing the images anew so often, the data held."""
    count = len(images.pixels)

    def one(statistic: Callable[[np.ndarray], float]) -> Estimate:
        return bootstrap(lambda rows: np.array([statistic(rows)]), count, resamples=resamples, seed=seed)[0]

    p = images.chances
    right = _neighbour_is_kin(images.pixels, data.pixels)
    return Likeness(
        conditional_entropy=None if p is None else one(lambda rows: entropy(p[rows]).mean()),
        marginal_entropy=None if p is None else one(lambda rows: entropy(p[rows].mean(0))),
        frechet=one(lambda rows: frechet(images.features[rows], data.features)),
        mean_distance=one(lambda rows: np.linalg.norm(images.pixels[rows].mean(0) - data.pixels.mean(0))),
        neighbour=Estimate(value=right.mean(), stderr=right.std() / np.sqrt(len(right))),
        kolmogorov={
            name: one(lambda rows, name=name: _kolmogorov(images.measured[name][rows], data.measured[name]))
            for name in data.measured
        },
    )


def entropy(p: np.ndarray) -> np.ndarray:
    """-sum p log p along the last axis, in nats."""
    return -(p * np.log(np.clip(p, 1e-300, None))).sum(-1)


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) of features [N, d], [M, d] (Dowson and Landau 1982)."""
    of_a, of_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, axes = np.linalg.eigh(of_a)
    root = axes * np.sqrt(values.clip(0.0)) @ axes.T  # C_a^(1/2): C_a C_b has the eigenvalues of root C_b root
    shared = np.sqrt(np.linalg.eigvalsh(root @ of_b @ root).clip(0.0)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(of_a) + np.trace(of_b) - 2.0 * shared)


def _neighbour_is_kin(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """For every image of either set, as many of each: is its nearest other one of the same set? [2 n]"""
    n = min(len(a), len(b))
    both, own = np.concatenate([a[:n], b[:n]]), np.arange(2 * n) < n
    distance = cdist(both, both)
    np.fill_diagonal(distance, np.inf)
    return own[distance.argmin(1)] == own


def _kolmogorov(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    return float(ks_2samp(a, b).statistic) if len(a) and len(b) else np.nan
