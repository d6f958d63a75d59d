"""What a reader finds in a source, before any image is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Item:
    """One image of a source, still packed.

    Attributes:
        name: What to call it in a message.
        image: An encoded file, the path of one, or pixels: uint8 [H, W] or [H, W, 3].
        label: The name of its class.
        factors: What else the source says of it: whole numbers and words are classes, fractions are numbers.
    """

    name: str
    image: bytes | Path | np.ndarray
    label: str | None = None
    factors: Mapping[str, float | int | str | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The splits of a source, each read anew whenever it is called.

    Attributes:
        identity: Differs whenever the source's content may differ; names the cache file.
        splits: "train", and "test" where the source has one.
        class_names: In the source's own order; classes that are not among them follow in natural order.
        levels: Grey levels of a pixel: values 0 ... levels - 1.
        invert: Black ink on white paper, to be seen as ink = 1.
        notes: What a user should know, a line each.
    """

    identity: str
    splits: Mapping[str, Callable[[], Iterable[Item]]]
    class_names: tuple[str, ...] = ()
    levels: int = 256
    invert: bool = False
    notes: tuple[str, ...] = ()
