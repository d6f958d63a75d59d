"""Components of a mixture prior: who belongs to which, and what each draws."""

import numpy as np
import pytest
import torch

import zoo
from stratiform.errors import UserError
from stratiform.evaluation.components import (
    agreement,
    by_k_means,
    from_component,
    level_of_mixture,
    purity,
    responsibilities,
)
from stratiform.evaluation.laws.case import random_images

NAME = "matnet, mixture prior, z_0 everywhere"


def test_the_level_of_the_mixture_is_the_top_and_other_models_have_none() -> None:
    model = zoo.build(NAME)
    assert level_of_mixture(model) == len(model.hierarchy.levels) - 1
    with pytest.raises(UserError, match="no level of this model has a mixture as its prior; train one"):
        level_of_mixture(zoo.build("lvae"))


def test_an_image_belongs_to_the_component_that_its_code_lies_in() -> None:
    model, x = zoo.build(NAME).eval(), random_images(zoo.ZOO[NAME][2], 6)
    code = model.encode(x)[-1].z.detach()
    top = model.hierarchy.levels[-1]
    with torch.no_grad():
        top.means.copy_(torch.stack([code[1], code[1] + 50.0, code[1] - 50.0]))
    r = responsibilities(model, x.split(4))
    assert r.shape == (6, 3)
    np.testing.assert_allclose(r.sum(1), 1.0)
    assert (r.argmax(1) == 0).all() and r[:, 0].min() > 0.999


def test_what_a_component_draws_is_its_own() -> None:
    """Components far apart give other images, the same seed the same ones."""
    model = zoo.build(NAME).eval()
    with torch.no_grad():
        model.hierarchy.levels[-1].means.mul_(100.0)
        model.hierarchy.levels[-1].log_variances.fill_(-8.0)
    first, again, other = (from_component(model, index, 3, seed=1) for index in (0, 0, 1))
    assert first.shape == (3, *zoo.ZOO[NAME][2].shape)
    assert torch.equal(first, again) and not torch.allclose(first, other)


def test_purity_gives_every_cluster_to_its_commonest_class() -> None:
    classes = np.array([7, 7, 7, 2, 2, 5])
    assert purity(classes, np.array([0, 0, 1, 1, 1, 1])) == pytest.approx(4 / 6)
    assert purity(classes, np.array([0, 1, 2, 3, 4, 5])) == 1.0


def test_two_blobs_agree_with_their_classes() -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1], 50)
    code = rng.normal(size=(100, 2)) + 20.0 * classes[:, None]
    found = by_k_means(classes, code, 2)
    assert (found.clusters, found.used) == (2, 2)
    assert found.accuracy.value == found.purity.value == found.nmi.value == 1.0
    shuffled = agreement(classes, rng.integers(2, size=100), 2)
    assert shuffled.nmi.value < 0.1 and shuffled.accuracy.stderr > 0.0
