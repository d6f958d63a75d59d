"""Numbers that hold: `evaluate`, `check`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from stratiform.cli.options import Answer
from stratiform.cli.runs import OnData, OnSplit
from stratiform.cli.tables import table
from stratiform.data.batches import in_order
from stratiform.evaluation.bound import evaluate
from stratiform.evaluation.check import check
from stratiform.evaluation.laws.case import IMAGES
from stratiform.evaluation.metrics import Metrics

LN2 = math.log(2.0)


@dataclass(frozen=True, kw_only=True)
class Evaluate(OnSplit):
    """Bounds on log p(x), bits per dimension, and the KL of each level, with standard errors over images."""

    samples: int = 100
    """Draws of z per image, for the importance-weighted bound."""
    limit: int | None = None
    """At most so many images."""

    def work(self) -> Answer:
        loaded, data = self.opened()
        seed = self.seed or 0
        batches = in_order(data, self.split, limit=self.limit, seed=seed)
        grid = data.grid if self.data.dequantise else None
        found = evaluate(loaded.model, loaded.spec, batches, samples=self.samples, seed=seed, grid=grid)
        values = {
            "recipe": loaded.recipe.name,
            "data": self.data.source,
            "split": self.split,
            **found.to_json(),
            "binarisation": self.data.binarise,
            "weights": "raw" if loaded.recipe.training.average is None else "average",
        }
        Metrics(loaded.run.metrics, loaded.run.weights).put("evaluate", values)
        return Answer(values, _bounds(values, found.effective_samples))


@dataclass(frozen=True, kw_only=True)
class Check(OnData):
    """The laws of probability on a trained run, as a table of ticks; exit status 1 where one is broken."""

    def work(self) -> Answer:
        loaded, data = self.opened()
        ticks = check(loaded.model, loaded.spec, next(in_order(data, limit=IMAGES, seed=self.seed or 0)))
        rows = [["–" if not tick.applies else "✓" if tick.ok else "✗", tick.name, tick.detail] for tick in ticks]
        values = {"ok": all(tick.ok for tick in ticks), "laws": [vars(tick) for tick in ticks]}
        return Answer(values, (table(["", "law", "seen"], rows),), ok=values["ok"])


def _bounds(found: Mapping[str, Any], effective_samples: float) -> tuple[RenderableType, ...]:
    """`evaluate` for people."""
    exact = found["estimator"] == "exact"
    name = "log p(x)" if exact else f"importance-weighted bound, {found['samples']} samples"
    rows = [] if exact else [["ELBO", found["elbo"], found["elbo_stderr"]]]
    rows.append([name, found["log_likelihood_bound"], found["log_likelihood_bound_stderr"]])
    bits = "" if found["bits_per_dim"] is None else f": {found['bits_per_dim']:.4f} bits per dimension"
    opening = f"{found['recipe']} on {found['images']} {found['split']} images of {found['data']}{bits}\n"
    bounds = table(["nats per image", "", "± stderr"], rows)
    if exact:
        return opening, bounds
    levels = [[lv["level"], lv["kl"], lv["kl"] / LN2, lv["units"], lv["active_units"]] for lv in found["levels"]]
    columns = ["level", "KL nats", "KL bits", "units", "active"]
    effective = f"\neffective samples: {effective_samples:.1f} of {found['samples']}"
    return opening, bounds, "", table(columns, levels), effective
