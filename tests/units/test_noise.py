"""Noise that belongs to the image."""

from statistics import NormalDist

import pytest
import torch
from scipy import stats

from stratiform.evaluation.noise import standard_normal

IMAGES, SAMPLES = torch.arange(50).repeat(40), torch.arange(40).repeat_interleave(50)


def test_it_is_standard_normal_and_independent() -> None:
    noise = standard_normal(0, 0, IMAGES, SAMPLES, (3, 5))
    assert noise.shape == (2000, 3, 5) and noise.dtype == torch.float64
    assert stats.kstest(noise.flatten().numpy(), "norm").pvalue > 1e-3
    correlation = noise.flatten(1).T.corrcoef() - torch.eye(15).double()
    assert correlation.abs().max() < 5.0 / 2000**0.5
    neighbours = noise.view(40, 50, 15)
    for a, b in ((neighbours[1:], neighbours[:-1]), (neighbours[:, 1:], neighbours[:, :-1])):
        assert abs(torch.stack([a.flatten(), b.flatten()]).corrcoef()[0, 1]) < 0.03


def test_every_word_of_the_key_matters() -> None:
    one = torch.ones(1, dtype=torch.int64)
    found = [
        standard_normal(seed, level, image * one, sample * one, (1,)).item()
        for seed in (0, 1, -1, 2**63)
        for level in (0, 1, 2)
        for image in (0, 1, 2)
        for sample in (0, 1, 2)
    ]
    assert len(set(found)) == len(found)


def test_a_row_is_a_function_of_its_key_alone() -> None:
    whole = standard_normal(7, 1, IMAGES, SAMPLES, (4,))
    some = torch.tensor([1999, 3, 700])
    assert torch.equal(standard_normal(7, 1, IMAGES[some], SAMPLES[some], (4,)), whole[some])
    assert torch.equal(standard_normal(7, 1, IMAGES, SAMPLES, (2,)), whole[:, :2])


def test_it_is_splitmix64() -> None:
    """Against whole numbers of any size, and another inverse of the normal distribution function."""
    mask = (1 << 64) - 1

    def scrambled(word: int) -> int:
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & mask
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & mask
        return word ^ (word >> 31)

    golden, key = 0x9E3779B97F4A7C15, 5
    for word in (1, 40, 2):
        key = scrambled((key + golden) & mask) ^ word
    bits = [scrambled((scrambled(key) + unit * golden) & mask) >> 12 for unit in (1, 2, 3)]
    expected = [NormalDist().inv_cdf((b + 0.5) / 2**52) for b in bits]
    found = standard_normal(5, 1, torch.tensor([40]), torch.tensor([2]), (3,))
    assert found[0].tolist() == pytest.approx(expected, rel=1e-8)
