"""The maximum mean discrepancy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stratiform.core.latent import Terms
from stratiform.objective.tools import distortion


@dataclass(frozen=True, kw_only=True)
class MMD:
    """The reference VLAE's `--reg mmd`: the KL of each level replaced by MMD^2 between draws of q and of p.

    With the kernel exp(-mean_d (a - b)^2 / d). Not a bound. The reference minimises 100 (mean L1 + MMD^2), which is
    this loss at weight D / b up to a factor: 784 * 8 = 6272 on MNIST.
    """

    weight: float = 6272.0
    """of MMD^2, in nats"""
    samples: int = 1
    """draws of z per image"""

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        distance = terms.log_px.new_zeros(())
        for latent in terms.latents:
            ours, theirs = latent.z.flatten(1), latent.p.draw()[0].flatten(1)
            distance = distance + _kernel(ours, ours) + _kernel(theirs, theirs) - 2.0 * _kernel(ours, theirs)
        return distortion(terms) + beta * self.weight * distance


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """E[k(a, b)] over all pairs of rows, [n, d] and [m, d] -> 0-d."""
    squared = (a[:, None] - b[None]).square().mean(2)
    return torch.exp(-squared / a.shape[1]).mean()
