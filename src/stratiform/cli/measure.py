"""Numbers about a run: `evaluate`, `levels`, `check`, `report`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from rich.console import RenderableType
from rich.table import Table
from tyro.conf import Positional, arg

from stratiform.cli.options import Answer, Options
from stratiform.cli.tables import cell, table
from stratiform.data.batches import in_order
from stratiform.data.config import DataConfig
from stratiform.data.source import load as load_data
from stratiform.data.split import Data
from stratiform.errors import UserError
from stratiform.evaluation.bound import evaluate
from stratiform.evaluation.check import check
from stratiform.evaluation.levels import levels
from stratiform.evaluation.metrics import Metrics
from stratiform.figures import Cell
from stratiform.report import report
from stratiform.report.findings import controls_cells, headline, knows_cells
from stratiform.spec import ImageSpec
from stratiform.training.run import HEADER, Loaded, Run, load

LN2 = math.log(2.0)


@dataclass(frozen=True, kw_only=True)
class OnRun(Options):
    """A run to look at."""

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """The folder that `stratiform train` made."""


@dataclass(frozen=True, kw_only=True)
class OnData(OnRun):
    """A run, and images: its own, if nothing else is said."""

    data: DataConfig = field(default_factory=DataConfig)

    @classmethod
    def adapted(cls, words: Sequence[str]) -> type[Self]:
        run = next((word for word in words if (Path(word) / HEADER).is_file()), None)
        return cls if run is None else cls.with_flags({"data": Run.open(Path(run)).recipe.data})

    def opened(self) -> tuple[Loaded, Data]:
        """The model and its data.

        Raises:
            UserError: they do not fit each other.
        """
        loaded, data = load(self.run), load_data(self.data)
        if loaded.spec != data.spec:
            raise UserError(
                f"{self.run} models images of {_words(loaded.spec)}; {self.data.source} has {_words(data.spec)}; "
                "--data.size, --data.channels and --data.levels change them"
            )
        return loaded, data


@dataclass(frozen=True, kw_only=True)
class OnSplit(OnData):
    """A run, and one split of the images."""

    split: Literal["train", "test"] = "test"
    """Which images of the source."""


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
class Check(OnRun):
    """The laws of probability on a trained run, as a table of ticks; exit status 1 where one is broken."""

    def work(self) -> Answer:
        loaded = load(self.run)
        ticks = check(loaded.model, loaded.spec)
        rows = [["–" if not tick.applies else "✓" if tick.ok else "✗", tick.name, tick.detail] for tick in ticks]
        values = {"ok": all(tick.ok for tick in ticks), "laws": [vars(tick) for tick in ticks]}
        return Answer(values, (table(["", "law", "seen"], rows),), ok=values["ok"])


@dataclass(frozen=True, kw_only=True)
class MakeReport(OnRun):
    """RUN/report.html: samples, reconstructions, the sweep of each level, what it knows and controls, on one page."""

    def work(self) -> Answer:
        path = report(self.run, seed=self.seed or 0)
        return Answer({"report": path}, (f"report: {path}",))


def _words(spec: ImageSpec) -> str:
    """28 x 28, grey, 256 levels"""
    colour = {1: "grey", 3: "RGB"}.get(spec.channels, f"{spec.channels} channels")
    return f"{spec.height} x {spec.width}, {colour}, {'continuous' if spec.bins is None else f'{spec.bins} levels'}"


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
