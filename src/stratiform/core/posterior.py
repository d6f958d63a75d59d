"""The posterior q(z | x): parameters of phi only. Generation never touches it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from stratiform.core.hierarchy import Above, Carry, Draw, Guide, Pick, from_prior
from stratiform.core.latent import Latent
from stratiform.distributions import Distribution, Gaussian


def sample(level: int, q: Distribution) -> tuple[Tensor, Tensor]:
    """The draw of training and bounds: z ~ q, from torch's own generator."""
    return q.draw()


def mean(level: int, q: Distribution) -> tuple[Tensor, Tensor]:
    """The draw of codes: z = E_q[z], the draw without noise; of a flow, that of the base's mean."""
    return q.draw(torch.zeros_like(q.mean))


def sampler(generator: Generator) -> Draw:
    """z ~ q, from a generator of the caller's."""
    return lambda level, q: q.draw(generator=generator)


def noisy(noise: Mapping[int, Tensor]) -> Draw:
    """z from standard normal noise of the caller's, [B, *z] per level."""
    return lambda level, q: q.draw(noise[level])


def replay(z: Mapping[int, Tensor]) -> Draw:
    """The values of the caller's, [B, *z] per level, scored under q."""
    return lambda level, q: (z[level], q.log_prob(z[level]))


class Posterior(nn.Module, ABC):
    """Makes the pick of inference out of an image.

    Attributes:
        independent: the levels of q are independent given x.
    """

    independent: bool = False

    @abstractmethod
    def pick(self, x: Tensor, draw: Draw = sample) -> Pick:
        """x [B, C, H, W] -> the pick that draws every level from q by `draw`."""


class TopDown(Posterior):
    """q(z | x) = prod q(z_l | z_>l, x): drawn in the order of the walk, so the analytic KL is allowed at every level.

    Args:
        encoder: x -> the trail, one entry per level, bottom -> top.
        recognisers: per level, (trail entry, h, p, above) -> (q, the state handed on), bottom -> top; `blind` if it
            reads the trail alone.
    """

    def __init__(self, encoder: nn.Module, recognisers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.encoder, self.recognisers = encoder, nn.ModuleList(recognisers)
        self.independent = all(getattr(recogniser, "blind", False) for recogniser in recognisers)

    def guide(self, x: Tensor) -> Guide:
        """x [B, C, H, W] -> the distribution of every level, given those above it and x."""
        trail = self.encoder(x)

        def guide(level: int, h: Tensor, p: Distribution | None, above: Above | None) -> tuple[Distribution, Any]:
            found: tuple[Distribution, Any] = self.recognisers[level](trail[level], h, p, above)
            return found

        return guide

    def pick(self, x: Tensor, draw: Draw = sample) -> Pick:
        guide = self.guide(x)

        def pick(level: int, h: Tensor, p: Distribution, above: Above | None) -> tuple[Latent, Above]:
            q, state = guide(level, h, p, above)
            z, log_q = draw(level, q)
            return Latent(z, p, q, log_q, exact=True), Above(state, z)

        return pick


class BottomUp(Posterior):
    """q(z | x) = q(z_1 | x) q(z_2 | z_1) ...: drawn against the order of the walk.

    Below the top the prior depends on draws that come later in this order, so only the top level's KL may be analytic.

    Args:
        nets: per level, from x (then from z below) to the raw parameters [B, 2 C, ...] of a Gaussian, bottom -> top.
    """

    def __init__(self, nets: Sequence[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def pick(self, x: Tensor, draw: Draw = sample) -> Pick:
        below, drawn = x, []
        for level, net in enumerate(self.nets):
            q = Gaussian.from_raw(net(below))
            below, log_q = draw(level, q)
            drawn.append((below, q, log_q))

        def pick(level: int, h: Tensor, p: Distribution, carry: Carry) -> tuple[Latent, Carry]:
            z, q, log_q = drawn[level]
            return Latent(z, p, q, log_q, exact=level == len(drawn) - 1), carry

        return pick


class Absent(Posterior):
    """No levels, nothing to infer."""

    def pick(self, x: Tensor, draw: Draw = sample) -> Pick:
        return from_prior()


__all__ = ["Absent", "BottomUp", "Posterior", "TopDown", "mean", "noisy", "replay", "sample", "sampler"]
