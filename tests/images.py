"""Tiny images for tests of the data readers."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The file's bytes."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def grey(value: int, size: tuple[int, int] = (8, 8)) -> Image.Image:
    """One grey value, (width, height)."""
    return Image.new("L", size, value)


def noise(seed: int, size: tuple[int, int] = (8, 8), channels: int = 1) -> Image.Image:
    """Random pixels, (width, height)."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels)


def write_folder(path: Path, images: dict[str, Image.Image | bytes]) -> Path:
    """Files below `path` by their names."""
    for name, image in images.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(image if isinstance(image, bytes) else encoded(image))
    return path
