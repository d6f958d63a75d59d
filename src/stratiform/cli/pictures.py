"""Pictures of a run: `sample`, `sweep`, `reconstruct`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stratiform import figures
from stratiform.cli.growing import Growth
from stratiform.cli.options import Answer, place
from stratiform.cli.runs import OnRun, OnSplit
from stratiform.core.model import LatentModel
from stratiform.data.batches import in_order
from stratiform.edit import check_level
from stratiform.errors import UserError
from stratiform.evaluation import explore
from stratiform.files import write_bytes
from stratiform.training.run import load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 10
CELLS_SIDE_BY_SIDE = 9  # along each side of a panel


@dataclass(frozen=True, kw_only=True)
class Sample(OnRun):
    """Pictures drawn from the model: level by level from the prior, from the top down, or pixel after pixel."""

    images: int = 60
    """How many."""
    temperature: float = 1.0
    """Times all noise of the levels, and the spread of every pixel that is drawn given those before it: below 1 the
    pictures are more alike and more typical."""
    out: Path | None = None
    """The picture (RUN/sample.png)."""

    def work(self) -> Answer:
        at_least_one("images", self.images)
        not_negative("temperature", self.temperature)
        out = place(self.out or self.run / "sample.png")
        loaded = load(self.run)
        seed = self.seed or 0
        with Growth() as watch:
            drawn = explore.samples(loaded.model, self.images, temperature=self.temperature, seed=seed, watch=watch)
        figure = figures.grid(
            drawn,
            columns=min(COLUMNS, self.images),
            title=f"Samples of {loaded.recipe.name}",
            caption=f"{about_samples(loaded.model, self.temperature)}; seed {seed}.",
        )
        return saved([figure], out)


@dataclass(frozen=True, kw_only=True)
class Sweep(OnRun):
    """What changes when only one level's noise changes; levels count from 1, nearest the image."""

    level: int | None = None
    """Which level is swept; without it all are, side by side, the top level first."""
    others: Literal["fixed", "drawn"] = "fixed"
    """The other levels: one draw for all cells, or drawn anew in each cell."""
    out: Path | None = None
    """The picture (RUN/sweep-K.png, or RUN/sweep.png of all levels)."""

    def work(self) -> Answer:
        loaded = load(self.run)
        count = len(loaded.model.hierarchy.levels)
        check_level(1 if self.level is None else self.level, count)
        levels = range(count, 0, -1) if self.level is None else [self.level]
        cells = CELLS_SIDE_BY_SIDE if self.level is None else None
        look = partial(explore.sweep, loaded.model, others=self.others, cells=cells, seed=self.seed or 0)
        swept = [look(k - 1) for k in levels]
        name = "sweep.png" if self.level is None else f"sweep-{self.level}.png"
        return saved([_level(sweep, loaded.recipe.name) for sweep in swept], self.out or self.run / name)


@dataclass(frozen=True, kw_only=True)
class Reconstruct(OnSplit):
    """Images rebuilt from the codes of their top levels, what lies below drawn from the prior."""

    keep_top: int | None = None
    """How many levels are kept; without it a row for each number, from all to one."""
    images: int = 10
    """How many."""
    out: Path | None = None
    """The picture (RUN/reconstruct.png)."""

    def work(self) -> Answer:
        at_least_one("images", self.images)
        loaded, data = self.opened()
        levels = len(loaded.model.hierarchy.levels)
        check_level(1, levels)
        seed = self.seed or 0
        x = next(in_order(data, self.split, size=self.images, limit=self.images, seed=seed))
        kept = range(levels, 0, -1) if self.keep_top is None else [self.keep_top]
        rows = {
            f"top {keep} of {levels}": explore.reconstruct(loaded.model, x, keep_top=keep, seed=seed) for keep in kept
        }
        figure = figures.strips(
            {"image": x, **rows},
            title=f"Reconstructions by {loaded.recipe.name}",
            caption=f"{self.split.capitalize()} images of {self.data.source}; lower levels drawn from the prior.",
        )
        return saved([figure], self.out or self.run / "reconstruct.png")


def saved(drawn: Sequence[Figure], path: Path) -> Answer:
    """Writes the figures side by side as one picture, whole."""
    place(path)
    write_bytes(path, figures.beside(drawn))
    return Answer({"picture": path}, (f"picture: {path}",))


def about_samples(model: LatentModel, temperature: float) -> str:
    """What `explore.samples` shows, and what the temperature acts upon."""
    drawn = f"temperature {temperature:g}, times"
    if not explore.draws_pixels(model):
        return f"The mean of p(x | z), all levels from the prior; {drawn} their noise"
    if not len(model.hierarchy.levels):
        return f"Samples of p(x), pixel after pixel; {drawn} the spread of each"
    return f"Samples of p(x | z), pixel after pixel, all levels from the prior; {drawn} their noise and pixels' spread"


def _level(swept: explore.Sweep, name: str) -> Figure:
    others = "drawn anew in each cell" if swept.others == "drawn" else "the same in all cells"
    what = "Its units run along the axes" if swept.across else "It is drawn anew in each cell"
    caption = f"{what}; the other levels are {others}."
    return figures.sweep(swept, title=f"Level {swept.level + 1} of {swept.levels}, {name}", caption=caption)


def at_least_one(name: str, value: int) -> None:
    at_least(1, name, value)


def at_least(least: int, name: str, value: int) -> None:
    if value < least:
        raise UserError(f"--{name} is {value}; give {least} or more")


def not_negative(name: str, value: float) -> None:
    if not value >= 0:
        raise UserError(f"--{name} is {value:g}; give 0 or more")
