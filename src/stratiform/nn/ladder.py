"""The networks of a ladder: a trail up, one step per level down, and the readout to the image's parameters.

Level l of L reads the trail at its own height and is injected at the same height: level 1 near the image, through few
layers; the top through all of them. That difference in depth is all that tells the levels of a VLAE apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from stratiform.nn.blocks import Double, Everywhere, Gate, channels_of, dense, down, enter, halved, pyramid, same, up


@dataclass(frozen=True)
class Ladder:
    """Everything per level is bottom -> top. The state above the top has no features."""

    trail: nn.Module  # x [B, C, H, W] -> h_1 .. h_L
    heads: tuple[nn.Module, ...]  # h_l -> raw parameters [B, 2 units] of q
    injections: tuple[nn.Module, ...]  # v_l: z_l [B, units] -> features to concatenate
    steps: tuple[nn.Module, ...]  # u_l: [state; v_l(z_l)] -> next state
    readout: nn.Module  # state -> [B, P, H, W]


class Trail(nn.Module):
    """h_0 = x, h_l = g_l(h_{l-1}): all of h_1 .. h_L (VLAE, Eq. 12)."""

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        trail, h = [], x
        for block in self.blocks:
            h = block(h)
            trail.append(h)
        return tuple(trail)


def dense_ladder(shape: tuple[int, int, int], outputs: int, units: Sequence[int], hidden: int, gate: float) -> Ladder:
    """Fully connected: two layers of `hidden` units per level each way.

    Args:
        shape: of an image, [C, H, W].
        outputs: P, parameters per pixel.
        units: per level, bottom -> top.
        hidden: width of every layer.
        gate: where the weight of an injected code starts, below the top.
    """
    _, height, width = shape
    top = len(units) - 1
    pixels = math.prod(shape)
    return Ladder(
        trail=Trail([
            nn.Sequential(*_flat(level == 0), dense(pixels if level == 0 else hidden, hidden), dense(hidden, hidden))
            for level in range(len(units))
        ]),
        heads=tuple(nn.Linear(hidden, 2 * n) for n in units),
        injections=tuple(
            enter(n, hidden) if level == top else nn.Sequential(enter(n, hidden), Gate(hidden, 0, gate))
            for level, n in enumerate(units)
        ),
        steps=tuple(
            nn.Sequential(dense(hidden if level == top else 2 * hidden, hidden), dense(hidden, hidden))
            for level in range(len(units))
        ),
        readout=nn.Sequential(nn.Linear(hidden, outputs * height * width), nn.Unflatten(1, (outputs, height, width))),
    )  # fmt: skip


def conv_ladder(
    shape: tuple[int, int, int], outputs: int, units: Sequence[int], width: int, hidden: int, gate: float
) -> Ladder:
    """Convolutional below, dense at the top: each level but the top halves the image while that can be done.

    The two upper levels meet in a vector, from which the smallest map is drawn. Further down, z_l is injected as the
    same features at every place: such a level can restyle what is drawn, not redraw it; its step takes the state from
    the map of h_{l+1} to that of h_l, as g_{l+1} took the trail up.

    Args:
        width: channels at the first scale; they double with every halving, up to four times as many.
        hidden: width of the dense layers.
        shape, outputs, units, gate: as in `dense_ladder`.
    """
    scales = _Scales.of(shape, len(units), width)
    top = len(units) - 1
    channels, size = scales.at(top)
    smallest = channels * math.prod(size)
    to_map = (dense(hidden, smallest), nn.Unflatten(1, (channels, *size)), same(channels, channels))

    trail = [scales.climb(level) for level in range(len(units))]
    trail[top] = nn.Sequential(
        trail[top], nn.Flatten(), dense(smallest, hidden), dense(hidden, hidden), dense(hidden, hidden)
    )
    heads = [scales.head(level, units[level]) for level in range(top - 1)]
    if top:
        heads.append(
            nn.Sequential(nn.Flatten(), dense(smallest, hidden // 2), nn.Linear(hidden // 2, 2 * units[top - 1]))
        )

    injections = [scales.inject(level, units[level], gate) for level in range(top - 1)]
    steps = [scales.descend(level) for level in range(top - 1)]
    if top:
        injections.append(nn.Sequential(enter(units[top - 1], hidden), Gate(hidden, 0, gate)))
        steps.append(nn.Sequential(dense(2 * hidden, hidden), dense(hidden, hidden), *to_map))
    above = (dense(hidden, hidden), dense(hidden, hidden))
    return Ladder(
        trail=Trail(trail),
        heads=(*heads, nn.Linear(hidden, 2 * units[top])),
        injections=(*injections, enter(units[top], hidden)),
        steps=(*steps, nn.Sequential(*above, *(() if top else to_map))),
        readout=scales.readout(outputs),
    )


@dataclass(frozen=True)
class _Scales:
    """Which map each level lives on. Index 0 of `sizes` and `channels` is the image itself."""

    sizes: tuple[tuple[int, int], ...]
    channels: tuple[int, ...]
    reached: tuple[int, ...]  # per level, how often the image has been halved there

    @classmethod
    def of(cls, shape: tuple[int, int, int], levels: int, width: int) -> _Scales:
        sizes = pyramid(shape[1:])
        halvings = len(sizes) - 1
        channels = (shape[0], *channels_of(width, halvings))
        highest_map = max(levels - 1, 1)  # the last level on a map takes what halvings are left
        reached = tuple(min(i + 1, halvings) if i + 1 < highest_map else halvings for i in range(levels))
        if halvings == 0:  # too small to halve: every map has the size of the image
            sizes, channels, reached = [shape[1:]] * 2, (shape[0], width), (1,) * levels
        return cls(tuple(sizes), channels, reached)

    def at(self, level: int) -> tuple[int, tuple[int, int]]:
        return self.channels[self.reached[level]], self.sizes[self.reached[level]]

    def climb(self, level: int) -> nn.Sequential:
        """g_l from the map of the level beneath to its own; the top adds dense layers after."""
        start, end = (self.reached[level - 1] if level else 0), self.reached[level]
        blocks = [self._down(i) for i in range(start, end)]
        if level < len(self.reached) - 1:
            blocks.append(same(self.channels[end], self.channels[end]))
        return nn.Sequential(*blocks)

    def head(self, level: int, units: int) -> nn.Module:
        channels, size = self.at(level)
        pixels = math.prod(halved(size))
        return nn.Sequential(down(channels, channels), nn.Flatten(), nn.Linear(channels * pixels, 2 * units))

    def inject(self, level: int, units: int, gate: float) -> nn.Module:
        """v_l: everywhere on the map of the level above, with the channels of its own."""
        channels, size = self.at(level)[0], self.at(level + 1)[1]
        return nn.Sequential(enter(units, channels), Gate(channels, 0, gate), Everywhere(size))

    def descend(self, level: int) -> nn.Module:
        """u_l from the map of the level above, its channels joined by those injected, to its own."""
        start, end = self.reached[level + 1], self.reached[level]
        own, above = self.channels[end], self.channels[start]
        ups = [self._up(i) for i in range(start, end, -1)]
        return nn.Sequential(same(above + own, above), *ups, same(own, own))

    def readout(self, outputs: int) -> nn.Module:
        blocks = [self._up(i) for i in range(self.reached[0], 1, -1)]
        channels = self.channels[1]
        if self.sizes[1] == self.sizes[0]:
            return nn.Sequential(*blocks, nn.Conv2d(channels, outputs, 3, padding=1))
        return nn.Sequential(*blocks, Double(channels, outputs, self.sizes[0]))

    def _down(self, i: int) -> nn.Module:
        block = same if self.sizes[i] == self.sizes[i + 1] else down
        return block(self.channels[i], self.channels[i + 1])

    def _up(self, i: int) -> nn.Module:
        return up(self.channels[i], self.channels[i - 1], self.sizes[i - 1])


def _flat(first: bool) -> tuple[nn.Module, ...]:
    return (nn.Flatten(),) if first else ()
