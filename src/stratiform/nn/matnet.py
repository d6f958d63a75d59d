"""The modules of a MatNet (Bachman 2016), and the layers between them. `conv` is 3x3 on maps, linear on vectors.

A state has the same shape throughout one scale (a "meta module"). No batch statistics: what keeps a stack of 30
modules in range is that the change of each starts 1 / sqrt(their number) as large.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stratiform.nn.blocks import SLOPE, activation

GAIN = 1.1  # of the orthogonal weights (the paper's code)
START = 0.2  # of the learnt number that means and log-variances are multiplied by (the paper's code)


@dataclass(frozen=True)
class Place:
    """Where modules live: maps of so many channels and one size, or vectors (size None)."""

    channels: int
    size: tuple[int, int] | None

    def shape(self, channels: int) -> tuple[int, ...]:
        """Of a tensor with so many channels here, without the batch."""
        return (channels, *(self.size or ()))

    def layer(self, inputs: int, outputs: int, gain: float = GAIN) -> nn.Module:
        """`conv`, which preserves the shape."""
        if self.size is None:
            return orthogonal(nn.Linear(inputs, outputs), gain)
        return orthogonal(nn.Conv2d(inputs, outputs, 3, padding=1), gain)


@torch.no_grad()
def orthogonal(layer: nn.Module, gain: float = GAIN) -> nn.Module:
    """The layer, its weights orthogonal and its biases zero.

    As `nn.init.orthogonal_`, but factorised in double precision: in single precision the last digits of the start are
    the processor's, and a seed would not mean the same on another machine.
    """
    assert isinstance(layer.weight, Tensor) and isinstance(layer.bias, Tensor)
    drawn = layer.weight.new_empty(layer.weight.flatten(1).shape).normal_()
    wide = drawn.shape[0] < drawn.shape[1]
    q, r = torch.linalg.qr((drawn.T if wide else drawn).double())
    q = gain * q * r.diagonal().sign()
    layer.weight.copy_((q.T if wide else q).reshape(layer.weight.shape))
    nn.init.zeros_(layer.bias)
    return layer


class Residual(nn.Module):
    """h' = lrelu(h + conv(lrelu(conv([h; others])))) (Eqs 7, 9 and 10); without both lrelu where `linear`.

    Args:
        place: of h, and so of h'.
        others: channels of what is read beside h.
        depth: how many modules follow each other.
    """

    def __init__(self, place: Place, others: int, depth: int, linear: bool = False) -> None:
        super().__init__()
        self.into = place.layer(place.channels + others, place.channels)
        self.out = place.layer(place.channels, place.channels, GAIN / math.sqrt(depth))
        self.slope = 1.0 if linear else SLOPE

    def forward(self, h: Tensor, *others: Tensor) -> Tensor:
        change = self.out(F.leaky_relu(self.into(torch.cat([h, *others], 1)), self.slope))
        return F.leaky_relu(h + change, self.slope)


class Gated(nn.Module):
    """h' = u h + (1 - u) c, [r; u] = sigmoid(conv([h; others]) + 1), c = tanh(conv([r h; others])) (the paper's code).

    The stochastic GRU of its fully connected models; on maps, with one set of weights for all modules of a scale, a
    stochastic Neural GPU.
    """

    def __init__(self, place: Place, others: int, depth: int, linear: bool = False) -> None:
        super().__init__()
        self.gates = place.layer(place.channels + others, 2 * place.channels)
        self.candidate = place.layer(place.channels + others, place.channels)

    def forward(self, h: Tensor, *others: Tensor) -> Tensor:
        r, u = torch.sigmoid(self.gates(torch.cat([h, *others], 1)) + 1.0).chunk(2, 1)
        c = torch.tanh(self.candidate(torch.cat([r * h, *others], 1)))
        return u * h + (1.0 - u) * c


class Markov(nn.Module):
    """h' = lrelu(conv(lrelu(conv(z)))), h forgotten: the ladder networks that the paper calls a special case."""

    def __init__(self, place: Place, others: int, depth: int, linear: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            place.layer(others, place.channels),
            activation(),
            place.layer(place.channels, place.channels),
            activation(),
        )

    def forward(self, h: Tensor, *others: Tensor) -> Tensor:
        changed: Tensor = self.layers(torch.cat(others, 1))
        return changed


Update = Literal["residual", "gated", "markov"]
UPDATES: dict[str, Callable[[Place, int, int, bool], nn.Module]] = {
    "residual": Residual,
    "gated": Gated,
    "markov": Markov,
}


class Rescaled(nn.Module):
    """raw -> s raw, s learnt: every Gaussian starts near the standard one."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(START))

    def forward(self, raw: Tensor) -> Tensor:
        return self.factor * raw


class Borrowed(nn.Module):
    """A module that belongs to another: called here, its parameters registered there alone."""

    def __init__(self, owner: nn.Module) -> None:
        super().__init__()
        self.owner = (owner,)

    def forward(self, *arguments: Any) -> Any:
        return self.owner[0](*arguments)


class Lender:
    """Hands a module out: itself the first time, then loans of it."""

    def __init__(self, module: nn.Module) -> None:
        self.next = module

    def __call__(self) -> nn.Module:
        given = self.next
        if not isinstance(given, Borrowed):
            self.next = Borrowed(given)
            return given
        return Borrowed(given.owner[0])


def enter(units: int, hidden: int, place: Place) -> nn.Module:
    """A vector [B, units] -> the first state at the coarsest place."""
    if place.size is None:
        return nn.Sequential(orthogonal(nn.Linear(units, place.channels)), activation())
    return nn.Sequential(
        orthogonal(nn.Linear(units, hidden)),
        activation(),
        orthogonal(nn.Linear(hidden, math.prod(place.shape(place.channels)))),
        activation(),
        nn.Unflatten(1, place.shape(place.channels)),
    )


def leave(place: Place, hidden: int, units: int) -> nn.Module:
    """The last state of the way up -> a vector [B, units], linear at the end."""
    if place.size is None:
        return orthogonal(nn.Linear(place.channels, units))
    return nn.Sequential(
        nn.Flatten(),
        orthogonal(nn.Linear(math.prod(place.shape(place.channels)), hidden)),
        activation(),
        orthogonal(nn.Linear(hidden, units)),
    )


class Grow(nn.Module):
    """3x3 transposed convolution of stride 2, cropped to `size`."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.size = size
        orthogonal(self.convolution)

    def forward(self, h: Tensor) -> Tensor:
        return self.convolution(h)[:, :, : self.size[0], : self.size[1]]


def between(start: Place, end: Place) -> nn.Module:
    """From one place to the next, with lrelu: a map is halved or doubled, or keeps its size."""
    if start.size is None or end.size is None:
        return nn.Sequential(orthogonal(nn.Linear(start.channels, end.channels)), activation())
    if start.size == end.size:
        return nn.Sequential(end.layer(start.channels, end.channels), activation())
    if math.prod(start.size) > math.prod(end.size):
        halve = nn.Conv2d(start.channels, end.channels, 3, stride=2, padding=1)
        return nn.Sequential(orthogonal(halve), activation())
    return nn.Sequential(Grow(start.channels, end.channels, end.size), activation())


class Ascent(nn.Module):
    """The bottom-up network: x -> h^b at every module, and at last the raw parameters of q(z_0 | x), bottom -> top.

    Args:
        stem: x -> features at the finest place.
        entries: per module, from the state beneath to its place.
        updates: per module, Eq. 9.
        top: the last state -> raw parameters.
        entering: hand on what enters each module (the paper's code), not what leaves it (Eq. 10).
        recompute: what is inside a module is computed again in the backward pass.
    """

    def __init__(
        self,
        stem: nn.Module,
        entries: Sequence[nn.Module],
        updates: Sequence[nn.Module],
        top: nn.Module,
        entering: bool = False,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.stem, self.top, self.entering, self.recompute = stem, top, entering, recompute
        self.entries, self.updates = nn.ModuleList(entries), nn.ModuleList(updates)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        h, trail = self.stem(x), []
        for enter, update in zip(self.entries, self.updates, strict=True):
            entered = enter(h)
            if self.recompute and torch.is_grad_enabled():
                h = checkpoint(update, entered, use_reentrant=False)
            else:
                h = update(entered)
            trail.append(entered if self.entering else h)
        return (*trail, self.top(h))
