"""What a code knows of a factor: how well the k nearest neighbours in that code predict it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold
from sklearn.neighbors import NearestNeighbors

from stratiform.evaluation.factors import Factor

K, FOLDS = 25, 5


@dataclass(frozen=True, kw_only=True)
class Score:
    """Accuracy for classes, R^2 for numbers, on images the probe was not fitted to; None where it has no meaning."""

    score: float | None
    stderr: float | None
    within: float | None  # R^2 after the class means are taken out
    chance: float | None  # what a constant answer reaches


class Probe:
    """The neighbours of one code, found once and asked for many factors.

    Args:
        code: [N, d], any finite numbers; standardised here, unit by unit.
        seed: of the folds.
    """

    def __init__(self, code: np.ndarray, *, k: int = K, folds: int = FOLDS, seed: int = 0) -> None:
        self.code, self.k, self.folds, self.seed = standardised(code), k, folds, seed
        self._everyone: np.ndarray | None = None

    def __call__(self, factor: Factor, labels: np.ndarray | None = None) -> Score:
        """How well this code predicts the factor, [N]; images where it was not measured are left out.

        Args:
            labels: [N] classes whose means are taken out for `within`.
        """
        known = factor.known
        if factor.trivial or known.sum() < 2 * self.folds:
            return Score(score=None, stderr=None, within=None, chance=None)
        rows, points = self._neighbours(known), factor.points()[known]
        if factor.kind == "class":
            right = _mean_of(points, rows).argmax(1) == points.argmax(1)
            stderr = float(right.std() / np.sqrt(len(right)))
            return Score(score=float(right.mean()), stderr=stderr, within=None, chance=float(points.mean(0).max()))
        score, stderr = r_squared(points, _mean_of(points, rows))
        within = None
        if labels is not None:
            residual = points - _class_means(points, labels[known])
            within, _ = r_squared(residual, _mean_of(residual, rows))
        return Score(score=score, stderr=stderr, within=within, chance=0.0)

    def _neighbours(self, known: np.ndarray) -> np.ndarray:
        if not known.all():
            return self._search(self.code[known])
        if self._everyone is None:
            self._everyone = self._search(self.code)
        return self._everyone

    def _search(self, code: np.ndarray) -> np.ndarray:
        """[N, d] -> [N, k] rows of the nearest neighbours outside each image's own fold."""
        splits = list(KFold(self.folds, shuffle=True, random_state=self.seed).split(code))
        k = min(self.k, *(len(fitted) for fitted, _ in splits))
        rows = np.empty((len(code), k), np.int64)
        for fitted, asked in splits:
            search = NearestNeighbors(n_neighbors=k).fit(code[fitted])
            rows[asked] = fitted[search.kneighbors(code[asked], return_distance=False)]
        return rows


def standardised(code: np.ndarray) -> np.ndarray:
    """[N, d] -> mean 0 and deviation 1 in every unit; units that never change become 0."""
    code = code - code.mean(0)
    deviation = code.std(0)
    return code / np.where(deviation > 0, deviation, 1.0)


def r_squared(truth: np.ndarray, guess: np.ndarray) -> tuple[float | None, float | None]:
    """R^2 = 1 - sum |truth - guess|^2 / sum |truth - mean|^2 for [N, d], and its standard error over images."""
    missed = ((truth - guess) ** 2).sum(1)
    spread = ((truth - truth.mean(0)) ** 2).sum(1)
    if not spread.mean() > 1e-12 * (truth**2).sum(1).mean():
        return None, None
    ratio = missed.mean() / spread.mean()
    influence = (missed - ratio * spread) / spread.mean()
    return float(1.0 - ratio), float(influence.std() / np.sqrt(len(truth)))


def _mean_of(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """[N, d], [N, k] -> the mean of each image's neighbours, [N, d], one neighbour at a time to keep memory small."""
    total = np.zeros_like(points)
    for column in rows.T:
        total += points[column]
    return total / rows.shape[1]


def _class_means(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean of each image's class, [N, d]."""
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), points.shape[1]))
    np.add.at(sums, index, points)
    return (sums / counts[:, None])[index]
