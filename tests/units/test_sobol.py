"""Sobol indices against functions whose indices are known in closed form."""

import numpy as np
import pytest

from stratiform.evaluation.sobol import Outcomes, flips, indices, on_design

N = 20_000


def draws(rng, levels, kind="normal"):
    if kind == "normal":
        return [rng.normal(size=N) for _ in range(levels)]
    return [rng.uniform(-np.pi, np.pi, N) for _ in range(levels)]


def outcomes(f, a, b):
    found = on_design(f, a, b)
    return Outcomes(a=found[0], b=found[1], mixed=tuple(found[2:]))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_sum_with_one_product(rng):
    """f = x + 2 y + x z of standard normals: Var = 6, S_1 = (1, 4, 0) / 6, S_T = (2, 4, 1) / 6."""
    found = indices(outcomes(lambda v: v[0] + 2 * v[1] + v[0] * v[2], draws(rng, 3), draws(rng, 3)))
    assert found.total == pytest.approx(np.array([2, 4, 1]) / 6, abs=0.03)
    assert found.first == pytest.approx(np.array([1, 4, 0]) / 6, abs=0.03)
    assert found.lost == 0


def test_ishigami(rng):
    """f = sin x + 7 sin^2 y + 0.1 z^4 sin x of uniform numbers in (-pi, pi)."""
    f = lambda v: np.sin(v[0]) + 7 * np.sin(v[1]) ** 2 + 0.1 * v[2] ** 4 * np.sin(v[0])  # noqa: E731
    found = indices(outcomes(f, draws(rng, 3, "uniform"), draws(rng, 3, "uniform")))
    assert found.total == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.03)
    assert found.first == pytest.approx([0.3139, 0.4424, 0.0], abs=0.03)


def test_levels_of_many_units_and_outputs_of_many_pixels(rng):
    """Variances add: f = (x_1, x_2, 3 y) has S(x) = 2 / 11, S(y) = 9 / 11."""
    a, b = ([rng.normal(size=(N, 2)), rng.normal(size=(N, 1))] for _ in range(2))
    found = indices(outcomes(lambda v: np.concatenate([v[0], 3 * v[1]], 1), a, b))
    assert found.total == pytest.approx(np.array([2, 9]) / 11, abs=0.02)
    assert found.first == pytest.approx(np.array([2, 9]) / 11, abs=0.03)


def test_one_level_controls_everything(rng):
    found = indices(outcomes(lambda v: v[0] ** 3, draws(rng, 1), draws(rng, 1)))
    assert found.total == pytest.approx([1.0], abs=0.05)
    assert found.first == pytest.approx([1.0])


def test_standard_error_is_that_of_repetition():
    """The spread of S_T over 200 repetitions with N = 400, against the error each one states."""
    rng = np.random.default_rng(1)
    repeated = [
        indices(outcomes(lambda v: v[0] + 2 * v[1], list(rng.normal(size=(2, 400))), list(rng.normal(size=(2, 400)))))
        for _ in range(200)
    ]
    spread = np.std([r.total for r in repeated], 0)
    assert np.mean([r.stderr for r in repeated], 0) == pytest.approx(spread, rel=0.25)


def test_what_cannot_be_measured_is_left_out_and_counted(rng):
    def f(v):
        y = v[0] + v[1]
        return np.where(v[0] > 2.5, np.nan, y)

    found = indices(outcomes(f, draws(rng, 2), draws(rng, 2)))
    assert 0 < found.lost < 0.05 * N and np.isfinite(found.total).all()


def test_a_constant_is_controlled_by_nothing(rng):
    found = indices(outcomes(lambda v: np.full(N, 0.7), draws(rng, 2), draws(rng, 2)))
    assert np.isnan(found.total).all() and np.isnan(found.first).all()


def test_verdicts(rng):
    """The sign of x decides: a new x changes it half the time, a new y never."""
    found = flips(outcomes(lambda v: (v[0] > 0).astype(int), draws(rng, 2), draws(rng, 2)))
    assert found.total == pytest.approx([0.5, 0.0], abs=0.02)
    assert found.stderr == pytest.approx([0.5 / np.sqrt(N), 0.0], rel=0.05)
