"""The mixture of Gaussians over a level: density, draws made of noise, the bound of its KL."""

import math

import pytest
import torch
from scipy import stats
from torch import Generator, Tensor

from stratiform.distributions import Gaussian, GaussianMixture, gaussian_kl, mixture_kl_bound


def mixture(
    components: int = 3, units: int = 2, batch: int = 1, spread: float = 1.5, seed: int = 0
) -> GaussianMixture:
    generator = Generator().manual_seed(seed)
    means, log_scales = (
        size * torch.randn(components, units, generator=generator, dtype=torch.float64) for size in (spread, 0.4)
    )
    return GaussianMixture(means, log_scales, batch)


def gaussian(batch: int, units: int, seed: int = 7) -> Gaussian:
    generator = Generator().manual_seed(seed)
    mean, log_scale = torch.randn(2, batch, units, generator=generator, dtype=torch.float64)
    return Gaussian(mean, 0.5 * log_scale)


def drawn(p: GaussianMixture, seed: int = 0, **how: float) -> Tensor:
    return p.draw(generator=Generator().manual_seed(seed), **how)[0]


def direct(p: GaussianMixture, z: Tensor) -> Tensor:
    """log (1 / k) sum_i N(z; m_i, s_i), [B], by torch's own mixture."""
    components = torch.distributions.Normal(p.means, p.log_scales.exp())
    weights = torch.distributions.Categorical(logits=torch.zeros(len(p.means)).double())
    return torch.distributions.MixtureSameFamily(weights, torch.distributions.Independent(components, 1)).log_prob(z)


@pytest.mark.parametrize("units", [1, 2])
def test_the_density_integrates_to_one(units: int) -> None:
    axis = torch.linspace(-14.0, 14.0, 801, dtype=torch.float64)
    grid = torch.cartesian_prod(*[axis] * units).view(-1, units)
    mass = mixture(units=units).log_prob(grid).sum(1).exp().sum() * (axis[1] - axis[0]) ** units
    assert mass.item() == pytest.approx(1.0, abs=1e-9)


def test_units_sum_to_the_joint_density_and_each_sees_only_those_before_it() -> None:
    p, z = mixture(4, 5, 8), 3.0 * torch.randn(8, 5, dtype=torch.float64)
    assert torch.allclose(p.log_prob(z).sum(1), direct(p, z), rtol=1e-12)
    first = GaussianMixture(p.means[:, :2], p.log_scales[:, :2], 8)
    assert torch.allclose(p.log_prob(z)[:, :2], first.log_prob(z[:, :2]), rtol=1e-12)
    assert torch.allclose(p.log_prob(z)[:, :2].sum(1), direct(first, z[:, :2]), rtol=1e-12)


def test_far_away_in_float32_density_and_gradient_are_finite() -> None:
    p = GaussianMixture(20.0 * torch.randn(50, 32), torch.full((50, 32), -3.0), 4)
    z = (1e3 * torch.randn(4, 32)).requires_grad_()
    log_p = p.log_prob(z)
    log_p.sum().backward()
    assert log_p.isfinite().all() and z.grad.isfinite().all()


def test_one_component_is_the_gaussian() -> None:
    p = mixture(1, 3, 6)
    noise = torch.randn(6, 3, generator=Generator().manual_seed(1), dtype=torch.float64)
    for temperature in (1.0, 0.5):
        ours, theirs = p.draw(noise, temperature), p.component(0).draw(noise, temperature)
        assert all(torch.allclose(a, b, rtol=1e-12, atol=1e-12) for a, b in zip(ours, theirs, strict=True))
    q = gaussian(6, 3)
    assert torch.allclose(mixture_kl_bound(q, p), gaussian_kl(q, p.component(0)).sum(1), rtol=1e-12)
    assert torch.equal(p.mean, p.component(0).mean)


def test_draws_have_the_law_of_the_mixture() -> None:
    """Every unit's law, the covariance, and how often each component is responsible."""
    n, p = 20_000, mixture(3, 3, 20_000)
    z = drawn(p)
    for j in range(3):
        normal = stats.norm(p.means[:, j].numpy(), p.log_scales[:, j].exp().numpy())
        assert stats.kstest(z[:, j].numpy(), lambda t, normal=normal: normal.cdf(t[:, None]).mean(1)).pvalue > 0.01
    centred = p.means - p.means.mean(0)
    covariance = centred.T @ centred / 3 + torch.diag(p.log_scales.mul(2).exp().mean(0))
    assert torch.allclose(z.T.cov(), covariance, atol=0.1)
    assert torch.allclose(z.mean(0), p.mean[0], atol=4.0 * (covariance.diag().max() / n).sqrt().item())
    assert torch.allclose(p.responsibilities(z).mean(0), torch.full((3,), 1 / 3).double(), atol=0.015)


def test_the_units_of_a_draw_depend_on_each_other_as_in_the_mixture() -> None:
    """Two distant components: the second unit follows the first."""
    means = torch.tensor([[-5.0, -5.0], [5.0, 5.0]], dtype=torch.float64)
    z = drawn(GaussianMixture(means, torch.zeros(2, 2).double(), 2000))
    assert torch.equal(z[:, 0] > 0, z[:, 1] > 0)
    assert (z[:, 0] > 0).double().mean().item() == pytest.approx(0.5, abs=0.05)


def test_a_draw_scores_itself_at_temperature_1() -> None:
    p = mixture(3, 2, 5)
    for temperature in (1.0, 0.3):
        z, log_p = p.draw(generator=Generator().manual_seed(0), temperature=temperature)
        assert z.shape == log_p.shape == (5, 2)
        assert torch.equal(log_p, p.log_prob(z))


def test_temperature_scales_the_deviation_of_every_component_and_0_is_their_means() -> None:
    p = mixture(3, 2, 400)
    cold = GaussianMixture(p.means, p.log_scales + math.log(0.3), 400)
    assert torch.allclose(drawn(p, temperature=0.3), drawn(cold), atol=1e-12)
    frozen = drawn(p, temperature=0.0)
    gaps = (frozen[:, None] - p.means).abs().amax(2).amin(1)
    assert gaps.max() < 1e-4
    assert len(frozen.round(decimals=3).unique(dim=0)) == 3


def test_noise_becomes_z_and_z_that_noise() -> None:
    p = mixture(4, 6, 300)
    noise = 2.0 * torch.randn(300, 6, generator=Generator().manual_seed(2), dtype=torch.float64)
    noise[0], noise[1] = 20.0, -20.0
    assert torch.allclose(p.noise(p.draw(noise)[0]), noise, atol=1e-9)


def test_z_is_a_continuous_function_of_the_noise_and_grows_with_it_unit_by_unit() -> None:
    n = 20_001
    p, line = mixture(3, 2, n, spread=1.0), torch.linspace(-6.0, 6.0, n, dtype=torch.float64)
    for unit in range(2):
        noise = torch.zeros(n, 2, dtype=torch.float64)
        noise[:, unit] = line
        z = p.draw(noise)[0]
        assert (z[:, unit].diff() > 0).all()
        assert z.diff(dim=0).abs().max() < 0.05
    assert (p.draw(noise)[0][:, 0] == z[0, 0]).all()  # the first unit knows nothing of the second


def test_the_gradient_of_a_draw_is_its_derivative() -> None:
    p = mixture(3, 3, 4)
    noise = torch.randn(4, 3, generator=Generator().manual_seed(3), dtype=torch.float64)
    arguments = [part.clone().requires_grad_() for part in (noise, p.means, p.log_scales)]
    assert torch.autograd.gradcheck(
        lambda e, m, s: GaussianMixture(m, s, 4).draw(e)[0], arguments, eps=1e-6, atol=1e-6
    )


def test_gradients_of_a_draw_are_finite_where_no_mass_lies() -> None:
    """In the gap between two distant components, and far out in a tail, in float32."""
    means = torch.tensor([[-30.0], [30.0]], requires_grad=True)
    noise = torch.tensor([[0.0], [9.0], [-9.0]], requires_grad=True)
    z = GaussianMixture(means, torch.full((2, 1), -4.0), 3).draw(noise)[0]
    gradients = torch.autograd.grad(z.sum(), (noise, means))
    assert z.isfinite().all() and all(gradient.isfinite().all() for gradient in gradients)


def test_rows_are_independent() -> None:
    p, noise = mixture(3, 2, 4), torch.randn(4, 2, dtype=torch.float64)
    whole, alone = p.draw(noise), [p.draw(noise[i : i + 1]) for i in range(4)]
    for ours, theirs in zip(whole, zip(*alone, strict=True), strict=True):
        assert torch.allclose(ours, torch.cat(theirs), rtol=1e-14, atol=1e-14)


def test_generators_decide_the_draw() -> None:
    p = mixture(3, 2, 5)
    assert torch.equal(drawn(p, 1), drawn(p, 1))
    assert not torch.equal(drawn(p, 1), drawn(p, 2))
    torch.manual_seed(1)
    assert torch.equal(p.draw()[0], drawn(p, 1))


def test_responsibilities_are_those_of_bayes() -> None:
    p, z = mixture(3, 2, 5), torch.randn(5, 2, dtype=torch.float64)
    each = torch.stack([p.component(i).log_prob(z).sum(1) for i in range(3)], 1)
    assert torch.allclose(p.responsibilities(z), each.exp() / each.exp().sum(1, keepdim=True))


def test_the_density_compiles_to_one_graph() -> None:
    torch._dynamo.reset()
    p, z = mixture(3, 4, 5), torch.randn(5, 4, dtype=torch.float64)

    def loss(means: Tensor, z: Tensor) -> Tensor:
        return GaussianMixture(means, p.log_scales, len(z)).log_prob(z).sum()

    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    assert torch.allclose(compiled(p.means, z), loss(p.means, z))


def test_kl_bound_golden_values() -> None:
    """Components equal to q: 0 with the weights 1 / k; the printed Eq. 12 has -log 5 = -1.609438."""
    q = gaussian(1, 4)
    equal = GaussianMixture(q.mean.expand(5, -1), q.log_scale.expand(5, -1), 1)
    bound = mixture_kl_bound(q, equal).item()
    assert bound == pytest.approx(0.0, abs=1e-12)
    assert bound - math.log(5) == pytest.approx(-1.609438, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_kl_bound_is_above_the_kl_and_below_that_to_the_nearest_component_plus_log_k(seed: int) -> None:
    n, p, q = 20_000, mixture(5, 4, 3, seed=seed), gaussian(3, 4, seed)
    wide = Gaussian(*(part.repeat_interleave(n, 0) for part in (q.mean, q.log_scale)))
    z, log_q = wide.draw(generator=Generator().manual_seed(seed))
    ratio = (log_q - p.log_prob(z)).sum(1).view(3, n)
    bound = mixture_kl_bound(q, p)
    assert (bound > ratio.mean(1) - 4.0 * ratio.std(1) / math.sqrt(n)).all()
    nearest = torch.stack([gaussian_kl(q, p.component(i)).sum(1) for i in range(5)]).amin(0)
    assert (bound <= nearest + math.log(5)).all()
    assert (bound >= nearest).all()


def test_kl_bound_of_equal_components_is_that_of_one() -> None:
    q, one = gaussian(3, 4), mixture(1, 4, 3)
    many = GaussianMixture(one.means.expand(6, -1), one.log_scales.expand(6, -1), 3)
    assert torch.allclose(mixture_kl_bound(q, many), mixture_kl_bound(q, one))
