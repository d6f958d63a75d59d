"""From f(z) to a distribution over images: all pixels at once, or one after the other."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor, nn

from stratiform.distributions import HEADS, Bernoulli, Density, Image, Likelihood, total
from stratiform.distributions.tools import at_least_float, clamp_log_scale
from stratiform.spec import ImageSpec


class Head(nn.Module):
    """A network's output [B, P, H, W] -> a distribution over images [B, C, H, W].

    Attributes:
        outputs: P, the channels that the network must give.

    Raises:
        UserError: the likelihood is no distribution for data of this spec.
    """

    def __init__(self, likelihood: Likelihood, spec: ImageSpec) -> None:
        super().__init__()
        likelihood.check(spec.bins)
        self.likelihood, self.channels, self.bins = likelihood, spec.channels, spec.bins
        self.kind = HEADS[likelihood.name]
        per_pixel = likelihood.learn == "pixel" and self.kind.binned is not None
        self.outputs = 2 * spec.channels if per_pixel else spec.channels
        if self.kind.binned is not None:
            shape = (spec.channels, 1, 1) if likelihood.learn in ("channel", "pixel") else (1, 1, 1)
            start = torch.full(shape, math.log(likelihood.scale))
            if likelihood.learn == "no":
                self.register_buffer("log_scale", start, persistent=False)
            else:
                self.log_scale = nn.Parameter(start)

    def forward(self, raw: Tensor) -> Image:
        raw = at_least_float(raw)
        location = raw[:, : self.channels]
        if self.kind.binned is None:
            return Bernoulli(location)
        log_scale = self.log_scale.to(raw.dtype)
        if self.likelihood.learn == "pixel":
            log_scale = log_scale + raw[:, self.channels :]
        location, log_scale = torch.sigmoid(location), clamp_log_scale(log_scale)
        if self.bins is None or (self.training and self.likelihood.density):
            assert self.kind.density is not None  # by Likelihood.check
            return Density(self.kind.density, location, log_scale)
        return self.kind.binned(location, log_scale, self.bins)


class Decoder(nn.Module, ABC):
    """p(x | f(z))."""

    @abstractmethod
    def forward(self, h: Tensor) -> Image:
        """f(z) [B, ...] -> a distribution over images."""


class Factorised(Decoder):
    """Pixels independent given f(z).

    Args:
        network: f(z) -> [B, P, H, W].
        head: the likelihood.
    """

    def __init__(self, network: nn.Module, head: Head) -> None:
        super().__init__()
        self.network, self.head = network, head

    def forward(self, h: Tensor) -> Image:
        image: Image = self.head(self.network(h))
        return image


Stepper = Callable[[int, int, Tensor], Tensor]
"""(i, j, x) -> the parameters [B, P] of pixel (i, j), from the pixels of x [B, C, H, W] before it; in raster order."""


class CausalNet(Protocol):
    """A network whose output at (i, j) reads only the pixels before (i, j) in raster order."""

    def __call__(self, x: Tensor, h: Tensor) -> Tensor:
        """x [B, C, H, W], f(z) -> parameters [B, P, H, W]."""
        ...

    def stepper(self, h: Tensor) -> Stepper:
        """The same parameters pixel by pixel, from a cache."""
        ...


@dataclass(frozen=True)
class AutoregressiveImage:
    """p(x | h) = prod over pixels of p(x_ij | earlier pixels, h)."""

    net: CausalNet
    head: Head
    h: Tensor
    shape: tuple[int, int, int]
    mean = None

    def log_prob_each(self, x: Tensor) -> Tensor:
        pixels: Image = self.head(self.net(x, self.h))
        return pixels.log_prob_each(x)

    def log_prob(self, x: Tensor) -> Tensor:
        return total(self.log_prob_each(x))

    @torch.no_grad()
    def sample(self, generator: Generator | None = None) -> Tensor:
        channels, height, width = self.shape
        x = self.h.new_zeros(len(self.h), channels, height, width)
        step = self.net.stepper(self.h)
        for i in range(height):
            for j in range(width):
                pixel: Image = self.head(step(i, j, x)[:, :, None, None])
                x[:, :, i : i + 1, j : j + 1] = pixel.sample(generator)
        return x


class Autoregressive(Decoder):
    """Pixels one after the other, each given f(z) and those before it.

    Args:
        net: a causal network; a module too, so that its parameters are this decoder's.
        head: the likelihood of one pixel given its parameters.
        shape: [C, H, W].
    """

    def __init__(self, net: CausalNet, head: Head, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.net, self.head, self.shape = net, head, shape

    def forward(self, h: Tensor) -> Image:
        return AutoregressiveImage(self.net, self.head, h, self.shape)
