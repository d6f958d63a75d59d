"""PixelCNN++ (Salimans, Karpathy, Chen and Kingma 2017).

Two streams of feature maps: u at (i, j) has read the pixels of the rows above i, ul also those to the left in row i.
Both go up through halved maps and down again, with shortcuts (Fig. 2). Only the input is shifted; the convolutions
after that may read their own place.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stratiform.nn.causal import Condition, MakeConditions, Normed, Site, Stepper, plus, unconditional
from stratiform.nn.pixelcnnpp_steps import Steps
from stratiform.nn.shifted import DOWN, DOWN_RIGHT, Map, concat_elu, drop, gate, padded, shift_down, shift_right

Streams = tuple[Map, Map]  # u, ul


class Gated(nn.Module):
    """A gated residual block: x + a * sigmoid(b), where [a, b] = conv(cELU(conv(cELU(x)) + nin(cELU(aside)))) + h.

    Args:
        filters: F.
        shifted: DOWN or DOWN_RIGHT.
        aside: how many maps it reads at its own place.
        dropout: rate, of the features between the convolutions.
        recompute: whether the backward pass does the forward pass again rather than to keep what was inside.
    """

    def __init__(self, filters: int, shifted: partial[Normed], aside: int, dropout: float, recompute: bool) -> None:
        super().__init__()
        self.dropout, self.recompute = dropout, recompute
        self.enter = shifted(2 * filters, filters)
        self.aside = Normed(2 * filters * aside, filters) if aside else None
        self.leave = shifted(2 * filters, 2 * filters, padding=(0, 0, 0, 0), scale=0.1)

    def forward(self, condition: Condition, *maps: Map) -> Map:
        """The condition [B, 2 F, H, W], x, and the maps aside."""
        if not self.recompute:
            return Map(self._features(condition, *maps))
        return Map(
            checkpoint(
                lambda *features: self._features(condition, *map(Map, features)),
                *(m.features for m in maps),
                use_reentrant=False,
            )
        )

    def _features(self, condition: Condition, x: Map, *aside: Map) -> Tensor:
        c = self.enter(x.active)
        if self.aside is not None:
            c = c + self.aside(*(m.active for m in aside))
        c = concat_elu(F.pad(c, self.enter.padding))  # padded for `leave` while there is half as much to copy
        if self.training and self.dropout:
            c = drop(c, self.dropout)
        return x.features + gate(plus(self.leave(c), condition))


class Pair(nn.Module):
    """A block in either stream. That of ul reads u; going down both read what was there going up."""

    def __init__(self, filters: int, *, skip: bool, **choices: Any) -> None:
        super().__init__()
        self.u = Gated(filters, DOWN, int(skip), **choices)
        self.ul = Gated(filters, DOWN_RIGHT, 1 + int(skip), **choices)

    def forward(self, streams: Streams, conditions: Iterator[Condition], skip: Streams | None = None) -> Streams:
        u, ul = streams
        skip_u, skip_ul = ((), ()) if skip is None else ((skip[0],), (skip[1],))
        u = self.u(next(conditions), u, *skip_u)
        return u, self.ul(next(conditions), ul, u, *skip_ul)


class Scale(nn.Module):
    """The pairs at one scale, going up and going down, and between them the coarser scales.

    Args:
        halvings: of the image, at this scale.
        coarser: how many scales come between.
        filters: F.
        resnets: pairs going up; going down there is one more, but at the coarsest scale.
        choices: of every block.
    """

    def __init__(self, halvings: int, coarser: int, filters: int, resnets: int, **choices: Any) -> None:
        super().__init__()
        self.up = nn.ModuleList(Pair(filters, skip=False, **choices) for _ in range(resnets))
        self.between = Between(halvings + 1, coarser - 1, filters, resnets, **choices) if coarser else None
        downs = resnets + 1 if coarser else resnets
        self.down = nn.ModuleList(Pair(filters, skip=True, **choices) for _ in range(downs))
        own, inner = [Site(2 * filters, halvings)], self.between.scale.sites if self.between is not None else []
        self.sites: list[Site] = own * (2 * resnets) + inner + own * (2 * downs)

    def forward(self, streams: Streams, conditions: Iterator[Condition]) -> Streams:
        skips = [streams]
        for pair in self.up:
            skips.append(pair(skips[-1], conditions))
        streams = skips.pop() if self.between is None else self.between(skips[-1], conditions)
        for pair in self.down:
            streams = pair(streams, conditions, skips.pop())
        return streams


class Between(nn.Module):
    """Half the size, the coarser scales, and the size from before, whether odd or even."""

    def __init__(self, halvings: int, coarser: int, filters: int, resnets: int, **choices: Any) -> None:
        super().__init__()
        self.halve_u, self.halve_ul = (shifted(filters, filters, stride=2) for shifted in (DOWN, DOWN_RIGHT))
        self.scale = Scale(halvings, coarser, filters, resnets, **choices)
        double = partial(Normed, filters, filters, stride=2, transposed=True)
        self.double_u, self.double_ul = double((2, 3)), double((2, 2))

    def forward(self, streams: Streams, conditions: Iterator[Condition]) -> Streams:
        u, ul = (m.features for m in streams)
        height, width = u.shape[2:]
        inner_u, inner_ul = self.scale((Map(self.halve_u(u)), Map(self.halve_ul(ul))), conditions)
        u = self.double_u(inner_u.features)[:, :, :height, 1 : width + 1]
        ul = self.double_ul(inner_ul.features)[:, :, :height, :width]
        return Map(u), Map(ul)


class Start(nn.Module):
    """The two streams from the image, and the only shifts, without which a pixel would see itself."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.u = DOWN(channels, filters)
        self.above = Normed(channels, filters, (1, 3), padding=(1, 1, 0, 0))
        self.left = Normed(channels, filters, (2, 1), padding=(0, 0, 1, 0))

    def forward(self, image: Tensor) -> Streams:
        u = shift_down(self.u(image))
        return Map(u), Map(shift_down(self.above(image)) + shift_right(self.left(image)))


class PixelCNNpp(nn.Module):
    """Two streams of gated residual blocks at several scales.

    Args:
        channels: C of the images. A pixel's channels are left to the likelihood: the network reads none of them.
        outputs: P.
        filters: F, of every layer.
        resnets: gated blocks per stream and scale going up.
        scales: how many; each halves the map, rounded up.
        dropout: rate, in every block.
        conditions: from the sites to what is added at each: to [a, b] of every block, in the order of the pass.
        checkpoint: recompute the activations of every block in the backward pass: less memory, more time.
    """

    groups = 1

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        filters: int = 160,
        resnets: int = 5,
        scales: int = 3,
        dropout: float = 0.5,
        conditions: MakeConditions = unconditional,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.start = Start(channels + 1, filters)
        self.scale = Scale(0, scales - 1, filters, resnets, dropout=dropout, recompute=checkpoint)
        self.out = Normed(filters, outputs)
        self.conditions = conditions(self.scale.sites)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """x [B, C, H, W] in [0, 1], f(z) -> [B, P, H, W]."""
        _, ul = self.scale(self.start(padded(x)), iter(self.conditions(h)))
        parameters: Tensor = self.out(F.elu(ul.features))
        return parameters

    def stepper(self, h: Tensor, size: tuple[int, int]) -> Stepper:
        """The same pixel by pixel, for images of size (H, W)."""
        return Steps(self, h, size)
