"""Pictures of what inference and generation do together: `mix`, `gibbs`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor
from tyro.conf import Positional, arg

from stratiform import figures
from stratiform.cli.images import picture
from stratiform.cli.options import Answer
from stratiform.cli.pictures import at_least_one, saved
from stratiform.cli.runs import OnRun, OnSplit
from stratiform.data.batches import in_order
from stratiform.errors import UserError
from stratiform.evaluation import explore
from stratiform.evaluation.gibbs import ancestral, gibbs, uniform
from stratiform.training.run import Loaded, load


@dataclass(frozen=True, kw_only=True)
class Mix(OnRun):
    """Two images, each with upper levels of the other; levels count from 1, nearest the image."""

    a: Annotated[Positional[Path], arg(metavar="A.png")]
    """An image file; cropped, resized and requantised as the run's own images were."""
    b: Annotated[Positional[Path], arg(metavar="B.png")]
    """Another."""
    level: int | None = None
    """The levels from this one upwards change places; without it a row for each, the top level first."""
    hold: Literal["noise", "value"] = "noise"
    """What the levels beneath keep: their noise, and so follow what is above them, or their value."""
    out: Path | None = None
    """The picture (RUN/mix.png)."""

    def work(self) -> Answer:
        loaded = load(self.run)
        of_a, of_b = picture(self.a, loaded), picture(self.b, loaded)
        x, other = torch.cat([of_a, of_b]), torch.cat([of_b, of_a])
        top, seed = len(loaded.model.hierarchy.levels), self.seed or 0
        levels = [self.level] if self.level is not None else list(range(top, 1, -1)) or [1]
        rows = {
            _from(level, top): explore.mix(loaded.model, x, other, level - 1, hold=self.hold, seed=seed)
            for level in levels
        }
        figure = figures.strips(
            {"image": x, "rebuilt": explore.reconstruct(loaded.model, x, seed=seed), **rows},
            title=f"Levels exchanged, {loaded.recipe.name}",
            caption="One image per column; beneath it, with upper levels of the other: posterior means, its own "
            f"lower levels holding their {self.hold}.",
        )
        answer = saved([figure], self.out or self.run / "mix.png")
        return replace(answer, values={**answer.values, "levels": levels, "hold": self.hold})


@dataclass(frozen=True, kw_only=True)
class Gibbs(OnSplit):
    """Chains of z ~ q(z | x), x ~ p(x | z): where they go, if inference and generation agree, is p(x)."""

    start: Literal["data", "noise", "samples"] = "data"
    """Where chains start: images of the split, uniform noise, or samples of the model."""
    steps: tuple[int, ...] = (1, 10, 100, 1000)
    """Which steps are shown."""
    images: int = 10
    """How many chains."""
    out: Path | None = None
    """The picture (RUN/gibbs.png)."""

    def work(self) -> Answer:
        at_least_one("images", self.images)
        if not self.steps or min(self.steps) < 1:
            raise UserError(f"--steps is {' '.join(map(str, self.steps)) or 'empty'}; give numbers of 1 or more")
        loaded, x, origin = self._start()
        seed = self.seed or 0
        chains = gibbs(loaded.model, x, max(self.steps), keep=self.steps, seed=seed)
        rows = {f"step {step}": shown for step, shown in zip(chains.steps, chains.means, strict=True)}
        figure = figures.strips(
            {"start": x, **rows},
            title=f"Chains of inference and generation, {loaded.recipe.name}",
            caption=f"z ~ q(z|x), x ~ p(x|z), and again, from {origin}. Shown is the mean of p(x|z); the chain goes "
            f"on from a sample of it; seed {seed}.",
        )
        answer = saved([figure], self.out or self.run / "gibbs.png")
        found = {"start": self.start, "steps": chains.steps, "images": len(x), "seed": seed}
        return replace(answer, values={**answer.values, **found})

    def _start(self) -> tuple[Loaded, Tensor, str]:
        """The model, the first images [n, C, H, W], and what they are in words."""
        seed = self.seed or 0
        if self.start == "data":
            loaded, data = self.opened()
            x = next(in_order(data, self.split, size=self.images, limit=self.images, seed=seed))
            return loaded, x, f"{self.split} images of {self.data.source}"
        loaded = load(self.run)
        if self.start == "noise":
            return loaded, uniform(loaded.spec, self.images, seed), "uniform noise"
        return loaded, ancestral(loaded.model, self.images, seed), "samples of the model"


def _from(level: int, top: int) -> str:
    """level 3 of the other; levels 2 to 3 of the other"""
    return f"{f'level {top}' if level >= top else f'levels {level} to {top}'} of the other"
