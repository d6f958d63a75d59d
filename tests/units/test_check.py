"""The laws as a user meets them: one tick each, on a copy, with a reason where one is broken."""

import pytest
import torch

import zoo
from stratiform.evaluation.check import LAWS, Tick, check, tick
from stratiform.evaluation.laws.case import Broken, Case, apart, near, random_images
from stratiform.models import MODELS
from stratiform.spec import ImageSpec


def test_check_gives_a_tick_per_law_and_leaves_the_model_alone() -> None:
    model = MODELS["vae"](network=zoo.CONV).build(ImageSpec(1, 6, 6, 17)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    ticks = check(model, ImageSpec(1, 6, 6, 17), torch.rand(5, 1, 6, 6))
    assert [tick.name for tick in ticks] == list(LAWS)
    assert all(tick.ok for tick in ticks), [tick for tick in ticks if not tick.ok]
    assert not {t.name: t for t in ticks}["stepper is the network"].applies
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_check_says_what_is_broken() -> None:
    class Leaky(torch.nn.Module):
        """Looks at the whole batch: what batch normalisation does."""

        def forward(self, h: torch.Tensor) -> torch.Tensor:
            return h - h.mean(0, keepdim=True)

    model = zoo.build("vae, digits-like")
    model.decoder.network = torch.nn.Sequential(model.decoder.network, Leaky())
    broken = {tick.name: tick for tick in check(model, zoo.ZOO["vae, digits-like"][2]) if not tick.ok}
    assert broken["rows are independent"] == Tick(
        "rows are independent", False, "the first image's ELBO has a gradient in another image"
    )


def test_a_law_that_cannot_be_tried_does_not_hold() -> None:
    model = zoo.build("vae, digits-like")
    model.decoder.network = torch.nn.Linear(1, 1).double()
    broken = tick("rows are independent", Case.of(model, zoo.ZOO["vae, digits-like"][2]))
    assert not broken.ok and broken.detail.startswith("RuntimeError: mat1 and mat2")


def test_every_law_says_what_it_proves() -> None:
    assert all(law.__doc__ for law in LAWS.values())


def test_images_of_the_users_own_serve() -> None:
    model, spec = zoo.build("vae, digits-like"), zoo.ZOO["vae, digits-like"][2]
    x = torch.rand(9, 1, 8, 8)
    assert torch.equal(Case.of(model, spec, x).x, x[:3].double())
    assert Case.of(model, spec, x[:1]).x.shape == (3, 1, 8, 8)  # one image cannot show that rows are independent


@pytest.mark.parametrize("bins", [2, 17, None])
def test_random_images_lie_on_the_grid(bins: int | None) -> None:
    x = random_images(ImageSpec(2, 3, 4, bins), 50)
    assert x.shape == (50, 2, 3, 4) and x.min() >= 0.0 and x.max() <= 1.0
    if bins is not None:
        assert len(x.unique()) == bins
        assert torch.allclose((x * (bins - 1)).round(), x * (bins - 1))


def test_apart_is_relative_and_sees_nan() -> None:
    assert apart(torch.tensor([100.0, 1.0]), torch.tensor([101.0, 1.0])) == pytest.approx(1 / 101)
    assert apart(torch.zeros(0), torch.zeros(0)) == 0.0
    assert apart(torch.tensor([torch.nan]), torch.tensor([1.0])) == float("inf")
    assert near("a and b", torch.ones(2), torch.ones(2), 0.0) == "a and b: equal"
    with pytest.raises(Broken, match="a and b differ by 1, allowed 1e-09"):
        near("a and b", torch.ones(2), torch.zeros(2), 1e-9)
