"""Which pixels are known: the law of every kind of mask."""

import itertools
import math

import pytest
import torch
from torch import Generator, Tensor

from stratiform.core import masks
from stratiform.core.masks import HALVES, MASKS, FixedMask, RandomMask
from stratiform.errors import UserError

SIZES = [(4, 4), (5, 7), (12, 4), (4, 12), (28, 28), (64, 64)]


def known(name: str, n: int, height: int, width: int, seed: int = 0) -> Tensor:
    mask = RandomMask(name, height, width)
    return mask.known(torch.rand(n, mask.numbers, generator=Generator().manual_seed(seed)))[:, 0]


def is_uniform(counts: Tensor) -> bool:
    """Pearson's statistic within 4 deviations of its mean."""
    expected, freedom = counts.sum() / counts.numel(), counts.numel() - 1
    statistic = ((counts - expected) ** 2 / expected).sum().item()
    return statistic < freedom + 4.0 * math.sqrt(2.0 * freedom)


def patterns(drawn: Tensor) -> tuple[Tensor, Tensor]:
    """The different masks among [n, H, W], and how often each came."""
    found, counts = drawn.unique(dim=0, return_counts=True)
    return found, counts.double()


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("name", MASKS)
def test_some_pixel_is_known_and_some_is_hidden(name: str, height: int, width: int) -> None:
    drawn = known(name, 500, height, width)
    assert drawn.shape == (500, height, width) and drawn.dtype == torch.bool
    assert drawn.flatten(1).any(1).all()
    assert (~drawn).flatten(1).any(1).all()


@pytest.mark.parametrize("name", MASKS)
def test_the_numbers_decide(name: str) -> None:
    assert torch.equal(known(name, 50, 8, 8, seed=1), known(name, 50, 8, 8, seed=1))
    if MASKS[name].numbers(8, 8):
        assert not torch.equal(known(name, 50, 8, 8, seed=1), known(name, 50, 8, 8, seed=2))


def test_an_occluder_is_a_square_of_20_of_64_and_anywhere_up_to_the_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "SQUARES", 1)
    n, (height, width), side = 40_000, (13, 26), 4
    hidden = ~known("occluders", n, height, width)
    assert (hidden.sum((1, 2)) == side * side).all()
    assert (hidden.any(1).sum(1) == side).all() and (hidden.any(2).sum(1) == side).all()
    top, left = hidden.any(2).int().argmax(1), hidden.any(1).int().argmax(1)
    rows, columns = height - side + 1, width - side + 1
    assert is_uniform(torch.bincount(top * columns + left, minlength=rows * columns).double())
    assert top.max() == height - side and left.max() == width - side
    assert (~known("occluders", 1, 64, 64)).sum() == 20 * 20


def test_there_are_three_occluders_which_may_overlap() -> None:
    hidden = (~known("occluders", 2000, 64, 64)).sum((1, 2))
    assert hidden.max() == 3 * 400
    assert 400 <= hidden.min() < 800
    chance = 1.0 - (20 / 64) ** 2  # a rough one, of a pixel being left out by one square
    assert (hidden.double().mean() / 64**2).item() == pytest.approx(1.0 - chance**3, abs=0.03)


def test_one_to_three_quadrants_are_hidden_all_choices_alike() -> None:
    n = 30_000
    drawn = known("quadrants", n, 5, 6)
    corners = drawn[:, [0, 0, 4, 4], [0, 5, 0, 5]]
    sizes = drawn.sum((1, 2))
    assert torch.equal(sizes, (corners * torch.tensor([2 * 3, 2 * 3, 3 * 3, 3 * 3])).sum(1))
    assert is_uniform(torch.bincount(corners.sum(1), minlength=4)[1:].double())
    for count in (1, 2, 3):
        found, counts = patterns(corners[corners.sum(1) == count])
        assert len(found) == math.comb(4, count) and is_uniform(counts)


def test_any_share_of_pixels_is_hidden_and_every_pixel_alike() -> None:
    drawn = known("pixels", 20_000, 4, 5)
    assert is_uniform(torch.bincount(drawn.sum((1, 2)), minlength=20)[1:].double())
    few = drawn[drawn.sum((1, 2)) == 2]
    pairs = few.flatten(1).nonzero()[:, 1].view(-1, 2)
    places = {pair: index for index, pair in enumerate(itertools.combinations(range(20), 2))}
    assert is_uniform(torch.bincount(torch.tensor([places[a, b] for a, b in pairs.tolist()]), minlength=190).double())


def test_each_half_is_hidden_as_often() -> None:
    found, counts = patterns(known("half", 8000, 5, 6))
    assert is_uniform(counts)
    assert sorted(found.sum((1, 2)).tolist()) == [2 * 6, 5 * 3, 5 * 3, 3 * 6]
    assert {tuple(mask.flatten().tolist()) for mask in found} == {tuple((~mask).flatten().tolist()) for mask in found}


def test_a_named_half_is_always_that_one() -> None:
    halves = {name: ~known(name, 2, 5, 7) for name in HALVES}
    assert all(torch.equal(hidden[0], hidden[1]) for hidden in halves.values())
    assert halves["top"][0].any(1).tolist() == [True, True, False, False, False]
    assert halves["left"][0].any(0).tolist() == [True] * 3 + [False] * 4
    assert torch.equal(halves["top"], ~halves["bottom"]) and torch.equal(halves["left"], ~halves["right"])


def test_the_centre_is_the_middle_half_of_each_side() -> None:
    hidden = ~known("centre", 3, 28, 8)
    assert (hidden[:, 7:21, 2:6]).all() and hidden[0].sum() == 14 * 4


def test_mixed_masks_are_of_every_other_kind_alike() -> None:
    n, centre = 5000, known("centre", 1, 16, 16)
    drawn = known("mixed", n, 16, 16)
    halves = patterns(known("half", 100, 16, 16))[0]
    shares = [
        (drawn == centre).all(2).all(1).double().mean(),
        (drawn[:, None] == halves).all(3).all(2).any(1).double().mean(),
    ]
    fifth, halves_of_quadrants = 0.2, 0.2 / 3 * 4 / 6  # two neighbouring quadrants are a half too
    assert shares[0].item() == pytest.approx(fifth, abs=0.025)
    assert shares[1].item() == pytest.approx(fifth + halves_of_quadrants, abs=0.03)


def test_a_fixed_mask_is_the_same_for_every_image() -> None:
    which = torch.eye(3, dtype=torch.bool)
    assert torch.equal(FixedMask(which).known(torch.rand(2, 0)), which.expand(2, 1, 3, 3))


def test_every_kind_says_what_it_hides() -> None:
    assert all(kind.about for kind in MASKS.values())


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match=r"mask 'halves' is unknown; choose one of occluders, quadrants, pixels, half"):
        known("halves", 1, 8, 8)
    with pytest.raises(UserError, match="images of 3 x 8 are too small for the mask 'centre'; give 4 x 4 or more"):
        known("centre", 1, 3, 8)
