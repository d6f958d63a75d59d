"""The diagonal Gaussian of priors and posteriors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from stratiform.distributions.tools import at_least_float, clamp_log_scale

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True)
class Gaussian:
    """N(mean, exp(log_scale)^2), elementwise."""

    mean: Tensor  #: [B, ...]
    log_scale: Tensor  #: [B, ...], log of the standard deviation

    @classmethod
    def from_raw(cls, raw: Tensor) -> Gaussian:
        """A network's output [B, 2 C, ...] -> mean and log-scale [B, C, ...] each."""
        mean, log_scale = raw.chunk(2, 1)
        return cls(at_least_float(mean), clamp_log_scale(log_scale))

    @classmethod
    def narrow(cls, raw: Tensor) -> Gaussian:
        """The same, its scale sigmoid(raw) + 0.001: never wider than N(0, 1), half as wide where training starts."""
        mean, raw_scale = at_least_float(raw).chunk(2, 1)
        return cls(mean, torch.log(torch.sigmoid(raw_scale) + 0.001))

    @classmethod
    def standard(cls, shape: tuple[int, ...], like: Tensor) -> Gaussian:
        """N(0, I) of [B, *shape], with the batch size, type and device of `like` [B, ...]."""
        zero = at_least_float(like).new_zeros(like.shape[0], *shape)
        return cls(zero, zero)

    @property
    def scale(self) -> Tensor:
        """The standard deviation, [B, ...]."""
        return self.log_scale.exp()

    def draw(
        self, noise: Tensor | None = None, temperature: float = 1.0, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """z = mean + temperature * scale * noise, and log N(z) at temperature 1, both [B, ...]."""
        if noise is None:
            like = self.mean
            noise = torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
        noise = temperature * noise
        return self.mean + self.scale * noise, -0.5 * noise**2 - self.log_scale - HALF_LOG_2PI

    def log_prob(self, z: Tensor) -> Tensor:
        """log N(z), [B, ...], in nats."""
        return -0.5 * ((z - self.mean) / self.scale) ** 2 - self.log_scale - HALF_LOG_2PI


def gaussian_kl(q: Gaussian, p: Gaussian) -> Tensor:
    """KL(q || p), elementwise [B, ...], in nats: log S - log s + (s^2 + (m - M)^2) / (2 S^2) - 1/2."""
    log_ratio = q.log_scale - p.log_scale
    return 0.5 * (torch.exp(2.0 * log_ratio) + ((q.mean - p.mean) / p.scale) ** 2 - 1.0) - log_ratio


def gaussian_product(a: Gaussian, b: Gaussian) -> Gaussian:
    """The product of two densities, normalised: precisions add, means are weighted by them (LVAE, Eqs 17-19)."""
    log_scale = -0.5 * torch.logaddexp(-2.0 * a.log_scale, -2.0 * b.log_scale)
    of_a, of_b = (torch.exp(2.0 * (log_scale - g.log_scale)) for g in (a, b))
    return Gaussian(of_a * a.mean + of_b * b.mean, log_scale)
