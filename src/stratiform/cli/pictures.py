"""Pictures of a run: `sample`, `sweep`, `reconstruct`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stratiform import figures
from stratiform.cli.measure import OnRun, OnSplit
from stratiform.cli.options import Answer
from stratiform.data.batches import in_order
from stratiform.errors import UserError
from stratiform.evaluation import explore
from stratiform.files import write_bytes
from stratiform.training.run import load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 10


@dataclass(frozen=True, kw_only=True)
class Sample(OnRun):
    """Pictures drawn from the model: level by level from the prior, from the top down."""

    images: int = 60
    """How many."""
    temperature: float = 1.0
    """Times all noise: below 1 the pictures are more alike and more typical."""
    out: Path | None = None
    """The picture (RUN/sample.png)."""

    def work(self) -> Answer:
        _at_least_one("images", self.images)
        loaded = load(self.run)
        seed = self.seed or 0
        drawn = explore.samples(loaded.model, self.images, temperature=self.temperature, seed=seed)
        figure = figures.grid(
            drawn,
            columns=min(COLUMNS, self.images),
            title=f"Samples of {loaded.recipe.name}",
            caption=f"The mean of p(x | z), all levels from the prior; temperature {self.temperature:g}, seed {seed}.",
        )
        return saved(figure, self.out or self.run / "sample.png")


@dataclass(frozen=True, kw_only=True)
class Sweep(OnRun):
    """What changes when only one level's noise changes; levels count from 1, nearest the image."""

    level: int
    """Which level is swept."""
    others: Literal["drawn", "fixed"] = "drawn"
    """The other levels: drawn anew in each cell, or one draw for all cells."""
    out: Path | None = None
    """The picture (RUN/sweep-K.png)."""

    def work(self) -> Answer:
        loaded = load(self.run)
        swept = explore.sweep(loaded.model, self.level - 1, others=self.others, seed=self.seed or 0)
        if swept.across:
            caption = f"The units of level {self.level} along the axes; the other levels {self.others}."
        else:
            caption = f"Draws of level {self.level} under one draw of the others."
        figure = figures.sweep(
            swept, title=f"Level {self.level} of {swept.levels}, {loaded.recipe.name}", caption=caption
        )
        return saved(figure, self.out or self.run / f"sweep-{self.level}.png")


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
        _at_least_one("images", self.images)
        loaded, data = self.opened()
        seed = self.seed or 0
        x = next(in_order(data, self.split, size=self.images, limit=self.images, seed=seed))
        levels = len(loaded.model.hierarchy.levels)
        kept = range(levels, 0, -1) if self.keep_top is None else [self.keep_top]
        rows = {
            f"top {keep} of {levels}": explore.reconstruct(loaded.model, x, keep_top=keep, seed=seed) for keep in kept
        }
        figure = figures.strips(
            {"image": x, **rows},
            title=f"Reconstructions by {loaded.recipe.name}",
            caption=f"{self.split.capitalize()} images of {self.data.source}; lower levels drawn from the prior.",
        )
        return saved(figure, self.out or self.run / "reconstruct.png")


def saved(figure: Figure, path: Path) -> Answer:
    """Writes the picture whole."""
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent}; make it, or choose another --out")
    write_bytes(path, figures.png(figure))
    return Answer({"picture": path}, (f"picture: {path}",))


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise UserError(f"--{name} is {value}; give 1 or more")
