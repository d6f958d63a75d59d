"""Cache files are whole or not there."""

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from stratiform.data import cache
from stratiform.errors import Failed

ARRAYS = {
    "images": np.arange(24, dtype=np.uint8).reshape(3, 2, 2, 2),
    "labels": np.array([1, 2, 3]),
    "none": np.empty((0, 4), np.float64),
}


def write(path: Path) -> None:
    cache.write(path, {name: cache.Stream.of(value) for name, value in ARRAYS.items()}, {"grid": 17})


def test_round_trip_as_read_only_maps_and_as_safetensors(tmp_path: Path) -> None:
    write(tmp_path / "a")
    found = cache.read(tmp_path / "a")
    assert found.meta == {"grid": 17}
    for arrays in (found.arrays, load_file(tmp_path / "a")):
        assert all(
            (arrays[name] == value).all() and arrays[name].dtype == value.dtype for name, value in ARRAYS.items()
        )
    assert isinstance(found.arrays["images"], np.memmap) and not found.arrays["images"].flags.writeable


@pytest.mark.parametrize("keep", [0, 5, 40, -1])
def test_a_file_cut_short_is_not_read(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a"
    write(path)
    path.write_bytes(path.read_bytes()[:keep])
    assert cache.read(path) is None
    assert cache.read(tmp_path / "absent") is None


def test_a_failure_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write(path)

    def blocks() -> object:
        yield np.zeros(1)
        raise OSError(28, "No space left on device")

    with pytest.raises(Failed, match="No space left"):
        cache.write(path, {"x": cache.Stream(np.dtype(float), (2,), blocks())}, {})
    assert cache.read(path).meta == {"grid": 17}
    assert os.listdir(tmp_path) == ["a"]
