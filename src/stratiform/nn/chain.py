"""The networks of a chain of conditionals: a multilayer perceptron between two levels, two ends at the image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from stratiform.nn.blocks import Double, channels_of, dense, down, halved, pyramid, up


def glorot(inputs: int, outputs: int) -> nn.Linear:
    """Linear, weights uniform within sqrt(6 / (inputs + outputs)), biases zero (Burda et al. 2016)."""
    linear = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


@dataclass(frozen=True)
class Style:
    """What the layers of a chain are made of; both are called with (inputs, outputs)."""

    layer: Callable[[int, int], nn.Module]  # with its nonlinearity
    linear: Callable[[int, int], nn.Module]

    def mlp(self, inputs: int, hidden: int, depth: int) -> nn.Sequential:
        """[B, inputs] -> [B, hidden] through `depth` layers."""
        return nn.Sequential(*(self.layer(inputs if i == 0 else hidden, hidden) for i in range(depth)))


STYLES = {
    "leaky-relu": Style(dense, nn.Linear),
    "tanh": Style(lambda inputs, outputs: nn.Sequential(glorot(inputs, outputs), nn.Tanh()), glorot),
}


@dataclass(frozen=True)
class Ends:
    """Where the chain meets the image: x [B, C, H, W] -> features [B, n], and features [B, n] -> [B, P, H, W]."""

    kind: Literal["dense", "conv"]
    shape: tuple[int, int, int]
    width: int  # channels at the first scale (conv)

    @property
    def features(self) -> int:
        """n, the size of what the image is turned into."""
        if self.kind == "dense":
            return math.prod(self.shape)
        return self._channels[-1] * math.prod(self._sizes[-1])

    def stem(self) -> nn.Module:
        if self.kind == "dense":
            return nn.Flatten()
        channels = (self.shape[0], *self._channels)
        return nn.Sequential(*(down(a, b) for a, b in pairwise(channels)), nn.Flatten())

    def render(self, inputs: int, outputs: int) -> nn.Module:
        """[B, inputs] -> [B, outputs, H, W]."""
        _, height, width = self.shape
        if self.kind == "dense":
            return nn.Sequential(
                nn.Linear(inputs, outputs * height * width), nn.Unflatten(1, (outputs, height, width))
            )
        sizes, channels = self._sizes, self._channels
        start = (dense(inputs, self.features), nn.Unflatten(1, (channels[-1], *sizes[-1])))
        ups = (up(channels[i], channels[i - 1], sizes[i - 1]) for i in range(len(sizes) - 1, 0, -1))
        return nn.Sequential(*start, *ups, Double(channels[0], outputs, (height, width)))

    @property
    def _sizes(self) -> Sequence[tuple[int, int]]:
        """Of the maps, the largest first: the image halved once, twice, ..."""
        return pyramid(halved(self.shape[1:]))

    @property
    def _channels(self) -> Sequence[int]:
        return channels_of(self.width, len(self._sizes))


class Climb(nn.Module):
    """d_0 = stem(x), d_l = MLP_l(d_{l-1}): all of d_1 .. d_L, each [B, hidden_l] (LVAE: the deterministic way up).

    With `heads`, the entries are their outputs instead: raw parameters of a Gaussian, [B, 2 units].

    Args:
        stem: x -> d_0.
        blocks: MLP_l, bottom -> top.
        heads: per level, d_l -> raw parameters.
        means_up: MLP_l reads the mean half of the raw parameters of level l - 1, not d_{l-1} (LVAE's code).
    """

    def __init__(
        self,
        stem: nn.Module,
        blocks: Sequence[nn.Module],
        heads: Sequence[nn.Module] | None = None,
        means_up: bool = False,
    ) -> None:
        super().__init__()
        self.stem, self.blocks = stem, nn.ModuleList(blocks)
        self.heads = None if heads is None else nn.ModuleList(heads)
        self.means_up = means_up

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        trail, d = [], self.stem(x)
        for level, block in enumerate(self.blocks):
            d = block(d)
            entry = d if self.heads is None else self.heads[level](d)
            if self.means_up:
                d = entry.chunk(2, 1)[0]
            trail.append(entry)
        return tuple(trail)
