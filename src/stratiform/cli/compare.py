"""Runs beside each other: `compare`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from rich.console import RenderableType
from rich.table import Table
from tyro.conf import Positional, arg

from stratiform.cli.options import Answer, Options, place
from stratiform.cli.tables import cell, table
from stratiform.figures import Cell
from stratiform.report.compared import Comparison, Settings, compare
from stratiform.report.comparison import sentences, write_page
from stratiform.report.findings import controls_cells, knows_cells


@dataclass(frozen=True, kw_only=True)
class Compare(Options):
    """Runs of the same images in one table and on one page: bounds with paired errors, levels, what each learnt."""

    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN...")]
    """Two or more folders that `stratiform train` made, trained on the same images."""
    samples: int = 50
    """Draws of z per image, for the importance-weighted bound."""
    limit: int | None = 1000
    """At most so many test images for the bounds; None: all."""
    probed: int = 5000
    """At most so many test images whose codes are probed."""
    draws: int = 400
    """Pairs of independent draws behind the indices of control."""
    split_code: int | None = None
    """Read the code of one-level models as so many levels: the control of the ladder's claim."""
    baseline: Literal["first", "best"] = "first"
    """Which run the others' bounds are compared with: the first named, or that of the highest bound."""
    out: Path | None = None
    """The page, for instance compare.html; without it none is written."""

    def work(self) -> Answer:
        if self.out is not None:
            place(self.out, [".html"])
        settings = Settings(
            samples=self.samples,
            limit=self.limit,
            probed=self.probed,
            draws=self.draws,
            split_code=self.split_code,
            baseline=self.baseline,
            seed=self.seed or 0,
        )
        found = compare(self.runs, settings)
        if self.out is not None:
            write_page(found, self.out)
        page = [f"\npage: {self.out}"] if self.out is not None else []
        return Answer({**found.to_json(), "page": self.out}, (*_shown(found), *page))


def _shown(c: Comparison) -> tuple[RenderableType, ...]:
    """`compare` for people."""
    rows = []
    for run, values in zip(c.runs, c.to_json()["runs"], strict=True):
        kl = " ".join(f"{level.kl:.1f}" for level in run.images.levels)
        pixels = " ".join(f"{share:.2f}" for share in run.total_effects)
        bound = [values[key] for key in ("elbo", "log_likelihood_bound", "log_likelihood_bound_stderr")]
        apart = [None, None] if run.difference is None else [run.difference.value, run.difference.stderr]
        rows.append([run.name, *bound, values["bits_per_dim"], *apart, kl, pixels, run.alignment])
    columns = [
        *("run", "ELBO", "bound", "±", "bits/dim", "difference", "± paired", "KL per level", "pixels per level"),
        "alignment",
    ]
    images = (
        f"{len(c.baseline.images.bound):,} test images of {c.data.config.source}, {c.settings.samples} samples each"
    )
    learnt = {run.name: run.learnt["levels"] for run in c.runs if run.learnt is not None}
    return (
        f"{images}; nats per image; difference to {c.baseline.name}\n",
        table(columns, rows),
        "",
        *sentences(c),
        "\nKNOWS, level 1 (nearest the image) to L: accuracy (classes) or R² (numbers; within one class)",
        _factors(learnt, knows_cells),
        "\nCONTROLS, level 1 to L: how often the class changes, or the share of variance",
        _factors(learnt, controls_cells),
    )


def _factors(
    learnt: Mapping[str, Sequence[Mapping[str, Any]]],
    cells: Callable[[Sequence[Mapping[str, Any]]], dict[str, list[Cell]]],
) -> Table:
    """A row per factor, a column per run: the numbers of its levels from the bottom up."""
    told = {name: cells(levels) for name, levels in learnt.items()}
    factors = dict.fromkeys(factor for rows in told.values() for factor in rows)
    rows = [
        [factor, *(" | ".join(c.text for c in rows.get(factor, [])) or cell(None) for rows in told.values())]
        for factor in factors
    ]
    return table(["", *told], rows)
