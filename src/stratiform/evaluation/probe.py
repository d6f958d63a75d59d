"""What a code knows of a factor: how well its k nearest neighbours, a linear map or a small network predict it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from stratiform.evaluation.factors import Factor

K, FOLDS = 25, 5


@dataclass(frozen=True, kw_only=True)
class Score:
    """Accuracy for classes, R^2 for numbers, on images the probe was not fitted to; None where it has no meaning."""

    score: float | None
    stderr: float | None
    within: float | None  # R^2 after the class means are taken out
    chance: float | None  # what a constant answer reaches


NOTHING = Score(score=None, stderr=None, within=None, chance=None)


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
        if _too_little(factor, self.folds):
            return NOTHING
        rows = self._neighbours(known)
        return _scored(factor, partial(_mean_of, rows=rows), labels)

    def _neighbours(self, known: np.ndarray) -> np.ndarray:
        if not known.all():
            return self._search(self.code[known])
        if self._everyone is None:
            self._everyone = self._search(self.code)
        return self._everyone

    def _search(self, code: np.ndarray) -> np.ndarray:
        """[N, d] -> [N, k] rows of the nearest neighbours outside each image's own fold."""
        splits = _splits(len(code), self.folds, self.seed)
        k = min(self.k, *(len(fitted) for fitted, _ in splits))
        rows = np.empty((len(code), k), np.int64)
        for fitted, asked in splits:
            search = NearestNeighbors(n_neighbors=k).fit(code[fitted])
            rows[asked] = fitted[search.kneighbors(code[asked], return_distance=False)]
        return rows


class Fitted:
    """A model fitted to four folds of one code and asked on the fifth, for any factor.

    Args:
        models: one for classes and one for numbers, scikit-learn's `fit` and `predict_proba` or `predict`.
        code: [N, d], any finite numbers; standardised here, unit by unit.
        seed: of the folds, and of the models where they start at random.
    """

    def __init__(self, models: Models, code: np.ndarray, *, folds: int = FOLDS, seed: int = 0) -> None:
        self.models, self.code, self.folds, self.seed = models, standardised(code), folds, seed

    def __call__(self, factor: Factor, labels: np.ndarray | None = None) -> Score:
        """As `Probe`: how well this code predicts the factor, [N]."""
        if _too_little(factor, self.folds):
            return NOTHING
        return _scored(factor, partial(self._guess, code=self.code[factor.known], kind=factor.kind), labels)

    def _guess(self, points: np.ndarray, code: np.ndarray, kind: str) -> np.ndarray:
        """[n, d] from the codes of the same images; of classes their probabilities, of numbers the numbers."""
        result = np.zeros_like(points)
        for fitted, asked in _splits(len(code), self.folds, self.seed):
            answer = self._probabilities if kind == "class" else self._numbers
            # One thread: many small products, where waiting threads take seven times as long. That the steps are at
            # an end is no failure: their number is part of the definition.
            with threadpool_limits(1), warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                result[asked] = answer(code[fitted], points[fitted], code[asked])
        return result

    def _probabilities(self, code: np.ndarray, points: np.ndarray, asked: np.ndarray) -> np.ndarray:
        classes, result = points.argmax(1), np.zeros((len(asked), points.shape[1]))
        there = np.unique(classes)
        result[:, there] = 1.0  # all that is said of an only class
        if len(there) > 1:
            result[:, there] = self.models.classes(self.seed).fit(code, classes).predict_proba(asked)
        return result

    def _numbers(self, code: np.ndarray, points: np.ndarray, asked: np.ndarray) -> np.ndarray:
        mean, scale = points.mean(0), points.std(0)
        unit = (points - mean) / np.where(scale > 0, scale, 1.0)
        model = self.models.numbers(self.seed).fit(code, unit[:, 0] if unit.shape[1] == 1 else unit)
        return mean + scale * model.predict(asked).reshape(len(asked), -1)


@dataclass(frozen=True)
class Models:
    """What is fitted, given a seed: a classifier and a regressor of scikit-learn."""

    classes: Callable[[int], Any]
    numbers: Callable[[int], Any]


# Ridge of weight 1 against the sum over images, for the logistic as for the linear map.
LINEAR = Models(lambda seed: LogisticRegression(max_iter=1000), lambda seed: Ridge(alpha=1.0))
# One hidden layer of 64 rectified units, 100 steps of L-BFGS, the same ridge.
_MLP = {"hidden_layer_sizes": (64,), "solver": "lbfgs", "alpha": 1.0, "max_iter": 100}
MLP = Models(
    lambda seed: MLPClassifier(**_MLP, random_state=seed), lambda seed: MLPRegressor(**_MLP, random_state=seed)
)

# name -> probe of a code: (code, seed=...) -> (factor, labels) -> Score
PROBES: Mapping[str, Callable[..., Callable[[Factor, np.ndarray | None], Score]]] = {
    "neighbours": Probe,
    "linear": partial(Fitted, LINEAR),
    "mlp": partial(Fitted, MLP),
}


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


def _too_little(factor: Factor, folds: int) -> bool:
    return factor.trivial or factor.known.sum() < 2 * folds


def _splits(count: int, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(fitted, asked) rows of each fold: the same for every probe."""
    return list(KFold(folds, shuffle=True, random_state=seed).split(np.empty(count)))


def _scored(factor: Factor, guess: Callable[[np.ndarray], np.ndarray], labels: np.ndarray | None) -> Score:
    """The score of a probe, `guess`: points [n, d] of the images where the factor is known -> [n, d] out of fold."""
    points = factor.points()[factor.known]
    if factor.kind == "class":
        right = guess(points).argmax(1) == points.argmax(1)
        error = float(right.std() / np.sqrt(len(right)))
        return Score(score=float(right.mean()), stderr=error, within=None, chance=float(points.mean(0).max()))
    score, stderr = r_squared(points, guess(points))
    within = None
    if labels is not None:
        residual = points - _class_means(points, labels[factor.known])
        within, _ = r_squared(residual, guess(residual))
    return Score(score=score, stderr=stderr, within=within, chance=0.0)


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
