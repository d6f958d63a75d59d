"""`stratiform components`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from stratiform.cli import components, main
from stratiform.data.config import DataConfig
from stratiform.models.matnet import MatNet, Modules
from tiny import tiny, untrained


def test_every_image_is_held_against_its_own_label(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more images than `--limit` lets through, each as bright as its class; components that see it are right."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=100)
    np.savez(tmp_path / "bright.npz", x=(80 * labels[:, None, None] + rng.integers(20, size=(100, 8, 8))), y=labels)
    network = Modules(depth=(1,), channels=(4,), stem=3, hidden=8)
    model = MatNet(latent=2, units=(1,), mixture=3, network=network)
    source = DataConfig(source=str(tmp_path / "bright.npz"))
    run = untrained(tmp_path / "run", tiny(model=model, data=source))

    def by_brightness(model: object, batches: tuple[torch.Tensor, ...]) -> np.ndarray:
        return np.eye(3)[torch.cat(list(batches)).mul(255 / 80).mean((1, 2, 3)).int()]

    monkeypatch.setattr(components, "responsibilities", by_brightness)
    assert main(["components", str(run), "--split", "train", "--limit", "40", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["images"] == 40
    assert found["agreement"]["tiny, components"]["accuracy"]["value"] == 1.0
