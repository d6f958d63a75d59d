"""Everything once, offline: `demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stratiform.cli.learnt import Levels, MakeReport
from stratiform.cli.measure import Evaluate
from stratiform.cli.options import Answer, Options
from stratiform.cli.pictures import Sweep
from stratiform.cli.train import default_folder, seeded, trained
from stratiform.recipes import RECIPES


@dataclass(frozen=True, kw_only=True)
class Demo(Options):
    """Train a Variational Ladder Autoencoder on the built-in digits, measure it, write its report: all offline."""

    run: Path | None = None
    """The folder to train into (runs/vlae-digits-digits)."""

    def work(self) -> Answer:
        recipe = RECIPES["vlae-digits"].recipe
        recipe = recipe if self.seed is None else seeded(recipe, self.seed)
        run = self.run or default_folder(recipe)
        answers = {
            "train": trained(recipe, run),
            "evaluate": Evaluate(run=run, data=recipe.data, seed=self.seed).work(),
            "levels": Levels(run=run, data=recipe.data, seed=self.seed).work(),
            "sweep": Sweep(run=run, seed=self.seed).work(),
            "report": MakeReport(run=run, seed=self.seed).work(),
        }
        text = tuple(part for answer in answers.values() for part in answer.text)
        return Answer({name: answer.values for name, answer in answers.items()}, text)
