"""The conditional MatNet (Bachman 2016, Eqs 3, 4 and 6): hidden pixels given known ones, in one stage or two.

Generator   p(z_i | z_<i, x_k) from a bottom-up network and merge modules of its own, which see [x_k; known]
Inference   q(z_i | z_<i, x_k, x_u) likewise, from [x_k; known; x]; the top-down network is the same for both
Objective   E log p(x_u | z, x_k) - KL(q(z | x) || p(z | x_k))                          Eq. 6: `ConditionalModel`

With two stages the first paints a guess; the bottom-up networks of the second see the image with that guess filled
in, and the parameters of the pixels are the sum of both stages' (the paper's code). That is one hierarchy, walked
once: the state carries the first stage's parameters of the pixels down through the second, whose levels are the lower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from stratiform.core.conditional import ConditionalModel
from stratiform.core.decoder import Factorised, Head
from stratiform.core.hierarchy import Above, Hierarchy, Level
from stratiform.core.masks import RandomMask
from stratiform.core.posterior import TopDown
from stratiform.distributions import Distribution, Likelihood
from stratiform.errors import UserError
from stratiform.models.matnet import MatNet, Modules, Plan
from stratiform.models.modules import Merge, gaussian
from stratiform.models.parts import FromTrail
from stratiform.nn.matnet import Ascent, Borrowed
from stratiform.spec import ImageSpec


@dataclass(frozen=True, kw_only=True)
class ConditionalMatNet:
    """MatNet that completes images: what is hidden, given what is known."""

    hide: str = "occluders"
    """what is hidden while training and when it is measured: occluders (three squares), quadrants (one to three),
    pixels (any number), half, centre; mixed: one of these; top, bottom, left, right: always that half"""
    stages: Literal[1, 2] = 1
    """2: a second network refines the guess of the first"""
    latent: int = 32
    """units of z_0, of either stage"""
    units: tuple[int, ...] = (4, 4)
    """channels of every z of each scale, the finest first (dense: units)"""
    network: Modules = field(default_factory=Modules)
    likelihood: Likelihood = field(default_factory=Likelihood)

    def __post_init__(self) -> None:
        self._one_stage()

    def build(self, spec: ImageSpec) -> ConditionalModel:
        mask, head = RandomMask(self.hide, spec.height, spec.width), Head(self.likelihood, spec)
        if head.kind.raw is not None:
            raise UserError(f"likelihood {self.likelihood.name!r} has no mean to fill an image with; give another")
        plans = [Plan(self._one_stage(), spec) for _ in range(self.stages)]
        hierarchy = plans[0].hierarchy(plans[0].pixels(head.outputs))
        if self.stages == 2:
            hierarchy = refined(hierarchy, plans[1], head.outputs)
        hierarchy.checkpoint = self.network.checkpoint
        posterior, condition = (self._guide(spec, head, 1 + times * spec.channels) for times in (2, 1))
        return ConditionalModel(hierarchy, posterior, Factorised(nn.Identity(), head), condition, mask)

    def _one_stage(self) -> MatNet:
        """A stage; nobody asks for its own priors."""
        return MatNet(latent=self.latent, units=self.units, prior="standard", network=self.network)

    def _guide(self, spec: ImageSpec, head: Head, channels: int) -> TopDown:
        """q or p(z | x_k), which reads so many channels."""
        first, second = (Plan(self._one_stage(), spec) for _ in range(2))
        ascent, recognisers = first.ascent(channels), [*first.merges(), FromTrail(nn.Identity(), gaussian)]
        if self.stages == 1:
            return TopDown(ascent, recognisers)
        merges = second.merges()
        guess = (head.outputs, spec.height, spec.width)
        later = [Later(merge, index, second.state(index), guess) for index, merge in enumerate(merges)]
        start = Refill(second.ascent(channels), Borrowed(head), spec.channels, guess)
        return TopDown(Seen(ascent, len(later) + 1), [*later, start, *recognisers])


def refined(first: Hierarchy, plan: Plan, outputs: int) -> Hierarchy:
    """The levels of a second stage beneath those of the first, whose readout becomes the guess that is carried on."""
    guess = (outputs, plan.spec.height, plan.spec.width)
    second = plan.hierarchy(plan.pixels(outputs))
    lowest, *others = (first.level(index) for index in range(len(first.levels)))
    modules = range(len(second.levels) - 1)
    shapes = [*(plan.state(index) for index in modules), (0,)]
    carrying = [Carrying(second.level(index), shape, guess) for index, shape in enumerate(shapes)]
    levels = [*carrying, Painting(lowest, first.readout), *others]
    return Hierarchy(levels, readout=Summed(second.readout, plan.state(0), guess))


def split(h: Tensor, own: tuple[int, ...], guess: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """h [B, N] -> a state [B, *own], and the first stage's parameters of the pixels [B, *guess]."""
    size = math.prod(own)
    return h[:, :size].reshape(len(h), *own), h[:, size:].reshape(len(h), *guess)


class Painting(Level):
    """The lowest level of the first stage: its step goes on to the parameters of the pixels, as one vector."""

    def __init__(self, level: Level, readout: nn.Module) -> None:
        super().__init__()
        self.shape, self.level, self.readout = level.shape, level, readout

    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        return self.level.prior(h)

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        guess: Tensor = self.readout(self.level.step(h, z))
        return guess.flatten(1)


class Carrying(Level):
    """A level of the second stage, beside whose state the first stage's guess runs on.

    Args:
        level: the level itself.
        own: the shape of its state.
        guess: the shape of the guess.
    """

    def __init__(self, level: Level, own: tuple[int, ...], guess: tuple[int, ...]) -> None:
        super().__init__()
        self.shape, self.level, self.own, self.guess = level.shape, level, own, guess

    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        return self.level.prior(split(h, self.own, self.guess)[0])[0], h

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        state, guess = split(h, self.own, self.guess)
        return torch.cat([self.level.step(state, z).flatten(1), guess.flatten(1)], 1)


class Summed(nn.Module):
    """The readout of both stages: the parameters of the pixels, added."""

    def __init__(self, readout: nn.Module, own: tuple[int, ...], guess: tuple[int, ...]) -> None:
        super().__init__()
        self.readout, self.own, self.guess = readout, own, guess

    def forward(self, h: Tensor) -> Tensor:
        state, guess = split(h, self.own, self.guess)
        change: Tensor = self.readout(state)
        return change + guess


class Seen(nn.Module):
    """The trail of both stages: the first one's, and beneath it what is seen, for the second one's way up."""

    def __init__(self, ascent: Ascent, levels: int) -> None:
        super().__init__()
        self.ascent, self.levels = ascent, levels

    def forward(self, seen: Tensor) -> tuple[Tensor, ...]:
        return (*[seen] * self.levels, *self.ascent(seen))


class Refill(nn.Module):
    """The top of the second stage: its way up starts when the guess is there; the trail is handed on.

    Args:
        ascent: the second stage's.
        head: the parameters of the pixels -> a distribution over images.
        channels: C; what is seen begins with x_k [B, C, H, W] and which pixels are known [B, 1, H, W].
        guess: the shape of the guess.
    """

    def __init__(self, ascent: Ascent, head: nn.Module, channels: int, guess: tuple[int, ...]) -> None:
        super().__init__()
        self.ascent, self.head, self.channels, self.guess = ascent, head, channels, guess

    def forward(self, seen: Tensor, h: Tensor, p: Distribution, above: Above | None) -> tuple[Distribution, Any]:
        image, known = self.head(split(h, (0,), self.guess)[1]).mean, seen[:, self.channels : self.channels + 1]
        filled = torch.where(known > 0.5, seen[:, : self.channels], image.to(seen))
        *trail, raw = self.ascent(torch.cat([filled, seen[:, self.channels :]], 1))
        return gaussian(raw), (None, tuple(trail))


class Later(nn.Module):
    """A merge module of the second stage; beside the merge state it hands on the trail."""

    def __init__(self, merge: Merge, index: int, own: tuple[int, ...], guess: tuple[int, ...]) -> None:
        super().__init__()
        self.merge, self.index, self.own, self.guess = merge, index, own, guess

    def forward(self, seen: Tensor, h: Tensor, p: Distribution, above: Above | None) -> tuple[Distribution, Any]:
        assert above is not None  # this is no top
        merged, trail = above.state
        state, _ = split(h, self.own, self.guess)
        q, merged = self.merge(trail[self.index], state, p, Above(merged, above.z))
        return q, (merged, trail)
