"""What fills a hole without a model is a distribution, and is fitted to others, never to the image itself."""

import math

import pytest
import torch
from torch import Generator, Tensor

from stratiform.evaluation.fill import Fill, Grid, MeanFill, Nearest

GRID = Grid(3)
CORNER = torch.tensor([[True, True], [True, False]])
LOWER = torch.tensor([[True, True], [False, False]])


def images(n: int, seed: int = 0, width: int = 2) -> Tensor:
    return torch.randint(3, (n, 2, 2, width), generator=Generator().manual_seed(seed)).to(torch.uint8)


def nearest(levels: Tensor, neighbours: int = 2, scale: float = 0.5, floor: float = 0.1) -> Nearest:
    return Nearest(GRID, levels, neighbours, scale, floor)


@pytest.mark.parametrize("fill", [MeanFill.of(GRID, images(5)), nearest(images(5))], ids=["mean", "nearest"])
def test_the_masses_of_all_that_may_be_hidden_sum_to_1(fill: Fill) -> None:
    every = torch.cartesian_prod(*[torch.arange(3)] * 4).view(-1, 2, 1, 2)
    x = images(1, seed=3)[0].float() / 2
    total = 0.0
    for lower in every:
        x[:, 1:] = lower / 2
        total += math.exp(fill.log_p(x, LOWER))
    assert total == pytest.approx(1.0, abs=1e-12)


def test_mean_fill_is_the_histogram_of_each_value() -> None:
    levels = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    levels[0, 0, 1, 1] = 2
    fill, x = MeanFill.of(GRID, levels), torch.zeros(1, 2, 2)
    assert fill.log_p(x, CORNER) == pytest.approx(math.log(3.5 / 5.5))
    x[0, 1, 1] = 1.0
    assert fill.log_p(x, CORNER) == pytest.approx(math.log(1.5 / 5.5))
    assert fill.log_p(x, LOWER) == pytest.approx(math.log(1.5 / 5.5) + math.log(4.5 / 5.5))


def test_the_nearest_in_the_known_pixels_say_what_is_hidden() -> None:
    levels = torch.tensor([[[[0, 0], [0, 0]]], [[[2, 2], [2, 2]]]], dtype=torch.uint8)
    x = torch.tensor([[[1.0, 1.0], [0.5, 1.0]]])
    kernel = [math.exp(-abs(2 - k) / 0.5) for k in range(3)]
    wanted = 0.9 * kernel[2] / sum(kernel) + 0.1 / 3
    assert nearest(levels, neighbours=1).log_p(x, CORNER) == pytest.approx(math.log(wanted))
    x[0, 1, 1] = 0.0
    other = 0.9 * kernel[0] / sum(kernel) + 0.1 / 3
    assert nearest(levels, neighbours=1).log_p(x, CORNER) == pytest.approx(math.log(other))
    assert nearest(levels, neighbours=2).log_p(x, CORNER) == pytest.approx(math.log((wanted + other) / 2))


def test_it_is_fitted_on_others_and_not_on_the_image_itself() -> None:
    """Where every image has a twin, that one is trusted; where pixels are independent, many images, widely."""

    def fitted(levels: Tensor) -> Nearest:
        return Nearest.fitted(GRID, levels, lambda index: LOWER.repeat(1, 4), range(40))

    twins = fitted(images(60, width=8).repeat(2, 1, 1, 1))
    alone = fitted(images(120, width=8))
    assert twins.neighbours == 1 and twins.floor < 0.02 and twins.scale < 0.2
    assert alone.neighbours > 1 and (alone.scale > 1.0 or alone.floor > 0.1)


def test_continuous_images_have_a_density() -> None:
    """Of uniform pixels it is about 1, its logarithm 0: less than that is owed to few images."""
    grid, uniform = Grid(None), torch.rand(4000, 1, 2, 2, generator=Generator().manual_seed(0))
    fill = MeanFill.of(grid, grid.levels(uniform[:3900]))
    told = [fill.log_p(x, CORNER) for x in uniform[3900:]]
    assert sum(told) / 100 == pytest.approx(0.0, abs=0.1)
    assert grid.levels(torch.tensor([0.0, 0.5, 1.0])).tolist() == [0, 128, 255]


@pytest.mark.parametrize("bins", [2, 17, 256])
def test_levels_are_those_of_the_images(bins: int) -> None:
    level = torch.arange(bins)
    assert Grid(bins).levels(level.float() / (bins - 1)).tolist() == level.tolist()
