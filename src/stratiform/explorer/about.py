"""What the page is built from: a run in words and shapes."""

from __future__ import annotations

import math
from typing import Any

import torch

from stratiform.core.hierarchy import from_prior, with_noise
from stratiform.core.model import LatentModel
from stratiform.data.source import SOURCES
from stratiform.evaluation.explore import draws_pixels
from stratiform.explorer import strict
from stratiform.explorer.attached import Attached, Opened
from stratiform.explorer.picture import completes, tensor
from stratiform.explorer.view import bits


def about(run: Attached, opened: Opened) -> dict[str, Any]:
    """A run with its present weights."""
    spec, model, recipe = opened.spec, opened.model, opened.loaded.recipe
    words = opened.words() or [{}] * len(model.hierarchy.shapes)
    return {
        "name": run.name,
        "recipe": recipe.name,
        "about": (type(recipe.model).__doc__ or "").split(":")[0].rstrip("."),
        "path": opened.called,
        "version": opened.version,
        "step": opened.step,
        "steps": recipe.training.steps,
        "source": run.config.source,
        "spec": {"channels": spec.channels, "height": spec.height, "width": spec.width, "bins": spec.bins},
        "draws_pixels": draws_pixels(model),
        "completes": completes(model),
        "paper": "light" if run.config.source in SOURCES and SOURCES[run.config.source].invert else "dark",
        "free": _free(model),
        "levels": [
            {"level": number, "shape": list(shape), "units": math.prod(shape), "kind": _kind(shape)} | said
            for number, (shape, said) in enumerate(zip(model.hierarchy.shapes, words, strict=True), start=1)
        ],
    }


def _kind(shape: tuple[int, ...]) -> str:
    """How a level is steered: on a pad, by its units, or by its positions."""
    if len(shape) == 3:
        return "map"
    return "pad" if math.prod(shape) <= 2 else "units"


def hidden(opened: Opened, images: list[bytes]) -> dict[str, list[str]]:
    """Of a model that completes images, what stays of each by its own law; otherwise nothing is said."""
    if not completes(opened.model):
        return {}
    known = torch.cat([opened.model.known(tensor(image, opened.spec)) for image in images])
    return {"known": [strict.unpacked(bits(mask.flatten().byte().numpy().tobytes())) for mask in known]}


@torch.no_grad()
def _free(model: LatentModel) -> bool:
    """Are noise and value the same, the prior of every level being N(0, I) whatever is above it?"""
    if completes(model):
        return False
    ones = {level: torch.ones(1, *shape).to(model.hierarchy.top) for level, shape in enumerate(model.hierarchy.shapes)}
    return all(bool((latent.z == 1).all()) for latent in model.hierarchy.descend(1, with_noise(ones, from_prior()))[1])
