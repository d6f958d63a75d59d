"""PixelCNN (van den Oord, Kalchbrenner and Kavukcuoglu 2016)."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stratiform.nn.causal import Condition, MakeConditions, Site, Stepper, everywhere, kept, plus, unconditional
from stratiform.nn.masked import Columns, Groups, Masked, at_pixel, centred, divided, outputs_of, reach, rows_before

RELU = math.sqrt(2.0)  # the gain of He et al. (2015)


class Block(nn.Module):
    """x + 1x1(ReLU(3x3 B(ReLU(1x1(ReLU(x)))))) with 2h, h, h and 2h features (Fig. 5, left)."""

    def __init__(self, trunk: Groups, hidden: Groups, blocks: int) -> None:
        super().__init__()
        self.into = Masked(trunk, hidden, gain=RELU)
        self.across = Masked(hidden, hidden, above=1, side=1, gain=RELU)
        self.out = Masked(hidden, trunk, gain=RELU / math.sqrt(blocks))

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        inner = plus(self.across(F.relu(self.into(F.relu(x)))), condition)
        change: Tensor = self.out(F.relu(inner))
        return x + change


class PixelCNN(nn.Module):
    """Masked convolutions, with a blind spot to the upper right (Table 1).

    Args:
        channels: C of the images.
        outputs: P.
        channel_of: the image channel to which each output belongs; given, the parameters of a channel read the
            channels before it of their own pixel (R -> G -> B).
        width: h of the paper; the residual trunk has 2h features.
        blocks: residual blocks.
        kernel: of the first convolution, mask A.
        conditions: from the sites to what is added at each: the first convolution and the 3x3 one of every block.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        channel_of: tuple[int, ...] | None = None,
        width: int = 64,
        blocks: int = 7,
        kernel: int = 7,
        conditions: MakeConditions = unconditional,
    ) -> None:
        super().__init__()
        self.groups = 1 if channel_of is None else channels
        image, hidden, trunk = (divided(features, self.groups) for features in (channels, width, 2 * width))
        self.first = Masked(image, trunk, "A", above=reach(kernel), side=reach(kernel))
        self.blocks = nn.ModuleList(Block(trunk, hidden, blocks) for _ in range(blocks))
        self.head = nn.ModuleList(Masked(trunk, trunk, gain=RELU) for _ in range(2))
        self.head.append(Masked(trunk, outputs_of(outputs, channel_of)))
        self.conditions = conditions([Site(2 * width)] + [Site(width)] * blocks)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """x [B, C, H, W] in [0, 1], f(z) -> [B, P, H, W]."""
        condition, *conditions = self.conditions(h)
        features = plus(self.first(centred(x)), condition)
        for block, condition in zip(self.blocks, conditions, strict=True):
            features = block(features, condition)
        for layer in self.head:
            features = layer(F.relu(features))
        return features

    def stepper(self, h: Tensor, size: tuple[int, int]) -> Stepper:
        """The same pixel by pixel, for images of size (H, W)."""
        return Steps(self, h, size)


class Steps:
    """A PixelCNN pixel by pixel: what comes from the rows above when a row begins, the rest column by column."""

    @torch.no_grad()
    def __init__(self, net: PixelCNN, h: Tensor, size: tuple[int, int]) -> None:
        batch, width, self.i, self.above = len(h), size[1], -1, net.first.above
        blocks: Any = net.blocks
        head: Any = net.head
        self.first = Columns(net.first, batch, width)
        self.blocks = [(at_pixel(b.into), Columns(b.across, batch, width), at_pixel(b.out)) for b in blocks]
        self.head = [at_pixel(layer) for layer in head]
        self.conditions = [everywhere(condition, size, h) for condition in net.conditions(h)]

    @torch.no_grad()
    def __call__(self, i: int, j: int, x: Tensor) -> Tensor:
        if i != self.i:
            self._begin(i, x)
            self.i = i
        self.first.look(x, i, j)
        features = self.first(j)
        for into, across, out in self.blocks:
            across.columns[j].copy_(into(features.relu()).relu_())
            features = features + out(across(j).relu_())
        for layer in self.head:
            features = layer(features.relu())
        return features

    def keep(self, chosen: Tensor) -> None:
        for _, across, _ in self.blocks:
            across.keep(chosen)
        self.conditions = [kept(condition, chosen) for condition in self.conditions]

    def _begin(self, i: int, x: Tensor) -> None:
        condition, *conditions = (condition[:, :, i : i + 1] for condition in self.conditions)
        self.first.begin(self.first.from_above(rows_before(x, i, self.above)) + condition)
        for (_, across, _), condition in zip(self.blocks, conditions, strict=True):
            across.begin(across.from_above(across.last_row()) + condition)
