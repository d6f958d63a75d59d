"""Where a run comes from: the command, the time, the versions."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping
from typing import Any

import torch

from stratiform import __version__
from stratiform.recipes import RECIPES
from stratiform.training.recipe import NOT_COMPUTED, to_json
from stratiform.training.run import Loaded


def command(loaded: Loaded) -> str:
    """The command line that trains this run: its recipe, and every field that differs from the published one."""
    entry, name = RECIPES.get(loaded.recipe.name), loaded.recipe.name
    changed = _changed(to_json(entry.recipe), to_json(loaded.recipe)) if entry else []
    return shlex.join(["stratiform", "train", name, "--run", str(loaded.run.path), *changed])


def facts(loaded: Loaded) -> list[str]:
    """Length, size, seed and versions, in words."""
    training = loaded.recipe.training
    parameters = sum(parameter.numel() for parameter in loaded.model.parameters())
    return [
        f"{training.steps:,} steps of {training.batch} images",
        *_duration(loaded.run.seconds()),
        f"{parameters:,} parameters",
        f"training seed {training.seed}",
        f"stratiform {__version__}, torch {torch.__version__}, Python {platform.python_version()}",
    ]


def _changed(published: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    objective = own["objective"]
    if objective["kind"] == published["objective"]["kind"]:
        return _flags(published, own)
    published = {**published, "objective": {"kind": objective["kind"]}}
    return ["--minimise", objective["kind"], *_flags(published, own)]


def _flags(published: Mapping[str, Any], own: Mapping[str, Any], prefix: str = "--") -> list[str]:
    words = []
    for name, value in own.items():
        before, flag = published.get(name), prefix + name.replace("_", "-")
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            words += _flags(before, value, f"{flag}.")
        elif isinstance(value, bool) and value != before:
            words.append(flag if value else f"{prefix}no-{name.replace('_', '-')}")
        elif value != before and name not in NOT_COMPUTED:
            words += [flag, *map(str, value if isinstance(value, list) else [value])]
    return words


def _duration(seconds: float | None) -> list[str]:
    if seconds is None:
        return []
    return [f"{seconds / 60:.1f} minutes of training" if seconds >= 90 else f"{seconds:.0f} seconds of training"]
