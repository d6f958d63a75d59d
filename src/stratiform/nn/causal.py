"""What the causal networks share: where a condition enters, and weight normalisation that is set from data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Stepper = Callable[[int, int, Tensor], Tensor]  # (i, j, x) -> [B, P]; core.decoder says what it promises
Form = Literal["none", "vector", "map"]


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

    def forward(self, h: Tensor) -> list[Tensor]:
        """Per site [B, channels, H_s, W_s] or [B, channels, 1, 1], ready to be added."""
        if self.form == "none":
            return [h.new_zeros(1, 1, 1, 1)] * len(self.sites)
        if self.form == "vector":
            return [linear(h)[:, :, None, None] for linear in self.maps]
        scales = [h]
        for _ in range(max(site.halvings for site in self.sites)):
            scales.append(F.avg_pool2d(scales[-1], 2, ceil_mode=True))
        return [linear(scales[site.halvings]) for linear, site in zip(self.maps, self.sites, strict=True)]


MakeConditions = Callable[[Sequence[Site]], nn.Module]
"""sites -> a module from f(z) to what is added at each, as `Conditions`."""


def unconditional(sites: Sequence[Site]) -> Conditions:
    """Nothing is added."""
    return Conditions(sites, 0, "none")


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
        self.v = nn.Parameter(0.05 * torch.randn(*shape, *kernel))
        self.g = nn.Parameter(torch.full((outputs,), scale))
        self.b = nn.Parameter(torch.zeros(outputs))

    @property
    def weight(self) -> Tensor:
        """w, as torch's convolutions want it: [outputs, inputs, kh, kw], transposed [inputs, outputs, kh, kw]."""
        across = (0, 2, 3) if self.transposed else (1, 2, 3)
        length: Tensor = self.g / torch.linalg.vector_norm(self.v, dim=across)
        return self.v * (length[None, :, None, None] if self.transposed else length[:, None, None, None])

    def forward(self, *parts: Tensor) -> Tensor:
        """[B, inputs, H, W], or parts of it that need not be joined -> [B, outputs, H', W']"""
        if any(self.padding):
            parts = tuple(F.pad(x, self.padding) for x in parts)
        if self.from_data:
            self._set(parts)
        return self._of(parts, self.b)

    def _of(self, parts: Sequence[Tensor], bias: Tensor | None) -> Tensor:
        convolve = F.conv_transpose2d if self.transposed else F.conv2d
        weights = torch.split(self.weight, [x.shape[1] for x in parts], 0 if self.transposed else 1)
        outputs = convolve(parts[0], weights[0], bias, self.stride)
        for x, weight in zip(parts[1:], weights[1:], strict=True):
            outputs = outputs + convolve(x, weight, None, self.stride)
        return outputs

    @torch.no_grad()
    def _set(self, parts: Sequence[Tensor]) -> None:
        """An output that does not vary keeps its g: there is no scale to be read off it."""
        deviation, mean = torch.std_mean(self._of(parts, None), dim=(0, 2, 3), correction=0)
        factor = torch.where(deviation > 1e-6, self.scale / deviation, torch.ones_like(deviation))
        self.g.mul_(factor)
        self.b.copy_(-mean * factor)
        self.from_data = False
