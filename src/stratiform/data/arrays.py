"""Images that are in memory already, as the training loop takes them: no file, no cache, none held out."""

from __future__ import annotations

import hashlib

import numpy as np

from stratiform.data.config import DataConfig
from stratiform.data.split import Data, Split
from stratiform.errors import UserError
from stratiform.spec import ImageSpec

SOURCE = "an array in memory"
SCORED = 100  # images that the loop's own test looks at: the first ones learnt from, for none is held out


def of_array(images: np.ndarray, bins: int | None) -> Data:
    """Images [N, C, H, W] to learn from, all of them.

    Args:
        images: grey levels 0 ... bins - 1; where bins is None the values themselves, near [0, 1].

    Raises:
        UserError: a value is no grey level.
    """
    if bins is None:
        stored, grid = images.astype(np.float32), 2  # k / (grid - 1) is the value itself
    else:
        stored, grid = _grey_levels(images, bins), bins
    split = Split(stored, None, {})
    return Data(
        config=DataConfig(source=SOURCE),
        spec=ImageSpec(*images.shape[1:], bins),
        grid=grid,
        train=split,
        test=split.take(np.arange(min(len(split), SCORED))),
        class_names=(),
        notes=(),
        fingerprint=hashlib.blake2b(np.ascontiguousarray(stored).data, digest_size=16).hexdigest(),
    )


def _grey_levels(images: np.ndarray, bins: int) -> np.ndarray:
    if not 2 <= bins <= 256:
        raise UserError(f"bins is {bins}; give 2 to 256 grey levels, or None: continuous")
    low, high = images.min(), images.max()
    if low < 0 or high > bins - 1 or (images != np.rint(images)).any():
        raise UserError(
            f"with bins={bins} values are the whole numbers 0 to {bins - 1}; these reach from {low:g} to {high:g}"
            f"{'' if (images == np.rint(images)).all() else ' and are not whole'}; bins=None takes any numbers"
        )
    return images.astype(np.uint8)
