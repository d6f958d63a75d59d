"""An edited code equals the same draw made by hand, level by level."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Generator

import stratiform
import zoo
from known import flat, markov, mixed, pixels, shortcut
from stratiform.core.hierarchy import from_prior, given, with_noise
from stratiform.core.posterior import sample
from stratiform.distributions import Gaussian, Likelihood
from stratiform.edit import _noise, encode
from stratiform.errors import UserError
from stratiform.spec import ImageSpec

X, Y = torch.rand(2, 4, 1, 2, 3, dtype=torch.float64, generator=Generator().manual_seed(0))


@pytest.fixture(params=[flat, markov, shortcut])
def model(request):
    return request.param(sizes=(2, 1, 2), shape=(1, 2, 3)).top_down()[0]


@pytest.fixture(params=["noise", "value"])
def hold(request):
    return request.param


def by_hand(model, hold, levels):
    return model.decode(4, (with_noise if hold == "noise" else given)(levels, from_prior())).mean


def test_an_unedited_code_is_the_reconstruction(model, hold):
    code = encode(model, X, hold)
    codes = {level: latent.z for level, latent in enumerate(model.encode(X))}
    assert torch.allclose(code.decode().mean, model.decode(4, given(codes, from_prior())).mean, atol=1e-12)
    assert all(torch.allclose(code.values()[level], z, atol=1e-12) for level, z in codes.items())
    assert len(code) == 4


def test_swap_takes_what_the_other_holds_and_changes_neither(model, hold):
    code, other = encode(model, X, hold), encode(model, Y, hold)
    before = [held.clone() for held in (*code.held, *other.held)]
    swapped = code.swap([1, 3], other)
    levels = {0: other.held[0], 1: code.held[1], 2: other.held[2]}
    assert torch.equal(swapped.decode().mean, by_hand(model, hold, levels))
    assert torch.equal(code.swap(range(1, 4), other).decode().mean, other.decode().mean)
    assert all(torch.equal(held, was) for held, was in zip((*code.held, *other.held), before, strict=True))


def test_resample_draws_that_level_from_its_prior_given_those_above(model, hold):
    code, fresh = encode(model, X, hold), torch.randn(4, 1, generator=Generator().manual_seed(3), dtype=torch.float64)
    drawn = code.resample(2, Generator().manual_seed(3))
    kept = [torch.equal(new, old) for new, old in zip(drawn.held, code.held, strict=True)]
    assert kept == [True, False, True]
    top, bottom = code.values()[2], code.values()[0]
    _, latents = model.hierarchy.descend(4, given({2: top}, with_noise({1: fresh}, from_prior())))
    assert torch.allclose(drawn.values()[1], latents[1].z, atol=1e-12)
    assert torch.allclose(drawn.values()[2], top, atol=1e-12)
    if hold == "value":
        assert torch.equal(drawn.values()[0], bottom)
    else:
        assert torch.equal(drawn.decode().mean, by_hand(model, hold, {0: code.held[0], 1: fresh, 2: code.held[2]}))


def test_resample_without_a_generator_is_random(model):
    code = encode(model, X)
    assert not torch.equal(code.resample(1).held[0], code.resample(1).held[0])


def test_in_a_markov_hierarchy_noise_shows_an_upper_level_and_value_hides_it():
    model = markov((1, 1, 1)).top_down()[0]
    for hold, shows in (("noise", True), ("value", False)):
        code = encode(model, X, hold)
        swapped = code.swap(3, encode(model, Y, hold))
        assert torch.allclose(code.decode().mean, swapped.decode().mean, atol=1e-9) is not shows


def test_under_a_flat_prior_noise_and_value_are_the_same():
    model = flat((2, 1)).top_down()[0]
    one, other = (encode(model, X, hold).swap(2, encode(model, Y, hold)) for hold in ("noise", "value"))
    assert torch.allclose(one.decode().mean, other.decode().mean, atol=1e-12)


def test_a_mixture_on_top_holds_noise_too(hold):
    model, x = mixed().top_down(), mixed().draw(2)
    code = encode(model, x, hold)
    for z, latent in zip(code.values(), model.encode(x), strict=True):
        assert torch.allclose(z, latent.z, atol=1e-9)
    assert not torch.allclose(code.resample(2).values()[1], code.values()[1])


def test_bottom_up_posteriors_and_other_draws():
    model = zoo.build("hvae, markov, bottom-up").eval()
    x = torch.rand(3, 1, 5, 3)
    torch.manual_seed(1)
    latents = model.encode(x.double(), sample)
    torch.manual_seed(1)
    assert all(
        torch.allclose(z, latent.z, atol=1e-9)
        for z, latent in zip(encode(model, x, draw=sample).values(), latents, strict=True)
    )


def test_names_of_the_package_are_these():
    assert stratiform.encode is encode and stratiform.Code is type(encode(flat().top_down()[0], X))


def test_what_cannot_be_edited_is_refused(model):
    code = encode(model, X)
    for level in (0, 4):
        with pytest.raises(UserError, match=rf"there is no level {level}; give 1 \(nearest the image\) to 3"):
            code.resample(level)
    for other in (encode(model, X, "value"), encode(model, X[:2]), encode(flat((2, 1, 2)).top_down()[0], X)):
        with pytest.raises(UserError, match="a code of 4 images that holds noise takes levels from its like"):
            code.swap(1, other)
    with pytest.raises(UserError, match="no levels"):
        encode(pixels(ImageSpec(1, 2, 2, 4), Likelihood(name="logistic")), torch.zeros(1, 1, 2, 2))


def test_a_prior_that_is_no_gaussian_holds_values_only():
    @dataclass(frozen=True)
    class Mixture:
        mean: torch.Tensor

    latent = replace(flat().top_down()[0].encode(X)[0], p=Mixture(X), q=Gaussian(X, X))
    with pytest.raises(UserError, match="Mixture has no noise to hold"):
        _noise(latent)
