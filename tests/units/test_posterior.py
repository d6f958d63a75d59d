"""Draws and the three posteriors."""

from collections.abc import Callable

import torch
from torch import Generator

import known
from stratiform.core.hierarchy import from_prior
from stratiform.core.posterior import Absent, mean, noisy, replay, sample, sampler
from stratiform.distributions import Gaussian

Q = Gaussian(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.3, -0.4]]))


def test_every_draw_scores_what_it_returns() -> None:
    draws: dict[str, Callable] = {
        "sample": sample,
        "mean": mean,
        "sampler": sampler(Generator().manual_seed(0)),
        "noisy": noisy({0: torch.tensor([[0.5, 1.5]])}),
        "replay": replay({0: torch.tensor([[3.0, 4.0]])}),
    }
    for draw in draws.values():
        z, log_q = draw(0, Q)
        assert torch.allclose(log_q, Q.log_prob(z))
    assert torch.equal(mean(0, Q)[0], Q.mean)
    assert torch.allclose(draws["noisy"](0, Q)[0], Q.mean + Q.scale * torch.tensor([[0.5, 1.5]]))
    assert draws["replay"](0, Q)[0].tolist() == [[3.0, 4.0]]


def test_sample_follows_the_global_generator_and_sampler_its_own() -> None:
    torch.manual_seed(3)
    first = sample(0, Q)[0]
    torch.manual_seed(3)
    assert torch.equal(sample(0, Q)[0], first)
    assert torch.equal(sampler(Generator().manual_seed(3))(0, Q)[0], first)


def test_analytic_kl_at_every_level_from_the_top_down_and_only_at_the_top_from_the_bottom_up() -> None:
    made = known.markov((1, 1, 1))
    x = made.draw(2)
    assert [latent.exact for latent in made.top_down()[0](x).latents] == [True, True, True]
    assert [latent.exact for latent in made.bottom_up()[0](x).latents] == [False, False, True]


def test_replayed_draws_give_the_same_terms() -> None:
    made = known.shortcut((2, 1))
    for model, x in ((made.top_down()[0], made.draw(3)), (known.markov((2, 1)).bottom_up()[0], made.draw(3))):
        terms = model(x)
        again = model(x, draw=replay({level: latent.z for level, latent in enumerate(terms.latents)}))
        assert torch.allclose(terms.log_weight(), again.log_weight())
        assert torch.allclose(terms.elbo(), again.elbo())


def test_the_carry_of_a_guide_reaches_the_levels_below() -> None:
    """The same posterior with and without a merge state in the carry."""
    made = known.shortcut((2, 2, 2))
    x = made.draw(3)
    noise = {level: torch.randn(3, 2, dtype=torch.float64) for level in range(3)}
    plain, carried = (made.top_down(carried)[0](x, draw=noisy(noise)) for carried in (False, True))
    assert torch.allclose(plain.elbo(), carried.elbo())


def test_absent_infers_nothing() -> None:
    pick = Absent().pick(torch.zeros(2, 1, 3, 3))
    latent, carry = pick(0, torch.zeros(2, 0), Q, None)
    assert latent.q is None and carry is None
    assert list(Absent().parameters()) == []
    assert latent.z.shape == from_prior()(0, torch.zeros(2, 0), Q, None)[0].z.shape
