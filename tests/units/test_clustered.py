"""Clusters of a code, without labels."""

import numpy as np
import pytest
import torch

import known
from stratiform.evaluation.clustered import gain, lead_of_the_top


def clusters(k: int, spread: float, n: int = 4000, seed: int = 0) -> np.ndarray:
    """n points around k centres on a circle."""
    random = np.random.default_rng(seed)
    angle = 2 * np.pi * random.integers(k, size=n) / k
    return np.stack([np.cos(angle), np.sin(angle)], 1) + spread * random.normal(size=(n, 2))


def test_a_gaussian_gains_nothing_and_clusters_gain_their_number() -> None:
    assert gain(np.random.default_rng(0).normal(size=(4000, 2))) < 0.01
    k, spread = 8, 0.1
    entropy_of_clusters = np.log(k) + np.log(2 * np.pi * np.e * spread**2)
    entropy_of_a_gaussian = np.log(2 * np.pi * np.e * (0.5 + spread**2))
    assert gain(clusters(k, spread)) == pytest.approx(entropy_of_a_gaussian - entropy_of_clusters, abs=0.1)
    assert gain(clusters(8, 0.1)) > gain(clusters(8, 0.3)) > gain(clusters(8, 1.0))


def test_the_units_of_a_code_do_not_matter() -> None:
    code = clusters(5, 0.2)
    assert gain(code * [3.0, 100.0] + 7.0) == pytest.approx(gain(code), abs=1e-9)


def test_the_lead_is_of_the_top_over_the_level_beneath(monkeypatch: pytest.MonkeyPatch) -> None:
    model, n = known.flat((2, 2, 2)).top_down()[0], 1000
    codes = [clusters(8, 0.5, n), np.random.default_rng(1).normal(size=(n, 2)), clusters(4, 0.1, n)]
    latents = [type("Latent", (), {"z": torch.from_numpy(code)}) for code in codes]
    monkeypatch.setattr(type(model), "encode", lambda self, x: [_cut(latent, x) for latent in latents])
    rows = torch.arange(n, dtype=torch.float64).view(-1, 1, 1, 1)
    assert lead_of_the_top(model, rows) == pytest.approx(gain(codes[2]) - gain(codes[1]))


def test_of_one_level_it_is_the_gain() -> None:
    made = known.flat((2,))
    x = made.draw(1000)
    code = made.top_down()[0].encode(x)[0].z.detach().numpy()
    assert lead_of_the_top(made.top_down()[0], x) == pytest.approx(gain(code))


def _cut(latent: type, x: torch.Tensor) -> object:
    """The rows that these images ask for."""
    return type("Latent", (), {"z": latent.z[x.flatten().long()]})
