"""Known answers: linear-Gaussian hierarchies, whose log p(x) is a formula."""

import math

import pytest
import torch

from known import Known, flat, golden_chain, markov, mixed, shortcut
from stratiform.core.hierarchy import from_prior, given, with_noise
from stratiform.core.model import LatentModel
from stratiform.evaluation.bound import bounds, evaluate, log_weights
from stratiform.evaluation.check import LAWS, tick
from stratiform.evaluation.laws.case import Case

ONE_UNIT = {
    "flat": flat((1, 1, 1)),
    "Markov": markov((1, 1, 1, 1)),
    "shortcut": shortcut((1, 1, 1)),
    "one level": markov((1,)),
    "golden": golden_chain(),
}
SEVERAL_UNITS = {
    "flat": flat((2, 3)),
    "Markov": markov((2, 2, 2)),
    "shortcut": shortcut((2, 2)),
    "colour": flat((2, 2), shape=(3, 1, 2), seed=1),
}


def _posteriors(made: Known, name: str) -> list[tuple[LatentModel, float]]:
    """The model under every posterior that the kernel offers for it."""
    found = [made.top_down()]
    if len({len(link.b) for link in made.links}) == 1:
        found.append(made.top_down(carried=True))
    if name in ("Markov", "one level", "golden"):
        found.append(made.bottom_up())
    return found


@pytest.mark.parametrize("name", ONE_UNIT)
def test_with_the_exact_posterior_every_weight_is_log_p(name: str) -> None:
    made, x = ONE_UNIT[name], ONE_UNIT[name].draw(4)
    for model, gap in _posteriors(made, name):
        weights = log_weights(model, x, 20)
        assert abs(gap) < 1e-12
        assert weights.std(0).max() < 1e-12
        assert torch.allclose(weights, made.log_p(x).expand_as(weights), rtol=1e-12, atol=1e-12)
        assert torch.allclose(bounds(model, x, 20).effective, torch.full((4,), 20.0).double())


@pytest.mark.parametrize("name", SEVERAL_UNITS)
def test_with_the_best_diagonal_posterior_the_gap_is_known(name: str) -> None:
    """E[ELBO] = log p(x) - gap, by log-weights and by analytic KLs; the importance bounds rise from there."""
    made, k = SEVERAL_UNITS[name], 4000
    x = made.draw(4)
    for model, gap in _posteriors(made, name):
        assert gap > 0.05
        weights = log_weights(model, x, k)
        error = 4.0 * (weights.std(0) / math.sqrt(k)).max().item()
        assert (made.log_p(x) - weights.mean(0) - gap).abs().max() < error
        with torch.no_grad():
            analytic = model(x.repeat(k, 1, 1, 1)).elbo().view(k, -1)
        assert (made.log_p(x) - analytic.mean(0) - gap).abs().max() < 4.0 * (analytic.std(0) / math.sqrt(k)).max()
        loss = [
            (made.log_p(x) - (weights.view(-1, size, 4).logsumexp(1) - math.log(size)).mean(0)).mean().item()
            for size in (1, 10, 100, 1000)
        ]
        assert loss[0] > loss[1] > loss[2] > loss[3] > -0.02
        assert loss[3] < 0.5 * gap


def test_golden_chain() -> None:
    made, x = golden_chain(), torch.full((1, 1, 1, 1), 1.7, dtype=torch.float64)
    assert made.log_p(x).item() == pytest.approx(-1.837937, abs=1e-6)
    for model, _ in (made.top_down(), made.bottom_up()):
        found = bounds(model, x, 50)
        assert found.elbo.item() == pytest.approx(-1.837937, abs=1e-6)
        assert found.bound.item() == pytest.approx(-1.837937, abs=1e-6)
        assert log_weights(model, x, 50).std() < 1e-14


def test_under_a_mixture_on_top_the_bound_rises_to_log_p() -> None:
    """log p(x) is the log-mean-exp of what each component alone gives."""
    made = mixed()
    x = made.draw(2)
    found = bounds(made.top_down(), x, 40_000)
    assert (found.elbo < made.log_p(x)).all()
    assert (found.bound - made.log_p(x)).abs().max() < 0.05


def test_samples_under_a_mixture_on_top_have_the_mean_of_its_components() -> None:
    made, n = mixed(), 20_000
    torch.manual_seed(0)
    with torch.no_grad():
        x = made.top_down().decode(n, from_prior()).sample().flatten(1)
    expected = torch.stack([known.joint()[2].m for known in made.each]).mean(0)
    assert ((x.mean(0) - expected).abs() < 4.0 * x.std(0) / math.sqrt(n)).all()


@pytest.mark.parametrize("law", LAWS)
def test_laws_of_a_mixture_on_top(law: str) -> None:
    made = mixed()
    assert tick(law, Case.of(made.top_down(), made.spec, made.draw(1))).ok


def test_kl_of_each_level_against_the_formula() -> None:
    """KL(q(z2 | x) || p(z2)) is that of two Gaussians; below, the formula is averaged over z2 ~ q."""
    made, x, k = golden_chain(), torch.full((1, 1, 1, 1), 1.7, dtype=torch.float64), 20000
    (z1, z2), _, of_x = made.joint()
    top = z2.given(of_x)
    mean, variance = (top.offset + top.gain[:, 0] * 1.7).item(), top.covariance.item()
    kl_top = 0.5 * (variance + mean**2 - 1.0 - math.log(variance))
    bottom = z1.given(z2, of_x)
    own, prior = bottom.covariance.item(), 0.6**2
    slope = bottom.gain[0, 0].item() - 0.8
    offset = (bottom.offset + bottom.gain[0, 1] * 1.7).item() - 0.3 + slope * mean
    apart = offset**2 + slope**2 * variance  # E (m - M)^2
    kl_bottom = 0.5 * ((own + apart) / prior - 1.0 - math.log(own / prior))
    found = bounds(made.top_down()[0], x, k).kl
    assert found[1].item() == pytest.approx(kl_top, rel=1e-12)
    assert found[0].item() == pytest.approx(kl_bottom, rel=0.02)


def test_evaluation_of_a_known_model() -> None:
    made = flat((1, 1, 1))
    x = made.draw(40)
    found = evaluate(made.top_down()[0], made.spec, x.split(17), samples=3)
    assert found.images == 40
    assert found.elbo == pytest.approx(made.log_p(x).mean().item(), rel=1e-12)
    assert found.log_likelihood_bound == pytest.approx(found.elbo, rel=1e-12)
    assert found.elbo_stderr == pytest.approx(made.log_p(x).std().item() / math.sqrt(40), rel=1e-12)
    assert found.bits_per_dim is None
    assert found.effective_samples == pytest.approx(3.0)


def test_codes_are_posterior_means() -> None:
    for made in (*ONE_UNIT.values(), *SEVERAL_UNITS.values()):
        x = made.draw(3)
        for level, latent in enumerate(made.top_down()[0].encode(x)):
            assert torch.allclose(latent.z, made.code(level, x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("make", [flat, markov, shortcut])
def test_samples_have_the_mean_and_covariance_of_the_joint(make) -> None:
    made, n = make((2, 1), shape=(1, 1, 3)), 40000
    torch.manual_seed(0)
    model, truth = made.top_down()[0], made.joint()[2]
    with torch.no_grad():
        x = model.decode(n, from_prior()).sample().flatten(1)
    spread = truth.covariance().diagonal().sqrt()
    assert ((x.mean(0) - truth.m) / spread).abs().max() < 5.0 / math.sqrt(n)
    assert ((x.T.cov() - truth.covariance()) / spread.outer(spread)).abs().max() < 7.0 / math.sqrt(n)


def test_temperature_zero_is_the_mean() -> None:
    made = shortcut((2, 1))
    with torch.no_grad():
        mean = made.top_down()[0].decode(1, from_prior(temperature=0.0)).mean
    assert torch.allclose(mean.flatten(), made.joint()[2].m)


def test_holding_a_value_and_holding_noise_differ() -> None:
    """In a Markov hierarchy a new z3 under a given z1 changes nothing; under z1's noise it changes the image."""
    model = markov((1, 1, 1)).top_down()[0]
    zeros, ones = torch.zeros(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)

    def image(hold, top: torch.Tensor) -> torch.Tensor:
        below = dict.fromkeys((0, 1), zeros)
        return model.decode(1, hold(below, with_noise({2: top}, from_prior()))).mean

    assert torch.equal(image(given, zeros), image(given, ones))
    assert (image(with_noise, zeros) - image(with_noise, ones)).abs().max() > 0.01


def test_a_chain_of_inference_and_generation_keeps_the_distribution() -> None:
    """With the exact posterior, z ~ q(z | x), x' ~ p(x | z) leaves p(x) as it is (VLAE, Prop. 1)."""
    made, n = markov((1, 1), shape=(1, 1, 2)), 40000
    torch.manual_seed(0)
    model, truth, x = made.top_down()[0], made.joint()[2], made.draw(n)
    with torch.no_grad():
        for _ in range(3):
            z = {level: latent.z for level, latent in enumerate(model.encode(x, draw=lambda level, q: q.draw()))}
            x = model.decode(n, given(z, from_prior())).sample()
    spread = truth.covariance().diagonal().sqrt()
    assert ((x.flatten(1).mean(0) - truth.m) / spread).abs().max() < 5.0 / math.sqrt(n)
    assert ((x.flatten(1).T.cov() - truth.covariance()) / spread.outer(spread)).abs().max() < 7.0 / math.sqrt(n)


def test_the_joint_is_right() -> None:
    """The formula against the integral of p(x | z1) p(z1) on a grid."""
    x, z = 1.7, torch.linspace(-12.0, 12.0, 4001, dtype=torch.float64)
    prior = torch.distributions.Normal(0.3, math.sqrt(0.6**2 + 0.8**2)).log_prob(z)
    likelihood = torch.distributions.Normal(1.3 * z - 0.2, 0.5).log_prob(torch.full_like(z, x))
    integral = torch.logsumexp(prior + likelihood, 0).item() + math.log(24.0 / 4000)
    assert golden_chain().log_p(torch.full((1, 1, 1, 1), x).double()).item() == pytest.approx(integral, abs=1e-6)
