"""Hierarchies whose levels are conditionals of one another: what HVAE and Ladder VAE share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from stratiform.core.decoder import Factorised, Head
from stratiform.core.hierarchy import Above, Hierarchy, Level
from stratiform.core.posterior import BottomUp, Posterior, TopDown
from stratiform.distributions import Distribution, Gaussian, Likelihood
from stratiform.errors import UserError
from stratiform.models.parts import FromTrail, check_convolutional
from stratiform.nn.chain import STYLES, Climb, Ends, Style
from stratiform.spec import ImageSpec

Prior = Literal["markov", "shortcut"]
Inference = Literal["bottom-up", "mean-field", "top-down"]


class Markov(Level):
    """p(z_l | z_{l+1}) = N(net(z_{l+1})), N(0, I) at the top (Eq. 4): the state is z, what is above it forgotten."""

    def __init__(self, units: int, net: nn.Module | None) -> None:
        super().__init__()
        self.shape, self.net = (units,), net

    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        return (Gaussian.standard(self.shape, h) if self.net is None else Gaussian.from_raw(self.net(h))), h

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        return z


class Shortcut(Markov):
    """p(z_l | z_{l+1} .. z_L) = N(net(h)) (Eq. 3): the state h = merge([h; z_l]) has seen every level above."""

    def __init__(self, units: int, net: nn.Module | None, merge: nn.Module) -> None:
        super().__init__(units, net)
        self.merge = merge

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        return self.merge(torch.cat([h, z], 1))


class FromTrailAndState(nn.Module):
    """q(z_l | z_>l, x) = N(head([d_l; h])): top-down."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, d: Tensor, h: Tensor, p: Distribution, above: Above | None) -> tuple[Distribution, None]:
        return Gaussian.from_raw(self.head(torch.cat([d, h], 1))), None


@dataclass(frozen=True, kw_only=True)
class Chain:
    """The networks of a chain of conditionals."""

    kind: Literal["dense", "conv"] = "dense"
    """what meets the image; between the levels all is dense"""
    hidden: tuple[int, ...] = (512, 256, 128)
    """units of the layers beneath each level, bottom to top; the last one holds for all levels above it"""
    depth: int = 2
    """layers of every conditional"""
    layer: Literal["leaky-relu", "tanh"] = "leaky-relu"
    """leaky ReLU after layer normalisation; or tanh without normalisation, as the IWAE paper's"""
    width: int = 32
    """channels at the first scale (conv)"""

    def __post_init__(self) -> None:
        if not self.hidden or min(self.hidden) < 8:
            raise UserError(f"model.network.hidden is {self.hidden}; give 8 or more for every level")
        if min(self.depth, self.width) < 1:
            raise UserError(f"model.network.depth {self.depth} and width {self.width} must be 1 or more")


@dataclass(frozen=True)
class Blueprint:
    """A chain for images of one shape: makes each of its networks. Levels count from 0, nearest x."""

    network: Chain
    units: tuple[int, ...]
    spec: ImageSpec

    def __post_init__(self) -> None:
        if not self.units or min(self.units) < 1:
            raise UserError(f"latents are {self.units}; give the units of every level, bottom to top: 32 16 8")
        if self.network.kind == "conv":
            check_convolutional(self.spec)

    @property
    def style(self) -> Style:
        return STYLES[self.network.layer]

    @property
    def ends(self) -> Ends:
        return Ends(self.network.kind, self.spec.shape, self.network.width)

    def hidden(self, level: int) -> int:
        """Units of the layers between a level and what is beneath it."""
        return self.network.hidden[min(level, len(self.network.hidden) - 1)]

    def mlp(self, inputs: int, level: int) -> nn.Sequential:
        return self.style.mlp(inputs, self.hidden(level), self.network.depth)

    def head(self, inputs: int, level: int) -> nn.Module:
        """To the raw parameters of a level's Gaussian."""
        return self.style.linear(inputs, 2 * self.units[level])

    def conditional(self, inputs: int, level: int) -> nn.Sequential:
        """From what is above to the raw parameters of a level's Gaussian; in a Markov chain `inputs` is z_{l+1}."""
        above = level + 1
        return nn.Sequential(self.mlp(inputs, above), self.head(self.hidden(above), level))

    def blocks(self, means_up: bool = False) -> list[nn.Sequential]:
        """MLP_l of the way up: from the image's features, then from the level beneath (or its mean)."""
        beneath = self.units if means_up else [self.hidden(level) for level in range(len(self.units))]
        return [self.mlp(inputs, level) for level, inputs in enumerate([self.ends.features, *beneath[:-1]])]

    def generator(self, prior: Prior, likelihood: Likelihood) -> tuple[Hierarchy, Factorised]:
        """p(z), and p(x | the last state)."""
        levels: list[Level] = []
        for level, units in enumerate(self.units):
            above = self.state(prior, level)
            if prior == "markov":
                levels.append(Markov(units, self.conditional(above, level) if above else None))
            else:
                net = self.head(above, level) if above else None
                levels.append(Shortcut(units, net, self.mlp(above + units, level)))
        last = self.mlp(self.units[0], 0) if prior == "markov" else nn.Identity()
        head = Head(likelihood, self.spec)
        return Hierarchy(levels), Factorised(nn.Sequential(last, self.ends.render(self.hidden(0), head.outputs)), head)

    def state(self, prior: Prior, level: int) -> int:
        """Size of the state h that a level's prior reads: none at the top."""
        if level == len(self.units) - 1:
            return 0
        return self.units[level + 1] if prior == "markov" else self.hidden(level + 1)

    def posterior(self, prior: Prior, inference: Inference) -> Posterior:
        levels = range(len(self.units))
        if inference == "bottom-up":
            blocks = self.blocks(means_up=True)  # q(z_{l+1} | z_l): as wide as with `means_up`
            nets = [nn.Sequential(block, self.head(self.hidden(level), level)) for level, block in enumerate(blocks)]
            return BottomUp([nn.Sequential(self.ends.stem(), nets[0]), *nets[1:]])
        trail = Climb(self.ends.stem(), self.blocks())
        if inference == "mean-field":
            return TopDown(
                trail, [FromTrail(self.head(self.hidden(level), level), Gaussian.from_raw) for level in levels]
            )
        heads = [
            nn.Sequential(
                self.style.layer(self.hidden(level) + self.state(prior, level), self.hidden(level)),
                self.head(self.hidden(level), level),
            )
            for level in levels
        ]
        return TopDown(trail, [FromTrailAndState(head) for head in heads])
