"""Held-out completions: functions of the image, its index and the seed, whatever the batches."""

import pytest
import torch

import known
import zoo
from stratiform.data.batches import mix
from stratiform.data.config import DataConfig
from stratiform.data.source import load
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.evaluation.heldout import Settings, filled, fills, held_out, holes
from stratiform.evaluation.impute import law
from stratiform.evaluation.laws.case import random_images
from stratiform.spec import ImageSpec

FEW = {"samples": 3, "particles": 20, "draws": 8, "shown": 1}


@pytest.mark.parametrize("name", ["vlae, 5x7", "conditional-matnet, two stages, mixed masks"])
def test_neither_the_batches_nor_how_many_images_matter(name: str) -> None:
    model, spec = zoo.build(name).eval(), zoo.ZOO[name][2]
    x, settings = random_images(spec, 5), Settings(hide="mixed", **FEW)
    whole, parts, fewer = (held_out(model, 17, x[:n].split(size), settings) for n, size in ((5, 5), (5, 2), (3, 3)))
    assert whole.log_p == parts.log_p and whole.inside == parts.inside and whole.entropy == parts.entropy
    assert whole.log_p[:3] == fewer.log_p
    assert len(whole.shown) == 1 and whole.hidden == tuple(here.size for here in holes([x], settings))


def test_the_score_is_that_of_the_law_of_each_hole() -> None:
    name = "vlae, 5x7"
    model, x, settings = zoo.build(name).eval(), random_images(zoo.ZOO[name][2], 2), Settings(hide="half", **FEW)
    found = held_out(model, 17, [x], settings)
    for here, log_p in zip(holes([x], settings), found.log_p, strict=True):
        alone = law(model, here.x, here.known, particles=20, samples=3, seed=mix(0, here.index))
        assert alone.log_p(here.x).item() == pytest.approx(log_p)


def test_holes_differ_between_images_and_seeds() -> None:
    x = random_images(ImageSpec(1, 8, 8, 17), 20)
    first, same, other = (
        torch.stack([here.known for here in holes(x.split(7), Settings(hide="pixels", seed=seed))])
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, same) and not torch.equal(first, other)
    assert len(first.unique(dim=0)) == 20


def test_pixel_models_are_scored_exactly_where_what_is_hidden_comes_last() -> None:
    spec = ImageSpec(1, 4, 3, 4)
    model, x = known.pixels(spec, Likelihood(name="softmax")), random_images(spec, 3)
    found = held_out(model, 4, [x], Settings(hide="bottom", **FEW))
    assert found.estimator == "exact" and found.effective is None and found.by_bounds is None
    each = model(x).log_px - model.decode(3, None).log_prob_each(x)[:, :2].sum((1, 2))
    assert found.log_p == pytest.approx(each.tolist())
    with pytest.raises(UserError, match="where what is hidden comes last"):
        held_out(model, 4, [x], Settings(hide="top", **FEW))


def test_fills_are_made_of_training_images_alone() -> None:
    data, settings = load(DataConfig(source="digits", limit=60)), Settings(hide="half", **FEW)
    images = [torch.from_numpy(data.test.images[:3].copy()).float() / 16]
    found = fills(data, settings)
    assert list(found) == ["mean fill", "nearest"] and all("60 training images" in f.about() for f in found.values())
    for fill in found.values():
        told = filled(fill, images, settings)
        assert len(told) == 3 and max(told) < 0


def test_no_images_are_refused() -> None:
    with pytest.raises(UserError, match="no images to complete"):
        held_out(zoo.build("vlae, 5x7"), 17, [], Settings())
