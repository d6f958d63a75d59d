"""A fitted estimator as a folder: its run, and beside it what a row is and how it was asked for. No pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stratiform.errors import UserError
from stratiform.files import write_bytes, write_text
from stratiform.sklearn.rows import Rows
from stratiform.training.recipe import Recipe, from_json, to_json
from stratiform.training.run import HEADER

ESTIMATOR = "estimator.json"
KEPT = (HEADER, "weights.safetensors", "state.safetensors", "log.jsonl")
FORMAT = "stratiform LayeredFeatures 1"


def files_of(run: Path) -> dict[str, bytes]:
    """What is kept of a run's folder, by name."""
    return {name: (run / name).read_bytes() for name in KEPT}


def write(
    path: Path, files: Mapping[str, bytes], params: Mapping[str, Any], rows: Rows, names: list[str] | None
) -> None:
    """A folder that holds all of it.

    Raises:
        UserError: it is there and is not empty.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UserError(f"{path} is there already; choose another folder, or empty it")
    told = {
        "format": FORMAT,
        "params": {name: _plain(name, value) for name, value in params.items()},
        "shape": rows.shape,
        "density": rows.density,
        "shift": rows.shift.tolist(),
        "scale": rows.scale.tolist(),
        "feature_names_in": names,
    }
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_bytes(path / name, content)
    write_text(path / ESTIMATOR, json.dumps(told, indent=1, allow_nan=False) + "\n")


def read(path: Path) -> tuple[dict[str, bytes], dict[str, Any], Rows, list[str] | None]:
    """(files of the run, parameters of the constructor, rows, names of the features)

    Raises:
        UserError: the folder is not one of `write`, or damaged.
    """
    try:
        told = json.loads((path / ESTIMATOR).read_text())
        if told["format"] != FORMAT:
            raise UserError(f"{path} is {told['format']!r}; this version reads {FORMAT!r}")
        shift, scale = np.array(told["shift"], float), np.array(told["scale"], float)
        rows = Rows(tuple(told["shape"]), shift, scale, bool(told["density"]))
        params = {name: _value(value) for name, value in told["params"].items()}
        return files_of(path), params, rows, told["feature_names_in"]
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is no saved estimator: {error.filename} is missing; name what `save` wrote"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path / ESTIMATOR} cannot be read ({error}); save it anew") from error


def _plain(name: str, value: Any) -> Any:
    """A parameter as JSON has it."""
    if isinstance(value, Recipe):
        return {"recipe": to_json(value)}
    if isinstance(value, np.generic):
        value = value.item()
    if name == "random_state" and not isinstance(value, int):
        return None  # a generator that was used up; the fitted weights do not ask for it
    return list(value) if isinstance(value, tuple | np.ndarray) else value


def _value(plain: Any) -> Any:
    if isinstance(plain, dict):
        return from_json(plain["recipe"])
    return tuple(plain) if isinstance(plain, list) else plain
