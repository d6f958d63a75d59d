"""`plan` tells what a training will need, from steps that it takes."""

import json
from pathlib import Path

import pytest

from stratiform.data.config import DataConfig
from stratiform.data.source import load
from system.conftest import TINY, Say


def test_hours_are_the_measured_steps_times_their_number_and_nothing_is_written(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = say("plan", "vlae-digits", *TINY, "--training.steps", 700, "--training.evaluate-every", 350, "--json")
    assert said.status == 0, said.err
    found, data = json.loads(said.out), load(DataConfig(limit=64))
    seconds = 700 * found["seconds_per_step"] + 2 * found["evaluation"]
    assert found["hours"] == pytest.approx(seconds / 3600)
    assert (found["train_images"], found["epochs"]) == (len(data.train), 700 * 8 / len(data.train))
    assert found["images"] == (len(data.train) + len(data.test)) * 64
    assert 0 <= found["waiting"] <= 1 and found["slowest"] >= found["seconds_per_step"]
    assert 4 * found["parameters"] * 4 <= found["state"] < 4 * found["parameters"] * 4 + 10_000
    assert not list(tmp_path.iterdir())
