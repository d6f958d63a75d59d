"""Thickness, slant, width, height, area and length of what is written in a grey image, bright on dark.

Definitions of Morpho-MNIST (Castro, Tan, Kainz, Konukoglu & Glocker 2019, https://jmlr.org/papers/v20/19-033.html),
kept to the pixel: its skeleton is scikit-image's `medial_axis` with seed 42.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import ndimage
from skimage import transform

NAMES = ("thickness", "slant", "width", "height", "area", "length")
SCALE = 4  # images are enlarged so often, those of more than 32 pixels less
LARGEST = 128  # pixels of an enlarged side
OUTSIDE = 0.02  # share of the ink that the bounding parallelogram leaves out, half of it on either side
SEED = 42
CHUNK = 256

_STEPS = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [np.sqrt(2.0), 1.0, np.sqrt(2.0)]])


def measure_strokes(grey: np.ndarray) -> dict[str, np.ndarray]:
    """grey: uint8 [N, H, W]. name -> float64 [N] (pixels, square pixels, radians), NaN where nothing is written.

    - area: pixels of at least half the brightness, after cubic enlargement
    - length: of their skeleton, 1 for a step along an axis and sqrt 2 for a diagonal one
    - thickness: twice the mean distance of the skeleton from the background
    - slant: arctan(-u11 / u02) of the image's central moments, positive where the top leans to the right
    - width, height: of the parallelogram with that slant which leaves out 1 % of the ink on each side
    """
    scale = max(1, min(SCALE, LARGEST // max(grey.shape[1:])))
    result = np.full((len(grey), len(NAMES)), np.nan)
    for start in range(0, len(grey), CHUNK):
        large = {i: _enlarge(grey[i], scale) for i in range(start, min(start + CHUNK, len(grey)))}
        large = {i: image for i, image in large.items() if image.min() < image.max()}
        binary = [_binary(image) for image in large.values()]
        for (i, image), on, skeleton, distance in zip(large.items(), binary, *_skeletons(binary), strict=True):
            result[i] = _measure(image, on, skeleton, distance, scale)
    return dict(zip(NAMES, result.T, strict=True))


def _measure(image: np.ndarray, on: np.ndarray, skeleton: np.ndarray, distance: np.ndarray, scale: int) -> list[float]:
    """The six measures of one enlarged image, in the order of NAMES, in pixels of the original."""
    weight = image.astype(float)
    y, x = np.arange(len(weight)), np.arange(weight.shape[1])
    total, rows, columns = weight.sum(), weight.sum(1), weight.sum(0)
    middle_x, middle_y = columns @ x / total, rows @ y / total
    variance = rows @ y**2 / total - middle_y**2
    if variance <= 0:  # a single row has no slant
        return [np.nan] * len(NAMES)
    shear = (y @ weight @ x / total - middle_x * middle_y) / variance

    straight = x + 0.5 - shear * (y - middle_y)[:, None]
    bins = np.clip(np.floor(straight).astype(int) + 1, 0, len(x))  # counted left of t from t = floor + 1 on
    left_of = np.cumsum(np.bincount(bins.ravel(), weight.ravel(), len(x) + 1)[: len(x)]) / total
    above = np.concatenate([[0.0], np.cumsum(rows)[:-1]]) / total
    sides = [OUTSIDE / 2, 1 - OUTSIDE / 2]
    left, right = np.interp(sides, left_of, x)
    top, bottom = np.interp(sides, above, y)

    length = (ndimage.correlate(skeleton.astype(float), _STEPS, mode="constant") * skeleton).sum()
    thickness = 2 * distance[skeleton].mean()
    return [
        thickness / scale,
        np.arctan(-shear),
        (right - left) / scale,
        (bottom - top) / scale,
        on.sum() / scale**2,
        length / scale,
    ]


def _enlarge(image: np.ndarray, scale: int) -> np.ndarray:
    """uint8 [H, W] -> uint8 [scale H, scale W], cubic"""
    if scale == 1:
        return image
    return (255.0 * transform.pyramid_expand(image, upscale=scale, order=3, channel_axis=None)).astype(np.uint8)


def _binary(image: np.ndarray) -> np.ndarray:
    """At least halfway between the darkest and the brightest value."""
    low, high = int(image.min()), int(image.max())
    return image >= low + (high - low) * 0.5


def _skeletons(binary: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Medial axes (bool) and distances to the background, exactly `skimage.morphology.medial_axis(image, rng=SEED)`.

    That function spends most of its time on tables which do not depend on the image, and thins one image at a time.
    Here all are thinned side by side: step t takes the t-th pixel of each, in each image's own order.
    """
    if not binary:
        return [], []
    distances = [ndimage.distance_transform_edt(on) for on in binary]
    height, width = binary[0].shape
    ring = np.zeros((len(binary), height + 2, width + 2), np.uint8)
    ring[:, 1:-1, 1:-1] = binary
    flat = ring.reshape(-1)
    neighbours = np.array([dy * (width + 2) + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    bits = 1 << np.arange(9)
    keep, lit = _tables()
    queue = np.zeros((max(int(on.sum()) for on in binary), len(binary)), np.int64)  # 0: none left
    for i, (on, distance) in enumerate(zip(binary, distances, strict=True)):
        y, x = np.nonzero(on)
        place = (i * (height + 2) + y + 1) * (width + 2) + x + 1
        corner = 9 - lit[flat[place[:, None] + neighbours] @ bits]
        tie_break = np.random.default_rng(SEED).permutation(len(place))
        order = np.lexsort((tie_break, corner, distance[on]))
        queue[: len(place), i] = place[order]
    for place in queue:
        busy = place[place > 0]
        flat[busy] = keep[flat[busy[:, None] + neighbours] @ bits]
    return list(ring[:, 1:-1, 1:-1].astype(bool)), distances


@cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """For each of the 512 patterns of a 3 x 3 neighbourhood: is its centre kept; how many of it are lit.

    A lit centre is kept if fewer than 3 are lit, or if taking it away changes the number of 8-connected parts.
    """
    patterns = (np.arange(512)[:, None] >> np.arange(9) & 1).reshape(512, 3, 3)
    parts = np.array([ndimage.label(pattern, np.ones((3, 3)))[1] for pattern in patterns])
    lit = patterns.sum((1, 2))
    centre = patterns[:, 1, 1] == 1
    index = np.arange(512)
    return (centre & ((parts != parts[index & ~16]) | (lit < 3))).astype(np.uint8), lit
