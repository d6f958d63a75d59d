"""A run is a folder: the recipe with what it found in the data, the log, the state, the weights, what was measured."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from stratiform.core.model import LatentModel
from stratiform.errors import UserError
from stratiform.files import write_text
from stratiform.spec import ImageSpec
from stratiform.training.log import read_log
from stratiform.training.recipe import NOT_COMPUTED, Recipe, from_json, to_json
from stratiform.training.shipped import located, names
from stratiform.training.tensors import read_tensors, write_tensors

if TYPE_CHECKING:
    from stratiform.data.split import Data

HEADER = "recipe.json"


@dataclass(frozen=True)
class Run:
    """A folder and its recipe. Nothing is written before `begin`."""

    path: Path
    recipe: Recipe

    @classmethod
    def create(cls, path: Path, recipe: Recipe) -> Run:
        """The run of this recipe in this folder, new or begun before.

        Raises:
            UserError: the folder holds another recipe's run, or other files.
        """
        path = Path(path)
        if (path / HEADER).exists():
            held = cls.open(path).recipe
            differing = list(_differences(to_json(held), to_json(recipe)))
            if differing:
                what = "; ".join(differing[:3])
                raise UserError(f"{path} holds another recipe's run ({what}); choose another --run")
        elif path.exists() and (not path.is_dir() or any(not file.name.startswith(".") for file in path.iterdir())):
            raise UserError(f"{path} is there already and is no run; choose another --run")
        return cls(path, recipe)

    @classmethod
    def open(cls, path: Path) -> Run:
        """The run in this folder, or the shipped model of this name.

        Raises:
            UserError: it is no run, or its recipe cannot be read.
        """
        path = located(Path(path))
        return cls(path, from_json(_read_header(path)["recipe"]))

    def begin(self, data: Data) -> None:
        """Makes the folder, or checks that the data are those the run began with.

        Raises:
            UserError: the data have changed.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        found = {"spec": asdict(data.spec), "data": data.fingerprint, "class_names": list(data.class_names)}
        if not (self.path / HEADER).exists():
            write_text(self.path / HEADER, json.dumps({"recipe": to_json(self.recipe)} | found, indent=2) + "\n")
        elif _read_header(self.path)["data"] != data.fingerprint:
            raise UserError(f"{self.recipe.data.source} has changed since {self.path} began; choose another --run")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other processes from training into the folder; sweeps away what a kill left half-written.

        Raises:
            UserError: another process is at it.
        """
        folder = os.open(self.path, os.O_RDONLY)
        try:
            _lock(folder, self.path)
            for left_behind in self.path.glob(".*.tmp"):
                left_behind.unlink()
            yield
        finally:
            os.close(folder)

    @property
    def spec(self) -> ImageSpec:
        """The images that the model was built for."""
        return ImageSpec(**_read_header(self.path)["spec"])

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the source's labels."""
        return tuple(_read_header(self.path)["class_names"])

    @property
    def log(self) -> Path:
        """One line per some steps: the same whenever and however often the run was stopped."""
        return self.path / "log.jsonl"

    @property
    def timing(self) -> Path:
        """Wall-clock time, apart from the log."""
        return self.path / "timing.jsonl"

    def seconds(self) -> float | None:
        """What training took, all starts and sittings together; None where nobody looked at the clock."""
        sittings = {(line.get("start"), line["from_step"]): line["seconds"] for line in read_log(self.timing)}
        return sum(sittings.values()) if sittings else None

    @property
    def state(self) -> Path:
        """All that is needed to go on."""
        return self.path / "state.safetensors"

    @property
    def weights(self) -> Path:
        """Averaged weights, for use."""
        return self.path / "weights.safetensors"

    @property
    def nonfinite(self) -> Path:
        """State and batch of a step that could not be taken."""
        return self.path / "nonfinite.safetensors"

    @property
    def metrics(self) -> Path:
        """What was measured afterwards."""
        return self.path / "metrics.json"

    def write_weights(self, model: LatentModel, step: int) -> None:
        """Replaces the weights for use."""
        averaged = "raw" if self.recipe.training.average is None else "average"
        write_tensors(self.weights, model.state_dict(), {"weights": averaged, "step": str(step)})


@dataclass(frozen=True)
class Loaded:
    """A trained model, in eval mode, with what it was made from."""

    model: LatentModel
    recipe: Recipe
    spec: ImageSpec
    run: Run


def load(run: Run | Path | str) -> Loaded:
    """The model of a run, its averaged weights in place, on the CPU.

    Raises:
        UserError: no such run, or its weights are missing, damaged or another model's.
    """
    run = run if isinstance(run, Run) else Run.open(Path(run))
    with torch.random.fork_rng(devices=[]):
        model = run.recipe.model.build(run.spec)
    model.load_state_dict(read_tensors(run.weights, model.state_dict()))
    return Loaded(model.eval().requires_grad_(False), run.recipe, run.spec, run)


def _lock(folder: int, path: Path) -> None:
    """Locks the open folder until it is closed, or the process dies."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(f"{path} is being trained by another process; wait, or choose another --run") from error


def _read_header(path: Path) -> dict[str, Any]:
    try:
        header = json.loads((path / HEADER).read_text())
        if {"recipe", "spec", "data", "class_names"} - header.keys():
            raise ValueError("fields are missing")
    except FileNotFoundError as error:
        known = f"; name a folder that `stratiform train` made, or one of {', '.join(names())}"
        raise UserError(f"{path} is no run: it has no {HEADER}{known}") from error
    except (ValueError, AttributeError, OSError) as error:
        raise UserError(f"{path / HEADER} cannot be read ({error}); choose another run") from error
    return header


def _differences(held: Any, wanted: Any, where: str = "") -> Iterator[str]:
    """What two recipes compute differently, field by field."""
    if isinstance(held, dict) and isinstance(wanted, dict):
        for name in held | wanted:
            if not (where == "training" and name in NOT_COMPUTED):
                inner = f"{where}.{name}" if where else name
                yield from _differences(held.get(name), wanted.get(name), inner)
    elif held != wanted:
        yield f"{where} is {held!r} there, {wanted!r} here"
