"""What a model says of one image: bits, level by level and pixel by pixel; what it keeps of it; how strange it is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from stratiform.core.conditional import ConditionalModel
from stratiform.core.model import LatentModel
from stratiform.core.posterior import mean
from stratiform.data.batches import in_order
from stratiform.data.split import Data
from stratiform.evaluation.anomaly import Scores, scores
from stratiform.evaluation.bound import bits_of, bounds
from stratiform.evaluation.explore import draws_pixels, reconstruct
from stratiform.explorer.pace import in_time
from stratiform.explorer.picture import Encoded, completes, held, images, stays, tensor
from stratiform.explorer.view import Choice, View
from stratiform.spec import ImageSpec

SAMPLES = 50  # draws of z, of the bound
STRANGENESS_SAMPLES = 10  # draws of z per image
STRANGENESS_IMAGES, STRANGENESS_FEWEST = 100, 20  # compared with: at most, and however long it takes
LN2 = math.log(2.0)


@dataclass(frozen=True)
class Found:
    """One image, scored.

    Of a model that completes images: what is hidden of it, given what is known.

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
def score(model: LatentModel, view: View, spec: ImageSpec, grid: int | None, encoded: Encoded) -> Found:
    """Image a of a view; `grid`: grey levels of dequantised data, as in `bits_per_dim`."""
    x = tensor(view.a, spec)
    if completes(model):
        return _hidden(model, x, view, spec, encoded)
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


def _hidden(model: ConditionalModel, x: Tensor, view: View, spec: ImageSpec, encoded: Encoded) -> Found:
    """What is hidden of x [1, C, H, W], given what is known."""
    known = stays(view.known, spec)
    seen = known[None, None]
    found, levels = bounds(model, x, SAMPLES, seen=seen), len(view.levels)
    upper = [replace(view, levels=(*view.levels[k:], *[Choice(source="a")] * k)) for k in range(levels, -1, -1)]
    image = model.decode(1, held(model, upper[:1], encoded).pick(slice(None)), model.given(x, seen))
    return Found(
        bound=found.bound.item(),
        bits_per_dim=None,
        level_bits=(found.kl[:, 0] / LN2).tolist(),
        pixel_bits=torch.where(known, 0.0, -image.log_prob_each(x)[0].double() / LN2),
        kept=torch.cat([images(model, [each], spec, encoded) for each in upper]),
    )


def reference(model: LatentModel, data: Data) -> Scores:
    """The scores of some test images, or of training images where none were held out."""
    split: Literal["train", "test"] = "test" if len(data.test) else "train"

    def found(images: Iterable[Tensor]) -> Scores:
        return scores(model, images, samples=STRANGENESS_SAMPLES)

    limit = in_time(lambda x: found([x]), data, split, STRANGENESS_FEWEST, STRANGENESS_IMAGES)
    return found(in_order(data, split, limit=limit))


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
