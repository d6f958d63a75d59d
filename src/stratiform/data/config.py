"""What to read and how to see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from stratiform.errors import UserError

Binarise = Literal["no", "dynamic", "fixed"]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What to read and how to see it.

    Attributes:
        source: A name that `stratiform datasets` lists, a hub name owner/name, a folder of images or of parquet, or
            an .npz.
        crop: Cut out the centre, crop x crop pixels, before anything else; nothing is invented beyond the edge.
        size: Resize the short side to so many pixels, then cut out the centre, size x size; by default images stay as
            they are and must all agree.
        channels: 1 (grey) or 3 (RGB); by default what the source has.
        levels: Requantise to so many grey levels, 2 to 256; by default what the source has (digits 17, others 256).
        binarise: dynamic: a new Bernoulli(pixel) draw each time an image is used; fixed: one draw for each image, the
            same in every run.
        dequantise: x = (k + u) / levels with u uniform on [0, 1): continuous data.
        limit: Only so many images of each split, chosen by a fixed shuffle (a set may be sorted by class).
    """

    source: str = "digits"
    crop: int | None = None
    size: int | None = None
    channels: Literal[1, 3] | None = None
    levels: int | None = None
    binarise: Binarise = "no"
    dequantise: bool = False
    limit: int | None = None

    def __post_init__(self) -> None:
        if not self.source:
            raise UserError("the source is empty; name one of `stratiform datasets`, a hub name owner/name, or a path")
        for name in ("crop", "size", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"data.{name} is {value}; give at least 1, or leave it out")
        if self.channels not in (None, 1, 3):
            raise UserError(f"data.channels is {self.channels}; give 1 (grey) or 3 (RGB)")
        if self.levels is not None and not 2 <= self.levels <= 256:
            raise UserError(f"data.levels is {self.levels}; give 2 to 256 grey levels")
        if self.binarise not in get_args(Binarise):
            raise UserError(f"data.binarise is {self.binarise!r}; give no, dynamic or fixed")
        if self.dequantise and self.binarise != "no":
            raise UserError("binary images cannot be dequantised; drop data.binarise or data.dequantise")
