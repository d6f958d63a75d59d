"""The loader's benchmark at a small size: an epoch of mapped images leaves no memory behind, and steps seldom wait."""

import importlib.util
import mmap
import sys
from pathlib import Path

import pytest

from stratiform.training.forecast import in_memory

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_an_epoch_of_mapped_images_keeps_memory_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("loader", FOLDER / "loader.py")
    loader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loader)
    monkeypatch.setenv("STRATIFORM_CACHE", str(tmp_path / "cache"))
    loader.write_images(tmp_path / "images.npz", 8000)
    decoded = loader.decode(str(tmp_path / "images.npz"))
    found = loader.epoch(str(tmp_path / "images.npz"), 64)
    assert decoded["images"] == 8000 and decoded["disk_mb"] == 8000 * 64 / 1e6
    assert found["steps"] > 100
    assert found["anonymous_growth_mb"] < 50
    assert found["waiting_share"] < 0.5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_anonymous_memory_is_what_no_file_stands_behind() -> None:
    before = in_memory("RssAnon")
    held = mmap.mmap(-1, 64_000_000, flags=mmap.MAP_PRIVATE)  # an array might get memory that was freed before
    for page in range(0, len(held), mmap.PAGESIZE):
        held[page] = 1
    assert 60e6 < in_memory("RssAnon") - before < 80e6
    assert in_memory("VmHWM") >= in_memory("RssAnon")
