"""Colour as brightness and a point on the hue circle, for drawing and for measuring alike.

Brightness is luma, 0.299 R + 0.587 G + 0.114 B. The chroma vector is (R - (G + B) / 2, (sqrt 3 / 2) (G - B)); its
angle, in turns, is the hue (red 0, green 1/3, blue 2/3).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114])
TO_CHROMA = np.array([[1, -0.5, -0.5], [0, np.sqrt(0.75), -np.sqrt(0.75)]])
FROM_BOTH = np.linalg.inv(np.concatenate([TO_CHROMA, LUMA[None]]))  # (chroma, luma) -> RGB

VIVID = 0.7  # share of the strongest chroma that a brightness allows
APART = 0.3  # least difference in brightness between ink and background
DARKEST, BRIGHTEST = 0.1, 0.9


def rgb(hue: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """[N, 3] in [0, 1] of exactly this hue (turns) and brightness, as vivid as VIVID says."""
    direction = np.stack([np.cos(2 * np.pi * hue), np.sin(2 * np.pi * hue)], -1) @ FROM_BOTH[:, :2].T  # [N, 3]
    room = np.where(direction > 0, 1 - brightness[:, None], -brightness[:, None])
    strength = VIVID * (room / direction).min(1, keepdims=True)
    return brightness[:, None] + strength * direction


def apart(background: np.ndarray, share: np.ndarray) -> np.ndarray:
    """A brightness at least APART from the background's: `share` in [0, 1] runs through all that are allowed."""
    below = np.maximum(background - APART - DARKEST, 0)
    above = np.maximum(BRIGHTEST - background - APART, 0)
    place = share * (below + above)
    return np.where(place < below, DARKEST + place, background + APART + place - below)


def paint(ink: np.ndarray, plan: Mapping[str, np.ndarray]) -> np.ndarray:
    """[N, 3, H, W] in [0, 1]: ink [N, H, W] over the background, under a light that comes from one side."""
    front = rgb(plan["ink_hue"], plan["ink_brightness"])[..., None, None]
    back = rgb(plan["background_hue"], plan["background_brightness"])[..., None, None]
    height, width = ink.shape[1:]
    across = np.linspace(-1, 1, width)[None, :] * plan["light_x"][:, None, None]
    down = np.linspace(-1, 1, height)[:, None] * plan["light_y"][:, None, None]
    return np.clip((back + ink[:, None] * (front - back)) * (1 + across + down)[:, None], 0, 1)
