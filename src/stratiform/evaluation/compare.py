"""Models of the same images beside each other: their bounds image by image, and paired differences.

Some images are hard for every model, so that bounds of two models vary together over images. The standard error of the
mean of their differences leaves that common part out; it is far smaller than the two models' own errors suggest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor

from stratiform.core.model import LatentModel
from stratiform.errors import UserError
from stratiform.evaluation.bound import Bounds, LevelBound, active_units, bounds
from stratiform.evaluation.moments import Moments


@dataclass(frozen=True, kw_only=True)
class PerImage:
    """What one model says of each of N images, in nats; and its levels, over all of them."""

    elbo: tuple[float, ...]  # [N]
    bound: tuple[float, ...]  # [N] importance-weighted; the exact log p(x) where there are no levels
    levels: tuple[LevelBound, ...]
    effective_samples: float  # mean over images

    @classmethod
    def of(cls, model: LatentModel, batches: Iterable[Tensor], *, samples: int = 50, seed: int = 0) -> Self:
        """Of the batches [B, C, H, W]; the model in eval mode. Noise is a function of (seed, image, draw, level).

        Raises:
            UserError: no images, or fewer than one sample.
            Failed: a weight is not finite.
        """
        if samples < 1:
            raise UserError(f"samples is {samples}; give the draws of z per image, 1 or more")
        found: list[Bounds] = []
        count = 0
        for x in batches:
            found.append(bounds(model, x.to(model.hierarchy.top), samples, seed=seed, first=count))
            count += len(x)
        if not count:
            raise UserError("there are no images to compare on; give a higher --limit")
        kl = torch.cat([part.kl for part in found], 1).mean(1).tolist()
        codes = [torch.cat(means) for means in zip(*(part.means for part in found), strict=True)]
        levels = (
            LevelBound(level=i, kl=paid, units=code[0].numel(), active_units=active_units(code.var(0, correction=0)))
            for i, (paid, code) in enumerate(zip(kl, codes, strict=True), start=1)
        )
        return cls(
            elbo=tuple(torch.cat([part.elbo for part in found]).tolist()),
            bound=tuple(torch.cat([part.bound for part in found]).tolist()),
            levels=tuple(levels),
            effective_samples=torch.cat([part.effective for part in found]).mean().item(),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(
            elbo=tuple(values["elbo"]),
            bound=tuple(values["bound"]),
            levels=tuple(LevelBound(**level) for level in values["levels"]),
            effective_samples=values["effective_samples"],
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Mean:
    """A mean over images, and its standard error: None of a single image."""

    value: float
    stderr: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """values: [N]."""
        moments = Moments()
        moments.add(torch.tensor(values, dtype=torch.float64))
        return cls(moments.mean.item(), moments.stderr())


def paired(own: Sequence[float], other: Sequence[float]) -> Mean:
    """Mean of own - other over the same images, [N] each, with the standard error of that difference."""
    return Mean.of([a - b for a, b in zip(own, other, strict=True)])
