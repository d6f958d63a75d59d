"""From a listing to a cache file: every image is decoded once; the same request finds it ready."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from stratiform.data import cache
from stratiform.data.batches import mix
from stratiform.data.config import DataConfig
from stratiform.data.gather import Gathered
from stratiform.data.listing import Listing
from stratiform.data.split import held_out, pack
from stratiform.errors import Failed, UserError

FORMAT = 1  # of the file and of how images are decoded: raise it, and all is decoded anew
MOST_CLASSES = 1000  # more different words are names of the images, more different whole numbers are numbers
NAMED = 20  # bad files that are named one by one
FIXED_DRAW = 0  # seed of the one draw of `binarise = "fixed"`


@dataclass(frozen=True)
class Side:
    """The images of a split: rows of what was gathered from one stream."""

    source: Gathered
    rows: np.ndarray

    @property
    def labels(self) -> list[str | None]:
        return [self.source.labels[row] for row in self.rows]

    @property
    def digests(self) -> np.ndarray:
        return np.array(self.source.digests, np.uint64)[self.rows]


def prepared(listing: Listing, config: DataConfig, folder: Path | None) -> cache.Contents:
    """The images of `listing` as `config` wants them stored, decoded now unless the cache has them.

    Arrays: SPLIT/images uint8 [N, C, H, W], SPLIT/labels int64 [N], SPLIT/factors/NAME int64 or float64 [N],
    SPLIT/files uint8 [N, longest name] where every image is a file.
    Beside them: grid, class_names, notes, fingerprint.
    """
    grid = _grid(listing, config)
    asked = json.dumps([FORMAT, config.crop, config.size, config.channels, grid, config.binarise == "fixed"])
    name = hashlib.sha256(f"{asked} {listing.identity} {listing.invert}".encode()).hexdigest()[:32]
    path = cache.folder(folder) / f"images-{name}.safetensors"
    found = cache.read(path)
    if found is None:
        _decode(path, listing, config, grid, asked)
        found = cache.read(path)
    if found is None:
        raise Failed(f"the cache file {path} cannot be read back; choose another folder with STRATIFORM_CACHE")
    return found


def _grid(listing: Listing, config: DataConfig) -> int:
    """Grey levels of the images to store, before any binarisation."""
    grid = config.levels or listing.levels
    if grid > listing.levels:
        raise UserError(f"{config.source} has {listing.levels} grey levels, not {grid}; give data.levels 2 to that")
    return grid


def _decode(path: Path, listing: Listing, config: DataConfig, grid: int, asked: str) -> None:
    """Decodes all splits and writes the cache file."""
    with ExitStack() as files:
        streams = {}
        for split, items in listing.splits.items():
            spool = files.enter_context(_spool(path.parent))
            streams[split] = Gathered(spool, config, listing.levels, listing.invert).read(items())
        _check(streams, config)
        sides, notes = _sides(streams)
        names, kinds = _class_names(listing, sides.values()), _kinds(streams.values())
        channels = max(max(stream.channels) for stream in streams.values() if len(stream))
        arrays = {}
        for number, (split, side) in enumerate(sides.items()):
            arrays[f"{split}/images"] = _images(side, channels, listing.levels, grid, number, config)
            arrays |= {f"{split}/{key}": cache.Stream.of(value) for key, value in _attributes(side, names, kinds)}
        meta = {
            "grid": 2 if config.binarise == "fixed" else grid,
            "class_names": names,
            "notes": [*listing.notes, *notes],
            "fingerprint": _fingerprint(sides, asked),
        }
        cache.write(path, arrays, meta)


@contextmanager
def _spool(folder: Path) -> Iterator[IO[bytes]]:
    """A file without a name, so that nothing is left of it, not even after kill -9."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            yield file
    except OSError as error:
        raise Failed(f"cannot decode into {folder}: {error.strerror or error}; free some space there") from error


def _check(streams: Mapping[str, Gathered], config: DataConfig) -> None:
    """There are images to learn from, and all are of one size."""
    if not len(streams["train"]):
        left_out = streams["train"].left_out
        why = f" ({len(left_out)} could not be read; {left_out[0]})" if left_out else ""
        raise UserError(f"{config.source} has no training images{why}; `stratiform datasets` lists sources that have")
    sizes: Counter[tuple[int, int]] = sum((stream.sizes for stream in streams.values()), start=Counter())
    if len(sizes) > 1:
        often = " and ".join(f"{w} x {h} ({count} images)" for (h, w), count in sizes.most_common(2))
        raise UserError(
            f"the images of {config.source} come in {len(sizes)} sizes, most often {often}; "
            "give one, as in --data.size 32: the short side is resized, then the centre cut out"
        )


def _sides(streams: Mapping[str, Gathered]) -> tuple[dict[str, Side], list[str]]:
    """train and test; and what to tell the user of it."""
    left_out = [line for stream in streams.values() for line in stream.left_out]
    notes = left_out[:NAMED]
    if len(left_out) > NAMED:
        notes.append(f"left out {len(left_out) - NAMED} more that could not be read")
    train = streams["train"]
    if "test" in streams and len(streams["test"]):
        sides = {name: Side(stream, np.arange(len(stream))) for name, stream in streams.items()}
    else:
        test = held_out(np.array(train.digests, np.uint64))
        sides = {"train": Side(train, np.flatnonzero(~test)), "test": Side(train, np.flatnonzero(test))}
        notes.append(f"no test split: {test.sum()} of {len(test)} images held out by a hash of their bytes")
    for name, side in sides.items():
        without = side.labels.count(None)
        if 0 < without < len(side.rows):
            notes.append(f"{without} images of {name} have no label, so no label of that split is used")
    return sides, notes


def _class_names(listing: Listing, sides: Iterable[Side]) -> list[str]:
    """The listing's names, then others in natural order (9 before 10)."""
    found = {label for side in sides for label in set(side.labels)} - {None} - set(listing.class_names)
    return [*listing.class_names, *sorted(found, key=_natural)]


def _kinds(streams: Iterable[Gathered]) -> dict[str, tuple[list[str], bool]]:
    """column -> (its words in natural order, is it a class?): the same in every split."""
    kinds = {}
    for name in dict.fromkeys(name for stream in streams for name in stream.columns):
        columns = [stream.columns[name] for stream in streams if name in stream.columns]
        words = sorted({word for column in columns for word in column.words}, key=_natural)
        whole = all(column.whole for column in columns)
        few = whole and len({value for column in columns for value in column.values}) <= MOST_CLASSES
        if len(words) <= MOST_CLASSES:
            kinds[name] = words, few
    return kinds


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _attributes(
    side: Side, names: list[str], kinds: Mapping[str, tuple[list[str], bool]]
) -> Iterator[tuple[str, np.ndarray]]:
    """labels, files and factors/NAME of the side's images."""
    labels = side.labels
    if labels and None not in labels:
        index = {name: i for i, name in enumerate(names)}
        yield "labels", np.array([index[label] for label in labels], np.int64)
    if side.source.names:
        yield "files", pack(side.source.names[row] for row in side.rows)
    for name, column in side.source.columns.items():
        if name in kinds:
            yield f"factors/{name}", column.array(*kinds[name])[side.rows]


def _images(side: Side, channels: int, levels: int, grid: int, number: int, config: DataConfig) -> cache.Stream:
    """uint8 [N, C, H, W] of `grid` grey levels, or of one fixed binary draw."""
    ((height, width),) = side.source.sizes
    coarser = (np.arange(levels) * grid // levels).astype(np.uint8)

    def blocks() -> Iterator[np.ndarray]:
        index = 0
        for block in side.source.pixels(side.rows, channels):
            k = coarser[block]
            if config.binarise == "fixed":
                draws = range(index, index := index + len(k))
                u = [np.random.default_rng(mix(FIXED_DRAW, number, i)).random(k.shape[1:]) for i in draws]
                k = (np.stack(u) < k / (grid - 1)).astype(np.uint8)
            yield k

    return cache.Stream(np.dtype(np.uint8), (len(side.rows), channels, height, width), blocks())


def _fingerprint(sides: Mapping[str, Side], asked: str) -> str:
    """Of the files' bytes and the labels, in order, and of how they are seen; not of where they lie."""
    content = hashlib.sha256(asked.encode())
    for side in sides.values():
        content.update(side.digests.tobytes())
        content.update("\n".join(label or "" for label in side.labels).encode())
    return content.hexdigest()[:32]
