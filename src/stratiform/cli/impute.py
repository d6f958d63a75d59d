"""Held-out log p of hidden pixels given known ones: `impute`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from rich.console import RenderableType
from tyro.conf import Positional, arg

from stratiform import figures
from stratiform.cli.inpaint import Hide
from stratiform.cli.options import Answer, Options, place
from stratiform.cli.pictures import at_least, saved
from stratiform.cli.runs import data_of_a_run, refuse_others
from stratiform.cli.tables import table
from stratiform.core.masks import MASKS
from stratiform.data.batches import in_order
from stratiform.data.config import DataConfig
from stratiform.data.source import load as load_data
from stratiform.data.split import Data
from stratiform.errors import UserError
from stratiform.evaluation.heldout import HeldOut, Settings, filled, fills, held_out
from stratiform.evaluation.moments import Mean, paired
from stratiform.training.run import Loaded, load
from stratiform.training.shipped import located

COLUMNS = ("", "log p", "±", "per value", "difference", "± paired", "log p is", "effective", "by bounds")


@dataclass(frozen=True, kw_only=True)
class Impute(Options):
    """Held-out log p(hidden | known) of runs, of a mean fill and of nearest neighbours, on the same images and holes.

    And whether completions are as uncertain as they should be. A picture shows some of them.
    """

    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN...")]
    """Folders that `stratiform train` made, of the same images; differences are to the first."""
    data: DataConfig = field(default_factory=DataConfig)
    split: Literal["train", "test"] = "test"
    """Which images of the source."""
    hide: Hide = "occluders"
    """What is hidden of each image: three squares (occluders), one to three quadrants, a share of the pixels, a half,
    the centre, one of all these (mixed); or always the same half."""
    limit: int | None = 200
    """At most so many images; None: all."""
    samples: int = 50
    """Draws of z behind the bound of a model that completes images."""
    particles: int = 1000
    """Draws of z given the known pixels, where they must be weighted: models that were taught whole images. With more,
    `log p` rises towards the model's own and `by bounds` falls towards it."""
    draws: int = 100
    """Completions of each image, which its uncertainty is told from."""
    shown: int = 6
    """Images in the picture."""
    out: Path | None = None
    """The picture (RUN/impute.png of the first run)."""

    @classmethod
    def adapted(cls, words: Sequence[str]) -> type[Self]:
        flags = data_of_a_run(words)
        return cls.with_flags(flags) if flags else cls

    def work(self) -> Answer:
        self._check()
        loaded, data = self._opened()
        out = place(self.out or located(self.runs[0]) / "impute.png")
        settings = Settings(
            hide=self.hide,
            samples=self.samples,
            particles=self.particles,
            draws=self.draws,
            shown=self.shown,
            seed=self.seed or 0,
        )
        images = partial(in_order, data, self.split, limit=self.limit, seed=self.seed or 0)
        names = [one.run.path.name for one in loaded]
        names = [str(one.run.path) if names.count(n) > 1 else n for one, n in zip(loaded, names, strict=True)]
        found = {
            name: held_out(one.model, data.spec.bins, images(), settings)
            for name, one in zip(names, loaded, strict=True)
        }
        first = next(iter(found.values()))
        simple = fills(data, settings)
        values = {
            "data": self.data.source,
            "split": self.split,
            "images": len(first.log_p),
            "binarisation": self.data.binarise,
            **{key: value for key, value in asdict(settings).items() if key != "shown"},
            "hidden": Mean.of(first.hidden).value,
            "runs": [
                {"run": one.run.path, "recipe": one.recipe.name, **_scored(each.log_p, first.log_p), **_judged(each)}
                for one, each in zip(loaded, found.values(), strict=True)
            ],
            "fills": [
                {"fill": name, **_scored(filled(fill, images(), settings), first.log_p), "about": fill.about()}
                for name, fill in simple.items()
            ],
            "picture": out,
        }
        caption = (
            f"{self.split.capitalize()} images of {self.data.source}; orange: {MASKS[self.hide].about}. Mean and "
            f"spread (the standard deviation) of {self.draws} completions; seed {settings.seed}."
        )
        saved([figures.imputed(each.shown, title=name, caption=caption) for name, each in found.items()], out)
        return Answer(values, (*_shown(values, names), f"\npicture: {out}"))

    def _check(self) -> None:
        if not self.runs:
            raise UserError("RUN must be given; see stratiform impute --help")
        twice = next((run for run in self.runs if [r.resolve() for r in self.runs].count(run.resolve()) > 1), None)
        if twice is not None:
            raise UserError(f"{twice} is named twice; name each run once")
        for name, least in (("samples", 1), ("particles", 20), ("draws", 10), ("shown", 1)):
            at_least(least, name, getattr(self, name))

    def _opened(self) -> tuple[list[Loaded], Data]:
        loaded = [load(run) for run in self.runs]
        data = load_data(self.data)
        for one in loaded:
            refuse_others(one, data)
        return loaded, data


def _scored(log_p: Sequence[float], first: Sequence[float]) -> dict[str, Any]:
    mean, apart = Mean.of(log_p), paired(log_p, first)
    return {
        "log_p": mean.value,
        "log_p_stderr": mean.stderr,
        "difference": apart.value,
        "difference_stderr": apart.stderr,
    }


def _judged(found: HeldOut) -> dict[str, Any]:
    """What is told of a run beside its log p."""
    whole = None if found.by_bounds is None else Mean.of(found.by_bounds)
    entropy, distance = Mean.of(found.entropy), Mean.of(found.distance)
    return {
        "estimator": found.estimator,
        "effective": found.effective,
        "by_bounds": whole and whole.value,
        "by_bounds_stderr": whole and whole.stderr,
        "inside": None
        if found.inside is None
        else {f"{share:g}": {"share": mean.value, "stderr": mean.stderr} for share, mean in found.inside.items()},
        "reliability": found.reliability and [vars(row) for row in found.reliability],
        "miscalibration": found.miscalibration,
        "distance": distance.value,
        "distance_stderr": distance.stderr,
        "entropy": entropy.value,
        "entropy_stderr": entropy.stderr,
        "agreement": found.agreement,
    }


def _shown(found: Mapping[str, Any], names: Sequence[str]) -> tuple[RenderableType, ...]:
    """`impute` for people."""
    rows, named = [], dict(zip(names, found["runs"], strict=True)) | {row["fill"]: row for row in found["fills"]}
    for name, row in named.items():
        score = [row["log_p"], row["log_p_stderr"], row["log_p"] / found["hidden"]]
        apart = [None, None] if row is found["runs"][0] else [row["difference"], row["difference_stderr"]]
        how = row.get("estimator", "exact")
        rows.append([name, *score, *apart, how, row.get("effective"), row.get("by_bounds")])
    opening = (
        f"log p(hidden | known), nats per image: {found['images']:,} {found['split']} images of {found['data']}, "
        f"{found['hidden']:.0f} hidden values each; {MASKS[found['hide']].about}\n"
    )
    about = [f"{row['fill']}: {row['about']}" for row in found["fills"]]
    return (opening, table(COLUMNS, rows), "", *about, *_uncertainty(found["runs"], names))


def _uncertainty(runs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> tuple[RenderableType, ...]:
    columns = ["", "distance", "entropy per value", "agreement"]
    rows = [[name, run["distance"], run["entropy"], run["agreement"]] for name, run in zip(names, runs, strict=True)]
    for row, run in zip(rows, runs, strict=True):
        inside = run["inside"] or {}
        row += [value for each in inside.values() for value in each.values()] or [run["miscalibration"]]
    columns += ["in the central 50 %", "±", "in the central 90 %", "±"] if runs[0]["inside"] else ["miscalibration"]
    parts: list[RenderableType] = ["\nUNCERTAINTY of completions", table(columns, rows)]
    for name, run in zip(names, runs, strict=True):
        if run["reliability"]:
            told = [list(row.values()) for row in run["reliability"]]
            parts += [
                f"\n{name}: share of ones, where so much was predicted",
                table(["predicted", "found", "of"], told),
            ]
    return tuple(parts)
