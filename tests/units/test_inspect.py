"""Counts, levels really used, duplicates, and the contact sheet."""

import json
from pathlib import Path

import numpy as np
import pytest

from stratiform.data.config import DataConfig
from stratiform.data.inspect import contact_sheet, describe
from stratiform.data.source import load
from stratiform.distributions import fitting


def test_the_digits() -> None:
    found = describe(DataConfig())
    assert json.loads(json.dumps(found)) == found
    assert (found["train"], found["test"], found["dimensions"]) == (1198, 599, 64)
    assert (found["levels"], found["levels_used"]) == (17, 17)
    assert sum(found["images_per_class"].values()) == 1198 and found["classes"] == 10
    assert found["duplicates_in_train"] == found["test_also_in_train"] == 0


def test_levels_really_used_and_duplicates(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 2, (60, 4, 4)).astype(np.uint8) * 255
    images[30:] = images[:30]
    np.savez(tmp_path / "a.npz", x=images)
    found = describe(DataConfig(source=str(tmp_path / "a.npz")))
    assert (found["levels"], found["levels_used"]) == (256, 2)
    assert found["duplicates_in_train"] == found["train"] / 2 and found["duplicates_in_test"] == found["test"] / 2
    assert found["test_also_in_train"] == 0, "equal files fall on the same side"
    assert found["classes"] is None and found["images_per_class"] is None


@pytest.mark.parametrize(
    ("config", "fit"),
    [
        ({}, ["laplace", "gaussian", "logistic", "softmax", "mixture"]),
        ({"binarise": "fixed"}, ["bernoulli"]),
        ({"dequantise": True}, ["laplace", "gaussian", "logistic"]),
    ],
)
def test_likelihoods_that_fit(config: dict[str, object], fit: list[str]) -> None:
    found = describe(DataConfig(**config))
    assert found["likelihoods"] == fit
    assert set(fit) <= set(fitting(load(DataConfig(**config)).spec.bins))


def test_the_contact_sheet(tmp_path: Path) -> None:
    sheet = contact_sheet(load(DataConfig()))
    assert sheet.size == (16 * 49 + 1, 6 * 49 + 1) and np.asarray(sheet).max() == 255
    np.savez(tmp_path / "large.npz", x=np.zeros((5, 300, 150, 3), np.uint8))
    few = contact_sheet(load(DataConfig(source=str(tmp_path / "large.npz"))))
    assert few.height == 98 and few.width <= 5 * 49 + 1
