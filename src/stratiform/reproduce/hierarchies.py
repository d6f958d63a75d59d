"""Do hierarchical VAEs use their levels, and does one of them sort its features? (VLAE paper, Section 3, Figs 3 and 5)

For every model: the KL of each level; the share of the pixels' variance, and how often the digit changes, when the
noise of that level alone is drawn anew (total effects); and the alignment of its levels with thickness, slant and
identity. The paper says that the top level of an HVAE carries nearly all variation, as pictures; here are the numbers,
with a verdict. The last recipe is the one whose levels are said to be a hierarchy of features.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from stratiform import figures
from stratiform.core.model import LatentModel
from stratiform.evaluation.explore import from_noise, noise
from stratiform.evaluation.levels import levels
from stratiform.evaluation.metrics import Metrics
from stratiform.evaluation.moments import Mean
from stratiform.report.measured import Measured
from stratiform.reproduce.experiment import UNUSED, Experiment, Findings, Rows, Workshop, per_run
from stratiform.reproduce.verdict import Margin, judged, lead
from stratiform.training.run import Loaded

DRAWN = 12  # images of each row of the pictures
FACTORS = ("label", "thickness", "slant")


@dataclass(frozen=True)
class Member:
    """One trained model and its numbers; of a model with one level, the code is read as three: the control."""

    name: str
    seed: int
    run: Measured
    learnt: Mapping[str, Any]  # `levels --json`

    @property
    def hierarchical(self) -> bool:
        return self.run.count > 1


def compare(workshop: Workshop, experiment: Experiment) -> Findings:
    members: list[Member] = []
    pictures: dict[str, Figure] = {}
    for name, seed, loaded in per_run(workshop, experiment.recipes):
        run = Measured.of(loaded.run.path, 0, workshop.judge(name))
        members.append(Member(name, seed, run, run.learnt if run.count > 1 else split(run, workshop.judge(name))))
        if seed == workshop.seeds[0]:
            pictures[name] = variation(loaded)
    numbers = ("KL nats", "controls pixels", "changes label", *(f"knows {name}" for name in FACTORS))
    each = Rows("levels", ("recipe", "seed", "level", *numbers), [row for m in members for row in _levels(m)])
    models = ("recipe", "seeds", "bits/dim", "ELBO", "alignment", "unused levels")
    return Findings(
        tables=(
            each,
            Rows(
                "levels, mean ± standard deviation over seeds", ("recipe", "level", *numbers), _over_seeds(each.rows)
            ),
            Rows("models", models, _models(members)),
        ),
        pictures=pictures,
        words=[*_said(members), *_led(members, experiment.recipes[-1])],
    )


def variation(loaded: Loaded) -> Figure:
    """Fig. 3: all noise held but that of one level, a row per level, the top level first."""
    model = loaded.model
    count = len(model.hierarchy.levels)
    return figures.strips(
        {f"level {level + 1}": redrawn(model, level, DRAWN) for level in reversed(range(count))},
        title=f"What each level changes, {loaded.recipe.name}",
        caption="In every row the noise of one level is drawn anew, that of all others is held.",
    )


def redrawn(model: LatentModel, level: int, n: int, seed: int = 0) -> torch.Tensor:
    """n images that share all noise but that of one level, [n, C, H, W]; the first is the same for every level."""
    held = {index: e if index == level else e[:1].expand_as(e) for index, e in noise(model, n, seed).items()}
    return from_noise(model, n, held, seed)


def split(run: Measured, judge_file: Path, parts: int = 3) -> Mapping[str, Any]:
    """`levels --split-code`, kept with the run."""
    metrics = Metrics(run.loaded.run.metrics, run.loaded.run.weights)
    return metrics.kept(
        f"levels, code split in {parts}",
        lambda: levels(run.loaded.model, run.data, split_code=parts, judge_file=judge_file).to_json(),
    )


def _levels(member: Member) -> Iterator[list[Any]]:
    for level in member.learnt["levels"]:
        of = level["factors"]
        known = (of[f]["score" if f == "label" else "score_within"] if f in of else None for f in FACTORS)
        controls = (of[f]["control"] if f in of else None for f in ("pixels", "label"))
        yield [member.name, member.seed, level["level"], level["kl"], *controls, *known]


def _over_seeds(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows (recipe, seed, level, numbers) -> (recipe, level, numbers over seeds)."""
    grouped = defaultdict(list)
    for name, _, level, *numbers in rows:
        grouped[name, level].append(numbers)
    return [[*key, *map(_spread, zip(*own, strict=True))] for key, own in grouped.items()]


def _models(members: Sequence[Member]) -> list[list[Any]]:
    rows = []
    for name, own in _by_recipe(members).items():
        unused = (sum(level["kl"] < UNUSED for level in m.run.bound["levels"]) for m in own)
        numbers = ([m.run.bound[key] for m in own] for key in ("bits_per_dim", "elbo"))
        aligned = [m.learnt["alignment"] for m in own]
        rows.append([name, len(own), *map(_spread, [*numbers, aligned]), " ".join(map(str, unused))])
    return rows


def _by_recipe(members: Sequence[Member]) -> dict[str, list[Member]]:
    grouped = defaultdict(list)
    for member in members:
        grouped[member.name].append(member)
    return grouped


def _spread(values: Sequence[float | None]) -> str:
    """Mean over seeds, and their standard deviation."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    return f"{np.mean(known):.3f}" + (f" ± {np.std(known, ddof=1):.3f}" if len(known) > 1 else "")


def _said(members: Sequence[Member]) -> Iterator[str]:
    """What the paper reads off its Fig. 3, almost all the variation at the top layer, held against the numbers."""
    for name, own in _by_recipe([member for member in members if member.hierarchical]).items():
        unused = sum(m.run.bound["levels"][-1]["kl"] < UNUSED for m in own)
        yield f"{name}: the top level is unused (below {UNUSED} nats) in {unused} of {len(own)} runs."
        yield judged(f"{name}: most of the pixels' variance is the top level's, its lead", [*map(_top, own)])


def _top(member: Member) -> Margin:
    """By how much the top level's total effect on the pixels is above the largest of the others'."""
    pixels = [level["factors"]["pixels"] for level in member.learnt["levels"]]
    *others, top = (Margin.of(Mean(of["control"], of["control_stderr"])) for of in pixels)
    return top - max(others, key=lambda other: other.value)


def _led(members: Sequence[Member], claimed: str) -> Iterator[str]:
    """Are the levels of the claimed recipe aligned with factors more than those of every other?"""
    aligned = {name: [m.learnt["alignment"] for m in own] for name, own in _by_recipe(members).items()}
    known = {name: values for name, values in aligned.items() if None not in values}
    for name, values in known.items():
        if claimed in known and name != claimed:
            yield judged(f"alignment, {claimed} above {name}", [lead(known[claimed], values)])
