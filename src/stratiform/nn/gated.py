"""Gated PixelCNN (van den Oord et al. 2016b, "Conditional Image Generation with PixelCNN Decoders")."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stratiform.nn.causal import Condition, MakeConditions, Site, Stepper, everywhere, keep, kept, plus, unconditional
from stratiform.nn.masked import (
    Columns,
    Groups,
    Masked,
    at_pixel,
    centred,
    divided,
    outputs_of,
    reach,
    rows_before,
    scale,
)

# The gain after a gate, which halves what is small (gain 2) and takes more of what is not (2.3 at deviation 1/2).
GATE = math.sqrt(5.0)


def gate(features: Tensor) -> Tensor:
    """tanh(W_f * x + V_f h) sigmoid(W_g * x + V_g h) (Eq. 2, 4 and 5): [B, 2 p, ...] -> [B, p, ...]."""
    f, g = features.chunk(2, 1)
    return torch.tanh(f) * torch.sigmoid(g)


class Layer(nn.Module):
    """The two stacks of Fig. 2, up to their gates.

    The vertical stack reads its own row and those above. What it has before its gate, shifted down by a row, feeds
    the horizontal stack, which reads to the left in its own row.

    Args:
        vertical: channels of the vertical stack so far.
        horizontal: the groups of the channels of the horizontal stack so far.
        hidden: the groups of the p features after the gates.
        mask: of the horizontal stack.
        side: n // 2.
    """

    def __init__(self, vertical: int, horizontal: Groups, hidden: Groups, mask: Literal["A", "B"], side: int) -> None:
        super().__init__()
        twice = hidden + hidden
        self.vertical = nn.Conv2d(vertical, len(twice), (side + 1, 2 * side + 1), padding=(0, side))
        self.feed = nn.Conv2d(len(twice), len(twice), 1)
        self.horizontal = Masked(horizontal, twice, mask, side=side)
        scale(self.vertical, 1.0 if mask == "A" else GATE)
        scale(self.feed, 1.0)

    def forward(self, v: Tensor, h: Tensor, above: Condition, here: Condition) -> tuple[Tensor, Tensor]:
        """Both stacks, and the conditions of both -> both after the gates, [B, p, H, W]."""
        v = plus(self.vertical(F.pad(v, (0, 0, self.horizontal.side, 0))), above)
        h = plus(self.horizontal(h) + self.feed(F.pad(v, (0, 0, 1, -1))), here)
        return gate(v), gate(h)


class GatedPixelCNN(nn.Module):
    """Two stacks of gated convolutions, without a blind spot.

    Residual and skip connections are on the horizontal stack; the first layer has no residual one, and no 1x1
    convolution follows the last layer but that of the skip connections. Those of all layers are one 1x1 convolution of
    all their features.

    Args:
        channels: C of the images.
        outputs: P.
        channel_of: the image channel to which each output belongs; given, the parameters of a channel read the
            channels before it of their own pixel (R -> G -> B).
        width: p of the paper, the features of either stack.
        layers: gated layers; all but the first are 3 x 3.
        kernel: n of the first layer.
        conditions: from the sites to what is added at each: before the gates of both stacks of every layer.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        channel_of: tuple[int, ...] | None = None,
        width: int = 64,
        layers: int = 7,
        kernel: int = 7,
        conditions: MakeConditions = unconditional,
    ) -> None:
        super().__init__()
        self.groups = 1 if channel_of is None else channels
        image, hidden = divided(channels, self.groups), divided(width, self.groups)
        self.layers = nn.ModuleList([Layer(channels, image, hidden, "A", reach(kernel))])
        self.layers.extend(Layer(width, hidden, hidden, "B", 1) for _ in range(layers - 1))
        between = [Masked(hidden, hidden, gain=GATE / math.sqrt(layers)) for _ in range(layers - 1)]
        self.between = nn.ModuleList(between)
        self.skip = Masked(hidden * layers, hidden, gain=GATE)
        self.head = nn.ModuleList([Masked(hidden, hidden, gain=math.sqrt(2.0))])
        self.head.append(Masked(hidden, outputs_of(outputs, channel_of)))
        self.conditions = conditions([Site(2 * width)] * (2 * layers))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """x [B, C, H, W] in [0, 1], f(z) -> [B, P, H, W]."""
        conditions, image = iter(self.conditions(h)), centred(x)
        v, inner = self.layers[0](image, image, next(conditions), next(conditions))
        gated, residual = [inner], 0.0
        for layer, between in zip(self.layers[1:], self.between, strict=True):
            residual = residual + between(gated[-1])
            v, inner = layer(v, residual, next(conditions), next(conditions))
            gated.append(inner)
        features: Tensor = self.skip(torch.cat(gated, 1))
        for convolution in self.head:
            features = convolution(F.relu(features))
        return features

    def stepper(self, h: Tensor, size: tuple[int, int]) -> Stepper:
        """The same pixel by pixel, for images of size (H, W)."""
        return Steps(self, h, size)


class Steps:
    """A Gated PixelCNN pixel by pixel: the vertical stack when a row begins, the horizontal one column by column."""

    @torch.no_grad()
    def __init__(self, net: GatedPixelCNN, h: Tensor, size: tuple[int, int]) -> None:
        batch, width, self.i = len(h), size[1], -1
        layers: Any = net.layers
        head: Any = net.head
        between: Any = net.between
        self.layers, self.above = list(layers), layers[0].horizontal.side + 1
        self.horizontal = [Columns(layer.horizontal, batch, width) for layer in layers]
        self.skip, self.head = at_pixel(net.skip), [at_pixel(convolution) for convolution in head]
        self.all_gated = net.skip.weight.new_empty(batch, net.skip.in_channels)
        self.gated = self.all_gated.chunk(len(layers), 1)
        self.later = list(zip(map(at_pixel, between), self.gated, self.gated[1:], self.horizontal[1:], strict=False))
        self.above_gated = [gated.new_zeros(*gated.shape, 1, width) for gated in self.gated]
        self.conditions = [everywhere(condition, size, h) for condition in net.conditions(h)]

    @torch.no_grad()
    def __call__(self, i: int, j: int, x: Tensor) -> Tensor:
        if i != self.i:
            self._begin(i, x)
            self.i = i
        self.horizontal[0].look(x, i, j)
        self.gated[0].copy_(gate(self.horizontal[0](j)))
        residual: Tensor | float = 0.0
        for between, before, gated, horizontal in self.later:
            residual = residual + between(before)
            horizontal.columns[j].copy_(residual)
            gated.copy_(gate(horizontal(j)))
        features = self.skip(self.all_gated)
        for convolution in self.head:
            features = convolution(features.relu())
        return features

    def keep(self, chosen: Tensor) -> None:
        keep(chosen, *self.above_gated)
        self.conditions = [kept(condition, chosen) for condition in self.conditions]

    def _begin(self, i: int, x: Tensor) -> None:
        """Row i - 1 of the vertical stack, which the horizontal one reads in row i; above row 0 that is 0."""
        rows = rows_before(x, i, self.above)
        for s, (layer, horizontal) in enumerate(zip(self.layers, self.horizontal, strict=True)):
            above, here = self.conditions[2 * s][:, :, max(i - 1, 0)], self.conditions[2 * s + 1][:, :, i]
            v = (layer.vertical(rows) + above[:, :, None]) * (i > 0)
            horizontal.begin(layer.feed(v) + here[:, :, None])
            rows = torch.cat([self.above_gated[s], gate(v)], 2)
            self.above_gated[s] = rows[:, :, 1:]
