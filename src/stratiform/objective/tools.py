"""What the objectives share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from stratiform.core.hierarchy import from_prior
from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.distributions import Distribution
from stratiform.errors import UserError

Mean: TypeAlias = Callable[[Tensor], Tensor]  # a mean over some rows -> the mean over more of them


def distortion(terms: Terms) -> Tensor:
    """-E[log p(x | z) + log p(y | z)], 0-d."""
    observed = terms.log_px if terms.log_py is None else terms.log_px + terms.log_py
    return -observed.mean()


@torch.no_grad()
def priors(model: LatentModel) -> tuple[Distribution, ...]:
    """p(z_l | z_>l) of every level under two draws from it, bottom -> top."""
    return tuple(latent.p for latent in model.hierarchy.descend(2, from_prior())[1])


def at_least_one(samples: int) -> None:
    if samples < 1:
        raise UserError(f"samples is {samples}; give the draws of z per image, 1 or more")


def not_negative(name: str, value: float) -> None:
    if not value >= 0.0:
        raise UserError(f"objective.{name} is {value}; give 0 or more")
