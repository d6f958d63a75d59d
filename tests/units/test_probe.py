"""The probe against known answers and against scikit-learn's own cross-validation."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from stratiform.evaluation.factors import Factor
from stratiform.evaluation.probe import PROBES, Probe, r_squared, standardised


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_code_that_is_the_factor_knows_it(rng):
    code = rng.normal(size=(1000, 1))
    found = Probe(code)(Factor.named("width", 3 * code[:, 0] + 7))
    assert found.score > 0.98 and found.chance == 0.0 and found.within is None


def test_a_code_without_the_factor_loses_the_variance_of_a_mean_of_k(rng):
    """E R^2 = -1/k for independent code and factor."""
    scores = [Probe(rng.normal(size=(600, 2)))(Factor.named("width", rng.normal(size=600))).score for _ in range(5)]
    assert np.mean(scores) == pytest.approx(-1 / 25, abs=0.02)


def test_half_the_variance_is_known(rng):
    """y = x + noise of equal variance: the best R^2 is 1/2, and the mean of k neighbours costs 1/2k more."""
    x = rng.normal(size=4000)
    found = Probe(x[:, None])(Factor.named("y", x + rng.normal(size=4000)))
    assert found.score == pytest.approx(0.5 - 0.5 / 25, abs=4 * found.stderr)
    assert found.stderr == pytest.approx(0.012, abs=0.003)


def test_classes_equal_cross_validation_by_scikit_learn(rng):
    code, labels = rng.normal(size=(300, 3)) * [1, 5, 0.1], rng.integers(0, 4, 300)
    code[:, 2] += 0.2 * labels  # told by the smallest unit: only standardised codes show it
    folds = KFold(5, shuffle=True, random_state=3)
    guess = cross_val_predict(KNeighborsClassifier(25), StandardScaler().fit_transform(code), labels, cv=folds)
    found = Probe(code, seed=3)(Factor.named("label", labels))
    assert found.score == (guess == labels).mean()
    assert found.chance == np.bincount(labels).max() / 300
    assert found.within is None


def test_numbers_equal_cross_validation_by_scikit_learn(rng):
    code = rng.normal(size=(300, 2))
    slant = np.sin(code[:, 0])
    folds = KFold(5, shuffle=True, random_state=0)
    guess = cross_val_predict(KNeighborsRegressor(25), StandardScaler().fit_transform(code), slant, cv=folds)
    expected = 1 - ((slant - guess) ** 2).sum() / ((slant - slant.mean()) ** 2).sum()
    assert Probe(code)(Factor.named("slant", slant)).score == pytest.approx(expected, abs=1e-12)


def test_within_takes_the_class_means_out(rng):
    labels, rest = rng.integers(0, 3, 900), rng.normal(size=900)
    width = Factor.named("width", 10.0 * labels + rest)
    of_label = Probe(labels[:, None] + 0.01 * rng.normal(size=(900, 1)))(width, labels)
    of_rest = Probe(rest[:, None])(width, labels)
    assert of_label.score > 0.95 and of_label.within < 0.1
    assert of_rest.score < 0.1 and of_rest.within > 0.95


def test_images_without_the_factor_are_left_out(rng):
    code = rng.normal(size=(400, 1))
    slant = code[:, 0].copy()
    slant[::3] = np.nan
    rest = np.isfinite(slant)
    alone = Probe(standardised(code)[rest])(Factor.named("slant", slant[rest])).score
    assert Probe(code)(Factor.named("slant", slant)).score == pytest.approx(alone, abs=0.01)


def test_hues_are_points_on_a_circle(rng):
    """0.99 and 0.01 turns are neighbours: their mean is 0, not 0.5."""
    hue = rng.normal(scale=0.02, size=500) % 1.0
    code = np.stack([np.cos(2 * np.pi * hue), np.sin(2 * np.pi * hue)], 1)
    factor = Factor.named("border_hue", hue)
    assert factor.kind == "angle" and Probe(code)(factor).score > 0.9


@pytest.mark.parametrize("values", [np.ones(50), np.full(50, np.nan), np.zeros(50, int)])
def test_nothing_is_known_of_a_constant(values, rng):
    found = Probe(rng.normal(size=(50, 2)))(Factor.named("height", values), labels=np.arange(50) % 2)
    assert (found.score, found.within, found.chance, found.stderr) == (None, None, None, None)


def test_a_dead_unit_changes_nothing(rng):
    code, y = rng.normal(size=(200, 1)), rng.normal(size=200)
    dead = np.concatenate([code, np.full((200, 1), 0.3)], 1)
    assert Probe(code)(Factor.named("y", y)) == Probe(dead)(Factor.named("y", y))


def test_few_images_use_fewer_neighbours(rng):
    assert Probe(rng.normal(size=(20, 1)))(Factor.named("y", rng.normal(size=20))).score is not None


def test_r_squared_of_a_class_with_one_image_each_is_undefined():
    assert r_squared(np.zeros((5, 1)), np.zeros((5, 1))) == (None, None)


def test_classes_are_any_integers_and_serial_numbers_are_none(rng):
    code, labels = rng.normal(size=(100, 1)), rng.integers(0, 2, 100)
    far = Factor.named("camera", labels * 10**12 - 5)
    assert Probe(code)(far) == Probe(code)(Factor.named("camera", labels))
    assert Probe(code)(Factor.named("serial", np.arange(100))).score is None


def test_a_factor_of_the_wrong_type_is_refused():
    with pytest.raises(ValueError, match="factor size of kind number is int64"):
        Factor("size", "number", np.arange(3))


def test_linear_probes_equal_cross_validation_by_scikit_learn(rng):
    code, labels = rng.normal(size=(300, 3)) * [1, 5, 0.1], rng.integers(0, 4, 300)
    code[:, 2] += 0.2 * labels
    slant, scaled = code[:, 0] + rng.normal(size=300), StandardScaler().fit_transform(code)
    folds = KFold(5, shuffle=True, random_state=3)
    probe = PROBES["linear"](code, seed=3)
    guess = cross_val_predict(LogisticRegression(max_iter=1000), scaled, labels, cv=folds)
    assert probe(Factor.named("label", labels)).score == pytest.approx((guess == labels).mean())
    # the target is scaled within each fold, which leaves a ridge's answer as it is
    guess = cross_val_predict(Ridge(alpha=1.0), scaled, slant, cv=folds)
    expected = 1 - ((slant - guess) ** 2).sum() / ((slant - slant.mean()) ** 2).sum()
    assert probe(Factor.named("slant", slant)).score == pytest.approx(expected)


def test_a_network_knows_what_a_linear_map_cannot(rng):
    code = rng.normal(size=(600, 2))
    product = code[:, 0] * code[:, 1]
    for factor, least in (
        (Factor.named("sign", (product > 0).astype(int)), 0.9),
        (Factor.named("size", product), 0.8),
    ):
        known = {name: PROBES[name](code)(factor).score for name in ("linear", "mlp")}
        assert known["mlp"] > least and known["linear"] < least - 0.3


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_takes_the_class_means_out_and_the_unknown(name, rng):
    labels, rest = rng.integers(0, 3, 300), rng.normal(size=300)
    width = 10.0 * labels + rest
    width[:20] = np.nan
    found = PROBES[name](np.stack([labels, rng.normal(size=300)], 1))(Factor.named("width", width), labels)
    assert found.score > 0.95 and found.within < 0.1
    hue = PROBES[name](rest[:, None])(Factor.named("border_hue", (0.01 * rest) % 1.0))
    assert hue.score > 0.9


@pytest.mark.parametrize("name", PROBES)
def test_a_class_that_a_fold_has_never_seen_is_a_miss(name, rng):
    """One image of another class: where it is asked for, all that was fitted is of one class."""
    labels = np.zeros(60, int)
    labels[17] = 1
    found = PROBES[name](rng.normal(size=(60, 2)))(Factor.named("label", labels))
    assert found.score == pytest.approx(59 / 60) and found.chance == pytest.approx(59 / 60)
