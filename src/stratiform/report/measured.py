"""What the page is made from: a run, its data, and what was measured of it, now or before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratiform.data.batches import in_order
from stratiform.data.source import load as load_data
from stratiform.data.split import Data
from stratiform.evaluation.bound import evaluate
from stratiform.evaluation.levels import levels
from stratiform.evaluation.metrics import Metrics
from stratiform.training.run import Loaded, load

LN2 = math.log(2.0)  # nats in a bit
NOTHING: Mapping[str, Any] = {"levels": [], "alignment": None}  # what a model without levels learnt level by level
BOUND_IMAGES, BOUND_SAMPLES = 1000, 50  # of the bound, where `evaluate` has not been run


@dataclass(frozen=True)
class Measured:
    """A trained run with its numbers on the test split."""

    loaded: Loaded
    data: Data
    bound: Mapping[str, Any]  # `evaluate --json`
    learnt: Mapping[str, Any]  # `levels --json`
    measures: Mapping[str, Any] | None  # `measures --json`, where it has been run
    seed: int

    @classmethod
    def of(cls, run: Path, seed: int, judge_file: Path | None = None) -> Measured:
        """Numbers from metrics.json where they are of these weights and these images; else measured and kept there.

        Args:
            judge_file: where the judge is kept; None: in the run.
        """
        loaded = load(run)
        data, metrics = load_data(loaded.recipe.data), Metrics(loaded.run.metrics, loaded.run.weights)
        bound, learnt = metrics.get("evaluate"), metrics.get("levels")
        if bound is None or (bound.get("split"), bound.get("data")) != ("test", loaded.recipe.data.source):
            bound = _bound(loaded, data, seed)
            metrics.put("evaluate", bound)
        if not loaded.model.hierarchy.levels:
            learnt = NOTHING
        elif learnt is None or len(learnt["levels"]) != len(loaded.model.hierarchy.levels):
            judge_file = judge_file or run / "judge.safetensors"
            learnt = levels(loaded.model, data, seed=seed, judge_file=judge_file).to_json()
            metrics.put("levels", learnt)
        return cls(loaded, data, bound, learnt, metrics.get("measures"), seed)

    @property
    def count(self) -> int:
        """L, the number of levels."""
        return len(self.loaded.model.hierarchy.levels)


def _bound(loaded: Loaded, data: Data, seed: int) -> dict[str, Any]:
    grid = data.grid if loaded.recipe.data.dequantise else None
    batches = in_order(data, "test", limit=BOUND_IMAGES, seed=seed)
    found = evaluate(loaded.model, loaded.spec, batches, samples=BOUND_SAMPLES, seed=seed, grid=grid)
    return {"data": loaded.recipe.data.source, "split": "test", **found.to_json()}
