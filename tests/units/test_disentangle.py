"""The measures against closed forms, scikit-learn and plain loops."""

import math

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
from sklearn.metrics import mutual_info_score

from stratiform.errors import UserError
from stratiform.evaluation import disentangle
from stratiform.evaluation.bootstrap import bootstrap
from stratiform.evaluation.disentangle import dci, factor_vae, mig, purity, sap
from stratiform.evaluation.factors import Factor
from stratiform.evaluation.information import information
from stratiform.evaluation.labelled import as_classes
from stratiform.evaluation.measures import measures_of

ALL = (mig, sap, dci, factor_vae, information)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def grid():
    """Two factors of 4 and 5 values, each pair 10 times: exactly independent."""
    a, b, _ = (v.reshape(-1) for v in np.meshgrid(np.arange(4), np.arange(5), np.arange(10), indexing="ij"))
    return {"a": a, "b": b}


def columns(*units):
    return np.stack(units, 1).astype(float)


def test_mig_of_one_unit_per_factor_is_1_and_of_copies_0(grid):
    a, b = grid["a"], grid["b"]
    found = mig({"units": columns(a, b), "copies": columns(a, a, b, b), "half": columns(a, a // 2)}, grid, resamples=0)
    assert found["units"].mean.value == pytest.approx(1.0) and found["units"].mean.stderr is None
    assert found["copies"].mean.value == pytest.approx(0.0)
    assert found["half"].factors["a"].value == pytest.approx(0.5)  # (log 4 - log 2) / log 4
    assert found["half"].factors["b"].value == pytest.approx(0.0)


def test_mig_equals_histograms_and_scikit_learn(rng):
    v = rng.integers(0, 6, 400)
    code = columns(v + rng.normal(size=400), 0.4 * v + rng.normal(size=400), rng.normal(size=400))
    shared = [mutual_info_score(np.digitize(z, np.histogram(z, 20)[1][:-1]), v) for z in code.T]
    second, best = sorted(shared)[-2:]
    expected = (best - second) / mutual_info_score(v, v)
    assert mig({1: code}, {"v": v}, resamples=0)[1].mean.value == pytest.approx(expected)


def test_one_unit_has_no_gap(grid):
    for measure in (mig, sap):
        found = measure({1: columns(grid["a"])}, grid, resamples=2)[1]
        assert (found.mean.value, found.mean.stderr, found.factors["a"].value) == (None, None, None)


def test_numbers_are_ten_classes_of_equal_count_and_the_unknown_none(rng):
    values = rng.normal(size=200) ** 3
    values[::4] = np.nan
    found = as_classes(Factor.named("width", values))
    assert np.bincount(found[found >= 0]).tolist() == [15] * 10 and (found[::4] == -1).all()
    assert values[found == 9].min() > values[found == 8].max()


def test_sap_of_numbers_is_the_gap_of_squared_correlations(rng):
    v = rng.normal(size=300)
    code = columns(v + rng.normal(size=300), v + 2 * rng.normal(size=300), rng.normal(size=300))
    third, second, best = sorted(np.corrcoef(z, v)[0, 1] ** 2 for z in code.T)
    found = sap({1: code, 2: code[:, 1:]}, {"v": v}, resamples=0)
    assert found[1].mean.value == pytest.approx(best - second)
    assert sap({1: code[:, [2, 0]]}, {"v": v}, resamples=0)[1].mean.value == pytest.approx(best - third)


def test_sap_of_classes_is_the_gap_of_balanced_accuracies(grid):
    """Thresholds tell the four values of a unit exactly; of a dead unit one class is right, 1/4."""
    found = sap({1: columns(grid["a"], np.zeros(200))}, {"a": grid["a"]}, resamples=0)[1]
    assert found.mean.value == pytest.approx(1 - 1 / 4)


def test_sap_counts_rare_classes_as_much_as_others(rng):
    rare = (np.arange(400) % 20 == 0).astype(int)
    found = sap({1: columns(np.zeros(400), np.zeros(400))}, {"rare": rare}, resamples=0)[1]
    assert found.mean.value == 0.0
    noise = sap({1: columns(rare, rng.normal(size=400))}, {"rare": rare}, resamples=0)[1].mean.value
    assert 0.3 < noise < 0.7  # plain accuracy would leave 0.05
    many = (np.arange(2000) % 20 == 0).astype(int)
    shifted = columns(2 * many + rng.normal(size=2000), np.zeros(2000))  # best: a threshold half-way, Phi(1) = 0.84
    assert sap({1: shifted}, {"rare": many}, resamples=0)[1].mean.value == pytest.approx(0.84 - 0.5, abs=0.1)


def test_sap_takes_hues_as_points_on_the_circle():
    turns = np.arange(200) / 200
    code = columns(np.cos(2 * np.pi * turns), np.zeros(200))
    found = sap({1: code}, {"hue": turns}, resamples=0)[1]
    assert found.mean.value == pytest.approx(0.5)  # one coordinate of two


@pytest.mark.parametrize(
    ("importance", "expected"),
    [
        (np.eye(3), 1.0),
        (np.ones((3, 3)), 0.0),
        ([[1, 1], [0, 1]], 1 / 3),  # unit 1: purity 0, weight 2/3; unit 2: purity 1, weight 1/3
        ([[3, 1], [0, 0]], 1 - (0.75 * math.log2(4 / 3) + 0.25 * 2)),  # a unit without weight does not count
    ],
)
def test_purity_by_hand(importance, expected):
    assert purity(np.asarray(importance, float)) == pytest.approx(expected)


def test_purity_of_one_column_or_of_nothing_is_undefined():
    assert math.isnan(purity(np.ones((3, 1)))) and math.isnan(purity(np.zeros((3, 2))))


def test_dci_of_one_unit_per_factor_is_1_and_of_a_mixture_less(grid, rng):
    a, b = grid["a"], grid["b"]
    mixed = columns(a - b, a + b)
    found = dci({"units": columns(a, b, np.zeros(200)), "mixed": mixed}, grid, resamples=0)
    for part in ("disentanglement", "completeness", "informativeness"):
        assert getattr(found["units"], part).value == pytest.approx(1.0, abs=0.02), part
    assert found["mixed"].disentanglement.value < 0.3 and found["mixed"].completeness.value < 0.3
    assert found["mixed"].informativeness.value > 0.5
    noise = dci({1: rng.normal(size=(200, 2))}, grid, resamples=0)[1]
    assert noise.informativeness.value < 0.15


def test_informativeness_is_that_of_a_forest_by_hand(grid, rng):
    code, a = columns(grid["a"] + rng.normal(size=200), rng.normal(size=200)), grid["a"]
    fitted = np.random.default_rng(7).permutation(200) % 2 == 0
    forest = RandomForestClassifier(
        disentangle.TREES, min_samples_leaf=disentangle.LEAF, max_features=None, random_state=7
    ).fit(code[fitted], a[fitted])
    error, constant = 1 - forest.score(code[~fitted], a[~fitted]), 1 - np.bincount(a[~fitted]).max() / 100
    found = dci({1: code}, {"a": a}, resamples=0, seed=7)[1]
    assert found.factors["a"].value == pytest.approx(1 - error / constant)
    assert found.disentanglement.value is None
    share = forest.feature_importances_
    assert found.completeness.value == pytest.approx(1 + (share * np.log2(share)).sum())


def test_informativeness_of_a_number_is_r_squared(rng):
    v = rng.normal(size=600)
    found = dci({1: columns(v, rng.normal(size=600))}, {"v": v, "w": rng.normal(size=600)}, resamples=0)[1]
    assert found.factors["v"].value > 0.95 and found.factors["w"].value < 0.1
    mean = (found.factors["v"].value + found.factors["w"].value) / 2
    assert found.informativeness.value == pytest.approx(mean)


def test_factor_vae_of_one_unit_per_factor_is_1_and_of_noise_chance(grid, rng):
    third = rng.integers(0, 3, 200)
    factors = {**grid, "c": third}
    found = factor_vae({1: columns(*factors.values()), 2: rng.normal(size=(200, 4))}, factors, resamples=2)
    assert found[1].score.value == 1.0 and found[1].chance == pytest.approx(1 / 3)
    assert found[2].score.value < 0.7


def test_factor_vae_weighs_units_by_their_own_spread(grid, rng):
    noisy = columns(100 * grid["a"], 0.01 * grid["b"]) + rng.normal(size=(200, 2)) * [20, 0.002]
    assert factor_vae({1: noisy}, grid, resamples=0)[1].score.value == 1.0


def test_factor_vae_with_one_unit_is_the_share_of_the_most_voted(grid):
    """All votes come from the only unit: half of them are right, whatever it knows."""
    assert factor_vae({1: columns(grid["a"])}, grid, resamples=0)[1].score.value == 0.5


def test_factors_that_go_together_cannot_be_told_apart(grid):
    found = factor_vae({1: columns(grid["a"], grid["b"])}, {"a": grid["a"], "same": grid["a"]}, resamples=0)[1]
    assert found.score.value == pytest.approx(0.5)


def test_factor_vae_equals_a_plain_loop(grid, rng):
    code = columns(
        grid["a"] + 2 * rng.normal(size=200), grid["b"] + 2 * rng.normal(size=200), 3 * rng.normal(size=200)
    )

    def votes():
        for k in (0, 1):
            for _ in range(2000):
                v = list(grid.values())[k]
                group = rng.choice(np.flatnonzero(v == rng.choice(v)), 64)
                yield k, int((code[group].var(0) / code.var(0)).argmin())

    counts = np.zeros((2, 3))
    for k, unit in votes():
        counts[k, unit] += 1
    expected = counts.max(0).sum() / counts.sum()
    found = np.mean([factor_vae({1: code}, grid, resamples=0, seed=s)[1].score.value for s in range(5)])
    assert found == pytest.approx(expected, abs=0.03) and 0.55 < expected < 0.98


def test_values_that_few_share_are_left_out_and_counted(grid):
    rare = grid["a"].copy()
    rare[:7] = 9
    found = factor_vae({1: columns(rare, grid["b"])}, {"rare": rare, "b": grid["b"]}, resamples=0)[1]
    assert found.left_out == {"rare": 7} and found.score.value == 1.0
    all_rare = {"serial": np.arange(200) // 4, "b": grid["b"]}
    alone = factor_vae({1: columns(rare, grid["b"])}, all_rare, resamples=2)[1]
    assert alone.left_out == {"serial": 200} and (alone.score.value, alone.chance) == (None, None)


def test_information_equals_scikit_learn_for_one_unit(rng):
    z = rng.normal(size=400)
    v, c = z + rng.normal(size=400), (z + rng.normal(size=400) > 0).astype(int)
    found = information({1: z[:, None]}, {"v": v, "c": c}, resamples=0)[1]
    assert found["v"].value == pytest.approx(mutual_info_regression(z[:, None], v, random_state=0)[0], abs=1e-6)
    assert found["c"].value == pytest.approx(mutual_info_classif(z[:, None], c, random_state=0)[0], abs=1e-6)


def test_information_of_gaussians_is_closed_form(rng):
    """v = z_1 + z_2 + noise of variance 2: I = log(4 / 2) / 2 nats, from both units, log(4 / 3) / 2 from one."""
    z = rng.normal(size=(2000, 2))
    v = z.sum(1) + math.sqrt(2) * rng.normal(size=2000)
    found = information({"both": z, "one": z[:, :1]}, {"v": v})
    for key, expected in (("both", 0.5 * math.log(2)), ("one", 0.5 * math.log(4 / 3))):
        assert found[key]["v"].value == pytest.approx(expected, abs=4 * found[key]["v"].stderr + 0.02)
        assert 0.01 < found[key]["v"].stderr < 0.04


def test_information_of_separate_classes_is_their_entropy(rng):
    c = np.arange(600) % 3
    found = information({1: columns(10 * c, np.zeros(600)) + rng.normal(size=(600, 2))}, {"c": c})[1]["c"]
    assert found.value == pytest.approx(math.log(3), abs=0.02)


def test_information_of_a_code_of_few_values_is_their_entropy(grid, rng):
    found = information({1: columns(grid["a"])}, {"a": grid["a"], "v": grid["a"].astype(float)}, resamples=0)[1]
    assert found["a"].value == pytest.approx(math.log(4), abs=0.03)
    assert found["v"].value > 1.0
    both = information({1: columns(grid["a"])}, {"b": grid["b"], "v": rng.normal(size=200)}, resamples=0)[1]
    assert abs(both["b"].value) < 0.1 and abs(both["v"].value) < 0.1


def test_images_alone_in_their_class_do_not_count(rng):
    z, c = rng.normal(size=(100, 2)), np.arange(100) % 2
    with_lone = np.append(c, 7)
    found = information({1: np.append(z, [[9.0, 9.0]], 0)}, {"c": with_lone}, resamples=0)[1]["c"]
    assert found == information({1: z}, {"c": c}, resamples=0)[1]["c"]


def test_the_error_is_the_spread_over_data_sets():
    def drawn(seed):
        rng = np.random.default_rng(seed)
        v = rng.normal(size=150)
        code = columns(v + 0.7 * rng.normal(size=150), v + 2 * rng.normal(size=150))
        codes, factors = {1: code}, {"v": v}
        yield mig(codes, factors)[1].mean
        yield sap(codes, factors)[1].mean
        yield information(codes, factors)[1]["v"]

    for found in zip(*(drawn(seed) for seed in range(40)), strict=True):
        spread = np.std([each.value for each in found], ddof=1)
        assert np.mean([each.stderr for each in found]) == pytest.approx(spread, rel=0.4)


def test_bootstrap_of_a_mean_is_its_textbook_error(rng):
    x = rng.normal(size=500)
    mean, never, sometimes = bootstrap(
        lambda rows: np.array([x[rows].mean(), np.nan, 0.0 if 3 in rows else np.nan]), 500, resamples=200
    )
    assert mean.value == pytest.approx(x.mean())
    assert mean.stderr == pytest.approx(x.std() / math.sqrt(500), rel=0.15)
    assert (never.value, never.stderr) == (None, None)
    assert (sometimes.value, sometimes.stderr) == (0.0, None)
    with pytest.raises(UserError, match="resamples is 1"):
        bootstrap(lambda rows: x[rows], 500, resamples=1)


def test_images_drawn_twice_never_meet_on_both_sides(rng):
    """A factor of noise and a code of noise: with the same image in both halves the forest would know it."""
    codes, factors = {1: rng.normal(size=(200, 3))}, {"v": rng.normal(size=200)}
    seen = []

    def spy(*arguments):
        seen.append((set(arguments[2]), set(arguments[3])))
        return np.ones(3), 0.0

    original, disentangle._forest = disentangle._forest, spy
    try:
        dci(codes, factors, resamples=3)
    finally:
        disentangle._forest = original
    assert len(seen) == 4 and all(not fitted & asked for fitted, asked in seen)


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize(
    ("code", "values", "told"),
    [
        (np.zeros(100), np.arange(100) % 3, r"the code of level 2 is \[100\]; give \[100, d\]"),
        (np.zeros((90, 2)), np.arange(100) % 3, r"is \[90, 2\]; give \[100, d\]"),
        (np.full((100, 2), np.nan), np.arange(100) % 3, "not finite on 100 of 100 images"),
        (np.zeros((100, 2)), np.ones(100), "with v: it never differs"),
        (np.zeros((100, 2)), np.full(100, np.nan), "it is known of 0 images, 50 are needed"),
        (np.zeros((100, 2)), np.arange(100), "hardly two images share one"),
        (np.zeros((20, 2)), np.arange(20) % 2, "known of 20 images, 50 are needed"),
    ],
)
def test_what_cannot_be_measured_is_refused(measure, code, values, told):
    with pytest.raises(UserError, match=told):
        measure({2: code}, {"v": values})


def test_nothing_and_factors_of_other_images_are_refused(grid):
    with pytest.raises(UserError, match="0 codes and 2 factors"):
        mig({}, grid)
    with pytest.raises(UserError, match="factor short is of 60 images, others of 200"):
        mig({1: np.zeros((200, 1))}, {**grid, "short": np.arange(60) % 2})


def test_all_measures_of_two_levels_and_what_is_left_out(grid, rng):
    mark = np.where(np.arange(200) % 4 > 0, grid["a"] + rng.normal(size=200), np.nan)
    rare = grid["b"].copy()
    rare[0] = 77
    given = {**grid, "mark": mark, "rare": rare, "constant": np.ones(200), "serial": np.arange(200)}
    factors = {name: Factor.named(name, values) for name, values in given.items()}
    low, high = (
        columns(grid["a"] + 0.1 * rng.normal(size=200), 0.01 * grid["b"]),
        columns(grid["b"] + 0.1 * rng.normal(size=200)),
    )
    found = measures_of([low, high, np.zeros((200, 2))], factors, grid["b"], resamples=2)
    one, two, dead = found.levels
    assert (one.units, one.active_units, two.level, found.together.active_units) == (2, 1, 2, 2)
    assert list(one.factors) == ["a", "b", "mark", "rare"] and dead.factors == {} and dead.by_unit is None
    assert one.factors["a"].information.value > 1.3 and abs(two.factors["a"].information.value) < 0.2
    assert one.factors["mark"].clusters is None and one.factors["a"].clusters.accuracy.value == 1.0
    assert one.factors["a"].probes["neighbours"].score == 1.0 == one.factors["a"].probes["mlp"].score
    assert one.by_unit.mig.mean.value is None and found.together.by_unit.mig.factors["a"].value > 0.9
    notes = "\n".join(found.notes)
    for told in (
        "mark could not be measured on 50 of 200",
        "constant is left out: it never differs",
        "serial is left out: hardly two images share one",
        "rare: 1 images are alone in their class",
        "rare: 1 images whose value fewer than 20 share",
        "level 1: 1 of 2 units are not in use",
        "level 3: 2 of 2 units are not in use",
        "all levels: 3 of 5 units are not in use",
    ):
        assert told in notes, told


def test_one_level_is_not_measured_twice_and_wide_codes_not_by_unit(grid, rng, monkeypatch):
    monkeypatch.setattr("stratiform.evaluation.measures.WIDE", 3)
    factors = {"a": Factor.named("a", grid["a"])}
    found = measures_of([rng.normal(size=(200, 4))], factors, resamples=0)
    assert found.together is None and found.levels[0].by_unit is None and found.levels[0].factors
    assert "level 1: 4 units are too many" in found.notes[0]
    with pytest.raises(UserError, match="nothing to measure: one is left out"):
        measures_of([np.zeros((200, 1))], {"one": Factor.named("one", np.ones(200))})
