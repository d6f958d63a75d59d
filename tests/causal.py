"""A tiny causal network with a cached stepper, for the laws of autoregressive decoders."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stratiform.core.decoder import Stepper
from stratiform.spec import ImageSpec


class Masked(nn.Conv2d):
    """3x3 convolution that reads the pixels before its own in raster order, and its own where `own`."""

    def __init__(self, inputs: int, outputs: int, *, own: bool) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        mask = torch.zeros(3, 3)
        mask[0], mask[1, 0], mask[1, 1] = 1.0, 1.0, float(own)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.weight * self.mask, self.bias, padding=1)

    def at(self, padded: Tensor, i: int, j: int) -> Tensor:
        """The output [B, outputs] at (i, j), from the input with one pixel of zeros around it."""
        patch = padded[:, :, i : i + 3, j : j + 3]
        return torch.einsum("bchw,ochw->bo", patch, self.weight * self.mask) + self.bias


class TinyCausal(nn.Module):
    """A causal network of two masked layers, f(z) [B, features] added between them everywhere."""

    groups = 1

    def __init__(self, spec: ImageSpec, outputs: int, features: int = 0, width: int = 4) -> None:
        super().__init__()
        self.first, self.last = Masked(spec.channels, width, own=False), Masked(width, outputs, own=True)
        self.condition = nn.Linear(features, width) if features else None

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(x) + self._conditioned(h)))

    def stepper(self, h: Tensor, size: tuple[int, int]) -> Stepper:
        return TinySteps(self, h, size)

    def _conditioned(self, h: Tensor) -> Tensor | float:
        return 0.0 if self.condition is None else self.condition(h)[:, :, None, None]


class TinySteps:
    """Of that network, pixel by pixel."""

    @torch.no_grad()
    def __init__(self, net: TinyCausal, h: Tensor, size: tuple[int, int]) -> None:
        self.net, self.h = net, h
        self.hidden = h.new_zeros(len(h), net.last.in_channels, size[0] + 2, size[1] + 2)

    @torch.no_grad()
    def __call__(self, i: int, j: int, x: Tensor) -> Tensor:
        own = self.net.first.at(nn.functional.pad(x, (1, 1, 1, 1)), i, j)
        conditioned = self.net._conditioned(self.h)
        self.hidden[:, :, i + 1, j + 1] = torch.tanh(
            own + (conditioned if isinstance(conditioned, float) else conditioned[:, :, 0, 0])
        )
        return self.net.last.at(self.hidden, i, j)

    def keep(self, chosen: Tensor) -> None:
        self.h, self.hidden = self.h[chosen], self.hidden[chosen]
