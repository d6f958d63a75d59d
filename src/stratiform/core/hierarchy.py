"""The generative hierarchy p(z), and the one walk down it.

At each level the caller's *pick* returns the draw. Inference, sampling, sweeps, mixing and partial reconstruction are
picks. A pick keeps no state of its own: what runs down beside h is handed on by the walk as the *carry*, so that the
gradients with activation checkpointing equal those without. A guide's carry is what it handed on at the level above,
and the z drawn there: `Above`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Generator, Tensor, nn
from torch.utils.checkpoint import checkpoint

from stratiform.core.latent import Latent
from stratiform.distributions import Distribution


class Above(NamedTuple):
    """What a guide finds of the level above."""

    state: Any  #: what it handed on there: tensors, or None
    z: Tensor  #: what was drawn there, [B, *z]


Carry: TypeAlias = Any  # what a pick hands down from level to level: tensors, None at the top
Guide = Callable[[int, Tensor, Distribution | None, Above | None], tuple[Distribution, Any]]
"""(level, h, p, above) -> q (or a conditional p) of that level, and the state handed on; at the top, above is None."""
Draw = Callable[[int, Distribution], tuple[Tensor, Tensor]]
"""(level, q) -> z and log q(z), both [B, *z]."""
Pick = Callable[[int, Tensor, Distribution, Carry], tuple[Latent, Carry]]
"""(level, h, p, carry) -> the draw of that level, and the carry going on. Levels count from 0, nearest x."""


class Level(nn.Module, ABC):
    """One level of the hierarchy; parameters of theta only.

    Attributes:
        shape: the shape of one z of this level, without the batch.
    """

    shape: tuple[int, ...]

    @abstractmethod
    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        """p(z_l | z_>l), and the h that goes on to `step`."""

    @abstractmethod
    def step(self, h: Tensor, z: Tensor) -> Tensor:
        """The next top-down state, up-sampling included."""


class Hierarchy(nn.Module):
    """p(z) = prod p(z_l | z_>l), and the readout f(z).

    Args:
        levels: bottom (nearest x) -> top.
        top: the shape of the first state h above the top level, without the batch; zeros; (0,) for none.
        readout: from the last state to f(z), which the decoder reads.
    """

    top: Tensor

    def __init__(self, levels: Sequence[Level], top: tuple[int, ...] = (0,), readout: nn.Module | None = None) -> None:
        super().__init__()
        self.levels = nn.ModuleList(levels)
        self.readout = nn.Identity() if readout is None else readout
        self.register_buffer("top", torch.zeros(1, *top), persistent=False)
        self.checkpoint = False  # recompute activations in the backward pass, stretch by stretch

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of z at each level, bottom -> top."""
        return tuple(self.level(index).shape for index in range(len(self.levels)))

    def descend(self, n: int, pick: Pick, prior: Guide | None = None) -> tuple[Tensor, tuple[Latent, ...]]:
        """The walk from the top level down.

        Args:
            n: how many images, the batch size.
            pick: returns the draw of each level.
            prior: a conditional prior p(z_l | z_>l, what it was made from), instead of the levels' own.

        Returns:
            f(z), [n, ...], and the draws, bottom -> top.
        """
        h, carry, above = self.top.expand(n, *self.top.shape[1:]), None, None
        latents: list[Latent] = []
        for stretch in self._stretches():
            arguments = (stretch, pick, prior, h, carry, above)
            if self.checkpoint and torch.is_grad_enabled():
                drawn, h, carry, above = checkpoint(self._descend, *arguments, use_reentrant=False)
            else:
                drawn, h, carry, above = self._descend(*arguments)
            latents += drawn
        return self.readout(h), tuple(reversed(latents))

    def _stretches(self) -> list[range]:
        """The levels from the top down, in parts that are recomputed as one: about sqrt(L) levels each, or all."""
        count = len(self.levels)
        size = math.isqrt(count - 1) + 1 if self.checkpoint and count else count
        return [range(first, max(first - size, -1), -1) for first in range(count - 1, -1, -max(size, 1))]

    def level(self, index: int) -> Level:
        level = self.levels[index]
        assert isinstance(level, Level)
        return level

    def _descend(
        self, stretch: range, pick: Pick, prior: Guide | None, h: Tensor, carry: Carry, above: Above | None
    ) -> tuple[list[Latent], Tensor, Carry, Above | None]:
        drawn = []
        for index in stretch:
            latent, h, carry, above = self._descend_one(index, pick, prior, h, carry, above)
            drawn.append(latent)
        return drawn, h, carry, above

    def _descend_one(
        self, index: int, pick: Pick, prior: Guide | None, h: Tensor, carry: Carry, above: Above | None
    ) -> tuple[Latent, Tensor, Carry, Above]:
        level, state = self.level(index), None
        if prior is None:
            p, h = level.prior(h)
        else:
            p, state = prior(index, h, None, above)
        latent, carry = pick(index, h, p, carry)
        return latent, level.step(h, latent.z), carry, Above(state, latent.z)


def from_prior(temperature: float = 1.0, generators: Mapping[int, Generator] | None = None) -> Pick:
    """Generation: z_l ~ p(z_l | z_>l), its scale times `temperature`; level l draws from generators[l] where given."""
    generators = generators or {}

    def pick(level: int, h: Tensor, p: Distribution, carry: Carry) -> tuple[Latent, Carry]:
        return Latent(p.draw(temperature=temperature, generator=generators.get(level))[0], p), carry

    return pick


def with_noise(noise: Mapping[int, Tensor], otherwise: Pick) -> Pick:
    """Holds the *noise* of the levels named, standard normal [B, *z]: "what does this level control"."""

    def pick(level: int, h: Tensor, p: Distribution, carry: Carry) -> tuple[Latent, Carry]:
        if level not in noise:
            return otherwise(level, h, p, carry)
        return Latent(p.draw(noise[level])[0], p), carry

    return pick


def given(z: Mapping[int, Tensor], otherwise: Pick) -> Pick:
    """Holds the *value* of the levels named, [B, *z]: in a Markov hierarchy those above them then change nothing."""

    def pick(level: int, h: Tensor, p: Distribution, carry: Carry) -> tuple[Latent, Carry]:
        if level not in z:
            return otherwise(level, h, p, carry)
        return Latent(z[level], p), carry

    return pick
