"""How well levels hold known factors, by the measures of the literature: `measures`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from stratiform.cli.options import Answer
from stratiform.cli.runs import OnSplit
from stratiform.cli.tables import table
from stratiform.evaluation.measures import measures
from stratiform.evaluation.metrics import Metrics
from stratiform.report.measures import tables


@dataclass(frozen=True, kw_only=True)
class Measure(OnSplit):
    """MIG, SAP, DCI, FactorVAE's score, mutual information, probes and clusters, of each level and of all together."""

    limit: int = 2000
    """At most so many images."""
    resamples: int = 20
    """How often the images are drawn again, for the standard errors; 0: none are given."""
    split_code: int | None = None
    """Read the code of a one-level model as so many levels."""

    def work(self) -> Answer:
        loaded, data = self.opened()
        found = measures(
            loaded.model,
            data,
            split=self.split,
            limit=self.limit,
            resamples=self.resamples,
            seed=self.seed or 0,
            split_code=self.split_code,
        )
        values = {"recipe": loaded.recipe.name, "data": self.data.source, "split": self.split, **found.to_json()}
        Metrics(loaded.run.metrics, loaded.run.weights).put("measures", values)
        return Answer(values, _measured(values))


def _measured(found: Mapping[str, Any]) -> tuple[RenderableType, ...]:
    """`measures` for people: a column per level, and one for all of them."""
    parts: list[RenderableType] = [
        f"{found['recipe']} on {found['images']} {found['split']} images of {found['data']}"
    ]
    for each in tables(found):
        parts += [f"\n{each.title.upper()}: {each.note}", table(each.columns, each.rows)]
    return (*parts, *(f"\n{note}" if i == 0 else note for i, note in enumerate(found["notes"])))
