"""Arrays in an .npz."""

from pathlib import Path

import numpy as np
import pytest

from stratiform.data.npz import read_npz
from stratiform.errors import UserError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 4, 6), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)


def saved(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path / "a.npz", **arrays)
    return path / "a.npz"


@pytest.mark.parametrize(
    ("stored", "seen"),
    [
        (GREY, GREY),
        (GREY[..., None], GREY),
        (GREY[:, None], GREY),
        (RGB, RGB),
        (RGB.transpose(0, 3, 1, 2), RGB),
        (GREY / np.float32(255), GREY),
        (GREY.astype(np.uint16) * 257, GREY),
        (GREY.astype(np.int64), GREY),
        (GREY > 99, 255 * (GREY > 99)),
    ],
)
def test_layouts_and_types(tmp_path: Path, stored: np.ndarray, seen: np.ndarray) -> None:
    items = list(read_npz(saved(tmp_path, x=stored)).splits["train"]())
    assert (np.stack([item.image for item in items]) == seen).all()
    assert {item.label for item in items} == {None}


def test_labels_and_attributes(tmp_path: Path) -> None:
    path = saved(tmp_path, images=GREY, y=np.arange(5), angle=np.linspace(0, 1, 5), mean=np.zeros((4, 6)))
    item = list(read_npz(path).splits["train"]())[4]
    assert item.label == "4" and item.factors == {"angle": 1.0}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": GREY}, "name the images"),
        ({"x": GREY[0]}, r"\[4, 6\]; give"),
        ({"x": GREY / 2.0}, "floats from 0 to 1"),
        ({"x": np.full((2, 3, 3), np.nan)}, "floats from 0 to 1"),
        ({"x": GREY, "y": np.arange(4)}, "one label for each"),
        ({"x": np.array([{"a": 1}], object)}, "cannot be read"),
    ],
)
def test_wrong_arrays(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_npz(saved(tmp_path, **arrays))


def test_a_file_cut_short(tmp_path: Path) -> None:
    path = saved(tmp_path, x=GREY)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="cannot be read"):
        read_npz(path)
