"""AGAVE: what is trained, what is reported, what the pixels read, and the auxiliary image."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

import zoo
from stratiform.core.hierarchy import from_prior
from stratiform.core.model import LatentModel
from stratiform.errors import UserError
from stratiform.evaluation.bound import evaluate
from stratiform.evaluation.check import LAWS
from stratiform.evaluation.laws.case import Case, random_images
from stratiform.evaluation.noise import keyed
from stratiform.models.agave import AGAVE, Target
from stratiform.nn.tower import Tower
from stratiform.objective import ELBO
from stratiform.spec import ImageSpec

SPEC = ImageSpec(3, 6, 4, 256)
CONFIG = AGAVE(ladder=zoo.LADDER, pixels=zoo.PIXELS, tower=3)
ONE = torch.ones(())


@pytest.fixture(autouse=True)
def _random(float64: None) -> None:
    torch.manual_seed(0)


def build(**choices: object) -> LatentModel:
    """At random weights, so that no zero hides anything."""
    torch.manual_seed(1)
    model = replace(CONFIG, **choices).build(SPEC).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def images(n: int = 4) -> Tensor:
    return random_images(SPEC, n)


def rows(n: int):
    return keyed(0, torch.arange(n), torch.zeros(n, dtype=torch.int64))


# what is reported


def test_what_is_reported_holds_neither_the_auxiliary_term_nor_lambda():
    """Trained under any lambda, and with the auxiliary decoder cut off: the same weights have the same bits."""
    model = build()
    found = {
        weight: evaluate(_stepped(model, weight, lr=0.0), SPEC, [images()], samples=5) for weight in (0.0, 1.0, 8.0)
    }
    assert len({one.bits_per_dim for one in found.values()}) == 1
    lone = LatentModel(model.hierarchy, model.posterior, model.decoder).eval()
    alone = evaluate(lone, SPEC, [images()], samples=5)
    assert alone.bits_per_dim == found[8.0].bits_per_dim and alone.elbo == found[8.0].elbo
    assert alone.auxiliary_bits_per_dim is None and found[8.0].auxiliary_bits_per_dim is not None


def test_lambda_changes_what_is_learnt():
    moved = [_stepped(build(), weight, lr=1e-3).hierarchy.state_dict() for weight in (1.0, 8.0)]
    assert any(not torch.equal(moved[0][name], moved[1][name]) for name in moved[0])


def _stepped(model: LatentModel, weight: float, lr: float) -> LatentModel:
    """After one step of gradient descent on the objective."""
    loss = ELBO(weight=weight)(model(images(), draw=rows(4)), ONE)
    parameters = list(model.parameters())
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.data.sub_(gradient, alpha=lr)
    return model


def test_lambda_two_is_the_sum_of_the_bounds_of_x_and_of_y():
    model, x = build(), images()
    terms = model(x, draw=rows(4))
    of_y = model.parts()["vae"](x, draw=rows(4))
    assert torch.allclose(of_y.elbo(), terms.log_py - terms.kls().sum(0))
    assert torch.allclose(ELBO(weight=2.0)(terms, ONE), -(terms.elbo() + of_y.elbo()).mean())


def test_the_vae_has_bits_of_its_own_where_y_is_x():
    model, x = build(), images()
    of_vae, whole = (evaluate(one, SPEC, [x], samples=1) for one in (model.parts()["vae"], model))
    terms = model(x, draw=rows(4))
    assert of_vae.elbo == pytest.approx((terms.log_py - terms.kls().sum(0)).mean().item())
    assert whole.auxiliary_bits_per_dim == pytest.approx(of_vae.bits_per_dim)
    assert evaluate(build(auxiliary="half").parts()["vae"], SPEC, [x], samples=1).bits_per_dim is None


# what the pixels read


def test_a_condition_that_is_switched_on_changes_nothing_at_first():
    model, x = CONFIG.build(SPEC).eval(), images()
    alone = model.parts()["pixels"](x).log_px
    assert torch.equal(model(x).log_px, alone)
    with torch.no_grad():
        for give in model.decoder.net.conditions.tower.give:
            give.weight.normal_()
    assert not torch.equal(model(x).log_px, alone)
    assert torch.equal(model.parts()["pixels"](x).log_px, alone)


def test_pixels_trained_alone_leave_the_tower_as_it_was():
    pixels = build().parts()["pixels"]
    tower = list(pixels.decoder.net.conditions.parameters())
    gradients = torch.autograd.grad(-pixels(images()).log_px.mean(), tower)
    assert not any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize("cut", [False, True])
def test_the_gradient_of_the_pixels_reaches_the_encoder_unless_it_is_cut(cut: bool):
    model = build(cut=cut)
    terms = model(images())
    (encoder, *_) = model.posterior.parameters()
    for log_p, reaches in ((terms.log_px, not cut), (terms.log_py, True)):
        (gradient,) = torch.autograd.grad(log_p.mean(), encoder, retain_graph=True, materialize_grads=True)
        assert gradient.any() == reaches


@pytest.mark.parametrize(
    "choices", [{}, {"sees": "grey"}, {"window": 1}, {"reads": "features"}, {"auxiliary": "half"}]
)
@pytest.mark.parametrize("law", ["pixels see only earlier ones", "stepper is the network", "sampler is the network"])
def test_pixels_that_read_the_code_are_causal_and_sampled_from_a_cache(law: str, choices: dict[str, object]):
    if choices.get("window"):
        choices = choices | {"pixels": replace(zoo.PIXELS, filters=12)}
    LAWS[law](Case.of(build(**choices), SPEC))


def test_pixels_that_see_brightness_do_not_see_hue():
    net = build(sees="grey").decoder.net
    x, h = images(1), torch.randn(1, 3, 6, 4)
    assert torch.allclose(net(x, h), net(x.flip(1), h))
    assert not torch.allclose(net(x, h), net(x.flip(2), h))


def test_a_window_ends():
    """Two columns to either side, three rows above: nothing further away is seen."""
    spec = ImageSpec(3, 9, 9, 256)
    net = replace(CONFIG, window=2, pixels=replace(zoo.PIXELS, filters=12)).build(spec).eval().decoder.net
    x = random_images(spec, 1).requires_grad_(True)
    (gradient,) = torch.autograd.grad(net(x, torch.zeros(1, 3, 9, 9))[0, :, 4, 4].sum(), x)
    seen = gradient[0].abs().sum(0) > 0
    assert seen[1:5, 2:7].sum() == seen.sum() == 17


def test_every_layer_reads_its_own_map():
    """A condition at one place changes what is given there and near, at every scale, and nothing where it is 0."""
    tower = Tower(build().decoder.net.scale.sites, 3, 4, (6, 4))
    for give in tower.give:
        torch.nn.init.normal_(give.weight)
    given = tower(torch.zeros(2, 3, 6, 4))
    assert not any(one.any() for one in given)
    changed = tower(torch.randn(2, 3, 6, 4))
    assert all(one.any() for one in changed)
    assert [one.shape[2:] for one in given] == [one.shape[2:] for one in changed]
    assert {tuple(one.shape[2:]) for one in given} == {(6, 4), (3, 2)}


# the auxiliary image


@pytest.mark.parametrize("auxiliary", ["full", "half", "quarter", "2", "32", "256"])
def test_the_auxiliary_image_can_be_drawn_and_scored(auxiliary: str):
    model = build(auxiliary=auxiliary)
    f, _ = model.hierarchy.descend(2, from_prior())
    image, y = model.auxiliary(f), model.target(images(2))
    assert image.sample().shape == image.mean.shape == y.shape
    assert image.mean.min() >= 0.0 and image.mean.max() <= 1.0
    assert torch.allclose(model(images(2), draw=rows(2)).log_py, _log_py(model, images(2)))


def _log_py(model: LatentModel, x: Tensor) -> Tensor:
    f, _ = model.hierarchy.descend(len(x), model.posterior.pick(x, rows(len(x))))
    return model.auxiliary(f).log_prob(model.target(x))


@pytest.mark.parametrize(("halvings", "levels"), [(0, 256), (1, 256), (2, 256), (0, 8)])
def test_an_even_image_is_its_own_target(halvings: int, levels: int):
    x = torch.full((1, 3, 8, 8), 200 / 255)
    y = Target(256, halvings, levels)(x)
    assert y.shape[2:] == (8 >> halvings, 8 >> halvings)
    assert torch.allclose(y, torch.tensor(200 / 255 if levels == 256 else 6 / 7))


def test_small_targets_are_means_rounded_to_a_level():
    x = torch.tensor([[0.0, 1.0], [2.0, 4.0]]).view(1, 1, 2, 2) / 255
    assert Target(256, 1, 256)(x).item() * 255 == pytest.approx(2.0)  # of 7 / 4


def test_levels_are_cut_not_rounded():
    x = torch.arange(256.0).view(1, 1, 16, 16) / 255
    y = Target(256, 0, 32)(x)
    assert torch.equal(torch.round(y * 31).flatten(), (torch.arange(256) // 8).double())


# what is refused


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"auxiliary": "third"}, "give none, full, half, quarter"),
        ({"auxiliary": "1"}, "2 to 256"),
        ({"tower": 0}, "model.tower is 0"),
        ({"window": -1}, "model.window is -1"),
        ({"cut": True, "auxiliary": "none"}, "nothing to learn from"),
    ],
)
def test_wrong_choices_are_refused(choices: dict[str, object], said: str):
    with pytest.raises(UserError, match=said):
        replace(CONFIG, **choices)


def test_more_levels_than_the_images_have_are_refused():
    with pytest.raises(UserError, match="the images have 17"):
        replace(CONFIG, auxiliary="32").build(ImageSpec(1, 8, 8, 17))
