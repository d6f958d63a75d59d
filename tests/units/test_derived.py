"""Images made from others: what each is, that rows depend on themselves alone, and that the rest stays."""

import numpy as np
import pytest
import torch

from stratiform.data.batches import in_order
from stratiform.data.config import DataConfig
from stratiform.data.derived import DERIVED, derive
from stratiform.data.source import load


@pytest.fixture(scope="module")
def data(cache):
    return load(DataConfig(source="digits"))


def test_flipped_and_inverted(data):
    x = next(in_order(data, limit=9))
    assert torch.equal(next(in_order(derive(data, "flipped"), limit=9)), x.flip(3))
    assert torch.allclose(next(in_order(derive(data, "inverted", limit=9), limit=9)), 1.0 - x)


def test_noise_is_uniform_over_the_grid(data):
    made = derive(data, "noise").test
    counts = np.bincount(made.images.reshape(-1), minlength=data.grid)
    expected = made.images.size / data.grid
    assert len(counts) == data.grid == 17
    assert ((counts - expected) ** 2 / expected).sum() < 45  # chi^2 with 16 degrees of freedom: p = 1e-4
    assert made.labels is None and len(made) == len(data.test)


@pytest.mark.parametrize("name", DERIVED)
def test_an_image_is_the_same_whatever_the_limit(data, name):
    few = next(in_order(derive(data, name, limit=5, seed=3), limit=5, seed=3))
    indices = np.sort(np.random.default_rng(0).permutation(len(data.test))[:5])
    whole = derive(data, name, seed=3).test.rows(indices)
    assert torch.allclose(few * (data.grid - 1), whole.float())


def test_seeds_and_splits(data):
    one, other = (derive(data, "noise", seed=seed).test.images for seed in (0, 1))
    assert (one != other).mean() > 0.9
    made = derive(data, "flipped", "train")
    assert made.test is data.test and np.array_equal(made.train.images, data.train.images[..., ::-1])
    assert np.array_equal(made.train.labels, data.train.labels)
