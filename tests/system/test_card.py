"""A shipped model's name stands wherever a run's folder does; `card` and `card --verify`."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from stratiform.hub import card
from system.conftest import Say


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {"images": 12, "samples": 3, "draws": 20, "probed": 40}.items():
        monkeypatch.setitem(card.SETTINGS, name, value)


def test_a_shipped_name_is_a_run(say: Say, tmp_path: Path) -> None:
    said = say("evaluate", "vlae-digits", "--samples", 2, "--limit", 20, "--json")
    assert said.status == 0, said.err
    assert json.loads(said.out)["recipe"] == "vlae-digits"
    said = say("sample", "vlae-digits", "--images", 4, "--out", "four.png")
    assert said.status == 0 and (tmp_path / "four.png").exists()
    said = say("sweep", "vlae-digits", "--level", 3)
    assert said.status == 0, said.err
    assert Path(said.out.split("picture: ")[1].strip()).is_absolute()
    assert say("compare", "vlae-digits", "vae-digits", "--limit", 8, "--probed", 50, "--draws", 10).status == 0


def test_the_first_picture_takes_seconds(tmp_path: Path) -> None:
    """In a process of its own, with a cold cache; processor time, which no neighbour changes."""
    environment = {**os.environ, "STRATIFORM_CACHE": str(tmp_path / "cold"), "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "stratiform", "sample", "vlae-digits", "--out", "first.png"]
    subprocess.run(command, check=True, env=environment, cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (tmp_path / "first.png").stat().st_size > 5000
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 10.0


def test_an_unknown_name_is_told_the_shipped_ones(say: Say) -> None:
    said = say("evaluate", "vlae-digit")
    assert said.status == 2 and "vlae-digit is no run" in said.err and "vlae-digits" in said.err


def test_card_writes_a_page_and_verify_finds_what_is_false(say: Say, copied: Path) -> None:
    said = say("card", copied)
    assert said.status == 0, said.err
    page = copied / "README.md"
    assert f"card: {page}" in said.out
    said = say("card", copied, "--verify")
    assert said.status == 0 and "none of them differ" in said.out, said.err
    page.write_text(page.read_text().replace("| 1 | 2 |", "| 1 | 3 |", 1))
    said = say("card", copied, "--verify", "--json")
    found = json.loads(said.out)
    assert said.status == 1 and not found["ok"] and "| 1 | 3 |" in found["differ"][0]["card"]


def test_verify_without_a_card_says_what_to_type(say: Say, copied: Path) -> None:
    said = say("card", copied, "--verify")
    assert said.status == 2 and f"`stratiform card {copied}` writes one" in said.err
