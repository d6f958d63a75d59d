"""PixelCNN++ pixel by pixel, from a cache.

When row i begins, all of that row of u is known, and of ul all that comes from u and from the row above. What is left
is ul's own row, column by column: at a coarser scale only where the map has a place, and once for the four places that
it is doubled to. The classes mirror those of the network, each with `row`, called once when a row begins, and
`column`, called for one column after the other; between rows `keep` goes on with some of the batch's images.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stratiform.nn.causal import Condition, Normed, everywhere, keep, kept
from stratiform.nn.shifted import Map, concat_elu, gate, padded, shift_right

if TYPE_CHECKING:
    from stratiform.nn.pixelcnnpp import Between, Gated, Pair, PixelCNNpp, Scale, Start

Size = tuple[int, int]


def columns_of(row: Tensor) -> tuple[Tensor, ...]:
    """[B, C, 1, W] -> [B, C] per column"""
    return row[:, :, 0].unbind(2)


def last(weight: Tensor) -> Tensor:
    """Channels last in memory, the fastest for convolutions on a CPU."""
    return weight.contiguous(memory_format=torch.channels_last)


class Down:
    """A convolution of u. It keeps the row above."""

    def __init__(self, layer: Normed, batch: int, width: int) -> None:
        self.weight, self.bias, self.stride = last(layer.weight), layer.b, layer.stride
        self.above = layer.b.new_zeros(batch, self.weight.shape[1], 1, width + 2)

    def row(self, x: Tensor) -> Tensor:
        """The next row [B, I, 1, W] -> [B, O, 1, W / stride]."""
        x = F.pad(x, (1, 1))
        rows, self.above = torch.cat([self.above, x], 2), x
        return F.conv2d(rows, self.weight, self.bias, self.stride)

    def keep(self, chosen: Tensor) -> None:
        keep(chosen, self.above)


class DownRight:
    """A convolution of ul.

    Args:
        inputs: [B, 1 + W, I], what it reads, after a column of zeros: this row as far as it is known, then that above.
    """

    def __init__(self, layer: Normed, inputs: Tensor) -> None:
        features = inputs.shape[2]
        self.above, self.bias, self.stride = last(layer.weight[:, :, :1]), layer.b, layer.stride
        self.own = layer.weight[:, :, 1].permute(2, 1, 0).flatten(0, 1)  # [2 I, O]
        self.inputs = inputs.mT[:, :, None]
        self.patch_at = inputs.flatten(1).unfold(1, 2 * features, layer.stride * features).unbind(1)  # [B, 2 I] each

    def row(self, more: Tensor | float = 0.0) -> None:
        """What the row above gives, and `more` [B, O, 1, W / stride]."""
        self.begun_at = columns_of(F.conv2d(self.inputs, self.above, self.bias, self.stride) + more)

    def column(self, j: int) -> Tensor:
        """[B, O]"""
        return torch.addmm(self.begun_at[j], self.patch_at[j], self.own)


class Active:
    """The concat-ELU of ul, as `DownRight` reads it: `rows` [B, 1 + W, 2 F], `at[j]` [B, 2 F]."""

    def __init__(self, batch: int, filters: int, width: int, like: Tensor) -> None:
        self.rows = like.new_zeros(batch, 1 + width, 2 * filters)
        self.at = self.rows[:, 1:].unbind(1)
        self.halves_at = self.rows[:, 1:].view(batch, width, 2, filters).unbind(1)
        self.signs = like.new_tensor([[1.0], [-1.0]])

    def write(self, j: int, x: Tensor) -> None:
        """x [B, F]"""
        torch.mul(x[:, None], self.signs, out=self.halves_at[j])
        F.elu_(self.at[j])

    def keep(self, chosen: Tensor) -> None:
        keep(chosen, self.rows)


class GatedRows:
    """A block of u."""

    def __init__(self, block: Gated, condition: Condition, batch: int, size: Size) -> None:
        self.enter, self.leave = Down(block.enter, batch, size[1]), Down(block.leave, batch, size[1])
        self.aside = None if block.aside is None else (last(block.aside.weight), block.aside.b)
        self.condition = everywhere(condition, size, block.leave.b)

    def row(self, i: int, u: Map, skip: Map | None) -> Map:
        c = self.enter.row(u.active)
        if skip is not None and self.aside is not None:
            c = c + F.conv2d(skip.active, *self.aside)
        return Map(u.features + gate(self.leave.row(concat_elu(c)) + self.condition[:, :, i : i + 1]))

    def keep(self, chosen: Tensor) -> None:
        self.enter.keep(chosen)
        self.leave.keep(chosen)
        self.condition = kept(self.condition, chosen)


class PairSteps:
    """A block in either stream.

    Args:
        before: ul that it reads.
        skip: ul from going up that it reads, too.
    """

    def __init__(
        self, pair: Pair, conditions: Iterator[Condition], before: Active, skip: Active | None, batch: int, size: Size
    ) -> None:
        block: Any = pair.ul
        self.u = GatedRows(pair.u, next(conditions), batch, size)
        self.condition = everywhere(next(conditions), size, block.leave.b)
        filters, self.bias, self.skip = block.aside.b.numel(), block.aside.b, skip
        self.from_u = last(block.aside.weight[:, : 2 * filters])
        self.from_skip = block.aside.weight[:, 2 * filters :, 0, 0].T
        self.hidden, self.after = (Active(batch, filters, size[1], self.bias) for _ in range(2))
        self.enter, self.leave = DownRight(block.enter, before.rows), DownRight(block.leave, self.hidden.rows)

    def row(self, i: int, u: Map, skip: Map | None = None) -> Map:
        u = self.u.row(i, u, skip)
        self.enter.row(F.conv2d(u.active, self.from_u, self.bias))
        self.leave.row(self.condition[:, :, i : i + 1])
        return u

    def column(self, j: int, ul: Tensor) -> Tensor:
        c = self.enter.column(j)
        if self.skip is not None:
            c.addmm_(self.skip.at[j], self.from_skip)
        self.hidden.write(j, c)
        ul = ul + F.glu(self.leave.column(j), 1)
        self.after.write(j, ul)
        return ul

    def keep(self, chosen: Tensor) -> None:
        for part in (self.u, self.hidden, self.after):
            part.keep(chosen)
        self.condition = kept(self.condition, chosen)


class ScaleSteps:
    """The pairs at one scale and, between them, the coarser scales."""

    def __init__(self, scale: Scale, conditions: Iterator[Condition], start: Active, batch: int, size: Size) -> None:
        skips: list[Active] = [start]
        ups: Any = scale.up
        downs: Any = scale.down
        self.up, self.down = [], []
        for pair in ups:
            self.up.append(PairSteps(pair, conditions, skips[-1], None, batch, size))
            skips.append(self.up[-1].after)
        self.between = None if scale.between is None else BetweenSteps(scale.between, conditions, batch, size)
        before = skips.pop() if self.between is None else self.between.after
        for pair in downs:
            self.down.append(PairSteps(pair, conditions, before, skips.pop(), batch, size))
            before = self.down[-1].after

    def row(self, i: int, u: Map) -> Map:
        skips = [u]
        for pair in self.up:
            skips.append(pair.row(i, skips[-1]))
        u = skips.pop() if self.between is None else self.between.row(i, skips[-1])
        for pair in self.down:
            u = pair.row(i, u, skips.pop())
        return u

    def column(self, i: int, j: int, ul: Tensor) -> Tensor:
        for pair in self.up:
            ul = pair.column(j, ul)
        if self.between is not None:
            ul = self.between.column(i, j, ul)
        for pair in self.down:
            ul = pair.column(j, ul)
        return ul

    def keep(self, chosen: Tensor) -> None:
        for part in (*self.up, *self.down):
            part.keep(chosen)
        if self.between is not None:
            self.between.keep(chosen)


class BetweenSteps:
    """Half the size, the coarser scales, and the size from before."""

    def __init__(self, between: Between, conditions: Iterator[Condition], batch: int, size: Size) -> None:
        filters, like = between.halve_u.b.numel(), between.halve_u.b
        height, self.width = size
        half = (height + 1) // 2, (self.width + 1) // 2
        self.rows = like.new_zeros(batch, 1 + self.width, filters)
        self.row_at = self.rows[:, 1:].unbind(1)
        self.halve_u, self.halve_ul = Down(between.halve_u, batch, self.width), DownRight(between.halve_ul, self.rows)
        self.halved = Active(batch, filters, half[1], like)
        self.scale = ScaleSteps(between.scale, conditions, self.halved, batch, half)
        self.double_u = between.double_u.weight, between.double_u.b
        self.double_ul = between.double_ul.weight.permute(0, 2, 3, 1).flatten(1), between.double_ul.b.repeat(4)
        self.doubled: list[Tensor] = [like] * half[1]  # per column of the coarser map [B, 2, 2, F]
        self.after = Active(batch, filters, self.width, like)

    def row(self, i: int, u: Map) -> Map:
        halved = self.halve_u.row(u.features)
        if i % 2 == 0:
            self.halve_ul.row()
            inner = self.scale.row(i // 2, Map(halved))
            self.doubled_u = F.conv_transpose2d(inner.features, *self.double_u, 2)[..., 1 : self.width + 1]
        return Map(self.doubled_u[:, :, i % 2 : i % 2 + 1])

    def column(self, i: int, j: int, ul: Tensor) -> Tensor:
        self.row_at[j].copy_(ul)
        if i % 2 == 0 and j % 2 == 0:
            inner = self.halve_ul.column(j // 2)
            self.halved.write(j // 2, inner)
            inner = self.scale.column(i // 2, j // 2, inner)
            weight, bias = self.double_ul
            self.doubled[j // 2] = torch.addmm(bias, inner, weight).view(len(ul), 2, 2, -1)
        ul = self.doubled[j // 2][:, i % 2, j % 2]
        self.after.write(j, ul)
        return ul

    def keep(self, chosen: Tensor) -> None:
        for part in (self.halve_u, self.halved, self.scale, self.after):
            part.keep(chosen)
        keep(chosen, self.rows)
        self.doubled, self.doubled_u = [column[chosen] for column in self.doubled], self.doubled_u[chosen]


class StartSteps:
    """The two streams from the image: u from the two rows above, ul from the one above and the pixel to the left."""

    def __init__(self, start: Start, batch: int, width: int) -> None:
        left = start.left.weight[..., 0]  # [F, C + 1, 2]
        channels = left.shape[1] - 1
        self.u, self.above = Down(start.u, batch, width), start.above
        self.left_above = left[:, :, :1, None], start.left.b + left[:, channels, 1] - left[:, :channels, 1].sum(1)
        self.left = 2 * left[:, :channels, 1].T  # for x in [0, 1]; the rest of 2 x - 1 and of the ones is in the bias
        self.after = Active(batch, len(left), width, left)
        self.nothing = left.new_zeros(batch, channels + 1, 1, width)

    def row(self, i: int, x: Tensor) -> Map:
        known = padded(x[:, :, i - 1 : i]) if i else self.nothing
        left = shift_right(F.conv2d(known, *self.left_above))
        u = self.u.row(known) if i else torch.zeros_like(left)
        self.begun_at = columns_of(left + self.above(known) if i else left)
        return Map(u)

    def column(self, i: int, j: int, x: Tensor) -> Tensor:
        ul = self.begun_at[j]
        if j:
            ul = torch.addmm(ul, x[:, :, i, j - 1], self.left)
        self.after.write(j, ul)
        return ul

    def keep(self, chosen: Tensor) -> None:
        self.u.keep(chosen)
        self.after.keep(chosen)


class Steps:
    """A PixelCNN++ pixel by pixel."""

    @torch.no_grad()
    def __init__(self, net: PixelCNNpp, h: Tensor, size: Size) -> None:
        self.start = StartSteps(net.start, len(h), size[1])
        self.scale = ScaleSteps(net.scale, iter(net.conditions(h)), self.start.after, len(h), size)
        self.out = net.out.weight[:, :, 0, 0], net.out.b

    @torch.no_grad()
    def __call__(self, i: int, j: int, x: Tensor) -> Tensor:
        if j == 0:
            self.scale.row(i, self.start.row(i, x))
        ul = self.scale.column(i, j, self.start.column(i, j, x))
        return F.linear(F.elu(ul), *self.out)

    @torch.no_grad()
    def keep(self, chosen: Tensor) -> None:
        self.start.keep(chosen)
        self.scale.keep(chosen)
