"""From f(z) to a distribution over images: all pixels at once, or one after the other."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Generator as Generation
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor, nn

from stratiform.distributions import HEADS, Bernoulli, Density, Image, Likelihood, total
from stratiform.distributions.tools import at_least_float, clamp_log_scale
from stratiform.errors import UserError
from stratiform.spec import ImageSpec


class Head(nn.Module):
    """A network's output [B, P, H, W] -> a distribution over images [B, C, H, W].

    Attributes:
        outputs: P, the channels that the network must give.
        channel_of: the image's channel that each of them describes; None where they describe all channels together.

    Raises:
        UserError: the likelihood is no distribution for data of this spec.
    """

    channel_of: tuple[int, ...] | None

    def __init__(self, likelihood: Likelihood, spec: ImageSpec) -> None:
        super().__init__()
        likelihood.check(spec.bins)
        self.likelihood, self.channels, self.bins = likelihood, spec.channels, spec.bins
        self.kind = HEADS[likelihood.name]
        self.start = nn.Parameter(torch.zeros(spec.shape)) if likelihood.start == "mean" else None
        if self.kind.raw is not None:
            self.outputs = self.kind.raw.outputs(spec.channels, spec.bins or 0, likelihood.mixtures)
            each = self.outputs // spec.channels
            self.channel_of = None if self.kind.raw.coupled else tuple(i // each for i in range(self.outputs))
            return
        per_pixel = likelihood.learn == "pixel" and self.kind.binned is not None
        self.outputs = 2 * spec.channels if per_pixel else spec.channels
        self.channel_of = tuple(i % spec.channels for i in range(self.outputs))
        if self.kind.binned is not None:
            shape = (spec.channels, 1, 1) if likelihood.learn in ("channel", "pixel") else (1, 1, 1)
            start = torch.full(shape, math.log(likelihood.scale))
            if likelihood.learn == "no":
                self.register_buffer("log_scale", start, persistent=False)
            else:
                self.log_scale = nn.Parameter(start)

    def forward(self, raw: Tensor) -> Image:
        raw = at_least_float(raw)
        if self.kind.raw is not None:
            assert self.bins is not None  # by Likelihood.check
            return self.kind.raw.make(raw, self.channels, self.bins)
        location = raw[:, : self.channels] if self.start is None else raw[:, : self.channels] + self.start
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

    @torch.no_grad()
    def begin(self, x: Tensor) -> None:
        """A bias per pixel, where there is one: the logit of the mean of x [B, C, H, W] (Burda et al. 2016).

        As if half an image more were all white, half a one all black, so that no pixel starts out certain.
        """
        if self.start is not None:
            self.start.copy_(torch.logit((x.sum(0) + 0.5) / (len(x) + 1)))


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


class Stepper(Protocol):
    """Parameters pixel by pixel, in raster order, from a cache of what was computed for earlier pixels."""

    def __call__(self, i: int, j: int, x: Tensor) -> Tensor:
        """The parameters [B, P] of pixel (i, j), from what x [B, C, H, W] holds before it.

        Where the network has groups, a pixel is asked for once per channel, and x holds the channels before that one.
        """
        ...

    def keep(self, chosen: Tensor) -> None:
        """After a whole row: the batch goes on with these of its images, [B] int64, some perhaps more than once."""
        ...


class CausalNet(Protocol):
    """A network whose output at (i, j) reads only the pixels before (i, j) in raster order.

    Attributes:
        groups: 1, or C: the parameters of a channel read the channels before it of their own pixel, too.
    """

    groups: int

    def __call__(self, x: Tensor, h: Tensor) -> Tensor:
        """x [B, C, H, W], f(z) -> parameters [B, P, H, W]."""
        ...

    def stepper(self, h: Tensor, size: tuple[int, int]) -> Stepper:
        """The same parameters pixel by pixel, for images of size (H, W), from a cache."""
        ...


def described(net: CausalNet, group: int) -> slice:
    """The image's channels that are drawn with this group: its own, or all where there is one group."""
    return slice(group, group + 1) if net.groups > 1 else slice(None)


@dataclass(frozen=True)
class Growing:
    """Images while they are drawn, row by row."""

    x: Tensor  #: [B, C, H, W]; what is not yet drawn is 0
    rows: int  #: that are done
    log_known: Tensor  #: [B], sum of log p(x_ij | earlier pixels) over the known pixels of these rows, in nats


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

    def sample(self, generator: Generator | None = None, temperature: float = 1.0) -> Tensor:
        for growing in self.grow(generator, temperature):
            last = growing.x
        return last

    @torch.no_grad()
    def grow(
        self,
        generator: Generator | None = None,
        temperature: float = 1.0,
        x: Tensor | None = None,
        known: Tensor | None = None,
    ) -> Generation[Growing, Tensor | None, None]:
        """Draws pixel after pixel; yields after every row. Sent indices [B] of images, it goes on with those.

        Args:
            x: images [B, C, H, W] of which some pixels are known.
            known: which, bool [H, W]; they keep their values. What is drawn around them follows from the pixels
                before it alone: with known pixels after it, `log_known` is the importance weight of the completion.
        """
        channels, height, width = self.shape
        image = self.h.new_zeros(len(self.h), channels, height, width)
        log_known = image.new_zeros(len(image))
        step = self.net.stepper(self.h, (height, width))
        for i in range(height):
            for j in range(width):
                here = image[:, :, i : i + 1, j : j + 1]
                if x is not None and known is not None and known[i, j]:
                    here.copy_(x[:, :, i : i + 1, j : j + 1])
                    log_known = log_known + self._pixel(step(i, j, image)).log_prob(here)
                    continue
                for group in range(self.net.groups):
                    drawn = self._pixel(step(i, j, image)).sample(generator, temperature)
                    mine = described(self.net, group)
                    here[:, mine] = drawn[:, mine]
            chosen = yield Growing(image, i + 1, log_known)
            if chosen is not None:
                image, log_known = image[chosen], log_known[chosen]
                step.keep(chosen)

    def _pixel(self, parameters: Tensor) -> Image:
        image: Image = self.head(parameters[:, :, None, None])
        return image


class Autoregressive(Decoder):
    """Pixels one after the other, each given f(z) and those before it.

    Args:
        net: a causal network; a module too, so that its parameters are this decoder's.
        head: the likelihood of one pixel given its parameters.
        shape: [C, H, W].
    """

    def __init__(self, net: CausalNet, head: Head, shape: tuple[int, int, int]) -> None:
        super().__init__()
        if head.start is not None:
            raise UserError(
                "pixels drawn one after the other start from the network; leave out model.likelihood.start"
            )
        self.net, self.head, self.shape = net, head, shape

    def forward(self, h: Tensor) -> Image:
        return AutoregressiveImage(self.net, self.head, h, self.shape)
