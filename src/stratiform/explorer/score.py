"""What a model says of one image: bits, level by level and pixel by pixel; what it keeps of it; how strange it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import torch
from torch import Tensor

from stratiform.core.model import LatentModel
from stratiform.core.posterior import mean
from stratiform.data.batches import in_order
from stratiform.data.split import Data
from stratiform.evaluation.anomaly import Scores, scores
from stratiform.evaluation.bound import bits_of, bounds
from stratiform.evaluation.explore import draws_pixels, reconstruct
from stratiform.spec import ImageSpec

SAMPLES = 50  # draws of z, of the bound
STRANGENESS_SAMPLES, STRANGENESS_IMAGES = 10, 100  # draws of z per image, and images compared with
LN2 = math.log(2.0)


@dataclass(frozen=True)
class Found:
    """One image, scored.

    Attributes:
        bound: importance-weighted bound on log p(x) in nats; exact where there are no levels.
        bits_per_dim: None where values are continuous and their grid is unknown.
        level_bits: what each level's code costs, bottom -> top.
        pixel_bits: what each pixel costs once the code is known, at the posterior means, [H, W].
        kept: rebuilt from its L, L - 1, ... 0 upper levels, [L + 1, C, H, W]; None where pixels are drawn.
    """

    bound: float
    bits_per_dim: float | None
    level_bits: list[float]
    pixel_bits: Tensor
    kept: Tensor | None


@torch.no_grad()
def score(model: LatentModel, x: Tensor, spec: ImageSpec, grid: int | None) -> Found:
    """x [1, C, H, W]; `grid`: grey levels of dequantised data, as in `bits_per_dim`."""
    found = bounds(model, x, SAMPLES)
    bound, levels = found.bound.item(), len(model.hierarchy.levels)
    image = model.decode(1, model.posterior.pick(x, mean))
    kept = (
        None if draws_pixels(model) else torch.cat([reconstruct(model, x, keep_top=k) for k in range(levels, -1, -1)])
    )
    return Found(
        bound=bound,
        bits_per_dim=bits_of(model, bound, spec, grid),
        level_bits=(found.kl[:, 0] / LN2).tolist(),
        pixel_bits=-image.log_prob_each(x)[0].double() / LN2,
        kept=kept,
    )


def reference(model: LatentModel, data: Data) -> Scores:
    """The scores of some test images, or of training images where none were held out."""
    split: Literal["train", "test"] = "test" if len(data.test) else "train"
    batches = list(islice(in_order(data, split, size=STRANGENESS_IMAGES, limit=STRANGENESS_IMAGES), 1))
    return scores(model, batches, samples=STRANGENESS_SAMPLES)


def strangeness(model: LatentModel, x: Tensor, usual: Scores) -> list[dict[str, Any]]:
    """Each score of x [1, C, H, W], and the share of usual images that score lower, ties half."""
    own, others = scores(model, [x], samples=STRANGENESS_SAMPLES).named(), usual.named()
    return [
        {
            "name": name,
            "nats": float(value[0]),
            "above": float(((others[name] < value[0]).mean() + (others[name] <= value[0]).mean()) / 2),
            "of": len(others[name]),
        }
        for name, value in own.items()
    ]
