"""What was measured of a run, kept in its metrics.json for as long as its weights stay the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratiform.files import write_text


@dataclass(frozen=True)
class Metrics:
    """A file {"weights": digest, NAME: {...}, ...}; what belongs to other weights is as good as absent."""

    file: Path
    weights: Path

    def get(self, name: str) -> dict[str, Any] | None:
        """What `put` kept under this name, None where there is nothing or where the weights have changed since."""
        found = self._fresh().get(name)
        return found if isinstance(found, dict) else None

    def put(self, name: str, values: Mapping[str, Any]) -> None:
        """Keeps JSON values under a name beside the others that are fresh."""
        kept = {**self._fresh(), "weights": self._digest(), name: values}
        write_text(self.file, json.dumps(kept, indent=2, allow_nan=False) + "\n")

    def kept(self, name: str, measure: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """What is kept under this name, else measured now and kept."""
        found = self.get(name)
        if found is None:
            self.put(name, found := measure())
        return found

    def _fresh(self) -> dict[str, Any]:
        try:
            kept = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) and kept.get("weights") == self._digest() else {}

    def _digest(self) -> str:
        with open(self.weights, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
