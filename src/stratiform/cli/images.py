"""An image file as a run's model sees images, or as a mask over one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stratiform.data.config import DataConfig
from stratiform.data.decode import Unreadable, decode, packed
from stratiform.data.source import SOURCES
from stratiform.errors import UserError
from stratiform.spec import ImageSpec
from stratiform.training.run import Loaded


def picture(file: Path | bytes, loaded: Loaded) -> Tensor:
    """The file's image cropped, resized and requantised as the run's own were, float [1, C, H, W] in [0, 1].

    Pixels of a binary model are 1 from half of the range upwards: the same image at every call.

    Raises:
        UserError: it is no image, or not of the model's shape and cannot be resized to it.
    """
    spec, config = loaded.spec, loaded.recipe.data
    side = spec.height if spec.height == spec.width else None
    pixels = _decoded(file, replace(config, size=side, channels=1 if spec.channels == 1 else 3))
    if pixels.shape != spec.shape:
        raise _of_another_size(file, pixels, spec)
    k = torch.from_numpy(pixels.copy())[None].long()
    if config.source in SOURCES and SOURCES[config.source].invert:
        k = 255 - k
    return (k + 0.5) / 256 if spec.bins is None else k * spec.bins // 256 / (spec.bins - 1)


def hidden_by(path: Path, spec: ImageSpec) -> Tensor:
    """Which pixels a mask hides, bool [H, W]: of its two grey values the brighter one; of a single one all, from 128.

    Raises:
        UserError: it is no image, not of the model's size, or has more than two grey values.
    """
    pixels = _decoded(path, DataConfig(channels=1))
    if pixels.shape[1:] != (spec.height, spec.width):
        raise _of_another_size(path, pixels, spec)
    values = np.unique(pixels)
    if len(values) > 2:
        few = ", ".join(map(str, values[:3])) + ", ..." * (len(values) > 3)
        raise UserError(
            f"{path} is no mask: it has {len(values)} grey values ({few}); give an image of two, the brighter one "
            "where pixels are hidden (PNG: JPEG blurs)"
        )
    return torch.from_numpy(pixels[0] >= (values[1] if len(values) == 2 else 128))


def _decoded(file: Path | bytes, config: DataConfig) -> np.ndarray:
    """uint8 [C, H, W]"""
    try:
        return decode(packed(file), config)
    except Unreadable as error:
        raise UserError(f"{_name(file)} cannot be read ({error}); give an image file") from error


def _of_another_size(file: Path | bytes, pixels: np.ndarray, spec: ImageSpec) -> UserError:
    (_, high, wide), wanted = pixels.shape, f"{spec.height} x {spec.width}"
    return UserError(f"{_name(file)} is {high} x {wide}, but the run models images of {wanted}; cut it to that")


def _name(file: Path | bytes) -> str:
    return str(file) if isinstance(file, Path) else "the image"
