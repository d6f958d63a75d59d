"""Trained models that come with the package. Their names stand wherever a run's folder does."""

from __future__ import annotations

from pathlib import Path

from stratiform.data import cache
from stratiform.files import write_bytes
from stratiform.training.manifest import MANIFEST, verify

SHIPPED = Path(__file__).parents[1] / "shipped"
READ = ("recipe.json", "weights.safetensors")  # what loading a model reads


def names() -> list[str]:
    """The shipped models."""
    return sorted(path.name for path in SHIPPED.iterdir() if (path / MANIFEST).is_file()) if SHIPPED.is_dir() else []


def located(path: Path) -> Path:
    """The folder of a run: a path as it is; a shipped model's name, where no file is called so, as a copy to work in.

    The copy lies in the cache folder, where pictures and measurements can be written beside it.

    Raises:
        UserError: the copy has been changed.
    """
    if path.exists() or str(path) not in names():
        return path
    source = SHIPPED / path.name
    copy = cache.folder() / "models" / verify(source)[:16] / path.name
    if not (copy / MANIFEST).exists():
        copy.mkdir(parents=True, exist_ok=True)
        for file in sorted(source.iterdir(), key=lambda file: file.name == MANIFEST):  # the list last
            write_bytes(copy / file.name, file.read_bytes())
    verify(copy, READ)
    return copy
