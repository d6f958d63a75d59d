"""A map read, without masks, by every layer of a causal network (Lucas and Verbeek 2018, Section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from stratiform.nn.causal import Condition, Site


class Tower(nn.Module):
    """A stack of 3x3 convolutions beside a causal network, one for every pair of its sites, and a 1x1 from it to each.

    Where the network halves its maps, the tower has a stack at that scale. No layer has a bias, and the 1x1
    convolutions start at zero: a network that was trained without a condition is unchanged when one is switched on,
    and a condition of zeros is none at any time.

    Args:
        sites: of the network, in the order of the pass, in pairs (both streams of a block).
        inputs: channels of the map.
        width: features of the stack.
        size: of the image; a smaller map is enlarged to it, every pixel repeated.
    """

    def __init__(self, sites: Sequence[Site], inputs: int, width: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.halvings, self.size = [site.halvings for site in sites[::2]], size
        scales = 1 + max(self.halvings)
        self.enter = nn.ModuleList(
            nn.Conv2d(width if scale else inputs, width, 3, 2 if scale else 1, 1, bias=False)
            for scale in range(scales)
        )
        self.layers = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in self.halvings)
        self.give = nn.ModuleList(nn.Conv2d(width, site.channels, 1, bias=False) for site in sites)
        for convolution in self.give:
            nn.init.zeros_(convolution.weight)

    def forward(self, h: Tensor) -> list[Condition]:
        """[B, inputs, H', W'], values about 0 -> per site [B, channels, H_s, W_s]."""
        maps = [h if h.shape[2:] == self.size else F.interpolate(h, self.size, mode="nearest")]
        for enter in self.enter:
            maps.append(F.elu(enter(maps[-1])))
        maps = maps[1:]
        given: list[Condition] = []
        for index, (scale, layer) in enumerate(zip(self.halvings, self.layers, strict=True)):
            maps[scale] = F.elu(layer(maps[scale]))
            given += [give(maps[scale]) for give in self.give[2 * index : 2 * index + 2]]
        return given
