"""Likelihoods of images: masses that sum to 1, gradients that are finite, samples that follow the masses."""

import math
from collections.abc import Callable

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Generator, Tensor

from stratiform.distributions.families import Family, Laplace, Logistic, Normal
from stratiform.distributions.image import Bernoulli, Binned, Density, Image

FAMILIES: dict[str, Family] = {"laplace": Laplace(), "gaussian": Normal(), "logistic": Logistic()}
CDF: dict[str, Callable] = {
    "laplace": lambda t: mpmath.exp(t) / 2 if t < 0 else 1 - mpmath.exp(-t) / 2,
    "gaussian": mpmath.ncdf,
    "logistic": lambda t: 1 / (1 + mpmath.exp(-t)),
}
BINS = (2, 3, 17, 32, 256)
quick = settings(deadline=None, derandomize=True, max_examples=60)
every_family = pytest.mark.parametrize("family", FAMILIES)


def every_level(bins: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """[bins, 1, 1, 1]"""
    return torch.linspace(0.0, 1.0, bins, dtype=dtype).view(-1, 1, 1, 1)


def binned(family: str, mean: float, log_scale: float, bins: int, dtype: torch.dtype = torch.float64, **how) -> Binned:
    location = torch.full((1, 1, 1, 1), mean, dtype=dtype)
    return Binned(FAMILIES[family], location, torch.tensor(log_scale, dtype=dtype), bins, **how)


@every_family
@quick
@given(mean=st.floats(-3.0, 4.0), log_scale=st.floats(-7.0, 7.0), bins=st.sampled_from(BINS))
def test_masses_sum_to_one(family: str, mean: float, log_scale: float, bins: int) -> None:
    for grid in ("centred", "cells"):
        for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 2e-5)):
            found = binned(family, mean, log_scale, bins, dtype, grid=grid).log_prob(every_level(bins, dtype))
            assert found.logsumexp(0).item() == pytest.approx(0.0, abs=tolerance)


@every_family
@quick
@given(mean=st.floats(-0.5, 1.5), log_scale=st.floats(-7.0, 3.0), level=st.integers(0, 255))
def test_masses_against_mpmath(family: str, mean: float, log_scale: float, level: int) -> None:
    """log(F(upper) - F(lower)) in 400 digits, tails included."""
    with mpmath.workdps(400):
        scale, half = mpmath.exp(mpmath.mpf(log_scale)), mpmath.mpf(1) / 510
        x = mpmath.mpf(level) / 255
        lower = mpmath.mpf(0) if level == 0 else CDF[family]((x - half - mpmath.mpf(mean)) / scale)
        upper = mpmath.mpf(1) if level == 255 else CDF[family]((x + half - mpmath.mpf(mean)) / scale)
        if upper == lower:  # beyond 400 digits
            return
        exact = float(mpmath.log(upper - lower))
    found = binned(family, mean, log_scale, 256).log_prob(every_level(256))[level].item()
    assert found == pytest.approx(exact, rel=1e-9, abs=1e-11)


@every_family
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bins", [2, 17, 256])
def test_gradients_are_finite_everywhere(family: str, dtype: torch.dtype, bins: int) -> None:
    """At both edges and in between, for means far outside and the narrowest and widest scales."""
    means, log_scales = torch.linspace(-3.0, 4.0, 29), torch.linspace(-7.0, 7.0, 15)
    mean, log_scale = (t.to(dtype).flatten() for t in torch.meshgrid(means, log_scales, indexing="ij"))
    mean, log_scale = mean.view(-1, 1, 1, 1).requires_grad_(), log_scale.view(-1, 1, 1, 1).requires_grad_()
    for x in every_level(bins, dtype)[:: max(1, (bins - 1) // 8)]:
        log_p = Binned(FAMILIES[family], mean, log_scale, bins).log_prob(x[None].expand_as(mean))
        assert log_p.isfinite().all() and (log_p <= 1e-6).all()
        for gradient in torch.autograd.grad(log_p.sum(), (mean, log_scale)):
            assert gradient.isfinite().all()


@every_family
def test_gradients_are_derivatives(family: str) -> None:
    generator = Generator().manual_seed(0)
    mean = torch.rand(6, 2, 2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    log_scale = torch.full((2, 1, 1), -2.0, dtype=torch.float64, requires_grad=True)
    x = torch.randint(5, mean.shape, generator=generator).double() / 4

    def log_p(mean: Tensor, log_scale: Tensor) -> Tensor:
        return Binned(FAMILIES[family], mean, log_scale, 5).log_prob(x)

    assert torch.autograd.gradcheck(log_p, (mean, log_scale))


@every_family
@pytest.mark.parametrize(("mean", "log_scale"), [(0.4, -2.0), (0.02, -1.5), (1.2, -1.0), (0.5, 1.0)])
@pytest.mark.parametrize("grid", ["centred", "cells"])
def test_samples_follow_the_masses(family: str, mean: float, log_scale: float, grid: str) -> None:
    n, bins = 20_000, 9
    image = binned(family, mean, log_scale, bins, grid=grid)
    wide = Binned(image.family, image.mean.expand(n, 1, 1, 1), image.log_scale, bins, grid=grid)
    _follows(wide.sample(Generator().manual_seed(0)), image, bins)


def _follows(x: Tensor, image: Image, bins: int) -> None:
    """In the support, and not to be told from the masses by chi-square."""
    levels = x.flatten() * (bins - 1)
    assert torch.equal(levels, levels.round()) and levels.min() >= 0 and levels.max() <= bins - 1
    counts = torch.bincount(levels.long(), minlength=bins).double()
    expected = image.log_prob(every_level(bins)).exp() * len(levels)
    common = expected > 5.0
    rare = torch.stack([expected[~common].sum(), counts[~common].sum()])
    statistic = ((counts - expected) ** 2 / expected)[common].sum().item()
    assert stats.chi2.sf(statistic, max(int(common.sum()) - 1, 1)) > 1e-4
    assert rare[1] <= 5.0 * max(rare[0].item(), 1.0) + 10.0


@every_family
def test_a_bin_is_the_density_times_its_width_where_bins_are_narrow(family: str) -> None:
    mean, log_scale = torch.full((1, 1, 1, 1), 0.47, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)
    x = every_level(256)[1:-1]
    mass = Binned(FAMILIES[family], mean, log_scale, 256).log_prob(x)
    density = Density(FAMILIES[family], mean, log_scale).log_prob(x)
    assert torch.allclose(mass, density - math.log(255), atol=1e-3)


@pytest.mark.parametrize(
    ("family", "torch_one"),
    [("laplace", torch.distributions.Laplace), ("gaussian", torch.distributions.Normal)],
)
def test_densities_against_torch(family: str, torch_one: type) -> None:
    mean, x = torch.randn(2, 3, 2, 2, dtype=torch.float64), torch.randn(2, 3, 2, 2, dtype=torch.float64)
    log_scale = torch.full((1, 1, 1), -0.7, dtype=torch.float64)
    ours = Density(FAMILIES[family], mean, log_scale)
    assert torch.allclose(ours.log_prob_each(x), torch_one(mean, log_scale.exp()).log_prob(x).sum(1))


@every_family
def test_samples_of_a_density_follow_it(family: str) -> None:
    mean = torch.full((20_000, 1, 1, 1), 0.3, dtype=torch.float64)
    x = Density(FAMILIES[family], mean, torch.tensor(-1.0).double()).sample(Generator().manual_seed(0))
    scipy_one = {"laplace": stats.laplace, "gaussian": stats.norm, "logistic": stats.logistic}[family]
    assert stats.kstest(x.flatten().numpy(), scipy_one(0.3, math.exp(-1.0)).cdf).pvalue > 1e-4


def test_laplace_constant_of_the_reference() -> None:
    """log p = -8 |x - mean| - D log 2b: for MNIST the constant that the reference code leaves out is +1086.85 nats."""
    x = torch.rand(1, 1, 28, 28, dtype=torch.float64)
    density = Density(Laplace(), torch.zeros_like(x), torch.tensor(math.log(0.125), dtype=torch.float64))
    assert density.log_prob(x).item() == pytest.approx(-8.0 * x.abs().sum().item() + 1086.854779, abs=1e-6)


@given(logit=st.floats(-700.0, 700.0))
@quick
def test_bernoulli_sums_to_one(logit: float) -> None:
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        image = Bernoulli(torch.full((1, 1, 1, 1), logit, dtype=dtype))
        masses = [image.log_prob(torch.full((1, 1, 1, 1), value, dtype=dtype)) for value in (0.0, 1.0)]
        assert torch.cat(masses).logsumexp(0).item() == pytest.approx(0.0, abs=tolerance)


def test_bernoulli_against_torch_and_its_samples() -> None:
    logits = torch.linspace(-4.0, 4.0, 24, dtype=torch.float64).view(2, 1, 3, 4)
    x = torch.bernoulli(torch.full_like(logits, 0.5), generator=Generator().manual_seed(0))
    expected = torch.distributions.Bernoulli(logits=logits).log_prob(x)
    assert torch.allclose(Bernoulli(logits).log_prob_each(x), expected.sum(1))
    assert torch.equal(Bernoulli(logits).mean, torch.sigmoid(logits))
    image = Bernoulli(torch.full((20_000, 1, 1, 1), 0.8, dtype=torch.float64))
    _follows(image.sample(Generator().manual_seed(1)), Bernoulli(torch.full((1, 1, 1, 1), 0.8).double()), 2)


@pytest.mark.parametrize("name", ["binned", "bernoulli", "density"])
def test_pixels_are_summed_never_averaged(name: str) -> None:
    """Twice the image, twice the nats; channels joined in each pixel; [B] at the end."""
    parameters = torch.rand(5, 3, 2, 4, dtype=torch.float64)
    x = torch.randint(2, parameters.shape).double()

    def image(parameters: Tensor) -> Image:
        log_scale = torch.tensor(-1.0, dtype=torch.float64)
        made = {
            "binned": Binned(Logistic(), parameters, log_scale, 2),
            "bernoulli": Bernoulli(parameters),
            "density": Density(Normal(), parameters, log_scale),
        }
        return made[name]

    each, whole = image(parameters).log_prob_each(x), image(parameters).log_prob(x)
    assert each.shape == (5, 2, 4) and whole.shape == (5,)
    assert torch.allclose(each.sum((1, 2)), whole)
    doubled = image(parameters.repeat(1, 1, 2, 1)).log_prob(x.repeat(1, 1, 2, 1))
    assert torch.allclose(doubled, 2.0 * whole)
    channels = [image(parameters[:, c : c + 1]).log_prob_each(x[:, c : c + 1]) for c in range(3)]
    assert torch.allclose(sum(channels), each)


def test_scales_may_differ_by_channel_and_by_pixel() -> None:
    mean, x = torch.rand(2, 3, 2, 2, dtype=torch.float64), torch.randint(5, (2, 3, 2, 2)).double() / 4
    by_channel = torch.tensor([-1.0, -2.0, -3.0], dtype=torch.float64).view(3, 1, 1)
    by_pixel = by_channel.expand(2, 3, 2, 2).contiguous()
    images = [Binned(Laplace(), mean, log_scale, 5) for log_scale in (by_channel, by_pixel)]
    assert torch.equal(images[0].log_prob(x), images[1].log_prob(x))
