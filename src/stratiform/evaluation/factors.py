"""What is known about each image: labels, attributes of the source, and what can be measured on the image itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from stratiform.data.attributes import measured
from stratiform.data.split import Split


@dataclass(frozen=True)
class Factor:
    """One property of N images.

    Angles (hue) are numbers on a circle: they are compared as points of it, so that 0.99 and 0.01 turns are close.
    """

    name: str
    kind: Literal["class", "number", "angle"]
    values: np.ndarray  # [N]: classes, any integers; or float64 numbers (angles: turns), NaN: not measured

    def __post_init__(self) -> None:
        kind = self.values.dtype.kind
        if self.values.ndim != 1 or (kind not in "iu" if self.kind == "class" else kind != "f"):
            raise ValueError(
                f"factor {self.name} of kind {self.kind} is {self.values.dtype} {list(self.values.shape)}; "
                "give one integer per image for a class, one float per image for a number or an angle"
            )

    @classmethod
    def named(cls, name: str, values: np.ndarray) -> Factor:
        """The kind from the values: integers are classes, floats are numbers, and hues are angles."""
        if values.dtype.kind in "iub":
            return cls(name, "class", values.astype(np.int64))
        return cls(name, "angle" if name.split("_")[-1] == "hue" else "number", values.astype(np.float64))

    def __len__(self) -> int:
        return len(self.values)

    def at(self, rows: np.ndarray) -> Factor:
        """The same factor of some of the images."""
        return replace(self, values=self.values[rows])

    @property
    def known(self) -> np.ndarray:
        """[N] bool: where the factor could be measured."""
        return np.isfinite(self.values)

    @property
    def trivial(self) -> bool:
        """Nothing is to be known of what never differs, nor of classes of hardly two images each (serial numbers)."""
        different = len(np.unique(self.values[self.known]))
        return different < 2 or (self.kind == "class" and 2 * different > len(self))

    def points(self) -> np.ndarray:
        """[N, d] float64, where distances make sense: one-hot classes, numbers, angles on the unit circle."""
        if self.kind == "class":
            classes, index = np.unique(self.values, return_inverse=True)
            return np.eye(len(classes))[index]
        if self.kind == "angle":
            return np.stack([np.cos(2 * np.pi * self.values), np.sin(2 * np.pi * self.values)], 1)
        return self.values[:, None]


def of_source(split: Split) -> dict[str, Factor]:
    """What the source itself says of its images: the label, and its own attributes."""
    said = {} if split.labels is None else {"label": split.labels}
    return {name: Factor.named(name, np.asarray(values)) for name, values in {**said, **split.factors}.items()}


def of_images(split: Split, grid: int) -> dict[str, Factor]:
    """What the source says of its images, and what can be measured on them where the source does not say it."""
    said = of_source(split)
    return said | {n: Factor.named(n, v) for n, v in measured(split, grid).items() if n not in said}


def unmeasured(factors: Mapping[str, Factor]) -> Iterator[str]:
    """A line for each factor that is not known of all images."""
    for factor in factors.values():
        missing = int((~factor.known).sum())
        if missing:
            yield f"{factor.name} could not be measured on {missing} of {len(factor)} images (left out)"
