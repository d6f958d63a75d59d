"""A log: one JSON object per line, appended whole, cut back to the saved step when a run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stratiform.errors import Failed
from stratiform.files import write_text


class Log:
    """A file that grows by lines.

    Args:
        path: the file, made if it is missing.
        until: later steps are dropped, so is a half-written line: the log is then that of a run never stopped.
    """

    def __init__(self, path: Path, until: int) -> None:
        self.path = path
        lines = read_log(path)
        kept = "".join(f"{json.dumps(line)}\n" for line in lines if line["step"] <= until)
        if not path.exists() or kept != path.read_text():
            write_text(path, kept)

    def write(self, line: Mapping[str, Any]) -> None:
        """Appends one line.

        Raises:
            Failed: the disk is full.
        """
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(line, allow_nan=False) + "\n")
        except OSError as error:
            raise Failed(f"cannot write {self.path}: {error.strerror}; the last saved state is intact") from error

    def sync(self) -> None:
        """Returns when the lines are on the disk: a saved state must not outlive the log of its steps."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())


def kl_over_training(path: Path) -> tuple[list[int], np.ndarray]:
    """The steps at which a log tells the KL of every level, and those KLs, [T, L] bottom -> top, in nats per image."""
    lines = [line for line in read_log(path) if line.get("kl")]
    return [line["step"] for line in lines], np.array([line["kl"] for line in lines])


def read_log(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; none if there is no such file."""
    lines = []
    for text in path.read_text(errors="replace").splitlines(keepends=True) if path.exists() else ():
        try:
            if text.endswith("\n"):
                lines.append(json.loads(text))
        except json.JSONDecodeError:
            break  # a line that a full disk cut short; later ones are never trusted
    return lines
