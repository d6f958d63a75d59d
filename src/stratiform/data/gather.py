"""Decodes a stream of items into a spool file, and keeps what is known of each image; memory stays flat."""

from __future__ import annotations

import hashlib
import math
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from stratiform.data.config import DataConfig
from stratiform.data.decode import Unreadable, decode, packed
from stratiform.data.listing import Item

AT_ONCE = 64  # images in memory
ENOUGH = 1000  # images, to see that their sizes are mixed


@dataclass
class Column:
    """One attribute of many images: numbers, or words with their codes."""

    values: array[float] = field(default_factory=lambda: array("d"))
    words: dict[str, int] = field(default_factory=dict)
    whole: bool = True

    def append(self, value: float | int | str | None) -> None:
        if isinstance(value, str):
            value = self.words.setdefault(value, len(self.words))
        self.whole = self.whole and isinstance(value, int)
        self.values.append(math.nan if value is None else value)

    def array(self, words: list[str], is_class: bool) -> np.ndarray:
        """int64 [N] for classes (words by their place in `words`), float64 [N] for numbers."""
        values = np.array(self.values)
        if self.words:
            values = np.array([words.index(word) for word in self.words], float)[values.astype(np.int64)]
        return values.astype(np.int64) if is_class else values


class Gathered:
    """The images of one split: pixels in a spool file, one after another; the rest in memory.

    Attributes:
        sizes: (height, width) -> how many images.
        channels: 1 or 3 for each image.
        digests: The first 8 bytes of a hash of each file.
        left_out: A line for each image that cannot be used.
        names: Of each image that is a file of its own.
    """

    def __init__(self, spool: IO[bytes], config: DataConfig, levels: int, invert: bool):
        self.spool, self.config, self.levels, self.invert = spool, config, levels, invert
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.channels: array[int] = array("B")
        self.digests: array[int] = array("Q")
        self.labels: list[str | None] = []
        self.columns: dict[str, Column] = {}
        self.left_out: list[str] = []
        self.names: list[str] = []

    def __len__(self) -> int:
        return len(self.digests)

    def read(self, items: Iterable[Item]) -> Gathered:
        """Takes in a whole stream, or enough of it to see that the sizes are mixed."""
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            for some in _batched(items, AT_ONCE):
                found = list(threads.map(self._look, some))
                for item, one in zip(some, found, strict=True):
                    if isinstance(one, Unreadable):
                        self.left_out.append(f"left out {item.name}: {one}")
                    else:
                        self._keep(item, *one)
                self._write([one[1] for one in found if not isinstance(one, Unreadable)])
                if len(self.sizes) > 1 and len(self) >= ENOUGH:
                    break
        return self

    def _write(self, images: Iterable[np.ndarray]) -> None:
        for pixels in images:
            self.spool.write(pixels.data)
        self.spool.flush()

    def pixels(self, rows: np.ndarray, channels: int) -> Iterator[np.ndarray]:
        """The images `rows` in blocks, uint8 [n, channels, H, W]; grey ones repeated where colour is wanted."""
        ((height, width),) = self.sizes
        spool = np.memmap(self.spool, np.uint8, "r")
        ends = np.cumsum(np.frombuffer(self.channels, np.uint8), dtype=np.int64) * (height * width)
        for start in range(0, len(rows), 16 * AT_ONCE):
            some = rows[start : start + 16 * AT_ONCE]
            block = np.empty((len(some), channels, height, width), np.uint8)
            for image, row in zip(block, some, strict=True):
                bytes_ = self.channels[row] * height * width
                image[:] = spool[ends[row] - bytes_ : ends[row]].reshape(-1, height, width)
            yield block

    def _look(self, item: Item) -> tuple[int, np.ndarray] | Unreadable:
        """(hash of the file, uint8 [C, H, W])"""
        try:
            image = packed(item.image)
            digest = hashlib.blake2b(image if isinstance(image, bytes) else image.tobytes(), digest_size=8).digest()
            pixels = decode(image, self.config)
        except Unreadable as error:
            return error
        return int.from_bytes(digest, "big"), self.levels - 1 - pixels if self.invert else pixels

    def _keep(self, item: Item, digest: int, pixels: np.ndarray) -> None:
        self.sizes[pixels.shape[1:]] += 1
        self.channels.append(pixels.shape[0])
        self.digests.append(digest)
        self.labels.append(item.label)
        if isinstance(item.image, Path):
            self.names.append(item.name)
        if len(self) == 1:
            self.columns = {name: Column() for name in item.factors}
        for name, column in self.columns.items():
            column.append(item.factors.get(name))


def _batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    stream = iter(items)
    while some := list(islice(stream, size)):
        yield some
