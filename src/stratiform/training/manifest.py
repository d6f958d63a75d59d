"""What a saved model's folder holds, file by file with its hash: a file that differs is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path

from stratiform.errors import UserError
from stratiform.files import write_text

MANIFEST = "manifest.json"
FORMAT = "stratiform model 1"


def write_manifest(folder: Path) -> str:
    """Lists every file of the folder; returns the digest, by which the whole model can be pinned."""
    files = {path.name: _hash(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    write_text(folder / MANIFEST, json.dumps({"format": FORMAT, "sha256": files}, indent=2) + "\n")
    return _hash(folder / MANIFEST)


def verify(folder: Path, names: Collection[str] | None = None) -> str:
    """Compares the files, or those named, with the list; returns the digest.

    Raises:
        UserError: there is no list, or a file is missing, changed, or should be listed and is not.
    """
    files = _read(folder / MANIFEST)
    for name in names or files:
        if name not in files:
            raise UserError(f"{folder / MANIFEST} does not list {name}; it was not written by save_pretrained")
        if not (folder / name).is_file():
            raise UserError(f"{folder} lacks {name}; get the model anew")
        if _hash(folder / name) != files[name]:
            raise UserError(f"{folder / name} is not the file that was saved: its hash differs; get the model anew")
    return _hash(folder / MANIFEST)


def _read(path: Path) -> dict[str, str]:
    try:
        held = json.loads(path.read_text())
        files: dict[str, str] = held["sha256"]
        if held["format"] != FORMAT or not all(Path(name).name == name for name in files):
            raise ValueError(f"it is no {FORMAT}")
    except FileNotFoundError as error:
        raise UserError(
            f"{path.parent} has no {path.name}, so its files cannot be checked; save_pretrained writes one, and "
            "stratiform.load reads a run without"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read ({error}); get the model anew") from error
    return files


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
