"""A folder of images: sub-folders are classes, or the splits train and test with classes below them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from stratiform.data.listing import Item, Listing
from stratiform.errors import UserError

FORMATS = "png jpg jpeg jpe jp2 webp bmp gif tif tiff ppm pgm pbm pnm avif ico"
SUFFIXES = frozenset(f".{name}" for name in FORMATS.split())
TEST_NAMES = ("test", "testing", "validation", "valid", "val")  # the first of them that is there


def read_folder(path: Path) -> Listing:
    """Every file below `path` whose name ends like an image's, in the order of their names."""
    files = [file for file in visible(path) if file.suffix.lower() in SUFFIXES]
    if not files:
        raise UserError(f"{path} has no training images: no file in it ends in .png, .jpg or another image suffix")
    roots = _roots(path, files)
    unused = len(files) - sum(file.is_relative_to(root) for file in files for root in roots.values())
    return Listing(
        identity=f"with names {fingerprint(files)}",
        splits={split: partial(_items, path, files, root) for split, root in roots.items()},
        notes=(f"{unused} images lie outside {' and '.join(root.name for root in roots.values())}",) if unused else (),
    )


def visible(path: Path) -> list[Path]:
    """All files below a folder, sorted, without hidden ones."""
    files = (file for file in path.rglob("*") if file.is_file())
    return sorted(file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts))


def fingerprint(files: list[Path]) -> str:
    """Changes when a file is added, removed, replaced or touched."""
    content = hashlib.sha256()
    for file in files:
        stat = file.stat()
        content.update(f"{file.absolute()}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return content.hexdigest()


def _roots(path: Path, files: list[Path]) -> dict[str, Path]:
    """split -> folder: the sub-folders train and test if both hold images, else all of `path` for training."""
    tops = {file.relative_to(path).parts[0].lower(): path / file.relative_to(path).parts[0] for file in files}
    tests = [tops[name] for name in TEST_NAMES if name in tops]
    if "train" in tops and tests:
        return {"train": tops["train"], "test": tests[0]}
    return {"train": tops["train"] if set(tops) == {"train"} else path}


def _items(path: Path, files: list[Path], root: Path) -> Iterator[Item]:
    for file in files:
        if file.is_relative_to(root):
            label = file.parent.relative_to(root).as_posix()
            yield Item(file.relative_to(path).as_posix(), file, None if label == "." else label)
