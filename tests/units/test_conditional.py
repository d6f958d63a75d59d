"""Models that complete images: the hidden pixels alone are scored, the known ones alone are read."""

import math

import pytest
import torch

import zoo
from stratiform.core.conditional import ConditionalModel
from stratiform.core.hierarchy import from_prior
from stratiform.core.masks import FixedMask
from stratiform.core.posterior import noisy
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.evaluation.bound import log_weights
from stratiform.evaluation.laws.case import random_images
from stratiform.models.conditional import ConditionalMatNet
from stratiform.objective import IWAE, Sleep, check_fit, terms_for
from stratiform.spec import ImageSpec

NAMES = [name for name in zoo.ZOO if name.startswith("conditional")]


def model_and_images(name: str) -> tuple[ConditionalModel, torch.Tensor]:
    model = zoo.build(name).eval()
    assert isinstance(model, ConditionalModel)
    return model, random_images(zoo.ZOO[name][2], 4)


@pytest.mark.parametrize("name", NAMES)
def test_the_hidden_pixels_are_scored_and_no_others(name: str) -> None:
    """With everything hidden but one pixel, log p(x_u | z) is the sum over the others."""
    model, x = model_and_images(name)
    known = torch.zeros(4, 1, *x.shape[2:], dtype=torch.bool)
    known[:, :, 0, 0] = True
    zeros = noisy({level: torch.zeros(4, *shape).double() for level, shape in enumerate(model.hierarchy.shapes)})
    f, _ = model._infer(x, known, zeros)
    each = model.decoder(f).log_prob_each(x)
    torch.testing.assert_close(model(x, known, zeros).log_px, each.sum((1, 2)) - each[:, 0, 0])


@pytest.mark.parametrize("name", NAMES)
def test_the_posterior_reads_what_is_hidden_and_the_prior_does_not(name: str) -> None:
    model, x = model_and_images(name)
    known = model.known(x)
    other = torch.where(known, x, 1.0 - x)
    zeros = noisy({level: torch.zeros(4, *shape).double() for level, shape in enumerate(model.hierarchy.shapes)})
    top, changed = (model(images, known, zeros).latents[-1] for images in (x, other))
    assert torch.equal(top.p.mean, changed.p.mean) and not torch.equal(top.q.mean, changed.q.mean)


@pytest.mark.parametrize("name", NAMES)
def test_masks_are_drawn_anew_in_training_and_belong_to_the_image_otherwise(name: str) -> None:
    model, x = model_and_images(name)
    assert torch.equal(model.known(x), torch.cat([model.known(x[i : i + 1]) for i in range(4)]))
    assert torch.equal(model.known(x.float()), model.known(x))
    drawn = torch.stack([model.train().known(x) for _ in range(20)])
    assert not (drawn == drawn[0]).all()


def test_the_bound_does_not_exceed_what_enumeration_gives() -> None:
    """log p(x_u | x_k) of a tiny model: all importance-weighted estimates of all completions sum to 1 (T-17)."""
    model, _ = model_and_images("conditional-matnet, two stages, dense, binary 2x2")
    which = torch.tensor([[True, False], [False, True]])
    model.mask = FixedMask(which)
    images = torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * 4).view(-1, 1, 2, 2)
    for known in ([0.0, 0.0], [1.0, 0.0], [1.0, 1.0]):
        fitting = images[(images[:, 0][:, which] == torch.tensor(known)).all(1)]
        assert len(fitting) == 4
        weights = log_weights(model, fitting, 4000).exp().sum(1)
        assert weights.mean().item() == pytest.approx(1.0, abs=5.0 * weights.std().item() / math.sqrt(4000) + 1e-9)


def test_the_second_stage_starts_from_the_guess_of_the_first() -> None:
    """What the second stage does not know but through the guess: a change of the first stage's z moves its prior."""
    model, x = model_and_images("conditional-matnet, two stages, mixed masks")
    known, levels = model.known(x), len(model.hierarchy.levels)
    noise = {level: torch.zeros(4, *shape).double() for level, shape in enumerate(model.hierarchy.shapes)}
    moved = noise | {levels - 1: noise[levels - 1] + 1.0}
    second_top = levels // 2 - 1
    ours, theirs = (model(x, known, noisy(each)).latents[second_top].p.mean for each in (noise, moved))
    assert not torch.equal(ours, theirs)


def test_what_it_cannot_do_is_refused_in_a_line() -> None:
    model, x = model_and_images(NAMES[0])
    with pytest.raises(UserError, match="completes images and draws none by itself: stratiform inpaint"):
        model.decode(2, from_prior())
    with pytest.raises(UserError, match="stl and dreg are not to be had"):
        terms_for(IWAE(samples=1, gradient="stl"), model, x, torch.ones(()))
    with pytest.raises(UserError, match="this one completes others; minimise elbo"):
        check_fit(Sleep(), model)
    with pytest.raises(UserError, match="has no mean to fill an image with"):
        ConditionalMatNet(likelihood=Likelihood(name="mixture")).build(ImageSpec(3, 8, 8, 256))
