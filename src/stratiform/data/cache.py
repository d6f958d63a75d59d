"""Arrays in one file that is whole or absent: safetensors' format, written as a stream and read as memory maps."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stratiform.errors import Failed
from stratiform.files import atomic

_CODES = {"U8": np.dtype(np.uint8), "I64": np.dtype(np.int64), "F64": np.dtype(np.float64)}
_NAMES = {dtype: code for code, dtype in _CODES.items()}


@dataclass(frozen=True)
class Stream:
    """An array that need not fit into memory: its rows come in blocks."""

    dtype: np.dtype
    shape: tuple[int, ...]
    blocks: Iterable[np.ndarray]

    @classmethod
    def of(cls, array: np.ndarray) -> Stream:
        return cls(array.dtype, array.shape, (array,))

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Contents:
    """name -> array, read-only and mapped from the file; and what was said beside them."""

    arrays: Mapping[str, np.ndarray]
    meta: Mapping[str, Any]


def folder(given: Path | None = None) -> Path:
    """The cache folder, made if absent: as given, $STRATIFORM_CACHE, or ~/.cache/stratiform."""
    path = given or Path(os.environ.get("STRATIFORM_CACHE") or Path.home() / ".cache" / "stratiform")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failed(f"cannot make the cache folder {path}: {error.strerror}; set STRATIFORM_CACHE") from error
    return path


def write(path: Path, arrays: Mapping[str, Stream], meta: Mapping[str, Any]) -> None:
    """Writes all arrays, then renames: two processes that write the same file at once leave one whole file."""
    header: dict[str, Any] = {"__metadata__": {"meta": json.dumps(meta)}}
    end = 0
    for name, array in sorted(arrays.items(), key=lambda entry: -entry[1].dtype.itemsize):  # keeps all aligned
        start, end = end, end + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": array.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with atomic(path) as temporary, open(temporary, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in list(header)[1:]:
            for block in arrays[name].blocks:
                file.write(np.ascontiguousarray(block).data)
        assert file.tell() == 8 + len(text) + end, "the blocks do not add up to the announced shapes"


def read(path: Path) -> Contents | None:
    """What `write` wrote; None where the file is absent, cut short or not ours."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            size = os.fstat(file.fileno()).st_size
            header = json.loads(file.read(length)) if length < size else {}
        meta = json.loads(header.pop("__metadata__")["meta"])
        if size != 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0):
            return None
        return Contents({name: _mapped(path, 8 + length, entry) for name, entry in header.items()}, meta)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _mapped(path: Path, start: int, entry: Mapping[str, Any]) -> np.ndarray:
    dtype, shape = _CODES[entry["dtype"]], tuple(entry["shape"])
    if math.prod(shape) == 0:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "r", start + entry["data_offsets"][0], shape)
