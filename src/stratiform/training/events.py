"""What the loop tells whoever watches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Began:
    """The first step is about to be taken; `step` > 0 where a run goes on."""

    run: Path
    step: int
    steps: int
    parameters: int
    notes: tuple[str, ...]  # about the data, a line each


@dataclass(frozen=True)
class Logged:
    """A line of the log was written."""

    line: Mapping[str, Any]
    seconds: float  # since this process began to train
    left: float  # seconds to the end, at this pace


@dataclass(frozen=True)
class Scored:
    """The test images were scored with the averaged weights, at beta = 1."""

    step: int
    test: Mapping[str, Any]


@dataclass(frozen=True)
class Skipped:
    """The spike guard skipped a step."""

    step: int
    norm: float
    limit: float


@dataclass(frozen=True)
class Chosen:
    """One of several starts goes on."""

    start: int  # counted from 0
    worths: tuple[float, ...]  # of all starts: what decided, in nats per image
    by: str  # bound or clusters


@dataclass(frozen=True)
class Finished:
    """The last state is saved."""

    run: Path
    steps: int
    seconds: float


Event: TypeAlias = Began | Logged | Scored | Skipped | Chosen | Finished
Watch: TypeAlias = Callable[[Event], None]


def unwatched(event: Event) -> None:
    """Nobody looks."""
