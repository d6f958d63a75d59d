"""What is minimised, against hand-made terms."""

import math

import pytest
import torch
from torch import Tensor

from stratiform.core.latent import Latent, Terms
from stratiform.distributions import Gaussian
from stratiform.errors import UserError
from stratiform.objective import ELBO, IWAE, MMD, OBJECTIVES, FreeBits, TotalCorrelation

ONE = torch.ones(())


def latent_of_kl(kl: Tensor) -> Latent:
    """A latent whose every unit has this KL to N(0, 1), [B, C]: the mean moves, the variance is 1."""
    mean = (2.0 * kl).sqrt()
    q, p = Gaussian(mean, torch.zeros_like(mean)), Gaussian(torch.zeros_like(mean), torch.zeros_like(mean))
    return Latent(mean, p, q, q.log_prob(mean), exact=True)


def terms(log_px: list[float], *kls: list[list[float]], log_py: list[float] | None = None) -> Terms:
    latents = tuple(latent_of_kl(torch.tensor(kl, dtype=torch.float64)) for kl in kls)
    return Terms(torch.tensor(log_px).double(), latents, None if log_py is None else torch.tensor(log_py).double())


def test_elbo() -> None:
    made = terms([-10.0, -20.0], [[1.0, 2.0], [3.0, 4.0]], [[0.5], [0.5]])
    assert ELBO()(made, ONE).item() == pytest.approx(15.0 + 5.0 + 0.5)
    assert ELBO()(made, ONE).item() == pytest.approx(-made.elbo().mean().item())
    assert ELBO()(made, 0.1 * ONE).item() == pytest.approx(15.0 + 0.55)


def test_the_auxiliary_observation_enters_the_loss() -> None:
    plain, with_y = terms([-10.0], [[1.0]]), terms([-10.0], [[1.0]], log_py=[-3.0])
    for objective in (ELBO(), FreeBits(), IWAE(samples=1), MMD()):
        torch.manual_seed(0)
        before = objective(plain, ONE)
        torch.manual_seed(0)
        assert (objective(with_y, ONE) - before).item() == pytest.approx(3.0)


def test_free_bits_average_over_the_batch_inside_the_floor() -> None:
    """The golden value: 0.55, where a floor per sample would give 0.60."""
    made = terms([0.0, 0.0], [[0.1, 0.4], [0.3, 0.2]])
    assert FreeBits(nats=0.25)(made, ONE).item() == pytest.approx(0.55)


def test_free_bits_are_the_elbo_above_the_floor_and_flat_below() -> None:
    made = terms([-5.0, -6.0], [[1.0, 2.0], [3.0, 4.0]])
    assert FreeBits(nats=0.5)(made, ONE).item() == pytest.approx(ELBO()(made, ONE).item())
    mean = torch.full((4, 3), 0.01, requires_grad=True)
    zero = torch.zeros(4, 3)
    low = Terms(torch.zeros(4), (Latent(mean, Gaussian(zero, zero), Gaussian(mean, zero), zero, exact=True),))
    loss = FreeBits(nats=0.25)(low, ONE)
    assert loss.item() == pytest.approx(3 * 0.25)
    assert not torch.autograd.grad(loss, mean)[0].any()


def test_free_bits_of_maps_are_per_channel() -> None:
    mean = torch.full((2, 3, 4, 5), math.sqrt(2 * 0.05))  # a KL of 0.05 at each of 20 places: 1 nat per channel
    zero = torch.zeros_like(mean)
    made = Terms(torch.zeros(2), (Latent(mean, Gaussian(zero, zero), Gaussian(mean, zero), zero, exact=True),))
    assert FreeBits(nats=0.25)(made, ONE).item() == pytest.approx(3.0, rel=1e-5)


def weighted(log_weights: Tensor) -> Terms:
    """Terms whose log-weights are these, [B k]."""
    n = Gaussian(torch.zeros(len(log_weights), 1), torch.zeros(len(log_weights), 1))
    z = torch.zeros(len(log_weights), 1)
    return Terms(log_weights, (Latent(z, n, n, n.log_prob(z)),))


def test_iwae_golden_value() -> None:
    lw = torch.tensor([-100.0, -101.0, -103.0], dtype=torch.float64)
    assert IWAE(samples=3)(weighted(lw), ONE).item() == pytest.approx(100.749600, abs=1e-6)
    assert ELBO(samples=3)(weighted(lw), ONE).item() == pytest.approx(101.333333, abs=1e-6)
    assert IWAE(samples=1)(weighted(lw), ONE).item() == pytest.approx(101.333333, abs=1e-6)


def test_iwae_takes_the_repeats_side_by_side() -> None:
    lw = torch.tensor([-1.0, -2.0, -50.0, -51.0], dtype=torch.float64)
    expected = -(lw[:2].logsumexp(0) + lw[2:].logsumexp(0) - 2 * math.log(2)) / 2
    assert IWAE(samples=2)(weighted(lw), ONE).item() == pytest.approx(expected.item())


def test_iwae_in_float32_far_below_zero_and_under_a_shift() -> None:
    lw = torch.tensor([-1e4, -1e4 - 1.0, -1e4 - 2.0])
    assert IWAE(samples=3)(weighted(lw), ONE).isfinite()
    constant = torch.full((6,), -7.5, dtype=torch.float64)
    assert IWAE(samples=3)(weighted(constant), ONE).item() == pytest.approx(7.5)


def test_gradient_of_iwae_weights_the_draws() -> None:
    lw = torch.tensor([-100.0, -101.0, -103.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(IWAE(samples=3)(weighted(lw), ONE), lw)
    assert torch.allclose(-gradient, lw.softmax(0))


def test_mmd_is_small_for_the_same_law_and_large_for_another() -> None:
    torch.manual_seed(0)
    n = Gaussian(torch.zeros(400, 2), torch.zeros(400, 2))

    def made(z: Tensor) -> Terms:
        return Terms(torch.zeros(400), (Latent(z, n, n, n.log_prob(z)),))

    same, other = (
        MMD(weight=1.0)(made(torch.randn(400, 2)), ONE),
        MMD(weight=1.0)(made(torch.randn(400, 2) + 3.0), ONE),
    )
    assert 0.0 <= same.item() < 0.01 < 0.5 < other.item()


def test_mmd_against_the_formula_of_the_reference() -> None:
    """exp(-mean_d (a - b)^2 / d), means over all pairs; the prior's draws are those of torch's generator."""
    z = torch.tensor([[0.3, -1.0], [2.0, 0.5]], dtype=torch.float64)
    n = Gaussian(torch.zeros_like(z), torch.zeros_like(z))
    torch.manual_seed(0)
    prior = torch.randn(2, 2, dtype=torch.float64)

    def kernel(a: Tensor, b: Tensor) -> float:
        pairs = [math.exp(-(((p - q) ** 2).sum() / 2 / 2).item()) for p in a for q in b]
        return sum(pairs) / len(pairs)

    expected = kernel(z, z) + kernel(prior, prior) - 2.0 * kernel(z, prior)
    torch.manual_seed(0)
    loss = MMD(weight=5.0)(Terms(torch.zeros(2).double(), (Latent(z, n, n, n.log_prob(z)),)), 0.5 * ONE)
    assert loss.item() == pytest.approx(2.5 * expected)


def test_objectives_are_in_the_table_and_refuse_nonsense() -> None:
    assert set(OBJECTIVES.values()) == {ELBO, FreeBits, IWAE, MMD, TotalCorrelation}
    for objective in (ELBO, FreeBits, IWAE):
        with pytest.raises(UserError, match="samples is 0"):
            objective(samples=0)
    with pytest.raises(UserError, match=r"nats is -1\.0; give 0 or more"):
        FreeBits(nats=-1.0)
