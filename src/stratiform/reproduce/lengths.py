"""How a code length splits: the numbers of one trained model in the experiments of Lucas and Verbeek 2018.

Every model is measured on the same images with the same noise: its importance-weighted bound, how the code length
splits into the KL and what the pixels cost given z, and what the auxiliary decoder alone would need. A linear probe
says what the code knows of the labels. What is reported never holds the auxiliary term, nor lambda.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stratiform.core.decoder import Autoregressive
from stratiform.core.hierarchy import Draw, Pick
from stratiform.core.model import LatentModel
from stratiform.core.posterior import mean
from stratiform.data.batches import in_order
from stratiform.data.split import Data, chosen
from stratiform.evaluation.bound import bounds
from stratiform.evaluation.factors import Factor
from stratiform.evaluation.metrics import Metrics
from stratiform.evaluation.noise import keyed
from stratiform.evaluation.probe import PROBES
from stratiform.training.run import Loaded

IMAGES, SAMPLES, AT_ONCE = 100, 150, 20  # of the bound: images, draws of each, images at once
PROBED = 2000  # images that the probe is fitted to and asked about, in five folds


@dataclass(frozen=True)
class Member:
    """One trained model and its numbers; of every image in bits per dimension of x, [N]."""

    name: str
    seed: int
    loaded: Loaded
    bits: Sequence[float]  # importance-weighted bound; exact where there are no levels
    elbo: Sequence[float]
    kl: Sequence[float]
    auxiliary: Sequence[float] | None  # KL - E log p(y | f(z)): what the auxiliary decoder alone would need
    error: Sequence[float] | None  # mean squared error of the VAE's picture of x, on the range 0 to 1
    known: float | None  # accuracy of a linear probe on the means of q: what inference has found
    carried: float | None  # the same of one draw of q, standing for what the levels have paid for
    chance: float | None
    misled: Sequence[float] | None  # how much more the pixels need from the code of another image

    @classmethod
    def of(cls, name: str, seed: int, loaded: Loaded, data: Data) -> Member:
        metrics = Metrics(loaded.run.metrics, loaded.run.weights)
        found = metrics.kept(f"code lengths, {SAMPLES} on {IMAGES} images", lambda: lengths(loaded.model, data))
        code = metrics.kept(f"probes of code and draw, {PROBED} images", lambda: probed(loaded.model, data))
        others = metrics.kept(f"codes of other images, {IMAGES}", lambda: misled(loaded.model, data))
        return cls(name, seed, loaded, **found, **code, **others)

    @property
    def pixels(self) -> list[float]:
        """-E log p(x | f(z))"""
        return [elbo - kl for elbo, kl in zip(self.elbo, self.kl, strict=True)]

    @property
    def picture(self) -> list[float] | None:
        """-E log p(y | f(z))"""
        return None if self.auxiliary is None else [a - kl for a, kl in zip(self.auxiliary, self.kl, strict=True)]


@torch.no_grad()
def lengths(model: LatentModel, data: Data) -> dict[str, Any]:
    """Of every one of the first test images, in bits per dimension."""
    found: dict[str, list[float]] = {name: [] for name in ("bits", "elbo", "kl", "auxiliary", "error")}
    unit = -1.0 / (data.spec.dimensions * math.log(2.0))
    for x in in_order(data, size=AT_ONCE, limit=IMAGES):
        of = bounds(model, x, SAMPLES, first=len(found["bits"]))
        found["bits"] += (unit * of.bound).tolist()
        found["elbo"] += (unit * of.elbo).tolist()
        found["kl"] += (-unit * of.kl.sum(0)).tolist()
        if of.auxiliary is not None:
            found["auxiliary"] += (unit * of.auxiliary).tolist()
        if model.hierarchy.shapes and (shown := pictures_of(model, x)) is not None:
            found["error"] += (shown - x).square().flatten(1).mean(1).tolist()
    return {name: values or None for name, values in found.items()}


def probed(model: LatentModel, data: Data) -> dict[str, Any]:
    """How often a linear probe on all levels, their means or a draw, names the label; its own fold left out.

    A level that has collapsed has means that differ by less than its noise. A probe, which scales them up, still reads
    them; of a draw it does not.
    """
    labels = data.test.labels
    if labels is None or not model.hierarchy.shapes:
        return {"known": None, "carried": None, "chance": None}
    factor = Factor.named("label", labels[chosen(len(labels), PROBED)])
    scores = [
        PROBES["linear"](codes, seed=0)(factor, None)
        for codes in (
            _codes(model, data, lambda rows: mean),
            _codes(model, data, lambda rows: keyed(0, rows, 0 * rows)),
        )
    ]
    return {"known": scores[0].score, "carried": scores[1].score, "chance": scores[0].chance}


@torch.no_grad()
def _codes(model: LatentModel, data: Data, draw: Callable[[Tensor], Draw]) -> np.ndarray:
    """All levels' z of the first PROBED test images, [N, d]; `draw` is of the rows of a batch."""
    codes, first = [], 0
    for x in in_order(data, limit=PROBED):
        latents = model.encode(x, draw(torch.arange(first, first := first + len(x))))
        codes.append(torch.cat([latent.z.flatten(1) for latent in latents], 1).double().cpu())
    return torch.cat(codes).numpy()


@torch.no_grad()
def misled(model: LatentModel, data: Data) -> dict[str, Any]:
    """By how many bits/dim -log p(x | f(z)) grows where z is the code (mean) of the image before, not that of x."""
    if not model.hierarchy.shapes:
        return {"misled": None}
    x = torch.cat(list(in_order(data, size=AT_ONCE, limit=IMAGES)))
    f, _ = model.hierarchy.descend(len(x), model.posterior.pick(x, mean))
    own, other = (model.decoder(of).log_prob(x).double() for of in (f, f.roll(1, 0)))
    return {"misled": ((own - other) / (data.spec.dimensions * math.log(2.0))).tolist()}


@torch.no_grad()
def pictures(model: LatentModel, n: int, pick: Pick) -> Tensor | None:
    """The VAE's pictures, enlarged to the size of x where they are smaller, [n, C, H, W]; None where it makes none."""
    f, _ = model.hierarchy.descend(n, pick)
    if not isinstance(model.decoder, Autoregressive):
        mean_of_all: Tensor = model.decoder(f).mean
        return mean_of_all
    if model.auxiliary is None:
        return None
    return F.interpolate(model.auxiliary(f).mean, model.decoder.shape[1:], mode="nearest")


def pictures_of(model: LatentModel, x: Tensor) -> Tensor | None:
    """The VAE's pictures of images x [n, C, H, W], from the means of their codes."""
    return pictures(model, len(x), model.posterior.pick(x, mean))
