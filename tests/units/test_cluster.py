"""Agreement of clusters and classes, by brute force over the maps and from counts by hand."""

from itertools import permutations

import numpy as np
import pytest

from stratiform.errors import UserError
from stratiform.evaluation.cluster import accuracy, agreement, clustered, nmi


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("count", [2, 4, 6])
def test_accuracy_is_that_of_the_best_map(count, rng):
    """Four classes: with fewer clusters some classes are all wrong, with more some clusters."""
    classes = rng.integers(0, 4, 80)
    clusters = np.where(rng.random(80) < 0.6, (classes + 1) % count, rng.integers(0, count, 80))
    wide = max(count, 4)
    best = max((np.array(m)[clusters] == classes).mean() for m in permutations(range(wide)))
    assert accuracy(classes, clusters) == pytest.approx(best)


def test_names_of_classes_and_clusters_do_not_matter():
    classes = np.array([5, 5, -3, -3, 10**12])
    assert accuracy(classes, np.array([1, 1, 0, 0, 2])) == 1.0
    assert accuracy(classes, np.array([0, 0, 0, 0, 0])) == pytest.approx(0.4)


def test_nmi_from_counts_by_hand(rng):
    classes, clusters = rng.integers(0, 3, 200), rng.integers(0, 4, 200)
    clusters[classes == 1] = 1

    def entropy(*columns):
        share = np.unique(np.stack(columns), axis=1, return_counts=True)[1] / 200
        return -(share * np.log(share)).sum()

    h, g = entropy(classes), entropy(clusters)
    assert nmi(classes, clusters) == pytest.approx(2 * (h + g - entropy(classes, clusters)) / (h + g))
    assert nmi(classes, classes) == pytest.approx(1.0)


def test_separate_classes_are_found_and_noise_is_chance(rng):
    classes = np.arange(240) % 4
    corners = np.array([[0, 0], [0, 9], [9, 0], [9, 9]])[classes]
    found = agreement({1: corners + rng.normal(size=(240, 2)), 2: rng.normal(size=(240, 2))}, {"c": classes})
    seen, noise = found[1]["c"], found[2]["c"]
    assert (seen.accuracy.value, seen.nmi.value, seen.clusters) == (1.0, pytest.approx(1.0), 4)
    assert seen.accuracy.stderr == 0.0
    assert 0.25 < seen.accuracy_chance < 0.4 and 0 < seen.nmi_chance < 0.05
    assert abs(noise.accuracy.value - noise.accuracy_chance) < 4 * noise.accuracy.stderr
    assert noise.nmi.value < 0.05 and 0.005 < noise.accuracy.stderr < 0.06


def test_units_of_any_scale_count_alike(rng):
    classes = np.arange(200) % 2
    code = np.stack([0.001 * (9 * classes + rng.normal(size=200)), 100 * rng.uniform(size=200)], 1)
    assert accuracy(classes, clustered(code, 2)) == 1.0


def test_the_same_seed_gives_the_same_clusters(rng):
    code, classes = rng.normal(size=(100, 2)), np.arange(100) % 3
    assert agreement({1: code}, {"c": classes}, resamples=2) == agreement({1: code}, {"c": classes}, resamples=2)


def test_numbers_have_no_classes_and_codes_must_fit(rng):
    with pytest.raises(UserError, match="width is of kind number; clusters are compared with classes"):
        agreement({1: rng.normal(size=(100, 2))}, {"width": rng.normal(size=100)})
    with pytest.raises(UserError, match=r"is \[90, 2\]; give \[100, d\]"):
        agreement({1: np.zeros((90, 2))}, {"c": np.arange(100) % 2})
