"""Where the data lie: the noise of each level's posterior means, what each unit says of images, and two axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from stratiform.core.latent import Latent
from stratiform.core.model import LatentModel
from stratiform.data.batches import grey_levels, in_order
from stratiform.data.split import Data, Split, chosen
from stratiform.edit import encode
from stratiform.evaluation.bound import active_units
from stratiform.evaluation.factors import Factor, of_images, of_source
from stratiform.evaluation.noise import keyed
from stratiform.explorer.pace import in_time

IMAGES, FEWEST = 1000, 40  # placed on the pads: at most, and however long it takes
ENOUGH = 200  # images of the test split; with fewer the training images are placed


@dataclass(frozen=True)
class LevelCodes:
    """One level, seen over N images.

    Attributes:
        kl: nats of every unit, [*z], mean over the images.
        variance: of every unit's posterior mean over the images, [*z].
        axes: two directions in the level's noise, [2 or 1, d]: its own units where it has one or two, else the
            principal axes of the images' noise; None of a level of positions.
        points: the images' noise along them, [N, 2 or 1].
    """

    kl: Tensor
    variance: Tensor
    axes: np.ndarray | None
    points: np.ndarray | None

    def to_json(self, number: int) -> dict[str, Any]:
        each = self.kl.flatten()
        return {
            "level": number,
            "kl": each.sum().item(),
            "units": len(each),
            "active_units": active_units(self.variance),
            "order": each.argsort(descending=True)[:16].tolist(),
            "kl_map": self.kl.sum(0).tolist() if self.kl.ndim == 3 else None,
            "axes": None if self.axes is None else np.round(self.axes, 4).tolist(),
            "points": None if self.points is None else np.round(self.points, 3).tolist(),
        }


@dataclass(frozen=True)
class Codes:
    """All levels, bottom -> top, and which images they were seen over.

    Attributes:
        seen: these images as the model sees them, uint8 k of [N, C, H, W].
    """

    split: str
    images: Split
    seen: np.ndarray
    levels: tuple[LevelCodes, ...]


def source_of(data: Data) -> tuple[Literal["train", "test"], Split]:
    """The split whose images are placed on the pads."""
    return ("test", data.test) if len(data.test) >= min(ENOUGH, len(data.train)) else ("train", data.train)


@torch.no_grad()
def codes(model: LatentModel, data: Data) -> Codes:
    """The levels seen over some images of the data, fewer of a large model; empty where there are none."""
    name, split = source_of(data)
    limit = in_time(lambda x: _seen(model, x, 0), data, name, FEWEST, IMAGES) if model.hierarchy.shapes else IMAGES
    noise: list[list[Tensor]] = [[] for _ in model.hierarchy.shapes]
    kl = [torch.zeros(shape, dtype=torch.float64) for shape in model.hierarchy.shapes]
    values: list[list[Tensor]] = [[] for _ in noise]
    seen: list[np.ndarray] = []
    count = 0
    for x in in_order(data, name, limit=limit):
        seen.append(grey_levels(x, data.spec.bins or 256, data.spec.bins is None).numpy())
        if not noise:
            continue
        drawn, held = _seen(model, x, count)
        for level, latent in enumerate(drawn):
            assert latent.q is not None
            noise[level].append(held[level].flatten(1))
            values[level].append(latent.q.mean)
            kl[level] += latent.kl_each().double().sum(0)
        count += len(x)
    levels = tuple(
        _level(paid / count, torch.cat(means), torch.cat(e).double().numpy())
        for paid, means, e in zip(kl, values, noise, strict=True)
    )
    return Codes(name, split.take(chosen(len(split), limit)), np.concatenate(seen), levels)


def _seen(model: LatentModel, x: Tensor, first: int) -> tuple[Sequence[Latent], Sequence[Tensor]]:
    """What a posterior draw of each of these images is, the first-th and on; and the noise of its means."""
    rows = torch.arange(first, first + len(x))
    return model.encode(x.to(model.hierarchy.top), keyed(0, rows, torch.zeros_like(rows))), encode(model, x).held


def _level(kl: Tensor, means: Tensor, noise: np.ndarray) -> LevelCodes:
    variance = means.double().var(0, correction=0)
    if kl.ndim == 3:
        return LevelCodes(kl, variance, None, None)
    axes = np.eye(math.prod(kl.shape)) if noise.shape[1] <= 2 else principal(noise)
    return LevelCodes(kl, variance, axes, noise @ axes.T)


def principal(noise: np.ndarray) -> np.ndarray:
    """The two directions in which [N, d] vary most, [2, d], of length 1; their largest entry is positive."""
    axes: np.ndarray = np.linalg.svd(noise - noise.mean(0), full_matrices=False)[2][:2]
    largest = np.abs(axes).argmax(1)
    signs = np.sign(axes[np.arange(len(axes)), largest])
    return np.asarray(axes * signs[:, None])


def factors(images: Split, data: Data, measured: bool) -> dict[str, Any]:
    """What is known of each image, for colours: by name its kind and a value per image.

    Args:
        measured: also what can be measured on the images themselves, which takes a while.
    """
    found: Mapping[str, Factor] = of_images(images, data.grid) if measured else of_source(images)
    told = {}
    for name, factor in found.items():
        if factor.trivial:
            continue
        values = [None if not known else v for v, known in zip(factor.values.tolist(), factor.known, strict=True)]
        if factor.kind != "class":
            values = [None if v is None else float(f"{v:.4g}") for v in values]
        told[name] = {"kind": factor.kind, "values": values}
        if name == "label" and data.class_names:
            told[name]["names"] = list(data.class_names)
    return told
