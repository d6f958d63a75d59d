"""The mixture of discretised logistics with coupled channels, and the softmax: masses, samples, golden facts."""

import itertools
import math

import mpmath
import pytest
import torch
from torch import Generator, Tensor

from stratiform.distributions import Mixture, Softmax
from stratiform.distributions.mixture import outputs

SHAPES = [(1, 2, 2), (1, 3, 256), (2, 2, 5), (3, 3, 8)]  # channels, mixtures, levels


def raw(channels: int, mixtures: int, scale: float = 2.0, seed: int = 0) -> Tensor:
    generator = Generator().manual_seed(seed)
    return scale * torch.randn(1, outputs(channels, mixtures), 1, 1, generator=generator, dtype=torch.float64)


def every(channels: int, bins: int) -> Tensor:
    """Every pixel that exists, [b^C, C, 1, 1]; the last channel varies fastest."""
    level = torch.linspace(0.0, 1.0, bins, dtype=torch.float64)
    return torch.cartesian_prod(*[level] * channels).view(-1, channels, 1, 1)


def masses(kind: type[Mixture] | type[Softmax], numbers: Tensor, channels: int, bins: int) -> Tensor:
    x = every(channels, bins)
    return kind.from_raw(numbers.expand(len(x), -1, -1, -1), channels, bins).log_prob(x)


def is_likely(counts: Tensor, log_p: Tensor) -> bool:
    """Pearson's statistic over the cells expected to be hit more than five times, within 4 deviations of its mean."""
    expected = log_p.exp() * counts.sum()
    common = expected > 5
    statistic = ((counts - expected) ** 2 / expected)[common].sum().item()
    freedom = int(common.sum())
    return statistic < freedom + 4.0 * math.sqrt(2.0 * freedom)


@pytest.mark.parametrize(("channels", "mixtures", "bins"), SHAPES)
def test_masses_sum_to_one(channels: int, mixtures: int, bins: int) -> None:
    for seed, scale in itertools.product(range(3), (0.5, 4.0)):
        found = masses(Mixture, raw(channels, mixtures, scale, seed), channels, bins)
        assert found.logsumexp(0).item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("bits", range(1, 9))
def test_any_number_of_bits(bits: int) -> None:
    assert masses(Mixture, raw(1, 10), 1, 2**bits).logsumexp(0).item() == pytest.approx(0.0, abs=1e-12)


def test_ten_numbers_per_mixture_in_colour_and_three_in_grey() -> None:
    assert outputs(3, 10) == 100 and outputs(1, 10) == 30


def test_a_pixel_against_the_formula_in_high_precision() -> None:
    """Eqs 2 and 3 with every number named, on the paper's axis [-1, 1], 256 levels."""
    pi, m, log_s, a = [0.3, -0.8], [[0.1, -0.4, 0.9], [0.5, 0.2, -1.2]], [[-3, -2, -4], [-1, -5, -2.5]], [0.4, -1, 0.7]
    numbers = torch.tensor([*pi, *m[0], *m[1], *log_s[0], *log_s[1], *a, *a], dtype=torch.float64).view(1, -1, 1, 1)
    x = torch.tensor([200, 30, 255], dtype=torch.float64).view(1, 3, 1, 1) / 255
    found = Mixture.from_raw(numbers, 3, 256).log_prob(x).item()

    with mpmath.workdps(50):
        r, g, b = (2 * mpmath.mpf(k) / 255 - 1 for k in (200, 30, 255))
        c = [mpmath.tanh(value) for value in a]
        total, weight = mpmath.mpf(0), sum(mpmath.exp(value) for value in pi)
        for k in range(2):
            means = m[k][0], m[k][1] + c[0] * r, m[k][2] + c[1] * r + c[2] * g
            mass = mpmath.exp(pi[k]) / weight
            for value, mean, log_scale in zip((r, g, b), means, log_s[k], strict=True):
                upper = 1 / (1 + mpmath.exp(-(value + mpmath.mpf(1) / 255 - mean) / mpmath.exp(log_scale)))
                lower = 1 / (1 + mpmath.exp(-(value - mpmath.mpf(1) / 255 - mean) / mpmath.exp(log_scale)))
                mass *= (1 if value == 1 else upper) - lower
            total += mass
        expected = float(mpmath.log(total))
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_order_of_the_channels_matters() -> None:
    numbers, x = raw(3, 4), torch.tensor([0.2, 0.6, 1.0], dtype=torch.float64).view(1, 3, 1, 1)
    image = Mixture.from_raw(numbers, 3, 6)
    assert abs(image.log_prob(x) - image.log_prob(x.flip(1))).item() > 0.01


@pytest.mark.parametrize(("channels", "mixtures", "bins"), SHAPES)
def test_samples_follow_the_masses(channels: int, mixtures: int, bins: int) -> None:
    numbers, n = raw(channels, mixtures), 10_000 if bins == 256 else 50_000
    for kind in (Mixture, Softmax):
        mine = numbers if kind is Mixture else torch.randn(1, channels * bins, 1, 1, dtype=torch.float64)
        x = kind.from_raw(mine.expand(n, -1, -1, -1), channels, bins).sample(Generator().manual_seed(1))
        level = (x.flatten(1) * (bins - 1)).round().long()
        place = level @ torch.tensor([bins**c for c in reversed(range(channels))])
        counts = torch.bincount(place, minlength=bins**channels).double()
        assert is_likely(counts, masses(kind, mine, channels, bins))


def test_samples_of_another_coupling_would_not() -> None:
    numbers, n = raw(3, 3), 100_000
    other = numbers.clone()
    other[:, -9:] *= -1
    x = Mixture.from_raw(other.expand(n, -1, -1, -1), 3, 8).sample(Generator().manual_seed(1))
    place = (x.flatten(1) * 7).round().long() @ torch.tensor([64, 8, 1])
    assert not is_likely(torch.bincount(place, minlength=512).double(), masses(Mixture, numbers, 3, 8))


def test_temperature_zero_is_the_likeliest_component_at_its_mean() -> None:
    image = Mixture.from_raw(raw(1, 5, 0.3), 1, 256)
    assert torch.allclose(image.sample(temperature=0.0), image.mean, atol=0.5 / 255 + 1e-9)
    logits = torch.randn(1, 2 * 4, 3, 3, dtype=torch.float64)
    likeliest = logits.unflatten(1, (2, 4)).argmax(2) / 3
    assert torch.equal(Softmax.from_raw(logits, 2, 4).sample(temperature=0.0), likeliest)


@pytest.mark.parametrize("dialect", ["exact", "openai"])
def test_gradients_are_finite_at_both_edges_and_far_away(dialect: str) -> None:
    numbers = (20.0 * torch.randn(64, outputs(3, 2), 1, 1)).requires_grad_()
    x = torch.tensor([0.0, 1.0, 0.5]).view(1, 3, 1, 1).expand(64, -1, -1, -1).clone()
    x[:, 2] = 128 / 255
    Mixture.from_raw(numbers, 3, 256, dialect).log_prob(x).sum().backward()
    assert numbers.grad.isfinite().all() and numbers.grad.abs().sum() > 0


def test_the_reference_dialect_agrees_where_no_mass_is_small() -> None:
    numbers = torch.zeros(1, outputs(1, 2), 1, 1, dtype=torch.float64)  # scale 1 on [-1, 1]
    x = every(1, 256)
    both = [
        Mixture.from_raw(numbers.expand(256, -1, -1, -1), 1, 256, dialect).log_prob(x)
        for dialect in ("exact", "openai")
    ]
    assert torch.equal(*both)
    narrow = numbers.clone()
    narrow[:, 4:] = -7.0
    apart = [
        Mixture.from_raw(narrow.expand(256, -1, -1, -1), 1, 256, dialect).log_prob(x)
        for dialect in ("exact", "openai")
    ]
    assert (apart[0] - apart[1]).abs().max() > 1.0


def test_a_softmax_can_be_any_distribution() -> None:
    p = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    image = Softmax.from_raw(p.log().view(1, 4, 1, 1), 1, 4)
    found = [image.log_prob(torch.full((1, 1, 1, 1), k / 3, dtype=torch.float64)).exp().item() for k in range(4)]
    assert found == pytest.approx(p.tolist())
    assert image.mean.item() == pytest.approx((p * torch.arange(4)).sum().item() / 3)
