"""Levels, recognisers and settings that several models share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from stratiform.core.decoder import Factorised, Head
from stratiform.core.hierarchy import Above, Carry, Hierarchy, Level
from stratiform.core.latent import Latent
from stratiform.core.model import LatentModel
from stratiform.core.posterior import TopDown
from stratiform.distributions import Distribution, Gaussian, Likelihood
from stratiform.errors import UserError
from stratiform.nn.blocks import dense
from stratiform.nn.ladder import Ladder, conv_ladder, dense_ladder
from stratiform.spec import ImageSpec

Join = Callable[[Tensor, Tensor], Tensor]


def concatenate(h: Tensor, v: Tensor) -> Tensor:
    """[h; v], along the channels."""
    return torch.cat([h, v], 1)


class Free(Level):
    """p(z_l) = N(0, I), whatever is above; the step is u([h; v(z)]) (VLAE, Eq. 9).

    Args:
        units: of z.
        inject: v, z [B, units] -> features.
        step: u, from what `join` makes of h and v(z) to the next state; of v(z) alone where nothing is above.
        join: [h; v] by default.
    """

    def __init__(self, units: int, inject: nn.Module, step: nn.Module, join: Join | None = None) -> None:
        super().__init__()
        self.shape, self.inject, self.merge, self.join = (units,), inject, step, join or concatenate

    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        return Gaussian.standard(self.shape, h), h

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        v = self.inject(z)
        return self.merge(self.join(h, v) if h.shape[1] else v)


class FromTrail(nn.Module):
    """q(z_l | x) = N from the trail, blind to h (VLAE, Eq. 13).

    Args:
        head: e -> raw parameters.
        family: raw parameters -> the Gaussian; sigma = sigmoid(raw) + 0.001 by default (the reference).
    """

    blind = True

    def __init__(self, head: nn.Module, family: Callable[[Tensor], Gaussian] = Gaussian.narrow) -> None:
        super().__init__()
        self.head, self.family = head, family

    def forward(self, e: Tensor, h: Tensor, p: Distribution, above: Above | None) -> tuple[Distribution, None]:
        return self.family(self.head(e)), None


class FromTrailAndState(nn.Module):
    """q(z_l | z_>l, x) = N from the trail and from h, its raw parameters added: top-down inference.

    Args:
        of_trail: e -> raw parameters [B, 2 units].
        of_state: h -> as many.
    """

    def __init__(self, of_trail: nn.Module, of_state: nn.Module) -> None:
        super().__init__()
        self.of_trail, self.of_state = of_trail, of_state

    def forward(self, e: Tensor, h: Tensor, p: Distribution, above: Above | None) -> tuple[Distribution, None]:
        return Gaussian.narrow(self.of_trail(e) + self.of_state(h)), None


@dataclass(frozen=True, kw_only=True)
class Network:
    """The networks of a ladder."""

    kind: Literal["conv", "dense"] = "conv"
    """convolutional below and dense at the top, or dense throughout"""
    width: int = 32
    """channels at the first scale (conv); they double with every halving, up to four times as many"""
    hidden: int = 512
    """units of every dense layer"""
    gate: float = 0.1
    """where the weight of a code injected below the top starts; small, as in the reference: the top learns first"""

    def __post_init__(self) -> None:
        if self.width < 1:
            raise UserError(f"model.network.width is {self.width}; give 1 or more")
        if self.hidden < 8:  # layer normalisation takes mean and scale out of a layer: of few units nothing is left
            raise UserError(f"model.network.hidden is {self.hidden}; give 8 or more")

    def ladder(self, spec: ImageSpec, outputs: int, units: tuple[int, ...]) -> Ladder:
        if self.kind == "dense":
            return dense_ladder(spec.shape, outputs, units, self.hidden, self.gate)
        check_convolutional(spec)
        return conv_ladder(spec.shape, outputs, units, self.width, self.hidden, self.gate)


def check_convolutional(spec: ImageSpec) -> None:
    """Refuses images that cannot be halved once."""
    if min(spec.height, spec.width) < 4:
        raise UserError(
            f"images of {spec.height} x {spec.width} are too small for the convolutional network, which needs at "
            "least 4 x 4; use --model.network.kind dense, or larger images (--data.size)"
        )


def free_ladder(
    network: Network, likelihood: Likelihood, units: tuple[int, ...], spec: ImageSpec, top_down: bool = False
) -> LatentModel:
    """A flat prior at every level, and a ladder of depth: VAE (one level) and VLAE; q reads h too where `top_down`."""
    if not units or min(units) < 1:
        raise UserError(f"latents are {units}; give the units of every level, bottom to top, each at least 1: 2 2 2")
    head = Head(likelihood, spec)
    nets = network.ladder(spec, head.outputs, units)
    levels = [Free(n, inject, step) for n, inject, step in zip(units, nets.injections, nets.steps, strict=True)]
    hierarchy = Hierarchy(levels)
    recognisers: list[nn.Module] = [FromTrail(net) for net in nets.heads]
    if top_down:
        own = [
            nn.Sequential(nn.Flatten(), dense(size, network.hidden), nn.Linear(network.hidden, 2 * n))
            for size, n in zip(state_sizes(hierarchy)[:-1], units, strict=False)  # nothing is above the top
        ]
        recognisers[:-1] = [FromTrailAndState(*both) for both in zip(nets.heads, own, strict=False)]
    return LatentModel(hierarchy, TopDown(nets.trail, recognisers), Factorised(nets.readout, head))


@torch.no_grad()
def state_sizes(hierarchy: Hierarchy) -> list[int]:
    """How many numbers of h each level sees, bottom -> top."""
    sizes: list[int] = []

    def pick(level: int, h: Tensor, p: Distribution, carry: Carry) -> tuple[Latent, Carry]:
        sizes.insert(0, h[0].numel())
        return Latent(p.mean, p), carry

    hierarchy.descend(1, pick)
    return sizes
