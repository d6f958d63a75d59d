"""What each level learnt: `levels`, `report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from stratiform.cli.options import Answer
from stratiform.cli.runs import OnRun, OnSplit
from stratiform.cli.tables import cell, table
from stratiform.evaluation.levels import levels
from stratiform.evaluation.metrics import Metrics
from stratiform.figures import Cell
from stratiform.report import report
from stratiform.report.findings import controls_cells, headline, knows_cells


@dataclass(frozen=True, kw_only=True)
class Levels(OnSplit):
    """Which level knows, and which controls, each factor: labels, known attributes, and what is measured on images."""

    limit: int = 5000
    """At most so many images."""
    draws: int = 400
    """Pairs of independent draws behind the indices of control."""
    split_code: int | None = None
    """Read the code of a one-level model as so many levels: the control of the ladder's claim."""

    def work(self) -> Answer:
        loaded, data = self.opened()
        found = levels(
            loaded.model,
            data,
            split=self.split,
            limit=self.limit,
            draws=self.draws,
            seed=self.seed or 0,
            split_code=self.split_code,
            judge_file=self.run / "judge.safetensors",
        )
        values = found.to_json()
        Metrics(loaded.run.metrics, loaded.run.weights).put("levels", values)
        return Answer(values, _learnt(values))


@dataclass(frozen=True, kw_only=True)
class MakeReport(OnRun):
    """RUN/report.html: samples, reconstructions, the sweep of each level, what it knows and controls, on one page."""

    def work(self) -> Answer:
        path = report(self.run, seed=self.seed or 0)
        return Answer({"report": path}, (f"report: {path}",))


def _learnt(found: Mapping[str, Any]) -> tuple[RenderableType, ...]:
    """`levels` for people: what leads where, then the two tables, a column per level."""
    levels = found["levels"]
    columns = ["", *(f"level {level['level']}" for level in levels)]

    def shown(cells: Mapping[str, Sequence[Cell]]) -> Table:
        return table(columns, [[name, *(f"{c.text}  {c.note}".rstrip() for c in row)] for name, row in cells.items()])

    sentences = [f"Level {level['level']} {headline(levels, i)}." for i, level in enumerate(levels)]
    closing = f"\nalignment {cell(found['alignment'])}; accuracy of the judge {cell(found['judge_accuracy'])}"
    return (
        *reversed(sentences),
        "\nKNOWS: accuracy (classes) or R² (numbers; within one class), from the code of one level alone",
        shown(knows_cells(levels)),
        "\nCONTROLS: how often the class changes, or the share of variance, when one level is drawn anew",
        shown(controls_cells(levels)),
        closing,
        *found["notes"],
    )
