"""What is completed exactly, how particles are chosen, what is refused; that the law is right is in tests/laws."""

import pytest
import torch
from torch import Generator, Tensor

import known
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.evaluation import explore
from stratiform.evaluation.complete import comes_first, complete
from stratiform.evaluation.filtered import systematic, weights
from stratiform.spec import ImageSpec

SPEC, SOFTMAX = ImageSpec(1, 2, 3, 4), Likelihood(name="softmax")
UPPER = torch.tensor([[True] * 3, [False] * 3])


@pytest.fixture
def model():
    return known.pixels(SPEC, SOFTMAX)


def image() -> Tensor:
    return torch.tensor([[[[0.0, 1.0, 2.0], [3.0, 1.0, 0.0]]]]) / 3


@pytest.mark.parametrize(
    ("order", "first"), [("110000", True), ("100000", True), ("101000", False), ("000111", False), ("111101", False)]
)
def test_what_comes_first_in_raster_order(order: str, first: bool):
    assert comes_first(torch.tensor([pixel == "1" for pixel in order]).view(2, 3)) is first


def test_weights_are_relative_and_never_overflow():
    assert weights(torch.tensor([-1e4, -1e4, -2e4])).tolist() == [0.5, 0.5, 0.0]


def test_systematic_choice_follows_the_weights_as_evenly_as_can_be():
    w, generator = torch.tensor([0.1, 0.25, 0.0, 0.65], dtype=torch.float64), Generator().manual_seed(0)
    counts = torch.stack([torch.bincount(systematic(w, 10, generator), minlength=4) for _ in range(2000)])
    assert ((counts >= (10 * w).floor()) & (counts <= (10 * w).ceil())).all()
    assert torch.allclose(counts.double().mean(0), 10 * w, atol=0.06)


def test_known_pixels_keep_their_values_and_hidden_ones_vary(model):
    for mask in (UPPER, ~UPPER):
        found = complete(model, image(), mask, 20)
        assert found.images.shape == (20, *SPEC.shape)
        assert torch.equal(found.images[:, :, mask], image().double()[:, :, mask].expand(20, -1, -1))
        assert found.images[:, :, ~mask].std(0).min() > 0
        assert torch.equal(found.spread > 0, ~mask)


def test_completions_are_a_function_of_the_seed(model):
    for mask in (UPPER, ~UPPER):
        one, same, other = (complete(model, image(), mask, 8, seed=seed).images for seed in (1, 1, 2))
        assert torch.equal(one, same) and not torch.equal(one, other)


def test_how_they_were_drawn_is_said(model):
    exact, resampled = (complete(model, image(), mask, 8, particles=50) for mask in (UPPER, ~UPPER))
    assert (exact.exact, exact.particles, exact.effective) == (True, 8, 8.0)
    assert (resampled.exact, resampled.particles) == (False, 50) and 1 < resampled.effective < 50
    assert len(exact.log_p) == 8 and resampled.log_p is None
    assert exact.distinct == len({tuple(x.flatten().tolist()) for x in exact.images}) > 1


def test_spread_is_the_standard_deviation_over_the_completions(model):
    found = complete(model, image(), UPPER, 8)
    assert torch.allclose(found.spread, found.images[:, 0].std(0, correction=0))


def test_at_temperature_0_all_exact_completions_are_the_same(model):
    assert complete(model, image(), UPPER, 8, temperature=0.0).distinct == 1
    assert complete(model, image(), UPPER, 8).distinct > 1


def test_chunks_are_completed_apart_and_heard_of_together(model, monkeypatch):
    monkeypatch.setattr(explore, "CHUNK", 3)
    heard = []
    found = complete(model, image(), UPPER, 7, watch=lambda x, done: heard.append((len(x), round(done, 4))))
    assert [size for size, _ in heard] == [3, 3, 3, 3, 1, 1]
    assert [done for _, done in heard] == [round(k / 14, 4) for k in (3, 6, 9, 12, 13, 14)]
    assert not torch.equal(found.images[:3], found.images[3:6])


def test_models_with_levels_or_without_order_are_refused():
    with pytest.raises(UserError, match=r"this model has 2 levels: .* `stratiform inpaint RUN IMAGE`"):
        complete(known.pixels_given_z(SPEC, SOFTMAX), image(), UPPER, 2)
    with pytest.raises(UserError, match="this model has 3 levels"):
        complete(known.flat().top_down()[0], image(), UPPER, 2)
    model = known.pixels(SPEC, SOFTMAX)
    model.decoder = known.flat().top_down()[0].decoder
    with pytest.raises(UserError, match="this model draws all pixels at once"):
        complete(model, image(), UPPER, 2)


def test_what_cannot_be_completed_is_refused(model):
    for x in (image().expand(2, -1, -1, -1), image()[..., :2]):
        with pytest.raises(UserError, match=r"the image is .*; give one of \[1, 1, 2, 3\]"):
            complete(model, x, UPPER, 2)
    with pytest.raises(UserError, match=r"the mask is \[2, 2\], the image \[2, 3\]"):
        complete(model, image(), UPPER[:, :2], 2)
    with pytest.raises(UserError, match="nothing is hidden"):
        complete(model, image(), torch.ones(2, 3, dtype=torch.bool), 2)
    with pytest.raises(UserError, match=r"everything is hidden.*`stratiform sample RUN`"):
        complete(model, image(), torch.zeros(2, 3, dtype=torch.bool), 2)
    with pytest.raises(UserError, match="particles are 7, of which 8 completions cannot be chosen; give 8 or more"):
        complete(model, image(), ~UPPER, 8, particles=7)
