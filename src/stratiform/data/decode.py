"""One packed image to pixels: whatever it is stored as, uint8 [C, H, W] comes out, or one line saying why not."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from stratiform.data.config import DataConfig

BEHIND = "white"  # what transparent pixels lie on
_TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")
_GREY = ("1", "L", "LA", "La")


class Unreadable(Exception):
    """This image cannot be used; the message says why."""


def decode(image: bytes | np.ndarray, config: DataConfig) -> np.ndarray:
    """uint8 [C, H, W], cropped, resized and in the channels that `config` asks for."""
    try:
        picture = Image.fromarray(image) if isinstance(image, np.ndarray) else _open(image)
        picture = fit(picture, config)
    except Unreadable:
        raise
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        raise Unreadable(_reason(error)) from error
    if config.channels is not None:
        picture = picture.convert("L" if config.channels == 1 else "RGB")
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def fit(picture: Image.Image, config: DataConfig) -> Image.Image:
    """The centre, crop x crop, then the short side to `size`, then the centre again; without these, as it is."""
    if config.crop is not None:
        picture = _centre(picture, config.crop)
    if config.size is not None:
        short = min(picture.size)
        if short != config.size:
            wide, high = (max(config.size, round(side * config.size / short)) for side in picture.size)
            filter_ = Image.Resampling.HAMMING if short > config.size else Image.Resampling.BILINEAR
            picture = picture.resize((wide, high), filter_)  # means over areas: no value leaves the range
        picture = _centre(picture, config.size)
    return picture


def packed(image: bytes | Path | np.ndarray) -> bytes | np.ndarray:
    """The file's bytes where a path is given."""
    if not isinstance(image, Path):
        return image
    try:
        return image.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error


def _open(encoded: bytes) -> Image.Image:
    """A picture of mode L or RGB, turned as its EXIF says."""
    with Image.open(BytesIO(encoded)) as picture:
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode in ("L", "RGB") and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith("I"):  # 16 bits a pixel; 65535 = 257 x 255
        wide = np.clip(np.asarray(picture).astype(np.float64), 0, 65535)
        return Image.fromarray(np.rint(wide / 257).astype(np.uint8))
    if picture.mode == "F":
        raise Unreadable("its pixels are floats, of which nobody knows the white")
    if picture.mode in _TRANSPARENT or "transparency" in picture.info:
        grey = picture.mode in _GREY
        front = picture.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", front.size, BEHIND), front)
        return flat.convert("L" if grey else "RGB")
    if picture.mode == "P":
        colours = picture.convert("RGB")
        pixels = np.asarray(colours)
        return colours.convert("L") if (pixels == pixels[..., :1]).all() else colours
    return picture.convert("L" if picture.mode in _GREY else "RGB")


def _centre(picture: Image.Image, side: int) -> Image.Image:
    """The central side x side pixels, or all there are."""
    wide, high = (min(side, available) for available in picture.size)
    left, top = (picture.width - wide) // 2, (picture.height - high) // 2
    return picture.crop((left, top, left + wide, top + high))


def _reason(error: Exception) -> str:
    text = str(error).split("\n")[0]
    return "not an image" if "cannot identify image file" in text else text or type(error).__name__
