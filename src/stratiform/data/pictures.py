"""Colour, brightness and contrast of colour pictures: definitions of our own, in `colour.py`'s terms."""

from __future__ import annotations

import numpy as np

from stratiform.data.colour import LUMA, TO_CHROMA

NAMES = ("hue", "saturation", "brightness", "contrast", "border_hue")
BORDER = 1 / 16  # of the shorter side, and at least one pixel
COLOURLESS = 1 / 255  # a mean chroma below this has no hue
CHUNK = 512


def measure_pictures(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """rgb: uint8 [N, 3, H, W]. name -> float64 [N], NaN where a picture has no colour.

    - hue: angle of the mean chroma vector, in turns from 0 to 1
    - saturation: length of the mean chroma vector
    - brightness, contrast: mean and standard deviation of luma, which runs from 0 to 1
    - border_hue: hue of the border, that is mostly of the background
    """
    parts = [_measure(rgb[start : start + CHUNK] / 255.0) for start in range(0, len(rgb), CHUNK)]
    return {name: np.concatenate([part[name] for part in parts] or [np.empty(0)]) for name in NAMES}


def _measure(x: np.ndarray) -> dict[str, np.ndarray]:
    """x: [N, 3, H, W] in [0, 1]"""
    luma = np.einsum("nchw,c->nhw", x, LUMA)
    height, width = luma.shape[1:]
    thick = max(1, round(min(height, width) * BORDER))
    border = np.ones((height, width))
    border[thick:-thick, thick:-thick] = 0
    hue, saturation = _hue(x.mean((2, 3)))
    border_hue, _ = _hue(np.einsum("nchw,hw->nc", x, border / border.sum()))
    values = (hue, saturation, luma.mean((1, 2)), luma.std((1, 2)), border_hue)
    return dict(zip(NAMES, values, strict=True))


def _hue(mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(hue in turns, length of the chroma vector) of colours [N, 3]."""
    across, up = TO_CHROMA @ mean.T
    length = np.hypot(across, up)
    hue = np.arctan2(up, across) / (2 * np.pi) % 1
    return np.where(length < COLOURLESS, np.nan, hue), length
