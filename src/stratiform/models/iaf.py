"""IAF-VAE: a bidirectional residual ladder whose posterior is an inverse autoregressive flow (Kingma et al. 2016).

Up           e = ELU(h); [q; context; h'] = conv(e); h <- h + 0.1 conv(ELU(h'))            `nn.bidirectional.Up`
Prior        p(z_l | z_>l) = N(conv(ELU(h)))                                               `Block.prior`
Posterior    q_0 = N of what the image says + conv(ELU(h)), each on its log-scale          `Recogniser`
             z <- sigma z + (1 - sigma) m, with m, sigma = masked convolutions(z, context) `distributions.flow`
Down         h <- h + 0.1 conv(ELU([z; conv(ELU(h))])), doubled below a scale              `Block.step`
Objective    E log p(x | z) - sum over channels of max(nats, KL_c)                         `objective.FreeBits`

Steps of the flow run through the pixels by turns from the first and from the last. The density of the flow is known at
the draw alone, so the KL of a level is log q - log p there; without a flow it is analytic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stratiform.core.decoder import Factorised, Head
from stratiform.core.hierarchy import Above, Hierarchy, Level
from stratiform.core.model import LatentModel
from stratiform.core.posterior import TopDown
from stratiform.distributions import Distribution, Flow, Gaussian, Likelihood
from stratiform.errors import UserError
from stratiform.nn.bidirectional import SMALL, Causal, Doubled, Up, conv, nearest
from stratiform.nn.blocks import halved
from stratiform.spec import ImageSpec

Size = tuple[int, int]


class Block(Level):
    """One level: its prior, and its change of the state.

    Args:
        width: channels of the state.
        shape: of z.
        size: of the state below.
        first: the top level, whose state is a learnt vector everywhere.
    """

    def __init__(self, width: int, shape: tuple[int, int, int], size: Size, first: bool) -> None:
        super().__init__()
        units, *own = shape
        self.shape, self.width, self.size = shape, width, size
        self.start = nn.Parameter(torch.zeros(width, 1, 1)) if first else None
        self.heads = conv(width, 2 * units, scale=SMALL)
        self.enter = conv(width, width)
        same = size == tuple(own)
        self.leave = conv(width + units, width) if same else Doubled(width + units, width, size)

    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        """The Gaussian, and [h; conv(ELU(h))]."""
        if self.start is not None:
            h = h + self.start
        a = F.elu(h)
        return Gaussian.from_raw(self.heads(a)), torch.cat([h, self.enter(a)], 1)

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        state, inner = h.split(self.width, 1)
        change: Tensor = self.leave(F.elu(torch.cat([inner, z.to(inner)], 1)))
        return nearest(state, self.size) + SMALL * change


class Recogniser(nn.Module):
    """q(z_l | z_>l, x): a Gaussian from the trail and from h, and the steps of a flow upon it.

    Args:
        width: channels of the state.
        units: of z.
        steps: of the flow; none: the Gaussian.
    """

    def __init__(self, width: int, units: int, steps: int) -> None:
        super().__init__()
        self.width, self.units = width, units
        self.heads = conv(width, 2 * units, scale=SMALL)
        self.context = conv(width, width) if steps else None
        self.steps = nn.ModuleList(Causal(units, width, reverse=index % 2 == 1) for index in range(steps))

    def forward(self, e: Tensor, h: Tensor, p: Distribution, above: Above | None) -> tuple[Distribution, None]:
        a = F.elu(h[:, : self.width])
        base = Gaussian.from_raw(e[:, : 2 * self.units] + self.heads(a))
        if self.context is None:
            return base, None
        context = e[:, 2 * self.units :] + self.context(a)
        return Flow(base, tuple(partial(step, context=context) for step in self.steps)), None


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The levels of an IAF-VAE."""

    depth: tuple[int, ...] = (10, 10)
    """levels of each scale, the finest first; every scale halves the one before"""
    units: int = 32
    """channels of every z"""
    width: int = 160
    """features of every state"""
    halvings: int = 1
    """how often the image is halved before the finest scale"""
    flow: int = 1
    """steps of the inverse autoregressive flow of every level; 0: the posterior is a diagonal Gaussian"""
    checkpoint: bool = False
    """recompute activations in the backward pass: less memory, a third more time"""

    def __post_init__(self) -> None:
        where = "the ladder's"
        if not self.depth or min(self.depth) < 1:
            raise UserError(f"{where} depth is {self.depth}; give the levels of each scale, finest first: 10 10")
        for name, least in (("units", 1), ("width", 1), ("halvings", 0), ("flow", 0)):
            if getattr(self, name) < least:
                raise UserError(f"{where} {name} is {getattr(self, name)}; give {least} or more")

    def sizes(self, spec: ImageSpec) -> list[Size]:
        """Of the maps of every level, bottom -> top."""
        size, sizes = self.finest(spec), []
        for depth in self.depth:
            sizes += [size] * depth
            size = halved(size)
        return sizes

    def finest(self, spec: ImageSpec) -> Size:
        """The size of the maps of level 1."""
        size = (spec.height, spec.width)
        for _ in range(self.halvings):
            size = halved(size)
        return size

    def hierarchy(self, spec: ImageSpec, readout: nn.Module | None = None) -> Hierarchy:
        """Its last state is [B, width, H, W] of the finest size."""
        sizes = self.sizes(spec)
        top = len(sizes) - 1
        below = [sizes[0], *sizes[:-1]]
        levels = [Block(self.width, (self.units, *sizes[i]), below[i], first=i == top) for i in range(len(sizes))]
        hierarchy = Hierarchy(levels, top=(self.width, *sizes[-1]), readout=readout)
        hierarchy.checkpoint = self.checkpoint
        return hierarchy

    def posterior(self, spec: ImageSpec) -> TopDown:
        says = 2 * self.units + (self.width if self.flow else 0)
        recognisers = [Recogniser(self.width, self.units, self.flow) for _ in range(sum(self.depth))]
        return TopDown(Up(spec.channels, self.width, self.halvings, says, self._strides()), recognisers)

    def picture(self, spec: ImageSpec, outputs: int, halvings: int = 0) -> nn.Module:
        """The last state -> [B, outputs, H, W], of the image halved so often."""
        sizes = [(spec.height, spec.width)]
        for _ in range(self.halvings):
            sizes.append(halved(sizes[-1]))
        doublings = [partial(Doubled, size=size) for size in reversed(sizes[halvings:-1])]
        halves = [partial(conv, stride=2)] * (halvings - self.halvings)
        *inner, last = [*doublings, *halves] or [conv]
        layers = [layer for make in inner for layer in (nn.ELU(), make(self.width, self.width))]
        return nn.Sequential(*layers, nn.ELU(), last(self.width, outputs))

    def _strides(self) -> Sequence[int]:
        return [2 if scale and not index else 1 for scale, depth in enumerate(self.depth) for index in range(depth)]


@dataclass(frozen=True, kw_only=True)
class IAFVAE:
    """IAF-VAE: a bidirectional residual ladder with a flow for a posterior; the published sizes are the defaults."""

    ladder: Ladder = field(default_factory=Ladder)
    likelihood: Likelihood = field(default_factory=lambda: Likelihood(name="logistic", learn="image"))

    def build(self, spec: ImageSpec) -> LatentModel:
        head = Head(self.likelihood, spec)
        decoder = Factorised(self.ladder.picture(spec, head.outputs), head)
        return LatentModel(self.ladder.hierarchy(spec), self.ladder.posterior(spec), decoder)
