"""Codes and the pixels' noise apart."""

import pytest
import torch

import zoo
from stratiform.core.hierarchy import from_prior, with_noise
from stratiform.errors import UserError
from stratiform.evaluation.explore import noise
from stratiform.evaluation.laws.case import random_images
from stratiform.evaluation.paint import between, codes_of, one_code, one_noise

NAME = "agave, colour 6x5"


@pytest.fixture
def model():
    """At random weights, so that the pixels read the code."""
    made = zoo.build(NAME).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made


def test_of_one_code_every_image_has_noise_of_its_own(model):
    images = one_code(model, noise(model, 1, 0), 4)
    assert len(images.unique(dim=0)) == 4
    assert torch.equal(images, one_code(model, noise(model, 1, 0), 4))


def test_equal_codes_with_one_noise_are_one_image(model):
    codes = {level: e.expand(3, *e.shape[1:]) for level, e in noise(model, 1, 0).items()}
    assert len(one_noise(model, codes).unique(dim=0)) == 1
    assert len(one_noise(model, noise(model, 3, 0)).unique(dim=0)) == 3


def test_the_way_begins_and_ends_at_its_codes(model):
    a, b = noise(model, 1, 0), noise(model, 1, 1)
    for level, e in between(a, b, 5).items():
        assert torch.allclose(e[:1], a[level]) and torch.allclose(e[-1:], b[level], atol=1e-6)
        assert e.shape[0] == 5


def test_the_codes_of_images_are_their_posterior_means(model):
    x = random_images(zoo.ZOO[NAME][2], 2)
    codes = codes_of(model, x)
    again = model.hierarchy.descend(2, with_noise(codes, from_prior()))[1]
    for ours, wanted in zip(again, model.encode(x), strict=True):
        assert torch.allclose(ours.z, wanted.z)


def test_a_model_that_draws_all_pixels_at_once_is_refused():
    with pytest.raises(UserError, match="draws all pixels at once"):
        codes_of(zoo.build("vlae, 5x7"), torch.zeros(1, 1, 5, 7).double())
