"""The discretised logistic: golden values, and the papers' dialects to their stated mass."""

import math

import mpmath
import pytest
import torch
from torch import Generator, Tensor

from stratiform.distributions import logistic
from stratiform.distributions.families import Logistic
from stratiform.distributions.image import Binned


def at(k: int, bins: int = 256) -> Tensor:
    return torch.full((1, 1, 1, 1), k / (bins - 1), dtype=torch.float64)


def parameters(mean: float, log_scale: float) -> tuple[Tensor, Tensor]:
    return torch.full((1, 1, 1, 1), mean, dtype=torch.float64), torch.tensor(log_scale, dtype=torch.float64)


def from_symmetric(mean: float, log_scale: float) -> tuple[Tensor, Tensor]:
    """The papers' [-1, 1] axis -> ours, [0, 1]."""
    return parameters((mean + 1.0) / 2.0, log_scale - math.log(2.0))


def every_level(bins: int = 256) -> Tensor:
    return torch.linspace(0.0, 1.0, bins, dtype=torch.float64).view(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("k", "mean", "log_scale", "value"),
    [
        (0, 0.0, -2.0, -7.360715),
        (255, 0.0, -2.0, -7.360715),
        (128, 0.0, -2.0, -4.234691),
        (200, 0.3, -5.0, -39.660133),
        (10, 0.3, -7.0, -1335.312324),
    ],
)
def test_golden_masses(k: int, mean: float, log_scale: float, value: float) -> None:
    found = Binned(Logistic(), *from_symmetric(mean, log_scale), 256).log_prob(at(k))
    assert found.item() == pytest.approx(value, abs=1e-6)


def test_openai_is_off_by_up_to_two_nats_and_only_where_masses_are_small() -> None:
    mean, log_scale = from_symmetric(0.3, -7.0)
    exact, theirs = Binned(Logistic(), mean, log_scale, 256), logistic.openai(mean, log_scale, 256)
    a, b = exact.log_prob(every_level()), theirs.log_prob(every_level())
    assert (a - b).abs().max().item() == pytest.approx(2.15, abs=0.01)
    large = a > math.log(1e-5)
    assert torch.equal(a[large], b[large])
    wide = from_symmetric(0.3, -2.0)
    assert logistic.openai(*wide, 256).log_prob(every_level()).exp().sum().item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("mean", "log_scale", "mass"), [(0.0, -3.0, 0.999939), (0.45, -3.0, 0.731924), (0.499, -2.0, 0.501251)]
)
def test_iaf_total_mass(mean: float, log_scale: float, mass: float) -> None:
    """Their axis is [-1/2, 1/2]; the mass includes 1e-7 per bin."""
    found = logistic.iaf(*parameters(mean + 0.5, log_scale), 256).log_prob(every_level())
    assert found.exp().sum().item() == pytest.approx(mass, abs=1e-6)


@pytest.mark.parametrize(("bins", "y", "value"), [(256, 200, -3.871779), (32, 200, -1.827865), (8, 255, -2.208303)])
def test_agave_equation_8(bins: int, y: int, value: float) -> None:
    """Mean 200, scale 12 on their 0..255 axis, whose width is 256."""
    found = logistic.agave(*parameters(200 / 256, math.log(12 / 256)), bins).log_prob(at(y * bins // 256, bins))
    assert found.item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("bins", [2, 8, 32, 256])
def test_agave_total_mass(bins: int) -> None:
    """What lies outside [0, 256] is lost, whatever the bins; with open tails nothing is."""
    mean, log_scale = parameters(200 / 256, math.log(12 / 256))
    assert logistic.agave(mean, log_scale, bins).log_prob(every_level(bins)).exp().sum().item() == pytest.approx(
        0.990684, abs=1e-6
    )
    whole = Binned(Logistic(), mean, log_scale, bins, "cells", "open").log_prob(every_level(bins))
    assert whole.logsumexp(0).item() == pytest.approx(0.0, abs=1e-12)


def test_coarser_cells_are_sums_of_finer_ones() -> None:
    mean, log_scale = parameters(0.41, -2.5)
    fine = logistic.agave(mean, log_scale, 256).log_prob(every_level()).exp()
    coarse = logistic.agave(mean, log_scale, 8).log_prob(every_level(8)).exp()
    assert torch.allclose(fine.view(8, 32).sum(1), coarse, rtol=1e-12)


def test_far_tails_against_mpmath_in_float32() -> None:
    """Where sigmoid(b) - sigmoid(a) underflows, the log-mass is still right to float32's last digits."""
    mean, log_scale = torch.full((1, 1, 1, 1), 0.9), torch.tensor(-6.0)
    found = Binned(Logistic(), mean, log_scale, 256).log_prob(torch.full((1, 1, 1, 1), 20 / 255)).item()
    with mpmath.workdps(400):
        scale, x, half = mpmath.exp(-6), mpmath.mpf(20) / 255, mpmath.mpf(1) / 510
        ends = [1 / (1 + mpmath.exp(-(x + side * half - mpmath.mpf(0.9)) / scale)) for side in (-1, 1)]
        exact = float(mpmath.log(ends[1] - ends[0]))
    assert found == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("dialect", [logistic.openai, logistic.iaf, logistic.agave])
def test_dialects_have_finite_gradients_and_samples_on_the_grid(dialect) -> None:
    mean = torch.linspace(-0.5, 1.5, 21, dtype=torch.float64).view(-1, 1, 1, 1).requires_grad_()
    log_scale = torch.full((1, 1, 1), -4.0, dtype=torch.float64, requires_grad=True)
    image = dialect(mean, log_scale, 32)
    for k in (0, 1, 16, 31):
        log_p = image.log_prob(at(k, 32).expand(21, 1, 1, 1))
        for gradient in torch.autograd.grad(log_p.sum(), (mean, log_scale)):
            assert gradient.isfinite().all()
    levels = image.sample(Generator().manual_seed(0)) * 31
    assert torch.equal(levels, levels.round()) and levels.min() >= 0 and levels.max() <= 31
    assert torch.equal(image.mean, mean)


@pytest.mark.parametrize("bins", [2, 8, 32, 128])
def test_coarser_cells_are_made_of_whole_cells(bins: int) -> None:
    """P_b of a level = the sum of P_256 over the levels that it is made of: Eq. 8 quantises the bins, not the mean."""
    mean, log_scale = parameters(200.0 / 256.0, math.log(12.0 / 256.0))
    fine, coarse = (logistic.cells(mean, log_scale, n).log_prob(every_level(n)).exp() for n in (256, bins))
    assert torch.allclose(coarse, fine.view(bins, -1).sum(1), rtol=1e-12)
    assert coarse.sum().item() == pytest.approx(1.0, abs=1e-12)
