"""One result of a paper as something that can be run: what it claims, what it takes, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from matplotlib.figure import Figure

from stratiform.data.source import load as load_data
from stratiform.data.split import Data
from stratiform.recipes import RECIPES
from stratiform.training.events import Event
from stratiform.training.loop import train
from stratiform.training.recipe import Recipe
from stratiform.training.run import Loaded, Run, load

UNUSED = 0.1  # nats per image: a level that pays less is not in use


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Where runs are kept, and how they are made: one start each. Experiments that need the same run share it."""

    folder: Path
    seeds: tuple[int, ...] = (0,)
    steps: int | None = None  # of every training; None: the recipe's
    precision: Literal["float32", "bfloat16"] | None = None  # None: the recipe's
    source: str | None = None  # of the images of every training; None: the recipe's
    watch: Callable[[Event], None] | None = None

    def recipe(self, name: str, seed: int, steps: int | None = None) -> Recipe:
        recipe = RECIPES[name].recipe
        asked = {"steps": steps or self.steps, "precision": self.precision}
        changes = {"starts": 1} | {key: value for key, value in asked.items() if value is not None}
        data = recipe.data if self.source is None else replace(recipe.data, source=self.source)
        return replace(recipe, data=data, training=replace(recipe.training, seed=seed, **changes))

    def run(self, name: str, seed: int, steps: int | None = None) -> Loaded:
        """The trained run of a recipe, or of one of so many steps: trained now, gone on with, or found."""
        recipe = self.recipe(name, seed, steps)
        return self.trained(recipe, f"{name}-{recipe.data.source}-seed{seed}{f'-{steps}steps' if steps else ''}")

    def trained(self, recipe: Recipe, folder: str) -> Loaded:
        """The run of this recipe in a folder of the workshop's: trained now, gone on with, or found."""
        run = Run.create(self.folder / folder, recipe)
        train(run.recipe, run, self.watch)
        return load(run)

    def data(self, name: str) -> Data:
        return load_data(self.recipe(name, 0).data)

    def judge(self, name: str) -> Path:
        """Where the judge of a recipe's source is kept, one for all runs on it."""
        return self.folder / f"judge-{self.recipe(name, 0).data.source}.safetensors"


@dataclass(frozen=True)
class Rows:
    """One table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def records(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What an experiment found."""

    tables: Sequence[Rows]
    pictures: Mapping[str, Figure] = field(default_factory=dict)
    words: Sequence[str] = ()
    """what holds and what does not, each sentence from the numbers"""

    def values(self) -> dict[str, Any]:
        return {"tables": {table.title: table.records() for table in self.tables}, "words": list(self.words)}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A published result."""

    paper: str
    claim: str
    recipes: tuple[str, ...]
    """what is trained, each with every seed"""
    work: Callable[[Workshop, Experiment], Findings]
    minutes: str
    """on two cores, and for how many seeds"""
    expected: str
    """what the paper prints, or its claim as a number"""
    measured: str
    """what came of it last, and when"""
    source: str | None = None
    """the images, where they are not the recipes' own"""
    samples: int = 500
    """draws of z per image, where a bound is measured"""


def per_run(workshop: Workshop, recipes: Iterable[str]) -> Iterable[tuple[str, int, Loaded]]:
    """Every recipe with every seed, trained."""
    for name in recipes:
        for seed in workshop.seeds:
            yield name, seed, workshop.run(name, seed)
