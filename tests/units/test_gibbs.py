"""Where chains start, what is kept of them, and what may not be asked."""

import pytest
import torch
from torch import Generator

import zoo
from known import markov, pixels, pixels_given_z
from stratiform.core.hierarchy import from_prior, given, with_noise
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.evaluation import explore
from stratiform.evaluation.explore import noise
from stratiform.evaluation.gibbs import ancestral, gibbs, uniform
from stratiform.evaluation.noise import standard_normal
from stratiform.spec import ImageSpec

GREY = "hvae, markov, top-down, conv"


@pytest.fixture(
    params=["hvae, markov, bottom-up", GREY, "lvae, as its code", "vlae, dense, two channels 1x3 of three levels"]
)
def case(request):
    return zoo.case(request.param)


def test_what_is_kept_is_the_same_chain(case):
    x = case.x.clone()
    chains = gibbs(case.model, x, 4, keep=(3, 1, 3))
    assert chains.steps == (1, 3) and torch.equal(x, case.x)
    assert chains.samples.shape == chains.means.shape == (2, *x.shape)
    short, long = gibbs(case.model, x, 1), gibbs(case.model, x, 3)
    assert torch.equal(chains.samples[:1], short.samples) and torch.equal(chains.samples[1:], long.samples)
    assert torch.equal(chains.means[:1], short.means) and torch.equal(chains.means[1:], long.means)
    assert torch.equal(gibbs(case.model, x, 3).samples, long.samples)
    assert not torch.equal(gibbs(case.model, x, 3, seed=1).samples, long.samples)


def test_the_chain_stays_on_the_grid_of_the_data(case):
    chains, top = gibbs(case.model, case.x, 2, keep=[1, 2]), case.spec.bins - 1
    assert torch.allclose(chains.samples * top, (chains.samples * top).round(), atol=1e-9)
    assert not torch.equal(chains.samples, chains.means)


def test_one_step_by_hand():
    model = markov((2, 1)).top_down()[0]
    x, rows = torch.rand(3, 1, 2, 3, dtype=torch.float64), torch.arange(3)
    e = [standard_normal(5, level, rows, torch.ones_like(rows), (size,)) for level, size in enumerate((2, 1))]
    z = {level: latent.z for level, latent in enumerate(model.encode(x, lambda level, q: q.draw(e[level])))}
    assert torch.allclose(gibbs(model, x, 1, seed=5).means[0], model.decode(3, given(z, from_prior())).mean)


def test_chains_are_as_many_as_images_however_many_run_at_once(monkeypatch):
    model, x = markov((1, 1)).top_down()[0], torch.rand(5, 1, 2, 3)
    together = gibbs(model, x, 2, keep=[1, 2])
    monkeypatch.setattr(explore, "CHUNK", 2)
    apart = gibbs(model, x, 2, keep=[1, 2])
    assert apart.samples.shape == (2, 5, 1, 2, 3)
    assert torch.allclose(apart.means[0], together.means[0])  # z has noise of (seed, chain, step) alone
    assert len(apart.samples[1].unique(dim=0)) == 5


def test_ancestral_images_are_samples_of_what_explore_shows_the_mean_of():
    model = markov((2, 1)).top_down()[0]
    drawn, shown = ancestral(model, 3, seed=2), explore.samples(model, 3, seed=2)
    image = model.decode(3, with_noise(noise(model, 3, 2), from_prior()))
    assert torch.equal(shown, image.mean) and not torch.equal(drawn, shown)
    spread = (ancestral(model, 2000, seed=2) - explore.samples(model, 2000, seed=2)).std()
    assert spread.item() == pytest.approx(image.log_scale.exp().item(), rel=0.05)
    assert torch.equal(ancestral(model, 3, seed=2), drawn) and not torch.equal(ancestral(model, 3, seed=3), drawn)


@pytest.mark.parametrize("bins", [2, 17, None])
def test_uniform_images_are_on_the_grid(bins):
    spec = ImageSpec(3, 4, 5, bins)
    x = uniform(spec, 200, seed=-1)
    spec.check(x)
    assert x.shape == (200, 3, 4, 5) and x.mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(x, uniform(spec, 200, seed=-1)) and not torch.equal(x, uniform(spec, 200))


def test_a_decoder_without_a_mean_shows_its_samples():
    model = pixels_given_z(ImageSpec(1, 2, 2, 4), Likelihood(name="logistic", scale=0.2))
    chains = gibbs(model, uniform(ImageSpec(1, 2, 2, 4), 3), 2)
    assert torch.equal(chains.means, chains.samples)


def test_without_levels_there_is_no_chain():
    model = pixels(ImageSpec(1, 2, 2, 4), Likelihood(name="logistic", scale=0.2))
    assert ancestral(model, 2).shape == (2, 1, 2, 2)
    with pytest.raises(UserError, match="has no levels"):
        gibbs(model, torch.zeros(2, 1, 2, 2), 1)


def test_the_generator_of_torch_is_left_alone():
    model = markov((1, 1)).top_down()[0]
    before = torch.get_rng_state()
    gibbs(model, ancestral(model, 2) + uniform(ImageSpec(1, 2, 3, None), 2), 2)
    assert torch.equal(torch.get_rng_state(), before) and Generator().initial_seed() is not None


@pytest.mark.parametrize(("steps", "keep"), [(0, None), (3, [0, 1]), (3, [4]), (3, [])])
def test_steps_that_are_not_taken_cannot_be_kept(steps, keep):
    with pytest.raises(UserError, match=f"of {steps}; give some from 1 to {steps}"):
        gibbs(markov((1,)).top_down()[0], torch.rand(1, 1, 2, 3), steps, keep=keep)
