"""Mean and variance of what comes in batches."""

import math

import pytest
import torch

from stratiform.evaluation.moments import Moments


@pytest.mark.parametrize("size", [1, 3, 10])
def test_batches_give_what_the_whole_gives(size: int) -> None:
    values = 1e6 + torch.randn(10, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    moments = Moments()
    for batch in values.split(size):
        moments.add(batch)
    assert moments.count == 10
    assert torch.allclose(moments.mean, values.mean(0), rtol=1e-15)
    assert torch.allclose(moments.variance, values.var(0, correction=0), rtol=1e-9)


def test_standard_error_of_the_mean() -> None:
    moments, values = Moments(), torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    moments.add(values[:1])
    assert moments.stderr() is None
    moments.add(values[1:])
    assert moments.stderr() == pytest.approx(values.std().item() / math.sqrt(3))
