"""One level's draw, and the pieces of a bound."""

from dataclasses import replace

import pytest
import torch

from stratiform.core.latent import Latent, Terms
from stratiform.distributions import Gaussian, GaussianMixture, gaussian_kl, mixture_kl_bound


def gaussian(mean: float, log_scale: float, shape: tuple[int, ...] = (3, 2)) -> Gaussian:
    return Gaussian(torch.full(shape, mean), torch.full(shape, log_scale))


def drawn(exact: bool, seed: int = 0) -> Latent:
    q, p = gaussian(0.4, -0.3), gaussian(-0.2, 0.2)
    z, log_q = q.draw(generator=torch.Generator().manual_seed(seed))
    return Latent(z, p, q, log_q, exact)


def test_kl_is_analytic_only_where_that_is_allowed() -> None:
    exact, sampled = drawn(True), drawn(False)
    assert torch.equal(exact.kl_each(), gaussian_kl(exact.q, exact.p))
    assert torch.equal(sampled.kl_each(), sampled.log_q - sampled.p.log_prob(sampled.z))
    assert exact.kl().shape == (3,)
    assert torch.allclose(exact.kl(), exact.kl_each().sum(1))


def test_the_reported_kl_under_a_mixture_is_taken_at_the_draw_and_its_bound_is_for_training_alone() -> None:
    latent = drawn(True)
    mixed = replace(latent, p=GaussianMixture(torch.randn(3, 2), torch.zeros(3, 2), 3))
    assert latent.analytic_kl() is not None and mixed.analytic_kl() is None
    assert torch.equal(mixed.kl(), (mixed.log_q - mixed.p.log_prob(mixed.z)).sum(1))
    assert torch.equal(mixed.kl_bound(), mixture_kl_bound(mixed.q, mixed.p))
    assert torch.equal(replace(mixed, exact=False).kl_bound(), mixed.kl())
    assert torch.equal(latent.kl_bound(), latent.kl())


def test_pieces_add_up() -> None:
    latents, log_px = (drawn(True, 0), drawn(False, 1)), torch.tensor([-3.0, -4.0, -5.0])
    terms = Terms(log_px, latents)
    assert terms.kls().shape == (2, 3)
    assert torch.allclose(terms.elbo(), log_px - latents[0].kl() - latents[1].kl())
    at_the_draw = [latent.log_p() - latent.log_q.sum(1) for latent in latents]
    assert torch.allclose(terms.log_weight(), log_px + at_the_draw[0] + at_the_draw[1])


def test_the_auxiliary_observation_is_in_no_bound() -> None:
    latents, log_px = (drawn(True),), torch.zeros(3)
    plain, with_y = Terms(log_px, latents), Terms(log_px, latents, log_py=torch.full((3,), -7.0))
    assert torch.equal(plain.elbo(), with_y.elbo())
    assert torch.equal(plain.log_weight(), with_y.log_weight())


def test_without_levels_all_is_the_likelihood() -> None:
    terms = Terms(torch.tensor([-1.0, -2.0]), ())
    assert terms.kls().shape == (0, 2)
    assert torch.equal(terms.elbo(), terms.log_px)
    assert torch.equal(terms.log_weight(), terms.log_px)


def test_a_draw_from_the_prior_has_no_kl_and_no_weight() -> None:
    generated = Latent(torch.zeros(3, 2), gaussian(0.0, 0.0))
    with pytest.raises(ValueError, match="drawn from its prior"):
        generated.kl()
    with pytest.raises(ValueError, match="drawn from its prior"):
        Terms(torch.zeros(3), (generated,)).log_weight()
