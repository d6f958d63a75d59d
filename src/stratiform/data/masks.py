"""Random masks for models that fill in what is hidden: which pixels of each image are known.

Functions of the generator alone. In every image some pixel is known and some pixel is hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from stratiform.errors import UserError

SQUARES = 3  # occluders of an image (MatNet's imputation)
SIDE = 20, 64  # pixels of each, of so many that the image is high
SMALLEST = 4  # pixels: three occluders or the centre hide all of less


@dataclass(frozen=True)
class MaskKind:
    """One named way to hide a part of an image.

    Attributes:
        known: (n, height, width, generator) -> bool [n, 1, H, W].
    """

    about: str
    known: Callable[[int, int, int, Generator], Tensor]


def draw_masks(name: str, n: int, height: int, width: int, generator: Generator) -> Tensor:
    """n masks, bool [n, 1, H, W], true where a pixel is known.

    Raises:
        UserError: no mask has this name, or the image is too small to hide a part of.
    """
    if name not in MASKS:
        raise UserError(f"mask {name!r} is unknown; choose one of {', '.join(MASKS)}")
    if min(height, width) < SMALLEST:
        raise UserError(f"images of {height} x {width} are too small for masks; give {SMALLEST} x {SMALLEST} or more")
    return MASKS[name].known(n, height, width, generator)


def _occluders(n: int, height: int, width: int, generator: Generator) -> Tensor:
    side = min(SIDE[0] * height // SIDE[1], width)
    rows, columns = _grid(height, width)
    top, left = (_whole(0, length - side + 1, generator, n, SQUARES, 1, 1) for length in (height, width))
    within = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    return ~within.any(1, keepdim=True)


def _quadrants(n: int, height: int, width: int, generator: Generator) -> Tensor:
    rows, columns = _grid(height, width)
    quadrant = 2 * (rows >= height // 2) + (columns >= width // 2)  # [H, W]: 0 to 3
    return _some(4, _whole(1, 4, generator, n), generator)[:, None, quadrant]


def _pixels(n: int, height: int, width: int, generator: Generator) -> Tensor:
    size = height * width
    return _some(size, _whole(1, size, generator, n), generator).view(n, 1, height, width)


def _half(n: int, height: int, width: int, generator: Generator) -> Tensor:
    rows, columns = _grid(height, width)
    top, left = (rows < height // 2).expand(height, width), (columns < width // 2).expand(height, width)
    return torch.stack([top, ~top, left, ~left])[_whole(0, 4, generator, n)][:, None]


def _centre(n: int, height: int, width: int, generator: Generator) -> Tensor:
    rows, columns = _grid(height, width)
    to_edge = torch.minimum(rows, height - 1 - rows), torch.minimum(columns, width - 1 - columns)
    hidden = (to_edge[0] >= height // 4) & (to_edge[1] >= width // 4)
    return ~hidden.expand(n, 1, height, width)


def _mixed(n: int, height: int, width: int, generator: Generator) -> Tensor:
    every = torch.stack([kind.known(n, height, width, generator) for name, kind in MASKS.items() if name != "mixed"])
    return every[_whole(0, len(every), generator, n), torch.arange(n)]


MASKS: dict[str, MaskKind] = {
    "occluders": MaskKind("three squares hidden, each 20 / 64 of the height, anywhere; they may overlap", _occluders),
    "quadrants": MaskKind("one, two or three of the four quadrants hidden", _quadrants),
    "pixels": MaskKind("a random share of the pixels hidden, anywhere", _pixels),
    "half": MaskKind("the upper, lower, left or right half hidden", _half),
    "centre": MaskKind("the middle half of each side hidden", _centre),
    "mixed": MaskKind("each image by one of the others", _mixed),
}


def _grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    """The row of every pixel, [H, 1], and its column, [1, W]."""
    return torch.arange(height)[:, None], torch.arange(width)[None]


def _whole(low: int, above: int, generator: Generator, *shape: int) -> Tensor:
    """Whole numbers from `low` to below `above`, all equally likely."""
    return torch.randint(low, above, shape, generator=generator)


def _some(size: int, count: Tensor, generator: Generator) -> Tensor:
    """bool [n, size]: in row i count[i] of them true, every choice equally likely."""
    return torch.rand(len(count), size, generator=generator).argsort(1) < count[:, None]
