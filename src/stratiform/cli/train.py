"""Training and what can be trained: `train`, `recipes`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self

from tyro.conf import Positional, arg

from stratiform.cli.arguments import nearest
from stratiform.cli.options import Answer, Options
from stratiform.cli.tables import table
from stratiform.objective import OBJECTIVES
from stratiform.recipes import RECIPES
from stratiform.recipes.entry import Entry
from stratiform.training.log import read_log
from stratiform.training.loop import train
from stratiform.training.progress import Progress
from stratiform.training.recipe import Recipe
from stratiform.training.run import Run

NOT_FLAGS = ("name", "stages")


@dataclass(frozen=True, kw_only=True)
class OnRecipe(Options):
    """A recipe, every field of which is a flag."""

    recipe: Annotated[Positional[str], arg(metavar="RECIPE")]
    """What to train, one of `stratiform recipes`."""
    minimise: str | None = None
    """Another objective than the recipe's: elbo, free-bits, iwae, mixture, mixed-kl, mmd, total-correlation; its
    fields: --objective.*"""

    @classmethod
    def adapted(cls, words: Sequence[str]) -> type[Self]:
        name = next((word for word in words if word in RECIPES), None)
        if name is None:
            unknown = next((word for word in words if not word.startswith("-")), None)
            if unknown is not None:
                raise nearest("recipe", unknown, RECIPES, "stratiform recipes lists them")
            return cls
        recipe = minimising(RECIPES[name].recipe, words)
        return cls.with_flags({f.name: getattr(recipe, f.name) for f in fields(recipe) if f.name not in NOT_FLAGS})

    def chosen(self) -> Recipe:
        """The recipe with the flags in place."""
        recipe = RECIPES[self.recipe].recipe
        recipe = replace(recipe, **{f.name: getattr(self, f.name) for f in fields(recipe) if f.name not in NOT_FLAGS})
        return recipe if self.seed is None else seeded(recipe, self.seed)


@dataclass(frozen=True, kw_only=True)
class Train(OnRecipe):
    """Train a recipe. The same command again goes on where it stopped; every field of the recipe is a flag.

    Under torchrun all processes do it together.
    """

    run: Path | None = None
    """The folder to train into (runs/RECIPE-SOURCE)."""

    def work(self) -> Answer:
        recipe = self.chosen()
        return trained(recipe, self.run or default_folder(recipe))


@dataclass(frozen=True, kw_only=True)
class Recipes(Options):
    """What can be trained: levels, likelihood, minutes on two cores, the number to expect, and when to use it."""

    def work(self) -> Answer:
        rows = [_described(name, entry) for name, entry in RECIPES.items()]
        columns = ("recipe", "levels", "likelihood", "parameters", "minutes", "expect", "use it when")
        shown = [[row[column.replace(" ", "_")] for column in columns] for row in rows]
        return Answer(
            {"recipes": rows}, (table(columns, shown), "\nlevels: units, bottom to top; minutes: on two cores")
        )


def trained(recipe: Recipe, path: Path) -> Answer:
    """Trains into the folder, and says what came of it."""
    run = Run.create(path, recipe)
    with Progress() as watch:
        train(recipe, run, watch)
    tested = [line for line in read_log(run.log) if "test" in line]
    values = {"run": path, "recipe": recipe.name, "steps": recipe.training.steps, "test": tested[-1]["test"]}
    return Answer(values, (f"trained {recipe.training.steps} steps into {path}",))


def seeded(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with another seed."""
    return replace(recipe, training=replace(recipe.training, seed=seed))


def minimising(recipe: Recipe, words: Sequence[str]) -> Recipe:
    """The recipe with the objective that `--minimise` names among the words."""
    kinds = [after for flag, after in pairwise([*words, ""]) if flag == "--minimise"]
    kinds += [word.removeprefix("--minimise=") for word in words if word.startswith("--minimise=")]
    for kind in kinds:
        if kind not in OBJECTIVES:
            raise nearest("objective", kind, OBJECTIVES, f"give one of {', '.join(OBJECTIVES)}")
        recipe = replace(recipe, objective=OBJECTIVES[kind]())
    return recipe


def default_folder(recipe: Recipe) -> Path:
    """runs/RECIPE-SOURCE; of a source that is a path, its last name."""
    return Path("runs") / f"{recipe.name}-{Path(recipe.data.source).name}"


def _described(name: str, entry: Entry) -> dict[str, Any]:
    """A row of `recipes`."""
    likelihood = entry.recipe.model.likelihood
    return {
        "recipe": name,
        "about": entry.about,
        "source": entry.recipe.data.source,
        "levels": entry.levels,
        "likelihood": str(likelihood),
        "parameters": entry.parameters,
        "minutes": entry.minutes,
        "expect": entry.expect,
        "use_it_when": entry.use_when,
        "claim": entry.claim or None,
    }
