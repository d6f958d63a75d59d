"""A folder of images never seen, of every awkward kind: trains, names the bad files once, ends well."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from system.conftest import Say

BAD = ("truncated.png", "text.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "awkward photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    modes = ("L", "RGB", "RGBA", "P", "1", "LA", "CMYK", "I;16")
    for i in range(40):
        mode = modes[i % len(modes)]
        height, width = rng.integers(12, 40, 2)
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        if mode == "I;16":
            picture = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
        else:
            picture = Image.fromarray(pixels).convert(mode)
        picture.save(folder / f"{i}.{'jpg' if mode == 'CMYK' else 'png'}")
    whole = (folder / "1.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("this is no picture")
    (folder / "notes.md").write_text("nor is this")
    return folder


def test_trains_and_names_the_bad_files_once(
    folder: Path, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("train", "vlae-digits", "--data.source", folder, "--data.size", 9)
    training = (
        "--model.network.kind",
        "dense",
        "--model.network.hidden",
        8,
        "--training.steps",
        3,
        "--training.batch",
        4,
        "--training.device",
        "cpu",
    )
    said = say(*words, *training)
    assert said.status == 0, said.err
    assert (tmp_path / "runs" / "vlae-digits-awkward photos" / "weights.safetensors").exists()
    for name in BAD:
        assert said.err.count(name) == 1
    assert say("evaluate", "runs/vlae-digits-awkward photos", "--samples", 2).status == 0
    assert say("reconstruct", "runs/vlae-digits-awkward photos", "--images", 2).status == 0


def test_sizes_that_differ_are_refused_with_the_flag_to_give(folder: Path, say: Say, tmp_path: Path) -> None:
    said = say("train", "vlae-digits", "--data.source", folder, "--run", tmp_path / "run")
    assert said.status == 2 and "size" in said.err
    assert not (tmp_path / "run").exists()


def test_describing_it(folder: Path, say: Say, tmp_path: Path) -> None:
    said = say("datasets", folder, "--data.size", 16, "--out", tmp_path / "sheet.png")
    assert said.status == 0, said.err
    assert all(name in said.out for name in BAD) and (tmp_path / "sheet.png").exists()
