"""A softmax over the grey levels of every channel (van den Oord et al. 2016): any shape, its masses sum to 1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from stratiform.distributions.tools import total


@dataclass(frozen=True)
class Softmax:
    """p(x = k / (b - 1)) = softmax(logits)_k, channels independent given the logits."""

    logits: Tensor  # [B, C, b, H, W]

    @classmethod
    def from_raw(cls, raw: Tensor, channels: int, bins: int) -> Softmax:
        """A network's outputs [B, C b, H, W], channel by channel."""
        return cls(raw.view(len(raw), channels, bins, *raw.shape[2:]))

    def log_prob_each(self, x: Tensor) -> Tensor:
        level = torch.round(x * (self.logits.shape[2] - 1)).long()
        return self.logits.log_softmax(2).gather(2, level[:, :, None]).sum((1, 2))

    def log_prob(self, x: Tensor) -> Tensor:
        return total(self.log_prob_each(x))

    def sample(self, generator: Generator | None = None, temperature: float = 1.0) -> Tensor:
        return choose(self.logits, 2, generator, temperature) / (self.logits.shape[2] - 1)

    @property
    def mean(self) -> Tensor:
        levels = torch.linspace(0.0, 1.0, self.logits.shape[2]).to(self.logits)
        return (self.logits.softmax(2) * levels[:, None, None]).sum(2)


def choose(logits: Tensor, dim: int, generator: Generator | None, temperature: float = 1.0) -> Tensor:
    """An index along `dim` drawn from softmax(logits / temperature): the largest after Gumbel noise is added."""
    u = torch.rand(logits.shape, generator=generator, dtype=logits.dtype, device=logits.device)
    gumbel = -torch.log(-torch.log(u.clamp(torch.finfo(u.dtype).tiny, 1.0 - torch.finfo(u.dtype).eps)))
    return (logits + temperature * gumbel).argmax(dim)
