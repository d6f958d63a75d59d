"""The networks of the reference VLAE code, layer by layer (github.com/ermongroup/Variational-Ladder-Autoencoder).

`small` is MNIST's (28 x 28 x 1, 25,907,853 parameters), `medium` SVHN's (32 x 32 x 3, 18,499,381), `large` that of
CelebA and LSUN (64 x 64 x 3, 51,586,387); other sizes of the same divisibility work too. What the code does and the
paper does not say: each ladder has convolutions of its own beside the trunk; `small` merges by gated addition;
`medium` injects a raw z_3; the posterior's sigma is sigmoid(.) + 0.001.

Two things differ on purpose. Batch normalisation is replaced by group (maps) and layer (vectors) normalisation with
the same learnt shift and no scale, so the counts above hold and no sample depends on its batch. The ReLU on the top
heads of `large`, a slip that forbids negative means, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from stratiform.core.decoder import Factorised, Head
from stratiform.core.hierarchy import Hierarchy
from stratiform.core.model import LatentModel
from stratiform.core.posterior import TopDown
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.models.parts import Free, FromTrail
from stratiform.nn.blocks import SLOPE, Double, Gate, group_norm
from stratiform.nn.ladder import Trail
from stratiform.spec import ImageSpec

UNITS = {"small": (2, 2, 2), "medium": (5, 5, 5, 10), "large": (10, 10, 10, 10)}
DIVISOR = {"small": 4, "medium": 8, "large": 16}


@dataclass(frozen=True, kw_only=True)
class ReferenceVLAE:
    """The reference code's network, to compare with."""

    size: Literal["small", "medium", "large"] = "small"
    """of the network: MNIST's, SVHN's, or CelebA's and LSUN's"""
    likelihood: Likelihood = field(default_factory=lambda: Likelihood(density=True))

    def build(self, spec: ImageSpec) -> LatentModel:
        divisor = DIVISOR[self.size]
        if spec.height % divisor or spec.width % divisor:
            raise UserError(
                f"the reference's {self.size} network takes images whose sides are multiples of {divisor}, not "
                f"{spec.height} x {spec.width}; use --data.size, or the recipe's own network without '-paper'"
            )
        head = Head(self.likelihood, spec)
        make = {"small": _small, "medium": _medium, "large": _large}[self.size]
        trail, ladders, levels, readout = make(spec, head.outputs, UNITS[self.size])
        recognisers = [FromTrail(ladder) for ladder in ladders]
        return LatentModel(Hierarchy(levels), TopDown(Beneath(trail), recognisers), Factorised(readout, head))


class Beneath(nn.Module):
    """x -> x, h_1 .. h_{L-1}: what the ladder of each level reads, the trail beneath it."""

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.trail = Trail(blocks)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return x, *self.trail(x)


class Shift(nn.Module):
    """A learnt addition per channel: the beta of a normalisation without scale."""

    def __init__(self, channels: int, dimensions: int) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(channels, *[1] * dimensions))

    def forward(self, h: Tensor) -> Tensor:
        return h + self.beta


class Same(nn.Module):
    """4x4 transposed convolution of stride 1 that keeps the size, padded as the reference's."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(inputs, outputs, 4, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        return self.convolution(h)[:, :, :-1, :-1]


def fc(inputs: int, outputs: int, act: type[nn.Module] = nn.LeakyReLU) -> nn.Sequential:
    """`fbl`, and `fbr` with ReLU."""
    rectify = act(SLOPE) if act is nn.LeakyReLU else act()
    norm = nn.LayerNorm(outputs, elementwise_affine=False)
    return nn.Sequential(nn.Linear(inputs, outputs), norm, Shift(outputs, 0), rectify)


def _mapped(convolution: nn.Module, channels: int) -> nn.Sequential:
    norm = nn.GroupNorm(group_norm(channels).num_groups, channels, affine=False)
    return nn.Sequential(convolution, norm, Shift(channels, 2), nn.LeakyReLU(SLOPE))


def conv(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """`cbl 4,stride`"""
    padding = 1 if stride == 2 else "same"
    return _mapped(nn.Conv2d(inputs, outputs, 4, stride, padding), outputs)


def doubled(inputs: int, outputs: int, size: tuple[int, int]) -> nn.Sequential:
    """`dbl 4,2` to a map of `size`"""
    return _mapped(Double(inputs, outputs, size), outputs)


def kept(inputs: int, outputs: int) -> nn.Sequential:
    """`dbl 4,1`"""
    return _mapped(Same(inputs, outputs), outputs)


def relu_fc(inputs: int, outputs: int) -> nn.Sequential:
    return fc(inputs, outputs, nn.ReLU)


def heads(inputs: int, units: int) -> nn.Sequential:
    """The two linear heads, mean and raw sigma, as one."""
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 2 * units))


def add(h: Tensor, v: Tensor) -> Tensor:
    """The gated addition of `small`; the gate is at the end of v."""
    return h + v


Parts = tuple[list[nn.Module], list[nn.Module], list[Free], nn.Module]  # trail, ladders, levels, readout


def _small(spec: ImageSpec, outputs: int, units: tuple[int, ...]) -> Parts:
    sizes = _sizes(spec, 2)
    area = 128 * sizes[2][0] * sizes[2][1]

    def stem() -> list[nn.Module]:
        return [conv(spec.channels, 64, 2), conv(64, 128, 2)]

    def deep() -> list[nn.Module]:
        return [fc(1024, 1024), fc(1024, 1024)]

    def f() -> nn.Sequential:
        return nn.Sequential(relu_fc(1024, 1024), relu_fc(1024, 1024), nn.Linear(1024, 1024))

    trail = [
        nn.Sequential(*stem(), nn.Flatten(), nn.Linear(area, 1024)),
        nn.Sequential(*deep(), nn.Linear(1024, 1024)),
    ]
    ladders = [
        nn.Sequential(*stem(), heads(area, units[0])),
        nn.Sequential(*deep(), heads(1024, units[1])),
        nn.Sequential(*deep(), heads(1024, units[2])),
    ]
    to_map = nn.Sequential(relu_fc(1024, area), nn.Unflatten(1, (128, *sizes[2])), doubled(128, 64, sizes[1]))
    levels = [
        Free(units[0], nn.Sequential(fc(units[0], 1024), Gate(1024, 0, 0.1)), to_map, add),
        Free(units[1], nn.Sequential(relu_fc(units[1], 1024), Gate(1024, 0, 0.1)), f(), add),
        Free(units[2], relu_fc(units[2], 1024), nn.Sequential(relu_fc(1024, 1024), nn.Linear(1024, 1024))),
    ]
    return trail, ladders, levels, Double(64, outputs, sizes[0])


def _medium(spec: ImageSpec, outputs: int, units: tuple[int, ...]) -> Parts:
    sizes = _sizes(spec, 3)
    areas = [h * w for h, w in sizes]
    channels = (spec.channels, 64, 128, 256)

    def stem(level: int) -> list[nn.Module]:
        c = channels[level + 1]
        return [conv(channels[level], c, 2), conv(c, c, 1)]

    trail = [nn.Sequential(*stem(level)) for level in range(3)]
    ladders = [nn.Sequential(*stem(i), heads(channels[i + 1] * areas[i + 1], units[i])) for i in range(3)]
    top = [nn.Flatten(), fc(256 * areas[3], 1024), fc(1024, 1024)]
    ladders.append(nn.Sequential(*top, heads(1024, units[3])))
    to_map = [relu_fc(1024 + units[2], 256 * areas[3]), nn.Unflatten(1, (256, *sizes[3]))]
    levels = [
        Free(units[0], _as_map(units[0], 64, sizes[1]), doubled(128, 64, sizes[0])),
        Free(units[1], _as_map(units[1], 128, sizes[2]), nn.Sequential(doubled(256, 128, sizes[1]), kept(128, 64))),
        Free(units[2], nn.Identity(), nn.Sequential(*to_map, doubled(256, 256, sizes[2]), kept(256, 128))),
        Free(units[3], relu_fc(units[3], 1024), nn.Sequential(relu_fc(1024, 1024), relu_fc(1024, 1024))),
    ]
    return trail, ladders, levels, Same(64, outputs)


def _large(spec: ImageSpec, outputs: int, units: tuple[int, ...]) -> Parts:
    sizes = _sizes(spec, 4)  # the levels live on sizes 1, 3 and 4
    areas = [h * w for h, w in sizes]

    def stems() -> list[nn.Sequential]:
        return [
            nn.Sequential(conv(spec.channels, 64, 2), conv(64, 64, 1)),
            nn.Sequential(conv(64, 128, 2), conv(128, 128, 1), conv(128, 256, 2)),
            nn.Sequential(conv(256, 256, 1), conv(256, 512, 2), conv(512, 512, 1)),
        ]

    ends = (64 * areas[1], 256 * areas[3], 512 * areas[4])
    ladders: list[nn.Module] = [nn.Sequential(s, heads(n, k)) for s, n, k in zip(stems(), ends, units, strict=False)]
    top = [nn.Flatten(), fc(ends[2], 1024), fc(1024, 1024)]
    ladders.append(nn.Sequential(*top, heads(1024, units[3])))
    steps = [
        doubled(128, 64, sizes[0]),
        nn.Sequential(doubled(512, 128, sizes[2]), kept(128, 128), doubled(128, 64, sizes[1])),
        nn.Sequential(kept(1024, 512), doubled(512, 256, sizes[3]), kept(256, 256)),
        nn.Sequential(relu_fc(1024, 1024), _as_map(1024, 512, sizes[4])),
    ]
    injections = [
        _as_map(units[0], 64, sizes[1]),
        _as_map(units[1], 256, sizes[3]),
        _as_map(units[2], 512, sizes[4]),
        relu_fc(units[3], 1024),
    ]
    levels = [Free(n, v, u) for n, v, u in zip(units, injections, steps, strict=True)]
    return stems(), ladders, levels, Same(64, outputs)


def _as_map(inputs: int, channels: int, size: tuple[int, int]) -> nn.Sequential:
    """v: `fbr` to a map [B, channels, H, W]"""
    return nn.Sequential(relu_fc(inputs, channels * size[0] * size[1]), nn.Unflatten(1, (channels, *size)))


def _sizes(spec: ImageSpec, halvings: int) -> list[tuple[int, int]]:
    return [(spec.height >> i, spec.width >> i) for i in range(halvings + 1)]
