"""A model's card: numbers that were measured, in card.json, and the page README.md made of them and of pictures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from stratiform import __version__, figures
from stratiform.core.conditional import ConditionalModel
from stratiform.data.batches import in_order
from stratiform.data.source import load as load_data
from stratiform.data.split import Data
from stratiform.errors import UserError
from stratiform.evaluation import explore
from stratiform.evaluation.bound import evaluate
from stratiform.evaluation.impute import impute
from stratiform.evaluation.levels import levels
from stratiform.files import write_bytes, write_text
from stratiform.hub.page import page
from stratiform.recipes import RECIPES
from stratiform.report.origin import command
from stratiform.training.run import Loaded, load

CARD, PAGE = "card.json", "README.md"
SETTINGS = {"images": 1000, "samples": 100, "draws": 400, "probed": 2000}
"""Test images of the bounds, draws of z for each; pairs of draws behind control, test images that are probed."""


def write_card(folder: Path, *, seed: int = 0) -> dict[str, Any]:
    """Measures the run in the folder; writes card.json, README.md and its pictures there; returns the numbers."""
    loaded = load(folder)
    data = load_data(loaded.recipe.data)
    numbers = {**described(loaded, data), **measured(loaded, data, {**SETTINGS, "seed": seed})}
    drawn = dict(_pictures(loaded, data, seed))
    numbers["pictures"] = list(drawn)
    for name, content in drawn.items():
        write_bytes(folder / name, content)
    write_text(folder / CARD, json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    write_text(folder / PAGE, page(numbers))
    return numbers


def read_card(folder: Path) -> dict[str, Any]:
    """The numbers of a card.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    try:
        held: dict[str, Any] = json.loads((folder / CARD).read_text())
        if not {"recipe", "data", "settings", "bound"} <= held.keys():
            raise ValueError("fields are missing")
    except FileNotFoundError as error:
        raise UserError(f"{folder} has no card; `stratiform card {folder}` writes one") from error
    except (ValueError, AttributeError) as error:
        raise UserError(
            f"{folder / CARD} cannot be read ({error}); `stratiform card {folder}` writes it anew"
        ) from error
    return held


def described(loaded: Loaded, data: Data) -> dict[str, Any]:
    """What the model is and where it comes from."""
    recipe, entry = loaded.recipe, RECIPES.get(loaded.recipe.name)
    seconds = loaded.run.seconds()
    elsewhere = replace(loaded.run, path=Path("runs") / recipe.name)
    return {
        "recipe": recipe.name,
        "about": entry.about if entry and entry.recipe.data.source == recipe.data.source else "",
        "model": type(recipe.model).__name__,
        "likelihood": str(recipe.model.likelihood),
        "parameters": sum(parameter.numel() for parameter in loaded.model.parameters()),
        "command": command(replace(loaded, run=elsewhere)),
        "steps": recipe.training.steps,
        "batch": recipe.training.batch,
        "minutes": None if seconds is None else round(seconds / 60, 1),
        "data": {
            "source": recipe.data.source,
            "fingerprint": data.fingerprint,
            "train": len(data.train),
            "test": len(data.test),
            "images": asdict(data.spec),
            "notes": list(data.notes),
        },
        "measured_with": {
            "stratiform": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        },
    }


def measured(loaded: Loaded, data: Data, settings: Mapping[str, int]) -> dict[str, Any]:
    """What is measured again to verify a card: bounds on test images, and what each level knows and controls."""
    seed, model = settings["seed"], loaded.model
    batches = in_order(data, "test", limit=settings["images"], seed=seed)
    grid = data.grid if loaded.recipe.data.dequantise else None
    found = evaluate(model, loaded.spec, batches, samples=settings["samples"], seed=seed, grid=grid)
    learnt = None
    if model.whole and len(model.hierarchy.levels):
        learnt = levels(model, data, limit=settings["probed"], draws=settings["draws"], seed=seed).to_json()
    return {
        "settings": dict(settings),
        "whole": model.whole,
        "bound": {**found.to_json(), "effective_samples": found.effective_samples},
        "levels": learnt,
    }


def _pictures(loaded: Loaded, data: Data, seed: int) -> Iterator[tuple[str, bytes]]:
    """File name -> PNG: the model's own images; completions where it completes."""
    model, look = loaded.model, figures.BETWEEN
    if isinstance(model, ConditionalModel):
        x = next(in_order(data, "test", size=1, limit=1, seed=seed))
        found = impute(model, x, model.known(x)[0, 0], 12, seed=seed)
        yield "completions.png", figures.png(figures.completed(x, found, title=""))
        return
    drawn = explore.samples(model, 40, seed=seed)
    yield "samples.png", figures.png(figures.grid(drawn, columns=10, title="", look=look))
    count = len(model.hierarchy.levels)
    if count:
        swept = [explore.sweep(model, i, others="fixed", cells=7, seed=seed) for i in _shown(count)]
        panels = [figures.sweep(s, title=f"Level {s.level + 1} of {count}", look=look, side=300) for s in swept]
        yield "levels.png", figures.beside(panels)


def _shown(count: int) -> Sequence[int]:
    """Levels in a picture, from the top: all of up to four, else top, bottom and two between."""
    return range(count - 1, -1, -1) if count <= 4 else [count - 1, 2 * (count - 1) // 3, (count - 1) // 3, 0]
