"""Inverse autoregressive flow (Kingma et al. 2016): a Gaussian made flexible, its density known at the draw.

Each step maps z to sigma z + (1 - sigma) m, elementwise, where m and sigma = sigmoid(s) of an element read those
before it alone: the Jacobian is triangular, its log-determinant the sum of log sigma.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from stratiform.distributions.gaussian import Gaussian
from stratiform.distributions.tools import at_least_float, total
from stratiform.errors import UserError

Step = Callable[[Tensor], tuple[Tensor, Tensor]]
"""z [B, ...] -> m and s, the shape of z; in an order of the step's own, either reads earlier elements only."""


@dataclass(frozen=True)
class Flow:
    """z_0 ~ base, then z_t = sigma_t z_{t-1} + (1 - sigma_t) m_t."""

    base: Gaussian
    steps: tuple[Step, ...]

    def draw(
        self, noise: Tensor | None = None, temperature: float = 1.0, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """z and log q(z) = log q(z_0) - sum_t log sigma_t, both [B, ...]: an element's part of the density."""
        z, log_q = self.base.draw(noise, temperature, generator)
        for step in self.steps:
            m, s = _gated(step, z)
            z = torch.sigmoid(s) * z + torch.sigmoid(-s) * m
            log_q = log_q - F.logsigmoid(s)
        return z, log_q

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z), [B, ...], in nats: the flow is inverted, so there is no gradient to be had.

        Raises:
            UserError: a gradient is wanted.
        """
        if torch.is_grad_enabled():
            raise UserError(
                "the density of a flow has no gradient at a z of the caller's: stl, dreg and sleep need "
                "--model.flow 0; or minimise elbo, free-bits or iwae"
            )
        log_det = torch.zeros_like(z)
        for step in reversed(self.steps):
            z = _inverted(step, z)
            log_det = log_det + F.logsigmoid(_gated(step, z)[1])
        return self.base.log_prob(z) - log_det

    @property
    def mean(self) -> Tensor:
        """The flow of the base's mean, [B, ...]: what stands for E[z], which has no closed form."""
        return self.draw(torch.zeros_like(self.base.mean))[0]


def _gated(step: Step, z: Tensor) -> tuple[Tensor, Tensor]:
    m, s = step(z)
    return at_least_float(m), at_least_float(s)


def _inverted(step: Step, y: Tensor) -> Tensor:
    """z of which the step makes y: each round settles one element more at least, in practice all after a few."""
    z = y
    for _ in range(y[0].numel()):
        m, s = _gated(step, z)
        before, z = z, (y - torch.sigmoid(-s) * m) * (1.0 + torch.exp(-s))
        if total((z - before).abs()).max() <= 4.0 * torch.finfo(z.dtype).eps * total(z.abs()).max():
            break
    return z
