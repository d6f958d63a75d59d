"""Masked convolutions (van den Oord, Kalchbrenner and Kavukcuoglu 2016), and the same pixel by pixel from a cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stratiform.nn.causal import keep

Groups = tuple[int, ...]
"""The group of each channel. Features of group g read the image channels before g of their own pixel."""


def divided(channels: int, groups: int) -> Groups:
    """Contiguous groups of channels, as even as can be."""
    return tuple(channel * groups // channels for channel in range(channels))


def outputs_of(outputs: int, channel_of: Groups | None) -> Groups:
    """The group of each output: the image channel that it belongs to, or one group of all."""
    groups = (0,) * outputs if channel_of is None else channel_of
    if len(groups) != outputs:
        raise ValueError(f"channel_of names {len(groups)} outputs of {outputs}")
    return groups


def reach(kernel: int) -> int:
    """How far a kernel reads to either side.

    Raises:
        ValueError: there is none in the middle, or none but that.
    """
    if kernel < 3 or kernel % 2 == 0:
        raise ValueError(f"kernel is {kernel}; it must be odd, and 3 at least")
    return kernel // 2


class Masked(nn.Conv2d):
    """A convolution that reads earlier pixels in raster order and, of its own pixel, earlier groups.

    Mask A reads the groups before that of the output, mask B the same group too. Of the (2 above + 1) x (2 side + 1)
    kernel only the upper half is kept, of a kernel of one row the left half. Weights start with variance
    gain^2 / (inputs that are read) (He et al. 2015).

    Args:
        inputs, outputs: the group of each channel.
        mask: A or B.
        above: rows.
        side: columns to the left and, in the rows above, to the right.
        gain: sqrt(2) after a ReLU.
    """

    mask: Tensor

    def __init__(
        self,
        inputs: Groups,
        outputs: Groups,
        mask: Literal["A", "B"] = "B",
        *,
        above: int = 0,
        side: int = 0,
        gain: float = 1.0,
    ) -> None:
        super().__init__(len(inputs), len(outputs), (above + 1, side + 1 + (side if above else 0)))
        self.above, self.side = above, side
        into, out = torch.tensor(inputs), torch.tensor(outputs)[:, None]
        allowed = torch.ones_like(self.weight)
        allowed[:, :, above, side] = (into < out if mask == "A" else into <= out).to(allowed.dtype)
        allowed[:, :, above, side + 1 :] = 0.0
        self.register_buffer("mask", allowed, persistent=False)
        scale(self, gain, allowed)

    @property
    def masked(self) -> Tensor:
        """The weight, 0 where it must not read."""
        return self.weight * self.mask

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W]"""
        height, width = x.shape[2:]
        return F.conv2d(x, self.masked, self.bias, padding=(self.above, self.side))[:, :, :height, :width]


@torch.no_grad()
def scale(convolution: nn.Conv2d, gain: float, read: Tensor | None = None) -> None:
    """Weights of variance gain^2 / (inputs that are read); biases as torch starts them: no ReLU at its kink."""
    read = torch.ones_like(convolution.weight) if read is None else read
    convolution.weight.normal_().mul_(gain / read.sum((1, 2, 3), keepdim=True).clamp(min=1.0).sqrt())


def centred(x: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1]"""
    return 2 * x - 1


def rows_before(x: Tensor, i: int, rows: int) -> Tensor:
    """The rows before row i, centred: [B, C, rows, W]; zeros where the image has none."""
    return F.pad(centred(x[:, :, max(i - rows, 0) : i]), (0, 0, max(rows - i, 0), 0))


def at_pixel(convolution: Masked) -> Callable[[Tensor], Tensor]:
    """A 1x1 convolution at one pixel: [B, inputs] -> [B, outputs]."""
    return partial(F.linear, weight=convolution.masked[:, :, 0, 0], bias=convolution.bias)


class Columns:
    """A masked convolution pixel by pixel along a row of `width` pixels.

    What it takes from elsewhere than its own row is known for the whole row when that begins. Its own row is read
    column by column: write `columns[j]` [B, inputs], then call with j.
    """

    def __init__(self, convolution: Masked, batch: int, width: int) -> None:
        assert convolution.bias is not None
        weight, inputs, side = convolution.masked, convolution.in_channels, convolution.side
        self.reads_its_pixel = bool(convolution.mask[:, :, -1, side].any())
        self.upper, self.bias, self.side = weight[:, :, :-1], convolution.bias, side
        self.left = weight[:, :, -1, : side + 1].permute(2, 1, 0).flatten(0, 1)  # [(side + 1) inputs, outputs]
        row = weight.new_zeros(batch, side + width, inputs)
        self.row, self.columns = row[:, side:], row[:, side:].unbind(1)
        self.patches = row.flatten(1).unfold(1, len(self.left), inputs).unbind(1)  # column j and those left of it

    def begin(self, elsewhere: Tensor) -> None:
        """Starts a row, given what comes from elsewhere [B, outputs, 1, W]; the bias is added here."""
        added = (elsewhere + self.bias[:, None, None]).squeeze(2)
        self.added = added.permute(2, 0, 1).contiguous().unbind()

    def from_above(self, rows: Tensor) -> Tensor:
        """What the rows above [B, inputs, above, W] give: [B, outputs, 1, W]."""
        return F.conv2d(rows, self.upper, padding=(0, self.side))

    def last_row(self) -> Tensor:
        """The row that was written last: [B, inputs, 1, W]."""
        return self.row.transpose(1, 2)[:, :, None]

    def keep(self, chosen: Tensor) -> None:
        """Goes on with these of the batch's images."""
        keep(chosen, self.row)

    def look(self, x: Tensor, i: int, j: int) -> None:
        """Writes pixel (i, j - 1) of the image x [B, C, H, W], centred, and pixel (i, j) where that is read."""
        for k in range(max(j - 1, 0), j + self.reads_its_pixel):
            self.columns[k].copy_(centred(x[:, :, i, k]))

    def __call__(self, j: int) -> Tensor:
        """[B, outputs] at column j."""
        return torch.addmm(self.added[j], self.patches[j], self.left)
