"""Images against data, where the answer is known."""

import numpy as np
import pytest
import torch

from stratiform.data.config import DataConfig
from stratiform.data.source import load
from stratiform.errors import UserError
from stratiform.evaluation.judge import judge_of
from stratiform.evaluation.likeness import Likeness, Seen, entropy, frechet, likeness


def test_entropies() -> None:
    assert entropy(np.array([0.5, 0.5])) == pytest.approx(np.log(2.0))
    assert entropy(np.array([[1.0, 0.0]])) == pytest.approx([0.0])


def test_the_frechet_distance_of_gaussians() -> None:
    """Along independent axes: the sum of (m - M)^2 + (s - S)^2."""
    rng = np.random.default_rng(0)
    a = rng.normal([0.0, 1.0], [1.0, 2.0], (200_000, 2))
    b = rng.normal([3.0, 1.0], [2.0, 0.5], (200_000, 2))
    assert frechet(a, b) == pytest.approx(9.0 + 1.0 + 2.25, rel=0.02)
    assert frechet(a, a) == pytest.approx(0.0, abs=1e-6)
    assert frechet(a[:, :1], b[:, :1]) == pytest.approx(10.0, rel=0.02)


@pytest.fixture(scope="module")
def found() -> dict[str, Likeness]:
    """Digits against other digits; against one class of them; against their negatives."""
    data = load(DataConfig(source="digits"))
    judge = judge_of(data)
    x = data.train.rows(np.random.default_rng(0).permutation(800)).float() / 16  # its writers come one after the other
    zeros = data.train.rows(np.flatnonzero(data.train.labels == 0)[:100]).float() / 16
    truth = Seen.of(x[400:], judge, 17)
    sets = {"data": x[:400], "zeros": zeros, "negatives": 1.0 - x[:400]}
    return {name: likeness(Seen.of(images, judge, 17), truth) for name, images in sets.items()}


def test_data_are_like_data(found: dict[str, Likeness]) -> None:
    data = found["data"]
    assert data.marginal_entropy.value == pytest.approx(np.log(10.0), abs=0.03)
    assert abs(data.neighbour.value - 0.5) < 4 * data.neighbour.stderr
    assert all(k.value < 0.12 for k in data.kolmogorov.values())


def test_a_missing_class_is_seen_by_coverage(found: dict[str, Likeness]) -> None:
    zeros, data = found["zeros"], found["data"]
    assert zeros.marginal_entropy.value < 0.3 < data.marginal_entropy.value
    assert zeros.conditional_entropy.value < 0.3
    assert zeros.frechet.value > 5 * data.frechet.value
    assert zeros.mean_distance.value > 5 * data.mean_distance.value


def test_images_of_another_kind_are_told_apart(found: dict[str, Likeness]) -> None:
    negatives, data = found["negatives"], found["data"]
    assert negatives.neighbour.value == pytest.approx(1.0, abs=0.02)
    assert negatives.frechet.value > 5 * data.frechet.value
    assert negatives.kolmogorov["area"].value > 0.5


def test_errors_shrink_with_images_and_a_judge_is_not_needed() -> None:
    few, many = (torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(n)) for n in (50, 450))
    truth = Seen.of(torch.rand(100, 1, 8, 8), None, 256)
    small, large = (likeness(Seen.of(x, None, 256), truth) for x in (few, many))
    assert small.conditional_entropy is None
    assert 1.5 < small.mean_distance.stderr / large.mean_distance.stderr < 6.0


def test_one_image_cannot_be_compared() -> None:
    with pytest.raises(UserError, match="give 2 or more"):
        Seen.of(torch.rand(1, 1, 8, 8), None, 256)
