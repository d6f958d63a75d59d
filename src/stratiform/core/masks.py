"""Which pixels of an image are known: random masks as pure functions of uniform numbers. Never all, never none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from stratiform.errors import UserError

SQUARES = 3  # occluders of an image (Bachman 2016, Section 3)
SIDE = 20, 64  # pixels of each, of so many of the image's smaller side
HALVES = "top", "bottom", "left", "right"


class Mask(Protocol):
    """A law of masks for images of one size.

    Attributes:
        numbers: how many uniform numbers a mask takes.
    """

    @property
    def numbers(self) -> int: ...

    def known(self, u: Tensor) -> Tensor:
        """Numbers in (0, 1), [B, numbers] -> which pixels are known, bool [B, 1, H, W]."""
        ...


@dataclass(frozen=True)
class MaskKind:
    """One named way to hide a part of an image.

    Attributes:
        numbers: (H, W) -> how many uniform numbers a mask takes.
        hidden: (u [B, numbers], H, W) -> bool [B, H, W].
        smallest: side of the images of which a part stays known and a part is hidden.
    """

    about: str
    numbers: Callable[[int, int], int]
    hidden: Callable[[Tensor, int, int], Tensor]
    smallest: int


@dataclass(frozen=True)
class RandomMask:
    """A mask of that name, for images of H x W.

    Raises:
        UserError: no mask has this name, or the image is too small to hide a part of.
    """

    name: str
    height: int
    width: int

    def __post_init__(self) -> None:
        if self.name not in MASKS:
            raise UserError(f"mask {self.name!r} is unknown; choose one of {', '.join(MASKS)}")
        smallest = MASKS[self.name].smallest
        if min(self.height, self.width) < smallest:
            raise UserError(
                f"images of {self.height} x {self.width} are too small for the mask {self.name!r}; give {smallest} x "
                f"{smallest} or more"
            )

    @property
    def numbers(self) -> int:
        return MASKS[self.name].numbers(self.height, self.width)

    def known(self, u: Tensor) -> Tensor:
        return ~MASKS[self.name].hidden(u, self.height, self.width)[:, None]


@dataclass(frozen=True, eq=False)
class FixedMask:
    """Always the same pixels."""

    which: Tensor  # that are known, bool [H, W]
    numbers = 0

    def known(self, u: Tensor) -> Tensor:
        return self.which.to(u.device).expand(len(u), 1, -1, -1)


def _occluders(u: Tensor, height: int, width: int) -> Tensor:
    side = max(1, SIDE[0] * min(height, width) // SIDE[1])
    rows, columns = _grid(u, height, width)
    top = _whole(u[:, :SQUARES], height - side + 1)[..., None, None]  # [B, squares, 1, 1]
    left = _whole(u[:, SQUARES:], width - side + 1)[..., None, None]
    within = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    return within.any(1)


def _quadrants(u: Tensor, height: int, width: int) -> Tensor:
    rows, columns = _grid(u, height, width)
    quadrant = 2 * (rows >= height // 2) + (columns >= width // 2)  # [H, W]: 0 to 3
    return _some(u[:, 1:], 1 + _whole(u[:, 0], 3))[:, quadrant]


def _pixels(u: Tensor, height: int, width: int) -> Tensor:
    return _some(u[:, 1:], 1 + _whole(u[:, 0], height * width - 1)).view(-1, height, width)


def _half(u: Tensor, height: int, width: int) -> Tensor:
    return _halves(u, height, width)[_whole(u[:, 0], len(HALVES))]


def _halves(u: Tensor, height: int, width: int) -> Tensor:
    """In the order of `HALVES`, [4, H, W]; of odd sizes the larger one lies at the bottom or right."""
    rows, columns = _grid(u, height, width)
    top, left = (rows < height // 2).expand(height, width), (columns < width // 2).expand(height, width)
    return torch.stack([top, ~top, left, ~left])


def _always(index: int) -> Callable[[Tensor, int, int], Tensor]:
    return lambda u, height, width: _halves(u, height, width)[index].expand(len(u), height, width)


def _centre(u: Tensor, height: int, width: int) -> Tensor:
    rows, columns = _grid(u, height, width)
    to_edge = torch.minimum(rows, height - 1 - rows), torch.minimum(columns, width - 1 - columns)
    return ((to_edge[0] >= height // 4) & (to_edge[1] >= width // 4)).expand(len(u), height, width)


def _mixed(u: Tensor, height: int, width: int) -> Tensor:
    every = torch.stack([kind.hidden(u[:, 1 : 1 + kind.numbers(height, width)], height, width) for kind in _SINGLE])
    return every[_whole(u[:, 0], len(every)), torch.arange(len(u), device=u.device)]


MASKS: dict[str, MaskKind] = {
    "occluders": MaskKind(
        "three squares hidden, each 20 / 64 of the side, anywhere; they may overlap",
        lambda height, width: 2 * SQUARES,
        _occluders,
        smallest=4,
    ),
    "quadrants": MaskKind(
        "one, two or three of the four quadrants hidden", lambda height, width: 5, _quadrants, smallest=2
    ),
    "pixels": MaskKind(
        "a random share of the pixels hidden, anywhere", lambda height, width: 1 + height * width, _pixels, smallest=2
    ),
    "half": MaskKind("the upper, lower, left or right half hidden", lambda height, width: 1, _half, smallest=2),
    "centre": MaskKind("the middle half of each side hidden", lambda height, width: 0, _centre, smallest=4),
}
_SINGLE = tuple(MASKS.values())
MASKS["mixed"] = MaskKind(
    "each image by one of the others",
    lambda height, width: 1 + max(kind.numbers(height, width) for kind in _SINGLE),
    _mixed,
    smallest=4,
)
MASKS |= {
    name: MaskKind(f"the {name} half hidden", lambda height, width: 0, _always(index), smallest=2)
    for index, name in enumerate(HALVES)
}


def _grid(u: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The row of every pixel, [H, 1], and its column, [1, W]."""
    return torch.arange(height, device=u.device)[:, None], torch.arange(width, device=u.device)[None]


def _whole(u: Tensor, count: int) -> Tensor:
    """Numbers in (0, 1) -> 0 to count - 1, all equally likely."""
    return (u * count).long().clamp(max=count - 1)


def _some(u: Tensor, count: Tensor) -> Tensor:
    """Numbers [B, n], counts [B] -> bool [B, n]: in each row so many true, every choice equally likely."""
    return u.argsort(1).argsort(1) < count[:, None]
