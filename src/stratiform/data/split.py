"""Images that are ready: decoded once, memory-mapped, divided for good into training and test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stratiform.data.config import DataConfig
from stratiform.spec import ImageSpec

HELD_OUT = 10  # one in ten


@dataclass(frozen=True, repr=False)
class Split:
    """N images and what the source says of each.

    Attributes:
        images: uint8 [N, C, H, W], grey levels k, memory-mapped from the cache; or continuous values, float32.
        labels: int64 [N], or None where any image has none.
        factors: The source's own attributes: float64 [N] (NaN: unknown), or int64 [N] for classes.
        files: of images of a folder, their names as `pack` made them, uint8 [N, longest]; memory-mapped.
    """

    images: np.ndarray
    labels: np.ndarray | None
    factors: Mapping[str, np.ndarray]
    files: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, indices: np.ndarray) -> Tensor:
        """[n, C, H, W], of the type of `images`"""
        return torch.from_numpy(np.array(self.images[np.asarray(indices)]))

    def take(self, indices: np.ndarray) -> Split:
        """The split of these images alone."""
        labels, files = (None if each is None else each[indices] for each in (self.labels, self.files))
        factors = {name: values[indices] for name, values in self.factors.items()}
        return Split(self.images[indices], labels, factors, files)

    def names(self, indices: np.ndarray) -> list[str] | None:
        """The files of these images, below the folder that they are from; None where images are no files."""
        if self.files is None:
            return None
        return [bytes(row).rstrip(b"\0").decode() for row in self.files[indices]]


def pack(names: Iterable[str]) -> np.ndarray:
    """Names as bytes in UTF-8, uint8 [N, longest], filled up with zeros; what is no text there becomes a ?."""
    encoded = np.array([name.encode(errors="replace") for name in names], np.bytes_)
    return encoded.view(np.uint8).reshape(len(encoded), encoded.dtype.itemsize)


@dataclass(frozen=True)
class Data:
    """A source as a model sees it.

    Attributes:
        config: What was asked for.
        spec: What models see.
        grid: Grey levels of the stored k: 0 ... grid - 1.
        train: Images to learn from.
        test: Images never trained on.
        class_names: Names of the labels.
        notes: What a user should know, a line each: files left out, images held out.
        fingerprint: Of the stored images and labels themselves.
    """

    config: DataConfig
    spec: ImageSpec
    grid: int
    train: Split
    test: Split
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    fingerprint: str


def chosen(count: int, limit: int | None) -> np.ndarray:
    """Indices, in order, of `limit` of `count` images: by a fixed shuffle, because a set may be sorted by class."""
    if limit is None or limit >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:limit])


def held_out(digests: np.ndarray) -> np.ndarray:
    """digests: uint64 [N], a hash of each file's bytes. bool [N]: a tenth for testing, equal files on the same side.

    Both sides get an image as soon as two files differ; an only image is for training.
    """
    test = digests < np.uint64(2**64 // HELD_OUT)
    if not len(digests):
        return test
    if not test.any():
        test = digests == digests.min()
    if test.all():
        test = digests != digests.max()
    return test
