"""A recipe that trains in a fraction of a second."""

from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import torch

from stratiform.core.model import LatentModel
from stratiform.data.config import DataConfig
from stratiform.data.source import load
from stratiform.models import MODELS
from stratiform.models.parts import Network
from stratiform.training.loop import train
from stratiform.training.recipe import Optimiser, Recipe, Training, Warmup
from stratiform.training.run import Run

TRAINING = {
    "steps": 12,
    "batch": 8,
    "log_every": 2,
    "evaluate_every": 6,
    "evaluate_images": 16,
    "save_every": 5,
    "device": "cpu",
}


def tiny(training: dict[str, Any] | None = None, **fields: Any) -> Recipe:
    """Two levels of one and two units, dense, on 64 of the digits; fields of the recipe and of its training differ."""
    default = {
        "model": MODELS["vlae"](latents=(1, 2), network=Network(kind="dense", hidden=8)),
        "data": DataConfig(source="digits", limit=64),
        "optimiser": Optimiser(lr=1e-2, warmup=0.2, decay="cosine"),
        "beta": Warmup(steps=0.5),
        "training": Training(**(TRAINING | (training or {}))),
    }
    return Recipe(name="tiny", **(default | fields))


def train_tiny(folder: Path, training: dict[str, Any], started: Event | None = None) -> None:
    """For a process of its own, which says when its steps begin."""
    recipe = tiny(training)
    train(recipe, Run.create(folder, recipe), lambda event: started and started.set())


def untrained(folder: Path, recipe: Recipe, gain: float = 1.5) -> Path:
    """A run with the weights that training begins with, times `gain`, so that all levels show: nothing to wait for."""
    data, run = load(recipe.data), Run.create(folder, recipe)
    torch.manual_seed(0)
    model = recipe.model.build(data.spec)
    run.begin(data)
    run.write_weights(scaled(model, gain), 0)
    return folder


@torch.no_grad()
def scaled(model: LatentModel, gain: float) -> LatentModel:
    """The model, every parameter times `gain`."""
    for parameter in model.parameters():
        parameter.mul_(gain)
    return model
