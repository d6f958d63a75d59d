"""Completions by a model with levels whose pixels are drawn in order: their law by enumeration, what is kept."""

import pytest
import torch
from torch import Tensor

import zoo
from stratiform.core.hierarchy import from_prior
from stratiform.core.model import LatentModel
from stratiform.errors import UserError
from stratiform.evaluation.impute import impute, law

NAME = "agave, no auxiliary, binary 2x2"
KNOWN = {
    "the last": torch.tensor([[False, False], [False, True]]),
    "a diagonal": torch.eye(2, dtype=torch.bool),
    "the first": torch.tensor([[True, False], [False, False]]),
}
X = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]).double()


def strong() -> LatentModel:
    """With weights so large that pixels depend on each other, and on z."""
    model = zoo.build(NAME).eval()
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return model


def every() -> Tensor:
    """[16, 1, 2, 2]"""
    return torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * 4).view(-1, 1, 2, 2)


@torch.no_grad()
def masses(model: LatentModel, images: Tensor) -> Tensor:
    """p(x) of each, by many draws from the prior."""
    torch.manual_seed(0)
    pixels = model.decode(2_000, from_prior())
    return torch.stack([pixels.log_prob(x.expand(2_000, -1, -1, -1)).exp().mean() for x in images])


@pytest.mark.parametrize("known", KNOWN.values(), ids=list(KNOWN))
def test_completions_have_the_law_that_enumeration_gives(known: Tensor):
    model = strong()
    fitting = every()[(every() == X)[:, 0][:, known].all(1)]
    wanted = masses(model, fitting)
    found = impute(model, X, known, 1500, particles=1500, seed=1)
    shares = (found.images[:, None] == fitting).flatten(2).all(2).double().mean(0)
    assert not found.exact and found.effective > 300
    assert shares.sum().item() == pytest.approx(1.0)
    torch.testing.assert_close(shares, wanted / wanted.sum(), atol=0.05, rtol=0.0)


def test_known_pixels_keep_their_values_and_the_seed_decides():
    name = "agave, colour 6x5"
    model, spec = zoo.build(name).eval(), zoo.ZOO[name][2]
    x = torch.randint(256, (1, *spec.shape)).double() / 255
    known = torch.rand(spec.height, spec.width) < 0.5
    found, again, other = (impute(model, x, known, 4, particles=20, seed=seed) for seed in (0, 0, 1))
    assert (found.images == x)[:, :, known].all() and not (found.images == x)[:, :, ~known].all()
    assert torch.equal(found.images, again.images) and not torch.equal(found.images, other.images)
    assert found.log_p is None


def test_too_few_particles_and_a_score_are_refused():
    model = strong()
    with pytest.raises(UserError, match="particles are 3, of which 4 completions"):
        impute(model, X, KNOWN["the last"], 4, particles=3)
    with pytest.raises(UserError, match="its log p"):
        law(model, X, KNOWN["the last"])
