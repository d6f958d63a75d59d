"""What is minimised, against hand-made terms."""

import math

import pytest
import torch
from torch import Tensor

import zoo
from known import markov, mixed, shortcut
from stratiform.core.latent import Latent, Terms
from stratiform.distributions import Gaussian, GaussianMixture, mixture_kl_bound
from stratiform.errors import UserError
from stratiform.objective import (
    ELBO,
    IWAE,
    MMD,
    OBJECTIVES,
    FreeBits,
    MixedKL,
    MixtureELBO,
    Sleep,
    TotalCorrelation,
    check_fit,
    terms_for,
)

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


def under_a_mixture(means: Tensor, log_px: float = -10.0) -> Terms:
    """Two images whose q is N(0, I), under components N(m_i, I), m [k, d]."""
    zero = torch.zeros(2, means.shape[1]).to(means)
    q, p = Gaussian(zero, zero), GaussianMixture(means, torch.zeros_like(means), 2)
    z, log_q = q.draw(torch.ones_like(zero))
    return Terms(torch.full((2,), log_px).to(means), (Latent(z, p, q, log_q, exact=True),))


def test_mixture_elbo_golden_values() -> None:
    """Components equal to q: the KL is 0, not -log 5, and an image is undecided between all five."""
    made = under_a_mixture(torch.zeros(5, 3, dtype=torch.float64))
    assert MixtureELBO(entropy=0.0)(made, ONE).item() == pytest.approx(10.0, abs=1e-12)
    assert MixtureELBO(entropy=0.4)(made, ONE).item() == pytest.approx(10.0 + 0.4 * math.log(5))


def test_mixture_elbo_is_the_elbo_of_one_component() -> None:
    made = under_a_mixture(torch.tensor([[0.5, -1.0]], dtype=torch.float64))
    alone = made.latents[0].p.component(0)
    plain = Terms(made.log_px, (Latent(made.latents[0].z, alone, made.latents[0].q, exact=True),))
    assert MixtureELBO()(made, 0.3 * ONE).item() == pytest.approx(ELBO()(plain, 0.3 * ONE).item())


def test_beta_weighs_the_bound_of_the_kl_and_not_the_penalty_and_neither_is_reported() -> None:
    made = under_a_mixture(torch.tensor([[0.0, 1.0], [2.0, -1.0]], dtype=torch.float64))
    (latent,) = made.latents
    loss = [MixtureELBO()(made, beta * ONE).item() for beta in (0.0, 1.0)]
    assert loss[1] - loss[0] == pytest.approx(mixture_kl_bound(latent.q, latent.p).mean().item())
    r = latent.p.responsibilities(latent.z)
    assert loss[0] - 10.0 == pytest.approx(-0.4 * (r * r.log()).sum(1).mean().item())
    assert torch.equal(made.elbo(), made.log_px - (latent.log_q - latent.p.log_prob(latent.z)).sum(1))


def test_the_penalty_separates_components() -> None:
    means = torch.tensor([[0.3, 0.0], [-0.3, 0.1]], dtype=torch.float64, requires_grad=True)

    def undecided(means: Tensor) -> Tensor:
        latent = under_a_mixture(means).latents[0]
        r = latent.p.responsibilities(latent.z)
        return -(r * r.log()).sum(1).mean()

    (gradient,) = torch.autograd.grad(MixtureELBO(entropy=1.0)(under_a_mixture(means), 0.0 * ONE), means)
    assert undecided(means - 0.1 * gradient) < undecided(means) - 1e-4


def test_mixture_elbo_is_finite_where_components_are_far_in_float32() -> None:
    means = (100.0 * torch.randn(20, 8)).requires_grad_()
    loss = MixtureELBO()(under_a_mixture(means), ONE)
    assert loss.isfinite() and torch.autograd.grad(loss, means)[0].isfinite().all()


def test_mixed_kl_goes_from_squares_to_the_elbo() -> None:
    made = terms([-10.0, -20.0], [[1.0, 2.0], [3.0, 4.0]], [[0.5], [0.5]])
    rate, squares = 5.0 + 0.5, (1 + 4 + 9 + 16) / 2 + 0.25
    for beta, share in ((0.0, 0.02), (0.5, 0.51), (1.0, 1.0)):
        loss = MixedKL()(made, beta * ONE).item()
        assert loss == pytest.approx(15.0 + share * rate + (1.0 - share) * squares)
    assert MixedKL()(made, ONE).item() == pytest.approx(ELBO()(made, ONE).item())
    assert MixedKL(start=0.0)(made, 0.0 * ONE).item() == pytest.approx(15.0 + squares)


def sleeping(model: torch.nn.Module, n: int, seed: int = 0) -> Terms:
    torch.manual_seed(seed)
    return terms_for(Sleep(), model, torch.zeros(n, 1, 2, 3, dtype=torch.float64), ONE)


@pytest.mark.parametrize(("make", "posterior"), [(markov, "top_down"), (markov, "bottom_up"), (shortcut, "top_down")])
def test_sleep_with_the_exact_posterior_has_weights_of_log_p_and_nothing_to_learn(make, posterior: str) -> None:
    made, batches, n = make((1, 1, 1)), 40, 200
    model, x = getattr(made, posterior)()[0], made.joint()[2]
    drawn = [sleeping(model, n, seed) for seed in range(batches)]
    weights = torch.cat([one.elbo() for one in drawn]).detach()  # log p(x) of every own image
    entropy = torch.distributions.MultivariateNormal(x.m, x.covariance()).entropy()
    assert weights.mean().item() == pytest.approx(
        -entropy.item(), abs=4.0 * (weights.std() / len(weights) ** 0.5).item()
    )
    parameters = list(model.posterior.parameters())
    gradients = torch.stack(
        [torch.cat([g.flatten() for g in torch.autograd.grad(Sleep()(one, ONE), parameters)]) for one in drawn]
    )
    assert (gradients.mean(0).abs() < 4.5 * gradients.std(0) / math.sqrt(batches)).all()


def test_sleep_mends_a_posterior_and_gives_nothing_else_a_gradient() -> None:
    made = shortcut((1, 2, 1))
    model = made.top_down()[0].train()
    with torch.no_grad():
        for parameter in model.posterior.parameters():
            parameter.add_(0.3)
    others = [*model.hierarchy.parameters(), *model.decoder.parameters()]
    optimiser = torch.optim.Adam(model.posterior.parameters(), 0.03)
    losses = []
    for step in range(150):
        loss = Sleep()(sleeping(model, 200, step), ONE)
        assert torch.autograd.grad(loss, others, allow_unused=True, retain_graph=True) == (None,) * len(others)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < sum(losses[:10]) / 10 - 1.0
    assert model.training


def test_what_the_log_calls_elbo_in_sleep_is_an_upper_bound() -> None:
    """E_p[log p(x, z) - log q(z | x)] = E[log p(x)] + KL(p(z | x) || q(z | x))."""
    made = markov((2, 2))
    model, gap = made.top_down()
    assert gap > 0.05
    weights, x = sleeping(model, 8000).elbo(), made.joint()[2]
    entropy = torch.distributions.MultivariateNormal(x.m, x.covariance()).entropy()
    assert (weights.mean() + entropy).item() > 4.0 * weights.std().item() / math.sqrt(8000)


@pytest.mark.parametrize("name", ["vlae, 5x7", "hvae, markov, bottom-up", "lvae", "hvae, markov, top-down, conv"])
def test_sleep_trains_all_of_every_posterior(name: str) -> None:
    model, spec = zoo.build(name), zoo.ZOO[name][2]
    torch.manual_seed(0)
    loss = Sleep()(terms_for(Sleep(), model, torch.rand(3, *spec.shape).double(), ONE), ONE)
    for gradient in torch.autograd.grad(loss, list(model.posterior.parameters())):
        assert gradient.isfinite().all() and gradient.any()


def test_what_means_nothing_for_a_model_is_refused() -> None:
    flat, mixture, pixels = zoo.build("vlae, 5x7"), mixed().top_down(), zoo.build("pixelcnn, 5x6")
    bottom_up = zoo.build("hvae, markov, bottom-up")
    for objective, model, said in (
        (MixtureELBO(), flat, "mixture needs a level whose prior is a mixture"),
        (MixedKL(), pixels, "mixed-kl needs levels"),
        (MixedKL(), mixture, "mixed-kl needs levels"),
        (MixedKL(), bottom_up, "mixed-kl needs levels"),
        (Sleep(), pixels, "this model has none"),
        (TotalCorrelation(), mixture, "total-correlation needs a flat prior"),
    ):
        with pytest.raises(UserError, match=said):
            check_fit(objective, model)
    for objective, model in ((MixtureELBO(), mixture), (MixedKL(), flat), (Sleep(), bottom_up), (Sleep(), mixture)):
        check_fit(objective, model)


def test_objectives_are_in_the_table_and_refuse_nonsense() -> None:
    assert set(OBJECTIVES.values()) == {ELBO, FreeBits, IWAE, MMD, MixedKL, MixtureELBO, Sleep, TotalCorrelation}
    with pytest.raises(UserError, match=r"objective.entropy is -1\.0; give 0 or more"):
        MixtureELBO(entropy=-1.0)
    with pytest.raises(UserError, match=r"objective.start is 1\.5; give a number from 0 to 1"):
        MixedKL(start=1.5)
    for objective in (ELBO, FreeBits, IWAE, MixedKL, MixtureELBO, Sleep):
        with pytest.raises(UserError, match="samples is 0"):
            objective(samples=0)
    with pytest.raises(UserError, match=r"nats is -1\.0; give 0 or more"):
        FreeBits(nats=-1.0)
