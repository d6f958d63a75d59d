"""A run that is open in the explorer: its weights, read again as soon as training has written others."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from stratiform.core.model import LatentModel
from stratiform.data.source import load as load_data
from stratiform.data.split import Data
from stratiform.edit import Hold
from stratiform.errors import UserError
from stratiform.evaluation.anomaly import Scores
from stratiform.evaluation.metrics import Metrics
from stratiform.explorer import score
from stratiform.explorer.codes import Codes, codes, factors
from stratiform.explorer.picture import encoder
from stratiform.report.findings import about_level, headline
from stratiform.spec import ImageSpec
from stratiform.training.log import read_log
from stratiform.training.run import Loaded, Run, load
from stratiform.training.tensors import read_notes

REMEMBERED = 64  # codes of images sent lately
Kept = TypeVar("Kept")


class Waiting(Exception):
    """The run has no weights yet."""


@dataclass(frozen=True)
class Opened:
    """A run with the weights that it had at one moment. Safe to use from several threads."""

    loaded: Loaded
    called: str  # what it is called on a command line
    version: str
    step: int
    source: Callable[[], Data]
    _recent: OrderedDict[tuple[bytes, Hold, bytes], Sequence[Tensor]] = field(default_factory=OrderedDict, repr=False)
    _found: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)  # of what is recent
    _slow: threading.RLock = field(default_factory=threading.RLock, repr=False)  # of what is found

    @property
    def model(self) -> LatentModel:
        return self.loaded.model

    @property
    def spec(self) -> ImageSpec:
        return self.loaded.spec

    def encoded(self, image: bytes, hold: Hold, known: bytes) -> Sequence[Tensor]:
        """What each level holds of an image; kept for the images sent lately."""
        key = (image, hold, known)
        with self._lock:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key]
        found = encoder(self.model, self.spec)(image, hold, known)
        with self._lock:
            self._recent[key] = found
            while len(self._recent) > REMEMBERED:
                self._recent.popitem(last=False)
        return found

    def codes(self) -> Codes:
        """Where the data lie, found out once."""
        return self._once("codes", lambda: codes(self.model, self.source()))

    def factors(self) -> dict[str, Any]:
        """What is known of these images and can be measured on them, found out once."""
        return self._once("factors", lambda: factors(self.codes().images, self.source(), measured=True))

    def reference(self) -> Scores:
        """How strange images of the data are to the model, found out once."""
        return self._once("reference", lambda: score.reference(self.model, self.source()))

    def words(self) -> list[dict[str, str]]:
        """What each level knows and controls, bottom -> top, if `levels` has been run on these weights."""
        run = self.loaded.run
        found: Mapping[str, Any] = Metrics(run.metrics, run.weights).get("levels") or {}
        levels = found.get("levels", [])
        if len(levels) != len(self.model.hierarchy.levels):
            return []
        return [{"headline": headline(levels, i), "about": about_level(levels, i)} for i in range(len(levels))]

    def _once(self, name: str, find: Callable[[], Kept]) -> Kept:
        with self._slow:
            if name not in self._found:
                self._found[name] = find()
            return self._found[name]  # type: ignore[no-any-return]


class Attached:
    """A run's folder.

    Args:
        name: what it is called in URLs.
        path: the folder.
        source: images to place on the pads instead of the run's own; None: these.
    """

    def __init__(self, name: str, path: Path, source: str | None = None) -> None:
        self.name, self.called, self.run = name, str(path), Run.open(path)
        config = self.run.recipe.data
        self.config = config if source is None else replace(config, source=source)
        self._lock = threading.Lock()
        self._opened: Opened | None = None
        self._data: Data | None = None

    def ready(self) -> Opened | None:
        """The run with its present weights, at once; None where they have to be read first."""
        opened, version = self._opened, self._version()
        return opened if opened is not None and version in (None, opened.version) else None

    def now(self) -> Opened:
        """The run with its present weights.

        Raises:
            Waiting: there are none yet.
        """
        with self._lock:
            opened, version = self.ready(), self._version()
            if opened is not None:
                return opened
            if version is None:
                raise Waiting(f"{self.name} has no weights yet; training writes the first ones within a minute")
            step = int(read_notes(self.run.weights).get("step", 0))
            self._opened = Opened(load(self.run), self.called, version, step, self.data)
            return self._opened

    def data(self) -> Data:
        """The images.

        Raises:
            UserError: they cannot be found, or do not fit the model.
        """
        if self._data is None:
            data = load_data(self.config)
            if data.spec != self.run.spec:
                raise UserError(
                    f"{self.config.source} has images {list(data.spec.shape)} of {data.spec.bins} grey levels, "
                    f"{self.name} models {list(self.run.spec.shape)} of {self.run.spec.bins}; give another --source"
                )
            self._data = data
        return self._data

    def grid(self) -> int | None:
        """Grey levels of the data where they are dequantised, for bits per dimension; None otherwise, or unknown."""
        if not self.run.recipe.data.dequantise:
            return None
        try:
            return self.data().grid
        except UserError:
            return None

    def progress(self) -> dict[str, Any]:
        """How far training is, by the log: null where nothing was logged."""
        last: Mapping[str, Any] = next(reversed(read_log(self.run.log)), {})
        step = last.get("step")
        return {"version": self._version(), "logged": step, "steps": self.run.recipe.training.steps}

    def _version(self) -> str | None:
        try:
            stat = self.run.weights.stat()
        except FileNotFoundError:
            return None
        return f"{stat.st_mtime_ns:x}-{stat.st_size:x}-{stat.st_ino:x}"


def attached(paths: Sequence[Path], source: str | None = None) -> dict[str, Attached]:
    """Runs by the names of their folders; where two are the same, the later one gets a number.

    Raises:
        UserError: no runs, or one of them is none.
    """
    if not paths:
        raise UserError("name a run: stratiform explore RUN")
    found: dict[str, Attached] = {}
    for path in paths:
        plain = path.resolve().name
        name = next(name for i in count(1) if (name := plain if i == 1 else f"{plain}-{i}") not in found)
        found[name] = Attached(name, path, source)
    return found
