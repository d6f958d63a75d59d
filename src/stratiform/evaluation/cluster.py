"""Do the clusters of a code agree with classes that it was never told? Level by level.

k-means on the standardised code, as many clusters as there are classes; then

    accuracy = max_m 1/N sum_i 1[l_i = m(c_i)]   m: one-to-one maps of clusters to classes (Xie et al. 2016)
    NMI      = 2 I(l; c) / (H(l) + H(c))         (Vinh et al. 2010, NMI_sum)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from threadpoolctl import threadpool_limits

from stratiform.errors import UserError
from stratiform.evaluation.bootstrap import RESAMPLES, Estimate, bootstrap
from stratiform.evaluation.labelled import Given, Key, checked
from stratiform.evaluation.probe import standardised

STARTS = 10  # of k-means; the best is kept
SHUFFLES = 20  # of the classes, for what chance reaches


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Of clusters and classes; `chance`: the mean with the same clusters and the classes shuffled."""

    clusters: int
    accuracy: Estimate
    accuracy_chance: float
    nmi: Estimate
    nmi_chance: float


def agreement(
    codes: Mapping[Key, np.ndarray], factors: Given, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[Key, dict[str, Agreement]]:
    """How far the clusters of each level's code [N, d] are the classes of each factor [N].

    The standard error is over images and clusterings: the images drawn again are clustered again.

    Raises:
        UserError: besides what does not fit, a factor that is not of classes.
    """
    codes, named = checked(codes, factors)
    for name, factor in named.items():
        if factor.kind != "class":
            raise UserError(f"{name} is of kind {factor.kind}; clusters are compared with classes")

    def agreed(code: np.ndarray, classes: np.ndarray) -> Agreement:
        count = len(np.unique(classes))

        def statistic(rows: np.ndarray) -> np.ndarray:
            found = clustered(code[rows], count, seed)
            return np.array([accuracy(classes[rows], found), nmi(classes[rows], found)])

        found, rng = clustered(code, count, seed), np.random.default_rng(seed)
        shuffled = [rng.permutation(classes) for _ in range(SHUFFLES)]
        right, shared = bootstrap(statistic, len(code), resamples=resamples, seed=seed)
        return Agreement(
            clusters=count,
            accuracy=right,
            accuracy_chance=float(np.mean([accuracy(other, found) for other in shuffled])),
            nmi=shared,
            nmi_chance=float(np.mean([nmi(other, found) for other in shuffled])),
        )

    return {key: {name: agreed(code, factor.values) for name, factor in named.items()} for key, code in codes.items()}


def clustered(code: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """[N, d] -> clusters [N] of k-means on the standardised code, the best of ten starts."""
    with threadpool_limits(1):  # its threads wait by spinning: beside another program, a hundred times as long
        return KMeans(count, n_init=STARTS, random_state=seed).fit_predict(standardised(code))


def accuracy(classes: np.ndarray, clusters: np.ndarray) -> float:
    """Share of [N] images that are right under the best one-to-one map; surplus clusters or classes are all wrong."""
    table = contingency_matrix(classes, clusters)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / len(classes))


def nmi(classes: np.ndarray, clusters: np.ndarray) -> float:
    """Normalised mutual information of [N] and [N], by the mean of their entropies."""
    return float(normalized_mutual_info_score(classes, clusters, average_method="arithmetic"))
