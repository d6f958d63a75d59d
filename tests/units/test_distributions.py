"""The families in standard units, the shared arithmetic, and the likelihood's knowledge of its data."""

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stratiform.distributions import HEADS, Likelihood, fitting, total
from stratiform.distributions.families import Family, Laplace, Logistic, Normal
from stratiform.distributions.tools import at_least_float, clamp_log_scale, log1mexp
from stratiform.errors import UserError

quick = settings(deadline=None, derandomize=True, max_examples=50)
families = pytest.mark.parametrize("family", [Laplace(), Normal(), Logistic()])


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@families
@quick
@given(u=st.floats(1e-9, 1 - 1e-9))
def test_quantile_is_the_inverse_of_the_survival(family: Family, u: float) -> None:
    assert family.log_survival(family.quantile(number(u))).exp().item() == pytest.approx(1.0 - u, rel=1e-6)


@families
@quick
@given(t=st.floats(-30.0, 30.0))
def test_density_is_symmetric_and_the_slope_of_the_survival(family: Family, t: float) -> None:
    at = number(t).requires_grad_()
    (slope,) = torch.autograd.grad(family.log_survival(at).exp(), at)
    assert -slope.item() == pytest.approx(family.log_density(number(t)).exp().item(), rel=1e-6, abs=1e-12)
    assert family.log_density(number(t)).item() == pytest.approx(family.log_density(number(-t)).item())


@families
@quick
@given(middle=st.floats(-50.0, 50.0), half=st.floats(1e-6, 10.0))
def test_the_mass_of_a_bin_and_what_lies_on_either_side_are_all_there_is(
    family: Family, middle: float, half: float
) -> None:
    below, above, both = family.log_masses(number(middle), number(half))
    assert below.item() == pytest.approx(family.log_survival(number(-middle - half)).item(), rel=1e-12)
    assert above.item() == pytest.approx(family.log_survival(number(middle - half)).item(), rel=1e-12)
    smaller, other = (below, above) if middle < 0 else (above, below)  # the tail that the bin is in, the bin included
    beyond = family.log_survival(number(abs(middle) + half))
    assert torch.stack([both, beyond]).logsumexp(0).item() == pytest.approx(smaller.item(), rel=1e-9, abs=1e-9)
    assert both.item() <= min(smaller.item(), other.item()) + 1e-12


@quick
@given(st.floats(1e-12, 700.0))
def test_log1mexp_against_mpmath(a: float) -> None:
    with mpmath.workdps(400):
        exact = float(mpmath.log(1 - mpmath.exp(-mpmath.mpf(a))))
    assert log1mexp(number(a)).item() == pytest.approx(exact, rel=1e-12)
    at = number(a).requires_grad_()
    assert torch.autograd.grad(log1mexp(at), at)[0].isfinite()


def test_total_sums_everything_but_the_batch() -> None:
    assert total(torch.ones(2, 3, 4, 5)).tolist() == [60.0, 60.0]
    assert total(torch.ones(2, 0)).tolist() == [0.0, 0.0]


def test_densities_are_at_least_float32_and_scales_clamped() -> None:
    assert at_least_float(torch.ones(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert at_least_float(number(1.0)).dtype == torch.float64
    assert clamp_log_scale(torch.tensor([-9.0, 0.5, 9.0])).tolist() == [-7.0, 0.5, 7.0]


@pytest.mark.parametrize(
    ("bins", "names"),
    [
        (2, ("bernoulli", "laplace", "gaussian", "logistic", "logistic-cells", "softmax", "mixture")),
        (17, ("laplace", "gaussian", "logistic", "logistic-cells", "softmax", "mixture")),
        (None, ("laplace", "gaussian", "logistic")),
    ],
)
def test_fitting_likelihoods(bins: int | None, names: tuple[str, ...]) -> None:
    assert fitting(bins) == names
    for name in names:
        Likelihood(name=name).check(bins)


@pytest.mark.parametrize(
    ("name", "bins", "message"),
    [
        (
            "bernoulli",
            256,
            "no distribution for data of 256 levels; use one of laplace, .*, or binarise",
        ),
        ("bernoulli", None, "no distribution for continuous data; use one of laplace"),
        ("logistic-iaf", None, "no distribution for continuous data"),
    ],
)
def test_refuses_data_that_it_is_no_distribution_for(name: str, bins: int | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Likelihood(name=name).check(bins)


def test_refuses_unknown_names_and_scales() -> None:
    with pytest.raises(UserError, match="likelihood 'normal' is unknown; choose one of bernoulli, laplace"):
        Likelihood(name="normal")
    with pytest.raises(UserError, match="it must be above 0"):
        Likelihood(scale=0.0)
    with pytest.raises(UserError, match="it must be above 0"):
        Likelihood(scale=float("nan"))


def test_every_dialect_says_that_it_is_not_normalised() -> None:
    assert [name for name, kind in HEADS.items() if not kind.normalised] == [
        "logistic-openai",
        "logistic-iaf",
        "logistic-agave",
        "mixture-openai",
    ]
