"""Codes: the posterior means of each level, and what parts of z count as levels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from stratiform.core.hierarchy import Hierarchy
from stratiform.core.model import LatentModel
from stratiform.errors import UserError
from stratiform.evaluation.noise import keyed


class Reading:
    """Which parts of a model's z are read as levels: its own, or equal slices of the one code of a one-level model.

    The slices are the paper's control: a plain VAE has no order, however its code is cut.
    """

    def __init__(self, hierarchy: Hierarchy, split_code: int | None = None) -> None:
        self.shapes, self.slices = hierarchy.shapes, split_code
        if split_code is None:
            return
        units = math.prod(self.shapes[0]) if len(self.shapes) == 1 else 0
        if len(self.shapes) != 1 or split_code < 1 or units % split_code:
            raise UserError(
                f"split_code is {split_code}, but the levels have {[math.prod(s) for s in self.shapes]} units; "
                "it takes a single level, and a divisor of its units"
            )

    def __len__(self) -> int:
        return self.slices or len(self.shapes)

    def split(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """The model's levels [B, *z] -> the levels as read, [B, d] each."""
        flat = [z.flatten(1) for z in levels]
        return flat if self.slices is None else list(flat[0].chunk(self.slices, 1))

    def join(self, parts: Sequence[Tensor]) -> dict[int, Tensor]:
        """The levels as read, [B, d] each -> the model's levels [B, *z]."""
        whole = parts if self.slices is None else [torch.cat(list(parts), 1)]
        return {i: z.reshape(-1, *shape) for i, (z, shape) in enumerate(zip(whole, self.shapes, strict=True))}


@torch.no_grad()
def codes_and_kl(
    model: LatentModel, batches: Iterable[Tensor], *, seed: int = 0, split_code: int | None = None
) -> tuple[list[np.ndarray], np.ndarray]:
    """Posterior means [N, d] of each level as read, and its mean KL in nats [L], bottom -> top.

    Raises:
        UserError: there are no levels, or the code cannot be split so.
    """
    if not model.hierarchy.shapes:
        raise UserError("this model has no levels, so an image has no code")
    reading, top = Reading(model.hierarchy, split_code), model.hierarchy.top
    codes: list[list[Tensor]] = []
    kl, count = torch.zeros(len(reading), dtype=torch.float64), 0
    for x in batches:
        x = x.to(top)
        rows = torch.arange(count, count + len(x), device=x.device)
        codes.append([z.cpu() for z in reading.split([latent.z for latent in model.encode(x)])])
        drawn = model.encode(x, keyed(seed, rows, torch.zeros_like(rows)))
        paid = reading.split([latent.kl_each() for latent in drawn])
        kl += torch.stack([each.sum().double().cpu() for each in paid])
        count += len(x)
    return [torch.cat(level).double().numpy() for level in zip(*codes, strict=True)], (kl / count).numpy()
