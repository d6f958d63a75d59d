"""Which columns of a table are the image, its class, and attributes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratiform.data.listing import Item

if TYPE_CHECKING:
    from datasets import Features

IMAGES = ("image", "img", "images", "picture", "x", "png", "jpg")
LABELS = ("label", "labels", "fine_label", "class", "y", "target")


@dataclass(frozen=True)
class Columns:
    """The columns that we read.

    Attributes:
        image: Encoded files.
        label: The class, if any.
        factors: Numbers, words and classes beside it.
        names: column -> class names, of columns that hold indices of classes.
        words: Columns of text.
    """

    image: str
    label: str | None
    factors: tuple[str, ...]
    names: Mapping[str, list[str]]
    words: frozenset[str]

    @classmethod
    def of(cls, features: Features) -> Columns | None:
        """None where no column holds images."""
        from datasets import ClassLabel, Image, Value

        image = next((name for name, kind in features.items() if isinstance(kind, Image)), None)
        image = image or next((name for name in IMAGES if _is_packed(features.get(name))), None)
        if image is None:
            return None
        names = {name: kind.names for name, kind in features.items() if isinstance(kind, ClassLabel)}
        types = {name: kind.dtype for name, kind in features.items() if isinstance(kind, Value)}
        words = {name for name, dtype in types.items() if "string" in dtype}
        numbers = {name for name, dtype in types.items() if dtype.startswith(("int", "uint", "float", "bool"))}
        whole = {name for name in numbers if not types[name].startswith("float")}
        label = next((name for name in LABELS if name in names or name in words or name in whole), None)
        label = label or next(iter(names), None)
        factors = [name for name in features if name in {*names, *words, *numbers} - {label, "__index_level_0__"}]
        return cls(image, label, tuple(factors), names, frozenset(words))

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.names.get(self.label, ())) if self.label else ()

    def item(self, row: Mapping[str, Any], name: str) -> Item:
        """One row; `name` where the row has none of its own."""
        image = row[self.image]
        packed = image if isinstance(image, dict) else {"bytes": image}
        path = packed.get("path")
        content = packed["bytes"]
        if content is None:
            content = Path(path) if path else b""
        label = row[self.label] if self.label else None
        if self.label in self.names:
            label = None if label is None or label < 0 else self.names[self.label][label]
        factors = {key: (row[key] or "") if key in self.words else row[key] for key in self.factors}
        return Item(f"{name} ({path})" if path else name, content, None if label is None else str(label), factors)


def _is_packed(kind: Any) -> bool:
    """Bytes, or the hub's pair of bytes and path without its mark."""
    if isinstance(kind, dict):
        return "bytes" in kind
    return "binary" in getattr(kind, "dtype", "")
