"""Per-image bounds beside each other: the same numbers as `evaluate`, and errors of paired differences."""

import math

import pytest
import torch

from known import flat, pixels
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.evaluation.bound import PerImage, evaluate
from stratiform.evaluation.moments import Mean, paired
from stratiform.spec import ImageSpec

MADE = flat((2, 1))
MODEL, X = MADE.top_down()[0], MADE.draw(11)


@pytest.mark.parametrize("size", [1, 4, 11])
def test_means_and_levels_are_those_of_evaluate(size: int) -> None:
    found = PerImage.of(MODEL, X.split(size), samples=6, seed=2)
    expected = evaluate(MODEL, MADE.spec, [X], samples=6, seed=2)
    assert Mean.of(found.elbo).value == pytest.approx(expected.elbo)
    assert Mean.of(found.bound).value == pytest.approx(expected.log_likelihood_bound)
    assert Mean.of(found.bound).stderr == pytest.approx(expected.log_likelihood_bound_stderr)
    assert found.effective_samples == pytest.approx(expected.effective_samples)
    for own, other in zip(found.levels, expected.levels, strict=True):
        assert own.kl == pytest.approx(other.kl)
        assert (own.level, own.units, own.active_units) == (other.level, other.units, other.active_units)


def test_json_and_back() -> None:
    found = PerImage.of(MODEL, [X], samples=2)
    assert PerImage.from_json(found.to_json()) == found


def test_a_model_without_levels_is_exact() -> None:
    model, x = pixels(ImageSpec(1, 2, 3, 4), Likelihood()), torch.randint(4, (5, 1, 2, 3)).double() / 3
    found = PerImage.of(model, x.split(2))
    assert found.levels == () and found.bound == found.elbo == pytest.approx(model(x).log_px.tolist())


def test_nothing_to_compare_on() -> None:
    with pytest.raises(UserError, match="no images to evaluate"):
        PerImage.of(MODEL, [])
    with pytest.raises(UserError, match="samples is 0"):
        PerImage.of(MODEL, [X], samples=0)


def test_the_paired_error_is_that_of_the_differences() -> None:
    found = paired([1.0, 12.0, 103.0], [0.0, 10.0, 100.0])
    assert (found.value, found.stderr) == (2.0, pytest.approx(1.0 / math.sqrt(3.0)))
    assert paired([5.0, 7.0], [4.0, 6.0]) == Mean(1.0, 0.0)
    assert paired([2.0], [0.5]) == Mean(1.5, None)


def test_the_paired_error_covers_the_truth() -> None:
    """Over many sets of images, the mean difference lies within two paired errors of the true one 95 % of the time."""
    random = torch.Generator().manual_seed(0)
    hard = 10.0 * torch.randn(400, 50, generator=random)  # common to both models
    own, other = (hard + torch.randn(400, 50, generator=random) + shift for shift in (0.3, 0.0))
    within = [abs(d.value - 0.3) < 2.0 * d.stderr for d in map(paired, own.double().tolist(), other.double().tolist())]
    assert 0.91 < sum(within) / 400 < 0.985
