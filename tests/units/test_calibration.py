"""What is as uncertain as it should be is seen to be, and what is not, not."""

import pytest
import torch
from torch import Generator, Tensor

from stratiform.evaluation.calibration import Reliability, miscalibration, ranks, reliability, together, within


def drawn(n: int, width: float, seed: int) -> Tensor:
    """[n, 5000] on a coarse grid, so that there are many ties."""
    noise = torch.randn(n, 5000, generator=Generator().manual_seed(seed), dtype=torch.float64)
    return (width * noise).round()


@pytest.mark.parametrize(("width", "half"), [(2.0, 0.50), (1.0, 0.26), (4.0, 0.82)])
def test_ranks_are_uniform_where_draws_have_the_law_of_what_is_true(width: float, half: float) -> None:
    v = torch.rand(5000, generator=Generator().manual_seed(3), dtype=torch.float64)
    u = ranks(drawn(99, width, 0), drawn(1, 2.0, 1)[0], v)
    inside = within(u)
    assert inside[0.5] == pytest.approx(half, abs=0.03)
    if width == 2.0:
        assert inside[0.9] == pytest.approx(0.9, abs=0.02)
        assert (torch.histc(u, 10, 0.0, 1.0) / 5000).tolist() == pytest.approx([0.1] * 10, abs=0.02)


def test_ranks_by_hand() -> None:
    draws = torch.tensor([[0.0, 1.0], [2.0, 1.0], [1.0, 1.0]])
    u = ranks(draws, torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.5]))
    assert u.tolist() == pytest.approx([(1 + 0.5 * 2) / 4, (3 + 0.5) / 4])


def test_reliability_is_counted_by_tenths() -> None:
    rows = reliability(torch.tensor([0.0, 0.04, 0.51, 0.55, 1.0]), torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0]))
    assert [(row.found, row.count) for row in rows] == [(0.5, 2), (0.5, 2), (1.0, 1)]
    assert [row.predicted for row in rows] == pytest.approx([0.02, 0.53, 1.0])
    assert miscalibration(rows) == pytest.approx((2 * 0.48 + 2 * 0.03) / 5)
    assert miscalibration([Reliability(0.25, 0.25, 7)]) == 0.0


def test_together_is_the_correlation_of_ranks() -> None:
    assert together([1.0, 2.0, 3.0, 4.0], [1.0, 8.0, 27.0, 64.0]) == pytest.approx(1.0)
    assert together([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-1.0)
    assert together([1.0, 1.0, 1.0], [3.0, 2.0, 1.0]) is None
