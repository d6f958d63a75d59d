"""What every command takes, and how it answers."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tyro.conf import FlagCreatePairsOff

from stratiform.cli.ending import is_further
from stratiform.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType


def place(path: Path, endings: Sequence[str] = ()) -> Path:
    """Where a command writes to, refused where the name ends otherwise or there is no folder for it."""
    if endings and path.suffix not in endings:
        raise UserError(f"--out is {path}; give a name that ends in {' or '.join(endings)}")
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent}; make it, or choose another --out")
    return path


@dataclass(frozen=True)
class Answer:
    """What a command found: `values` for machines, `text` for people; not `ok`: exit status 1."""

    values: Mapping[str, Any]
    text: tuple[RenderableType, ...]
    ok: bool = True


@dataclass(frozen=True, kw_only=True)
class Options(ABC):
    """A command: its fields are its flags, its `work` is what it does."""

    json: FlagCreatePairsOff[bool] = False
    """Print one JSON object on standard output, everything else on standard error."""
    seed: int | None = None
    """Where all random choices start (0, or for training the recipe's)."""
    debug: FlagCreatePairsOff[bool] = False
    """Show the traceback of an error."""

    @classmethod
    def adapted(cls, words: Sequence[str]) -> type[Self]:
        """This command with the flags and defaults that the words ask for: those of a recipe, or of a run."""
        return cls

    @classmethod
    def with_flags(cls, defaults: Mapping[str, Any]) -> type[Self]:
        """This command with further flags, or other defaults: by name, of the defaults' types."""
        flags = [(name, type(value), field(default=value)) for name, value in defaults.items()]
        return make_dataclass(
            cls.__name__, flags, bases=(cls,), frozen=True, kw_only=True, namespace={"__doc__": cls.__doc__}
        )

    @abstractmethod
    def work(self) -> Answer: ...

    def answer(self) -> int:
        """Works, prints the answer and returns the exit status."""
        if self.json:
            with contextlib.redirect_stdout(sys.stderr):
                answer = self.work()
            if not is_further():
                print(json.dumps(plain(answer.values), allow_nan=False))
        else:
            from stratiform.cli.tables import show

            answer = self.work()
            if not is_further():
                show(*answer.text)
        return 0 if answer.ok else 1


def plain(value: Any) -> Any:
    """The value as JSON has it: numbers that are not finite become null, arrays lists, paths strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
