"""The papers' results: `reproduce`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from stratiform import figures
from stratiform.cli.arguments import nearest
from stratiform.cli.options import Answer, Options, plain
from stratiform.cli.pictures import at_least_one
from stratiform.cli.tables import table
from stratiform.errors import UserError
from stratiform.files import atomic, write_text
from stratiform.reproduce import EXPERIMENTS
from stratiform.reproduce.experiment import Experiment, Workshop
from stratiform.training.progress import Progress

ALONE = "One training each: errors are over images alone. --seeds 0 1 2 tells luck from law."


@dataclass(frozen=True, kw_only=True)
class Reproduce(Options):
    """A paper's result: trains what it needs, measures, and says what holds. Without a name: what there is."""

    name: Annotated[Positional[str | None], arg(metavar="NAME")] = None
    """Which one."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the trainings; three or more tell luck from law."""
    steps: int | None = None
    """Steps of every training, instead of its recipe's."""
    precision: Literal["float32", "bfloat16"] | None = None
    """Of every training, instead of its recipe's."""
    folder: Path = Path("reproduced")
    """Where runs and findings are kept; the same command again goes on."""

    def work(self) -> Answer:
        if self.name is None:
            return _listed()
        if self.name not in EXPERIMENTS:
            raise nearest("experiment", self.name, EXPERIMENTS, "stratiform reproduce lists them")
        if not self.seeds:
            raise UserError("--seeds is empty; give one or more, for instance --seeds 0 1 2")
        if self.steps is not None:
            at_least_one("steps", self.steps)
        experiment = EXPERIMENTS[self.name]
        with Progress() as watch:
            workshop = Workshop(
                folder=self.folder,
                seeds=self.seeds,
                steps=self.steps,
                precision=self.precision,
                source=experiment.source,
                watch=watch,
            )
            found = experiment.work(workshop, experiment)
        values = plain({"experiment": self.name, "seeds": self.seeds, "steps": self.steps, **found.values()})
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = [self.folder / f"{self.name}.json"]
        write_text(kept[0], json.dumps(values, indent=2, allow_nan=False) + "\n")
        for name, figure in found.pictures.items():
            kept.append(self.folder / f"{self.name}-{name}.png")
            with atomic(kept[-1]) as temporary:
                temporary.write_bytes(figures.png(figure, fine=2.0))
        tables = [part for rows in found.tables for part in (f"\n{rows.title}", table(rows.columns, rows.rows))]
        closing = [ALONE] if experiment.recipes and len(self.seeds) == 1 else []
        closing += [f"written: {path}" for path in kept]
        return Answer(values | {"files": kept}, (_opening(experiment), *tables, "", *found.words, "", *closing))


def _opening(experiment: Experiment) -> str:
    return f"{experiment.paper}\nclaim: {experiment.claim}\nexpected: {experiment.expected}"


def _listed() -> Answer:
    rows = [
        {"name": name, **{key: getattr(e, key) for key in ("paper", "claim", "minutes", "expected", "measured")}}
        for name, e in EXPERIMENTS.items()
    ]
    return Answer({"experiments": rows}, (table(rows[0], [row.values() for row in rows]),))
