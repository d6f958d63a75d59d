"""What commands are about: a run, and images that fit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from tyro.conf import Positional, arg

from stratiform.cli.options import Options
from stratiform.data.config import DataConfig
from stratiform.data.source import load as load_data
from stratiform.data.split import Data
from stratiform.errors import UserError
from stratiform.spec import ImageSpec
from stratiform.training.run import HEADER, Loaded, Run, load
from stratiform.training.shipped import located


@dataclass(frozen=True, kw_only=True)
class OnRun(Options):
    """A run to look at."""

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """The folder that `stratiform train` made, or the name of a shipped model."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "run", located(self.run))  # a shipped model is worked on in a copy


@dataclass(frozen=True, kw_only=True)
class OnData(OnRun):
    """A run, and images: its own, if nothing else is said."""

    data: DataConfig = field(default_factory=DataConfig)

    @classmethod
    def adapted(cls, words: Sequence[str]) -> type[Self]:
        flags = data_of_a_run(words)
        return cls.with_flags(flags) if flags else cls

    def opened(self) -> tuple[Loaded, Data]:
        """The model and its data.

        Raises:
            UserError: they do not fit each other.
        """
        loaded, data = load(self.run), load_data(self.data)
        refuse_others(loaded, data)
        return loaded, data


@dataclass(frozen=True, kw_only=True)
class OnSplit(OnData):
    """A run, and one split of the images."""

    split: Literal["train", "test"] = "test"
    """Which images of the source."""


def data_of_a_run(words: Sequence[str]) -> dict[str, DataConfig]:
    """The images of the first run among the words, as a flag's default; nothing where none is a run."""
    run = next((path for word in words if ((path := located(Path(word))) / HEADER).is_file()), None)
    return {} if run is None else {"data": Run.open(run).recipe.data}


def refuse_others(loaded: Loaded, data: Data) -> None:
    """Refuses images that are not what the run models."""
    if loaded.spec != data.spec:
        raise UserError(
            f"{loaded.run.path} models images of {_words(loaded.spec)}; {data.config.source} has {_words(data.spec)}; "
            "--data.size, --data.channels and --data.levels change them"
        )


def _words(spec: ImageSpec) -> str:
    """28 x 28, grey, 256 levels"""
    colour = {1: "grey", 3: "RGB"}.get(spec.channels, f"{spec.channels} channels")
    return f"{spec.height} x {spec.width}, {colour}, {'continuous' if spec.bins is None else f'{spec.bins} levels'}"
