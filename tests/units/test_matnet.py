"""MatNet: what its modules compute, what it refuses, and that deep stacks stay in range."""

import math

import pytest
import torch

from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.evaluation.laws.case import random_images
from stratiform.models.matnet import MatNet, Modules
from stratiform.nn.matnet import UPDATES, Place, between
from stratiform.spec import ImageSpec

GREY = ImageSpec(1, 9, 6, 17)
MAPS, VECTORS = Place(4, (5, 3)), Place(4, None)


@pytest.mark.parametrize("kind", UPDATES)
@pytest.mark.parametrize("place", [MAPS, VECTORS])
def test_an_update_keeps_the_shape_of_its_state(kind: str, place: Place) -> None:
    h, z = (torch.randn(2, *place.shape(channels)) for channels in (4, 3))
    assert UPDATES[kind](place, 3, 1, False)(h, z).shape == h.shape


def test_a_gated_update_holds_its_state_where_the_gate_is_open() -> None:
    """u -> 1: h' = h; u -> 0: h' = c, within (-1, 1)."""
    update = UPDATES["gated"](VECTORS, 2, 1, False)
    h, z = 3.0 + torch.rand(5, 4), torch.randn(5, 2)
    with torch.no_grad():
        update.gates.bias[4:] = 50.0
        assert torch.allclose(update(h, z), h)
        update.gates.bias[4:] = -50.0
        assert update(h, z).abs().max() < 1.0


def test_the_state_of_a_markov_update_is_made_of_z_alone() -> None:
    update = UPDATES["markov"](VECTORS, 2, 1, False)
    z = torch.randn(5, 2)
    assert torch.equal(update(torch.randn(5, 4), z), update(torch.randn(5, 4), z))


@pytest.mark.parametrize(("fine", "coarse"), [((7, 7), (4, 4)), ((8, 5), (4, 3)), ((1, 2), (1, 1)), ((6, 6), (6, 6))])
def test_scales_meet_whatever_their_sizes(fine: tuple[int, int], coarse: tuple[int, int]) -> None:
    small, large = Place(3, coarse), Place(5, fine)
    assert between(large, small)(torch.randn(2, 5, *fine)).shape == (2, 3, *coarse)
    assert between(small, large)(torch.randn(2, 3, *coarse)).shape == (2, 5, *fine)


@pytest.mark.parametrize("update", ["residual", "gated"])
def test_forty_modules_stay_in_range_without_normalisation(update: str) -> None:
    """States, and gradients at the image's end, are of the size of those of a shallow one."""
    sizes = []
    for depth in (2, 40):
        torch.manual_seed(0)
        network = Modules(depth=(depth,), channels=(8,), stem=8, hidden=16, update=update)
        model = MatNet(latent=4, units=(2,), network=network).build(GREY)
        f, _ = model.hierarchy.descend(64, model.posterior.pick(random_images(GREY, 64).float()))
        (gradient,) = torch.autograd.grad(f.square().mean(), [model.posterior.encoder.stem[0].weight])
        sizes.append((f.square().mean().item(), gradient.norm().item()))
    assert 0.1 < sizes[1][0] / sizes[0][0] < 10.0
    assert 0.01 < sizes[1][1] / sizes[0][1] < 100.0


def test_recomputed_activations_give_the_same_gradients() -> None:
    """Of the way down by stretches, and of the way up."""
    gradients = []
    for checkpoint in (False, True):
        torch.manual_seed(0)
        network = Modules(depth=(3, 2), channels=(4, 5), stem=3, hidden=6, checkpoint=checkpoint)
        model = MatNet(latent=2, units=(1, 2), network=network).build(GREY).double()
        torch.manual_seed(1)
        loss = -model(random_images(GREY, 3)).elbo().mean()
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, plain, rtol=0.0, atol=1e-12)


def test_recomputing_cuts_the_walk_into_stretches_of_about_the_square_root() -> None:
    for levels in (1, 2, 9, 10, 30):
        network = Modules(depth=(levels,), channels=(4,), kind="dense", checkpoint=True)
        hierarchy = MatNet(latent=2, units=(1,), network=network).build(GREY).hierarchy
        stretches = hierarchy._stretches()
        assert [level for stretch in stretches for level in stretch] == list(range(levels, -1, -1))
        assert max(map(len, stretches)) == math.isqrt(levels) + 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Modules(depth=()), "finest first: 5 5"),
        (lambda: Modules(depth=(2, 2), channels=(4,)), "one number per scale"),
        (lambda: Modules(stem=0), "model.network.stem is 0; give 1 or more"),
        (lambda: Modules(share=True, linear_inside=True), "drop one"),
        (lambda: MatNet(latent=0), "model.latent is 0"),
        (lambda: MatNet(units=(4,)), r"model.units is \(4,\) for 2 scales"),
        (lambda: MatNet(likelihood=Likelihood(name="bernoulli")).build(GREY), "no distribution for data of 17 levels"),
    ],
)
def test_what_makes_no_matnet_is_refused(wrong: object, says: str) -> None:
    with pytest.raises(UserError, match=says):
        wrong()
