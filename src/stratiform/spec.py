"""What an image is to a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stratiform.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ImageSpec:
    """Images are float [B, C, H, W] in [0, 1], each value k / (bins - 1); bins = 2 is binary, None continuous."""

    channels: int
    height: int
    width: int
    bins: int | None

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise UserError(f"an image of shape {list(self.shape)} is empty; every side needs at least 1")
        if self.bins is not None and self.bins < 2:
            raise UserError(f"bins is {self.bins}; give the number of grey levels, 2 or more, or None: continuous")

    @property
    def shape(self) -> tuple[int, int, int]:
        """[C, H, W]"""
        return self.channels, self.height, self.width

    @property
    def dimensions(self) -> int:
        """D = C H W, the divisor of bits per dimension."""
        return math.prod(self.shape)

    def check(self, x: Tensor) -> None:
        """Refuses what is no batch of such images: a wrong shape, a value outside [0, 1], off the grid, or not finite.

        Args:
            x: [B, C, H, W].

        Raises:
            UserError: with what came and what is allowed.
        """
        if tuple(x.shape[1:]) != self.shape or not x.is_floating_point():
            came = f"{str(x.dtype).removeprefix('torch.')} {list(x.shape)}"
            raise UserError(f"images are {came}; this model takes float [batch, {', '.join(map(str, self.shape))}]")
        low, high = x.min().item(), x.max().item()
        if not (low >= 0.0 and high <= 1.0):
            raise UserError(f"image values reach from {low:g} to {high:g}; they must lie in [0, 1]")
        if self.bins is not None:
            level = x * (self.bins - 1)
            off = (level - level.round()).abs().max().item()
            if off > 1e-3:
                raise UserError(
                    f"image values are not on the grid k / {self.bins - 1} (off by {off:.2g} levels); "
                    f"round them to {self.bins} levels, or use a model of continuous data"
                )
