"""Folders of images."""

from pathlib import Path

import pytest

from images import encoded, grey, noise, write_folder
from stratiform.data.folder import read_folder
from stratiform.errors import UserError


def listed(path: Path) -> dict[str, list[tuple[str, str | None]]]:
    return {split: [(item.name, item.label) for item in items()] for split, items in read_folder(path).splits.items()}


def test_sub_folders_are_labels(tmp_path: Path) -> None:
    write_folder(tmp_path, {"cat/1.png": grey(1), "cat/x/2.PNG": grey(2), "dog/3.jpg": encoded(grey(3), "JPEG")})
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_text("no image")
    assert listed(tmp_path) == {"train": [("cat/1.png", "cat"), ("cat/x/2.PNG", "cat/x"), ("dog/3.jpg", "dog")]}


def test_train_and_test_folders_are_splits(tmp_path: Path) -> None:
    write_folder(tmp_path, {"train/a/1.png": grey(1), "test/a/2.png": grey(2), "other/3.png": grey(3)})
    assert listed(tmp_path) == {"train": [("train/a/1.png", "a")], "test": [("test/a/2.png", "a")]}
    assert read_folder(tmp_path).notes == ("1 images lie outside train and test",)


def test_the_identity_follows_the_files(tmp_path: Path) -> None:
    write_folder(tmp_path, {"1.png": noise(1), "2.png": noise(2)})
    first = read_folder(tmp_path).identity
    assert read_folder(tmp_path).identity == first
    write_folder(tmp_path, {"2.png": noise(3, (4, 4))})
    assert read_folder(tmp_path).identity != first


def test_no_images(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    with pytest.raises(UserError, match="no training images"):
        read_folder(tmp_path)
