"""What the causal networks share: where a condition enters, and weight normalisation that is set from data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Form = Literal["none", "vector", "map"]
Condition = Tensor | None  # None: nothing is added


class Stepper(Protocol):
    """What `core.decoder.Stepper` promises."""

    def __call__(self, i: int, j: int, x: Tensor) -> Tensor: ...

    def keep(self, chosen: Tensor) -> None: ...


@dataclass(frozen=True)
class Site:
    """A place in a network where a condition is added to what comes before a gate: its channels, and its scale."""

    channels: int
    halvings: int = 0


class Conditions(nn.Module):
    """f(z) -> what is added at every site: from a vector [B, D] the same everywhere, from a map [B, D, H, W] in place.

    A map is averaged down to the scale of the site. One linear map (1x1 convolution) per site, without bias.

    Args:
        sites: where.
        features: D.
        form: what f(z) is; with "none" nothing is added.
    """

    def __init__(self, sites: Sequence[Site], features: int, form: Form) -> None:
        super().__init__()
        self.sites, self.form = tuple(sites), form
        self.maps = nn.ModuleList()
        for site in self.sites if form != "none" else ():
            vector = form == "vector"
            make = (
                nn.Linear(features, site.channels, False)
                if vector
                else nn.Conv2d(features, site.channels, 1, bias=False)
            )
            self.maps.append(make)

    def forward(self, h: Tensor) -> list[Condition]:
        """Per site [B, channels, H_s, W_s] or [B, channels, 1, 1], ready to be added."""
        if self.form == "none":
            return [None] * len(self.sites)
        if self.form == "vector":
            return [linear(h)[:, :, None, None] for linear in self.maps]
        scales = [h]
        for _ in range(max(site.halvings for site in self.sites)):
            scales.append(F.avg_pool2d(scales[-1], 2, ceil_mode=True))
        return [linear(scales[site.halvings]) for linear, site in zip(self.maps, self.sites, strict=True)]


MakeConditions = Callable[[Sequence[Site]], nn.Module]
"""sites -> a module from f(z) to what is added at each, as `Conditions`."""


def plus(x: Tensor, condition: Condition) -> Tensor:
    """x [B, C, H, W] and the condition, if there is one."""
    return x if condition is None else x + condition


def everywhere(condition: Condition, size: tuple[int, int], like: Tensor) -> Tensor:
    """A condition at every place, [B, C, H, W]; where there is none zeros, [1, 1, H, W]."""
    condition = like.new_zeros(1, 1, 1, 1) if condition is None else condition
    return condition.expand(-1, -1, *size)


def kept(condition: Tensor, chosen: Tensor) -> Tensor:
    """What `everywhere` made, of these images of the batch."""
    if len(condition) == 1:
        return condition
    once = condition[:, :, :1, :1] if condition.stride()[2:] == (0, 0) else condition
    return once[chosen].expand(condition.shape)


def keep(chosen: Tensor, *caches: Tensor) -> None:
    """Caches [B, ...], in place, so that views of them follow: they become those of these images of the batch."""
    for cache in caches:
        cache.copy_(cache[chosen])


def unconditional(sites: Sequence[Site]) -> Conditions:
    """Nothing is added."""
    return Conditions(sites, 0, "none")


class _Biased(torch.autograd.Function):
    """Outputs [B, C, H, W] to which a convolution added the bias [C]; its own gradient of that is slow on a CPU."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, bias: Tensor) -> Tensor:
        return outputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return gradient, gradient.sum((0, 2, 3))


class Normed(nn.Module):
    """A linear map with weight normalisation (Salimans and Kingma 2016): w = g v / |v|, per output.

    Where `from_data` is set, the next forward first sets g and b so that its own outputs, over batch and places, have
    mean 0 and standard deviation `scale`; then it clears the flag.

    Args:
        inputs, outputs: channels.
        kernel: (height, width).
        padding: zeros to the left, to the right, above and below of what is read.
        stride: of the convolution; of the transposed one where `transposed`.
        scale: the standard deviation after initialisation.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int] = (1, 1),
        *,
        padding: tuple[int, int, int, int] = (0, 0, 0, 0),
        stride: int = 1,
        transposed: bool = False,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.padding, self.stride, self.transposed, self.scale = padding, stride, transposed, scale
        self.from_data = False
        shape = (inputs, outputs) if transposed else (outputs, inputs)
        self.v = nn.Parameter((0.05 * torch.randn(*shape, *kernel)).contiguous(memory_format=torch.channels_last))
        self.g = nn.Parameter(torch.full((outputs,), scale))
        self.b = nn.Parameter(torch.zeros(outputs))

    @property
    def weight(self) -> Tensor:
        """w, as torch's convolutions want it: [outputs, inputs, kh, kw], transposed [inputs, outputs, kh, kw]."""
        v = self.v.transpose(0, 1) if self.transposed else self.v
        w: Tensor = torch._weight_norm(v.permute(0, 2, 3, 1), self.g[:, None, None, None], 0).permute(0, 3, 1, 2)
        return w.transpose(0, 1) if self.transposed else w

    def forward(self, *parts: Tensor) -> Tensor:
        """[B, inputs, H, W], or parts of it that need not be joined -> [B, outputs, H', W']"""
        if any(self.padding):
            parts = tuple(F.pad(x, self.padding) for x in parts)
        if self.from_data:
            self._set(parts)
        return self._of(parts, self.b)

    def _of(self, parts: Sequence[Tensor], bias: Tensor | None) -> Tensor:
        convolve = F.conv_transpose2d if self.transposed else F.conv2d
        weights = self.weight.split([x.shape[1] for x in parts], 1) if len(parts) > 1 else [self.weight]
        outputs = convolve(parts[0], weights[0], None if bias is None else bias.detach(), self.stride)
        for x, weight in zip(parts[1:], weights[1:], strict=True):
            outputs += convolve(x, weight, None, self.stride)
        return outputs if bias is None else _Biased.apply(outputs, bias)

    @torch.no_grad()
    def _set(self, parts: Sequence[Tensor]) -> None:
        """An output that does not vary keeps its g: there is no scale to be read off it."""
        deviation, mean = torch.std_mean(self._of(parts, None), dim=(0, 2, 3), correction=0)
        factor = torch.where(deviation > 1e-6, self.scale / deviation, torch.ones_like(deviation))
        self.g.mul_(factor)
        self.b.copy_(-mean * factor)
        self.from_data = False
