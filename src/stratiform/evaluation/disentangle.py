"""How the units of a code share the factors among them, level by level: MIG, SAP, DCI, FactorVAE's score.

Every function takes codes {level: [N, d]} and factors {name: Factor or [N]} of the same N images, and returns an entry
per level, with standard errors over images. A level is any code: to measure all levels together, give them joined.
What each number is, and when it misleads: docs/measures.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import entr
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier

from stratiform.evaluation.bootstrap import RESAMPLES, Estimate, bootstrap
from stratiform.evaluation.factors import Factor
from stratiform.evaluation.labelled import Given, Key, as_classes, checked
from stratiform.evaluation.probe import r_squared, standardised

CODE_BINS = 20  # of a unit, for MIG
TREES, LEAF = 20, 10  # of the forests of DCI; images in a leaf, at least
GROUP, SHARED, VOTES = 64, 20, 400  # FactorVAE: images in a group; that share a value, at least; votes for each factor


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Of the two units that say most of a factor, how much more the first says than the second; None for one unit."""

    mean: Estimate  # over factors
    factors: Mapping[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class DCI:
    """Eastwood & Williams (2018, section 2); all three at most 1, higher is better."""

    disentanglement: Estimate  # None for one factor
    completeness: Estimate  # None for one unit
    informativeness: Estimate  # mean over factors
    factors: Mapping[str, Estimate]  # informativeness


@dataclass(frozen=True, kw_only=True)
class FactorVAE:
    """Kim & Mnih (2018, section 4): an accuracy, and that of guessing; None with fewer than two factors left."""

    score: Estimate
    chance: float | None
    left_out: Mapping[str, int]  # images whose value of the factor too few others share


def mig(
    codes: Mapping[Key, np.ndarray], factors: Given, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[Key, Gap]:
    """Mutual information gap (Chen et al. 2018, section 4.1), between 0 and 1.

        1/K sum_k (I(z_j(k); v_k) - max_{j != j(k)} I(z_j; v_k)) / H(v_k),  j(k) = argmax_j I(z_j; v_k)

    I from counts, of posterior means in 20 bins of equal width (Locatello et al. 2019, appendix) and of factors as
    classes. Bins are those of all images, whatever is drawn again.
    """
    codes, named = checked(codes, factors)
    values = {name: as_classes(factor) for name, factor in named.items()}

    def scores(code: np.ndarray, name: str, rows: np.ndarray) -> np.ndarray:
        rows = rows[values[name][rows] >= 0]
        v = values[name][rows]
        h = _entropy(v)
        shared = [_entropy(z) + h - _entropy(z * (v.max() + 1) + v) for z in code[rows].T]
        return np.array(shared) / h if h > 0 else np.full(code.shape[1], np.nan)

    binned = {key: _equal_widths(code) for key, code in codes.items()}
    return {key: _gaps(code, list(named), scores, resamples, seed) for key, code in binned.items()}


def sap(
    codes: Mapping[Key, np.ndarray], factors: Given, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[Key, Gap]:
    """Separated attribute predictability (Kumar et al. 2018, section 3): the gap of S between the best two units.

    Numbers: S_jk = R^2 of the linear regression on unit j, that is cov(z_j, v_k)^2 / (var z_j var v_k); an angle is a
    point on the circle. Classes: S_jk = balanced accuracy, on a fixed half of the images, of thresholds on unit j that
    are fitted to the other half: one fewer than classes, by a tree of as many leaves with classes of equal weight.
    """
    codes, named = checked(codes, factors)
    fitted = _half(len(next(iter(named.values()))), seed)
    points = {name: factor.points() for name, factor in named.items()}

    def scores(code: np.ndarray, name: str, rows: np.ndarray) -> np.ndarray:
        if named[name].kind == "class":
            classes = named[name].values
            return np.array([_thresholds(z, classes, rows[fitted[rows]], rows[~fitted[rows]]) for z in code.T])
        rows = rows[named[name].known[rows]]
        z, v = code[rows] - code[rows].mean(0), points[name][rows] - points[name][rows].mean(0)
        spread = (z**2).sum(0) * (v**2).sum()
        return ((z.T @ v) ** 2).sum(1) / np.where(spread > 0, spread, np.inf)

    return {key: _gaps(code, list(named), scores, resamples, seed) for key, code in codes.items()}


def dci(
    codes: Mapping[Key, np.ndarray], factors: Given, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[Key, DCI]:
    """Disentanglement, completeness, informativeness (Eastwood & Williams 2018, section 2).

    R_jk is the importance of unit j in a random forest that predicts factor k: mean decrease in impurity, of sum 1 for
    each factor. Informativeness is 1 - error / error of the best constant answer, on a fixed half of the images, the
    forest fitted to the other half: R^2 for numbers, (accuracy - chance) / (1 - chance) for classes.
    """
    codes, named = checked(codes, factors)
    fitted = _half(len(next(iter(named.values()))), seed)

    def of(code: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        def statistic(rows: np.ndarray) -> np.ndarray:
            found = [_forest(code, factor, rows[fitted[rows]], rows[~fitted[rows]], seed) for factor in named.values()]
            importance = np.stack([each for each, _ in found], 1)
            said = np.array([each for _, each in found])
            return np.array([purity(importance), purity(importance.T), said.mean(), *said])

        return statistic

    result = {}
    for key, code in codes.items():
        d, c, i, *each = bootstrap(of(code), len(code), resamples=resamples, seed=seed)
        said = dict(zip(named, each, strict=True))
        result[key] = DCI(disentanglement=d, completeness=c, informativeness=i, factors=said)
    return result


def purity(importance: np.ndarray) -> float:
    """sum_j rho_j (1 - H_K(P_j)) of R [d, K]: P_jk = R_jk / sum_k R_jk, H_K to base K, rho_j = sum_k R_jk / sum R.

    Of R it is the disentanglement, of its transpose the completeness. NaN where K is 1, or where R is 0.
    """
    weight = importance.sum(1)
    if importance.shape[1] < 2 or not weight.sum() > 0:
        return np.nan
    share = importance / np.where(weight > 0, weight, 1.0)[:, None]
    return float(weight @ (1 - entr(share).sum(1) / np.log(importance.shape[1])) / weight.sum())


def factor_vae(
    codes: Mapping[Key, np.ndarray], factors: Given, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[Key, FactorVAE]:
    """FactorVAE's score (Kim & Mnih 2018, section 4) on a finite labelled set.

    The paper makes images that share the value of one factor and differ at random in all others. Here they are found:
    a vote takes an image at random and, with replacement, 64 of those that share its value of factor k; the unit whose
    variance over them is smallest, relative to its variance over all images, votes for k. Each unit stands for the
    factor that most of its votes named; the score is the share of as many fresh votes that this names rightly. There
    are 400 votes for each factor and each purpose; a value that fewer than 20 images share is left out. Factors that
    go together in the set go together in the groups too: then no code can reach 1.
    """
    codes, named = checked(codes, factors)
    values = {name: _shared(as_classes(factor)) for name, factor in named.items()}
    left_out = {name: int((v < 0).sum() - (~named[name].known).sum()) for name, v in values.items()}
    kept = [v for v in values.values() if v.max() >= 0]

    def of(code: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        def statistic(rows: np.ndarray) -> np.ndarray:
            if len(kept) < 2:
                return np.array([np.nan])
            rng = np.random.default_rng([seed, len(kept)])
            z = standardised(code[rows])
            z = z[:, z.any(0)]  # a unit that never differs has no vote
            if not z.shape[1]:
                return np.array([np.nan])
            told, asked = (np.stack([_votes(z, v[rows], rng) for v in kept]) for _ in range(2))
            return np.array([asked[told.argmax(0), np.arange(z.shape[1])].sum() / asked.sum()])

        return statistic

    return {
        key: FactorVAE(
            score=bootstrap(of(code), len(code), resamples=resamples, seed=seed)[0],
            chance=1 / len(kept) if len(kept) > 1 else None,
            left_out={name: count for name, count in left_out.items() if count},
        )
        for key, code in codes.items()
    }


def _gaps(
    code: np.ndarray,
    names: Sequence[str],
    scores: Callable[[np.ndarray, str, np.ndarray], np.ndarray],
    resamples: int,
    seed: int,
) -> Gap:
    """The gap between the best two units [d] that `scores(code, factor, rows)` finds for each factor."""

    def statistic(rows: np.ndarray) -> np.ndarray:
        table = np.sort([scores(code, name, rows) for name in names], axis=1)
        gaps = table[:, -1] - table[:, -2] if code.shape[1] > 1 else np.full(len(names), np.nan)
        return np.array([gaps.mean(), *gaps])

    mean, *each = bootstrap(statistic, len(code), resamples=resamples, seed=seed)
    return Gap(mean=mean, factors=dict(zip(names, each, strict=True)))


def _half(count: int, seed: int) -> np.ndarray:
    """[N] bool: the images that are fitted to. An image drawn twice stays on its side."""
    return np.random.default_rng(seed).permutation(count) % 2 == 0


def _equal_widths(code: np.ndarray) -> np.ndarray:
    """[N, d] -> bins 0 ... 19 of equal width between each unit's extremes."""
    low, width = code.min(0), np.ptp(code, axis=0) / CODE_BINS
    return np.minimum((code - low) / np.where(width > 0, width, 1.0), CODE_BINS - 1).astype(np.int64)


def _entropy(classes: np.ndarray) -> float:
    """Of whole numbers [n] from 0, in nats, from their counts."""
    return float(entr(np.bincount(classes) / len(classes)).sum())


def _thresholds(z: np.ndarray, classes: np.ndarray, fitted: np.ndarray, asked: np.ndarray) -> float:
    """Balanced accuracy on the images asked, of thresholds on one unit [N]."""
    leaves = max(2, len(np.unique(classes[fitted])))
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, class_weight="balanced", random_state=0)
    guess, truth = tree.fit(z[fitted, None], classes[fitted]).predict(z[asked, None]), classes[asked]
    return float(np.mean([(guess[truth == c] == c).mean() for c in np.unique(truth)]))


def _forest(
    code: np.ndarray, factor: Factor, fitted: np.ndarray, asked: np.ndarray, seed: int
) -> tuple[np.ndarray, float]:
    """Importances [d] and informativeness of a forest for one factor; NaN where the images asked are all alike."""
    fitted, asked = fitted[factor.known[fitted]], asked[factor.known[asked]]
    kind = RandomForestClassifier if factor.kind == "class" else RandomForestRegressor
    wanted = factor.points() if factor.kind == "angle" else factor.values
    forest = kind(n_estimators=TREES, min_samples_leaf=LEAF, max_features=None, random_state=seed)
    guess, truth = forest.fit(code[fitted], wanted[fitted]).predict(code[asked]), wanted[asked]
    if factor.kind == "class":
        constant = 1 - np.unique(truth, return_counts=True)[1].max() / len(truth)
        said = 1 - (guess != truth).mean() / constant if constant > 0 else None
    else:
        said, _ = r_squared(truth.reshape(len(asked), -1), guess.reshape(len(asked), -1))
    return forest.feature_importances_, np.nan if said is None else said


def _shared(classes: np.ndarray) -> np.ndarray:
    """[N] classes -> the same with -1 where fewer than 20 images share one."""
    counts = np.bincount(classes + 1)
    return np.where(counts[classes + 1] >= SHARED, classes, -1)


def _votes(z: np.ndarray, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How often each unit of z [N, d] varies least, [d], over groups that share a value [N], -1: none."""
    rows = np.argsort(values, kind="stable")[(values < 0).sum() :]
    ordered = values[rows]
    chosen = ordered[rng.integers(len(rows), size=VOTES)]
    first, after = np.searchsorted(ordered, chosen), np.searchsorted(ordered, chosen, side="right")
    group = rows[rng.integers(first[:, None], after[:, None], size=(VOTES, GROUP))]
    return np.bincount(z[group].var(1).argmin(1), minlength=z.shape[1])
