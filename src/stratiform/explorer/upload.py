"""An image file that somebody sent, as the model sees images."""

from __future__ import annotations

import warnings
from io import BytesIO

from PIL import Image

from stratiform.cli.images import picture
from stratiform.errors import UserError
from stratiform.explorer.picture import pixels
from stratiform.training.run import Loaded

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
NARROWEST = 32  # times as long as wide: resizing the short side makes the long one longer, too


def seen(file: bytes, loaded: Loaded, most: int) -> bytes:
    """A byte per value k of [C, H, W]: cropped, resized and requantised as the run's own images were.

    Args:
        most: pixels that the file may have: it is not decoded if it says that it has more.

    Raises:
        UserError: it is no such image.
    """
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(file), formats=FORMATS) as opened:
            warnings.simplefilter("ignore")  # of large images, which are refused here
            wide, high = opened.size
    except Exception:  # Pillow's readers raise whatever a damaged file leads them to
        raise UserError(f"this is no image that can be read; send {', '.join(FORMATS)}") from None
    if wide * high > most:
        raise UserError(f"the image is {wide} x {high}; at most {most:,} pixels are taken")
    if max(wide, high) > NARROWEST * min(wide, high):
        raise UserError(f"the image is {wide} x {high}; give one that is not so narrow")
    return pixels(picture(file, loaded), loaded.spec)
