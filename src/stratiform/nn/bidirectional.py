"""The bidirectional residual network of Kingma et al. 2016, and the masked convolutions of its flow.

Convolutions have weight normalisation, set from the first batch; ELU before each. A map of an odd side is halved to
the larger half, and cropped when it is doubled again.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from stratiform.nn.causal import Normed
from stratiform.nn.masked import Masked, divided

SMALL = 0.1  # of a change to the state, and of what the heads give when training starts
OPEN = 2.0  # added to s: a flow that has learnt nothing lets z through


def conv(inputs: int, outputs: int, *, stride: int = 1, scale: float = 1.0) -> Normed:
    """3 x 3, [B, inputs, H, W] -> [B, outputs, ceil(H / stride), ceil(W / stride)]."""
    return Normed(inputs, outputs, (3, 3), padding=(1, 1, 1, 1), stride=stride, scale=scale)


class Doubled(nn.Module):
    """[B, inputs, ceil(H / 2), ceil(W / 2)] -> [B, outputs, H, W]: a convolution that gives four pixels for one."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int], scale: float = 1.0) -> None:
        super().__init__()
        self.convolution, self.size = conv(inputs, 4 * outputs, scale=scale), size

    def forward(self, h: Tensor) -> Tensor:
        return F.pixel_shuffle(self.convolution(h), 2)[:, :, : self.size[0], : self.size[1]]


def nearest(h: Tensor, size: tuple[int, int]) -> Tensor:
    """Every pixel four times, cropped to `size`; as it is where it has that size."""
    if h.shape[2:] == size:
        return h
    return F.interpolate(h, scale_factor=2.0, mode="nearest")[:, :, : size[0], : size[1]]


class Rising(nn.Module):
    """One block on the way up: what the image says of one level, and the state of the next.

    Args:
        width: channels of the state.
        says: channels of what goes to the level.
        stride: 2 at the first block of a scale.
        last: nothing comes after it.
    """

    def __init__(self, width: int, says: int, stride: int, last: bool) -> None:
        super().__init__()
        self.says, self.stride = conv(width, says, stride=stride, scale=SMALL), stride
        self.change = None if last else nn.Sequential(conv(width, width, stride=stride), nn.ELU(), conv(width, width))

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """The state [B, width, H, W] -> (what is said [B, says, ...], the next state)."""
        a = F.elu(h)
        kept = F.avg_pool2d(h, 2, ceil_mode=True) if self.stride == 2 else h
        return self.says(a), kept if self.change is None else kept + SMALL * self.change(a)


class Up(nn.Module):
    """The way up: an image -> what it says of each level, the lowest first.

    Args:
        channels: of the image.
        width: of every state.
        halvings: before the first block.
        says: channels of what each block says.
        strides: per block, 2 where its scale begins (but for the first).
    """

    def __init__(self, channels: int, width: int, halvings: int, says: int, strides: Sequence[int]) -> None:
        super().__init__()
        stem: list[nn.Module] = [Centre()]
        for index in range(max(halvings, 1)):
            stem += [nn.ELU()] * (index > 0)
            stem.append(_stem(channels if index == 0 else width, width, 2 if halvings else 1))
        self.stem = nn.Sequential(*stem)
        top = len(strides) - 1
        self.blocks = nn.ModuleList(Rising(width, says, stride, i == top) for i, stride in enumerate(strides))

    def forward(self, x: Tensor) -> list[Tensor]:
        h, said = self.stem(x), []
        for block in self.blocks:
            one, h = block(h)
            said.append(one)
        return said


def _stem(inputs: int, outputs: int, stride: int) -> Normed:
    return Normed(inputs, outputs, (5, 5), padding=(2, 2, 2, 2), stride=stride)


class Centre(nn.Module):
    """[0, 1] -> [-1, 1]"""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x - 1


class Causal(nn.Module):
    """m and s of one step of a flow: masked 3 x 3 convolutions, raster order, channel after channel within a pixel.

    Args:
        units: channels of z.
        width: of the hidden layers, and of the context, which is added after the first.
        reverse: the order runs backwards.
    """

    def __init__(self, units: int, width: int, *, reverse: bool) -> None:
        super().__init__()
        own, hidden = tuple(range(units)), divided(width, units)
        self.first = Masked(own, hidden, "A", above=1, side=1)
        self.second = Masked(hidden, hidden, "B", above=1, side=1)
        self.heads = Masked(hidden, own + own, "B", above=1, side=1)
        self.reverse = reverse

    def forward(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """z [B, units, H, W], context [B, width, H, W] -> m and s, the shape of z."""
        if not self.reverse:
            return self._forward(z, context)
        m, s = self._forward(z.flip(1, 2, 3), context.flip(2, 3))
        return m.flip(1, 2, 3), s.flip(1, 2, 3)

    def _forward(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        h = F.elu(self.second(F.elu(self.first(z) + context)))
        m, s = (SMALL * self.heads(h)).chunk(2, 1)
        return m, s + OPEN


__all__ = ["SMALL", "Causal", "Centre", "Doubled", "Up", "conv", "nearest"]
