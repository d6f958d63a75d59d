"""The layers of the ladders. No batch statistics: group normalisation over maps, layer normalisation over vectors."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.1  # of the leaky ReLU, as the reference VLAE
SMALLEST = 4  # a map is halved while half of its smaller side is at least this


def activation() -> nn.Module:
    return nn.LeakyReLU(SLOPE)


def dense(inputs: int, outputs: int) -> nn.Sequential:
    """[B, inputs] -> [B, outputs]: linear, layer normalisation, leaky ReLU."""
    return nn.Sequential(nn.Linear(inputs, outputs), nn.LayerNorm(outputs), activation())


def enter(units: int, outputs: int) -> nn.Sequential:
    """A code [B, units] -> [B, outputs]: linear, leaky ReLU; normalised, the code would lose its length."""
    return nn.Sequential(nn.Linear(units, outputs), activation())


def same(inputs: int, outputs: int) -> nn.Sequential:
    """[B, inputs, H, W] -> [B, outputs, H, W]: 3x3 convolution, group normalisation, leaky ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), group_norm(outputs), activation())


def down(inputs: int, outputs: int) -> nn.Sequential:
    """[B, inputs, H, W] -> [B, outputs, ceil(H / 2), ceil(W / 2)]."""
    return nn.Sequential(Halve(inputs, outputs), group_norm(outputs), activation())


def up(inputs: int, outputs: int, size: tuple[int, int]) -> nn.Sequential:
    """[B, inputs, ceil(H / 2), ceil(W / 2)] -> [B, outputs, H, W] with (H, W) = size."""
    return nn.Sequential(Double(inputs, outputs, size), group_norm(outputs), activation())


def group_norm(channels: int) -> nn.GroupNorm:
    """Up to 8 groups, as many as divide the channels."""
    return nn.GroupNorm(math.gcd(8, channels), channels)


def halved(size: tuple[int, int]) -> tuple[int, int]:
    """(H, W) -> (ceil(H / 2), ceil(W / 2))"""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def pyramid(size: tuple[int, int]) -> list[tuple[int, int]]:
    """(H, W), and its halves while half of the smaller side is at least SMALLEST."""
    sizes = [size]
    while min(sizes[-1]) // 2 >= SMALLEST:
        sizes.append(halved(sizes[-1]))
    return sizes


def channels_of(width: int, halvings: int) -> list[int]:
    """Channels after one, two ... halvings: they double, up to four times as many."""
    return [width * min(2**i, 4) for i in range(halvings)]


class Halve(nn.Module):
    """4x4 convolution of stride 2; an odd side is first padded by one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        return self.convolution(F.pad(h, (0, h.shape[3] % 2, 0, h.shape[2] % 2)))


class Double(nn.Module):
    """4x4 transposed convolution of stride 2, cropped to `size`."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.convolution, self.size = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), size

    def forward(self, h: Tensor) -> Tensor:
        return self.convolution(h)[:, :, : self.size[0], : self.size[1]]


class Gate(nn.Module):
    """A learnt weight per channel, from `start`: how much of an injected code is let in."""

    def __init__(self, channels: int, dimensions: int, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, *[1] * dimensions), start))

    def forward(self, v: Tensor) -> Tensor:
        return self.weight * v


class Everywhere(nn.Module):
    """[B, C] -> [B, C, H, W]: the same features at every place."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, v: Tensor) -> Tensor:
        return v[:, :, None, None].expand(*v.shape, *self.size)
