"""An image file as a run's model sees images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from stratiform.data.decode import Unreadable, decode, packed
from stratiform.data.source import SOURCES
from stratiform.errors import UserError
from stratiform.training.run import Loaded


def picture(path: Path, loaded: Loaded) -> Tensor:
    """The file's image cropped, resized and requantised as the run's own were, float [1, C, H, W] in [0, 1].

    Pixels of a binary model are 1 from half of the range upwards: the same image at every call.

    Raises:
        UserError: it is no image, or not of the model's shape and cannot be resized to it.
    """
    spec, config = loaded.spec, loaded.recipe.data
    side = spec.height if spec.height == spec.width else None
    try:
        pixels = decode(packed(path), replace(config, size=side, channels=1 if spec.channels == 1 else 3))
    except Unreadable as error:
        raise UserError(f"{path} cannot be read ({error}); give an image file") from error
    if pixels.shape != spec.shape:
        (_, high, wide), wanted = pixels.shape, f"{spec.height} x {spec.width}"
        raise UserError(f"{path} is {high} x {wide}, but the run models images of {wanted}; cut it to that")
    k = torch.from_numpy(pixels.copy())[None].long()
    if config.source in SOURCES and SOURCES[config.source].invert:
        k = 255 - k
    return (k + 0.5) / 256 if spec.bins is None else k * spec.bins // 256 / (spec.bins - 1)
