"""An .npz: array `images` or `x`, perhaps `labels` or `y`; other arrays of a value for each image are attributes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from stratiform.data.folder import fingerprint
from stratiform.data.listing import Item, Listing
from stratiform.errors import UserError

IMAGES, LABELS = ("images", "x"), ("labels", "y")


def read_npz(path: Path) -> Listing:
    """Images [N, H, W], [N, H, W, C] or [N, C, H, W]: bytes, 16 bits, booleans, or floats in [0, 1]."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path} cannot be read as .npz ({why}); write it by numpy.savez") from error
    name = next((name for name in IMAGES if name in arrays), None)
    if name is None:
        raise UserError(f"{path} has the arrays {', '.join(arrays) or 'none'}; name the images `images` or `x`")
    images = _bytes(_channels_last(arrays.pop(name), path), path)
    labels = next((arrays.pop(name) for name in LABELS if name in arrays), None)
    if labels is not None and labels.shape != images.shape[:1]:
        raise UserError(f"{path} has {len(images)} images and labels {list(labels.shape)}; give one label for each")
    factors = {name: value for name, value in arrays.items() if value.shape == images.shape[:1]}
    return Listing(identity=fingerprint([path]), splits={"train": partial(_items, images, labels, factors)})


def _items(images: np.ndarray, labels: np.ndarray | None, factors: Mapping[str, np.ndarray]) -> Iterator[Item]:
    columns = {name: values.tolist() for name, values in factors.items()}
    words = None if labels is None else [str(label) for label in labels.tolist()]
    for i, image in enumerate(images):
        known = {name: values[i] for name, values in columns.items()}
        yield Item(f"image {i}", image, None if words is None else words[i], known)


def _channels_last(images: np.ndarray, path: Path) -> np.ndarray:
    """[N, H, W] or [N, H, W, 3]"""
    if images.ndim == 4 and images.shape[-1] not in (1, 3) and images.shape[1] in (1, 3):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if not (images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 3)):
        raise UserError(f"the images of {path} are {list(images.shape)}; give [N, H, W], [N, H, W, 3] or [N, 3, H, W]")
    return np.ascontiguousarray(images)


def _bytes(images: np.ndarray, path: Path) -> np.ndarray:
    """uint8, 0 to 255"""
    if images.dtype == np.uint8:
        return images
    if images.dtype == bool:
        return images.astype(np.uint8) * 255
    if images.dtype == np.uint16:
        return np.rint(images / 257).astype(np.uint8)
    low, high = (images.min(), images.max()) if images.size else (0, 0)
    top = 1 if images.dtype.kind == "f" else 255
    if images.dtype.kind not in "fi" or not (low >= 0 and high <= top):
        raise UserError(
            f"the images of {path} are {images.dtype} from {low} to {high}; give bytes, or floats from 0 to 1"
        )
    return np.rint(images * (255 / top)).astype(np.uint8)
