"""Claims are judged by numbers with errors: no number without an error decides, and trainings must agree."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_ind

from stratiform.evaluation.bootstrap import Estimate
from stratiform.evaluation.moments import Mean
from stratiform.reproduce.verdict import Margin, judged, lead, verdict

ABOVE, BELOW, NEAR = Margin(1.0, 0.5), Margin(-1.0, 0.5), Margin(0.4, 0.5)


@pytest.mark.parametrize(
    ("margins", "said"),
    [
        ((ABOVE,), "confirmed"),
        ((ABOVE, ABOVE), "confirmed"),
        ((BELOW, BELOW), "refuted"),
        ((NEAR,), "not decided"),
        ((ABOVE, NEAR), "not decided"),
        ((ABOVE, BELOW), "not decided"),
        ((Margin(1.0, math.inf),), "not decided"),
        ((Margin(math.nan, 0.1),), "not decided"),
        ((Margin(0.0),), "not decided"),
        ((Margin(3),), "confirmed"),
        ((), "not decided"),
    ],
)
def test_trainings_must_agree_beyond_their_errors(margins: tuple[Margin, ...], said: str) -> None:
    assert verdict(margins) == said


def test_a_margin_is_the_95_per_cent_interval_of_its_standard_error() -> None:
    assert Margin.of(Mean(2.0, 0.5)).error == pytest.approx(0.979982)
    assert Margin.of(Mean(2.0, None)) == Margin(2.0, math.inf)
    assert math.isnan(Margin.of(Estimate(value=None, stderr=None)).value)
    assert Margin(2.0, 3.0) - Margin(5.0, 4.0) == Margin(-3.0, 5.0)
    assert (-ABOVE).value == -1.0 and (-ABOVE).error == 0.5


def test_the_lead_over_other_trainings_has_the_error_of_welch() -> None:
    own, others = [0.6, 0.55, 0.7], [0.2, 0.35, 0.1, 0.3]
    found, expected = lead(own, others), ttest_ind(own, others, equal_var=False).confidence_interval(0.95)
    assert (found.value - found.error, found.value + found.error) == pytest.approx(expected)
    assert lead([0.6], others) == Margin(pytest.approx(0.3625), math.inf)
    assert lead([2, 2], [1, 1]) == Margin(1.0)


def test_the_lead_of_nothing_is_confirmed_rarely() -> None:
    """Of two groups of three draws of one law, 2.5 % are confirmed at most, and as many refuted."""
    draws = np.random.default_rng(0).normal(size=(4000, 2, 3))
    said = [verdict([lead(*pair)]) for pair in draws]
    assert 0.01 < said.count("confirmed") / 4000 < 0.03 and 0.01 < said.count("refuted") / 4000 < 0.03


def test_a_sentence_tells_numbers_and_verdict() -> None:
    assert judged("a leads b", [Margin(1.234, 0.1), Margin(354.6, 21.4), Margin(-2), Margin(0.5, math.inf)]) == (
        "a leads b: +1.23 ± 0.10, +355 ± 21, -2, +0.5 ± ?: not decided."
    )
