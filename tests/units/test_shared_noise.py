"""Processes that share a batch draw, each for its rows, what one draws for all; what is dropped is independent."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from stratiform.training.noise import RowsOfMine

WORLD, ROWS = 3, 4


def drawn(draw: Callable[[], Tensor], rank: int | None = None) -> Tensor:
    torch.manual_seed(0)
    if rank is None:
        return draw()
    with RowsOfMine(rank, WORLD):
        return draw()


@pytest.mark.parametrize(
    "draw",
    [
        lambda n: torch.randn((n, 5)),
        lambda n: torch.rand(n, 5),
        lambda n: torch.randn(size=(n, 2, 2), dtype=torch.float64),
        lambda n: torch.randint(1 << 62, (n,)),
        lambda n: torch.rand_like(torch.zeros(n, 5)) + torch.randn_like(torch.zeros(n, 5)),
    ],
)
def test_rows_of_all_processes_are_the_draw_of_one(draw: Callable[[int], Tensor]) -> None:
    shares = [drawn(lambda: draw(ROWS), rank) for rank in range(WORLD)]
    assert torch.equal(torch.cat(shares), drawn(lambda: draw(ROWS * WORLD)))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: F.dropout(torch.ones(400), 0.25),
        lambda: F.dropout2d(torch.ones(4, 100, 2, 2), 0.25),
        lambda: torch.empty(400).bernoulli_(0.5),
        lambda: torch.bernoulli(torch.full((400,), 0.5)),
        lambda: torch.empty(400, dtype=torch.int64).random_(),
    ],
)
def test_what_else_is_random_differs_between_processes_and_is_repeated_by_a_seed(draw: Callable[[], Tensor]) -> None:
    one, same, other = (drawn(draw, rank) for rank in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_dropping_keeps_the_mean_and_whole_channels() -> None:
    x = drawn(lambda: F.dropout2d(torch.ones(100, 100, 2, 2), 0.25), 1)
    assert x.mean() == pytest.approx(1.0, abs=0.03)
    assert torch.equal(x.amax((2, 3)), x.amin((2, 3)))
    assert torch.equal(drawn(lambda: F.dropout(torch.ones(9), 0.5, training=False), 1), torch.ones(9))


def test_a_recomputed_layer_draws_the_same_again() -> None:
    """Or gradients with activation checkpointing would be wrong in silence."""

    def gradient(recompute: bool) -> Tensor:
        x = torch.ones(ROWS, 5, requires_grad=True)

        def layer(x: Tensor) -> Tensor:
            return F.dropout(x**2, 0.5) * torch.randn(x.shape)

        (checkpoint(layer, x, use_reentrant=False) if recompute else layer(x)).sum().backward()
        assert x.grad is not None
        return x.grad

    assert torch.equal(drawn(lambda: gradient(True), 1), drawn(lambda: gradient(False), 1))
