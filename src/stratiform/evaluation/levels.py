"""What each level learnt: which factors its code *knows* (probe), which its noise *controls* in images (Sobol)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from stratiform.core.model import LatentModel
from stratiform.data.attributes import measure
from stratiform.data.batches import grey_levels, in_order
from stratiform.data.split import Data, chosen
from stratiform.errors import UserError
from stratiform.evaluation.codes import Reading, codes_and_kl
from stratiform.evaluation.explore import from_noise, noise
from stratiform.evaluation.factors import Factor, of_images, unmeasured
from stratiform.evaluation.judge import READABLE, Judge, judge_of
from stratiform.evaluation.probe import FOLDS, K, Probe, Score
from stratiform.evaluation.sobol import Indices, Outcomes, flips, indices, on_design

ALIGNED = {"thickness": "score_within", "slant": "score_within", "label": "score"}  # docs/levels.md


@dataclass(frozen=True, kw_only=True)
class FactorAtLevel:
    """One cell of the two tables; None where there is nothing to say."""

    kind: str  #: class or number
    score: float | None = None  #: accuracy or R^2 of the probe on this level's code
    score_stderr: float | None = None
    score_within: float | None = None  #: R^2 after the class means are taken out
    chance: float | None = None
    control: float | None = None  #: total effect of this level's noise, or P(the judge's verdict changes)
    control_stderr: float | None = None
    control_first: float | None = None  #: first-order effect; numbers only
    control_share: float | None = None  #: P(change) over that of redrawing all levels; classes only


@dataclass(frozen=True, kw_only=True)
class LevelOutcome:
    """One level, 1 (nearest the image) to L."""

    level: int
    kl: float  #: nats per image
    factors: Mapping[str, FactorAtLevel]


@dataclass(frozen=True, kw_only=True)
class LevelReport:
    """The outcome of `levels`."""

    probe: str
    judge_accuracy: float | None  #: on the test split's labels
    judge: Mapping[str, float | None]  #: how well the judge reads each factor: accuracy or R^2
    alignment: float | None
    images: int
    draws: int
    seed: int
    notes: tuple[str, ...]  #: what was left out, one line each
    levels: tuple[LevelOutcome, ...]

    def to_json(self) -> dict[str, Any]:
        """As `levels --json` prints it: no NaN."""
        return _without_nan(asdict(self))


def levels(
    model: LatentModel,
    data: Data,
    *,
    split: Literal["train", "test"] = "test",
    limit: int = 5000,
    draws: int = 400,
    seed: int = 0,
    split_code: int | None = None,
    judge_file: Path | None = None,
) -> LevelReport:
    """Both tables for a trained model and the data it was trained on.

    Args:
        limit: images whose codes are probed, at most.
        draws: pairs of independent draws behind the indices of control.
        seed: of folds, noise and the judge.
        split_code: read the code of a one-level model as so many levels.
        judge_file: where the judge is kept, and read from the second time.

    Raises:
        UserError: there are no levels, or the code cannot be split so.
    """
    if not len(model.hierarchy.levels):
        raise UserError("this model has no levels, so there is nothing that one could know or control")
    source = data.train if split == "train" else data.test
    source = source.take(chosen(len(source), limit))
    codes, kl = codes_and_kl(model, in_order(data, split, limit=limit, seed=seed), seed=seed, split_code=split_code)
    judge = judge_of(data, judge_file, seed=seed)
    factors = of_images(source, data.grid)
    known = knows(codes, factors, source.labels, seed=seed)
    controlled = controls(model, partial(_look, data=data, judge=judge), draws=draws, seed=seed, split_code=split_code)
    outcomes = tuple(
        LevelOutcome(level=i + 1, kl=float(kl[i]), factors=_row(factors, scores, controlled, i))
        for i, scores in enumerate(known)
    )
    return LevelReport(
        probe=f"{K} nearest neighbours, {FOLDS} folds, standardised posterior means",
        judge_accuracy=None if judge is None else judge.skill.get("label"),
        judge={} if judge is None else judge.skill,
        alignment=alignment([outcome.factors for outcome in outcomes]),
        images=len(source),
        draws=draws,
        seed=seed,
        notes=(*_few(len(source), split), *unmeasured(factors), *_unseen(controlled, draws), *_unread(judge)),
        levels=outcomes,
    )


def knows(
    codes: Sequence[np.ndarray], factors: Mapping[str, Factor], labels: np.ndarray | None = None, *, seed: int = 0
) -> list[dict[str, Score]]:
    """What each level's code [N, d] knows of each factor [N], bottom -> top.

    Args:
        labels: [N] classes, whose means are taken out for `within`.
    """
    probes = [Probe(code, seed=seed) for code in codes]
    return [{name: probe(factor, labels) for name, factor in factors.items()} for probe in probes]


@torch.no_grad()
def controls(
    model: LatentModel,
    look: Callable[[Tensor], Mapping[str, np.ndarray]],
    *,
    draws: int = 400,
    seed: int = 0,
    split_code: int | None = None,
) -> dict[str, Indices]:
    """What each level's noise controls in generated images, an entry of the indices per level.

    Args:
        look: images [N, C, H, W] in [0, 1] -> per factor verdicts, integers [N], or measurements, floats [N, d].
        draws: N, pairs of independent draws; draws * (L + 2) images are made.
    """
    reading = Reading(model.hierarchy, split_code)
    a, b = (reading.split(list(noise(model, draws, seed, draw).values())) for draw in (0, 1))
    images = on_design(lambda parts: from_noise(model, draws, reading.join(parts), seed), a, b)
    seen = {name: np.split(values, len(images)) for name, values in look(torch.cat(images)).items()}
    outcomes = {name: Outcomes(a=v[0], b=v[1], mixed=tuple(v[2:])) for name, v in seen.items()}
    return {name: flips(o) if o.a.dtype.kind in "iu" else indices(o) for name, o in outcomes.items()}


def alignment(rows: Sequence[Mapping[str, FactorAtLevel]]) -> float | None:
    """Mean over thickness, slant and label of (best level - second best), by ALIGNED's scores; None without any."""
    leads = []
    for name, score in ALIGNED.items():
        known = [getattr(row[name], score) for row in rows if name in row]
        if len(known) >= 2 and None not in known:
            second, best = sorted(known)[-2:]
            leads.append(best - second)
    return float(np.mean(leads)) if leads else None


def _look(images: Tensor, data: Data, judge: Judge | None) -> dict[str, np.ndarray]:
    """What can be seen on generated images: their pixels, what the judge reads, and what is measured."""
    k = grey_levels(images, data.grid, data.config.dequantise).numpy()
    read = {} if judge is None else {name: v for name, v in judge.read(images).items() if judge.readable(name)}
    found = {name: Factor.named(name, values).points() for name, values in measure(k, data.grid).items()}
    return {**read, **found, "pixels": images.flatten(1).double().numpy()}


def _row(
    factors: Mapping[str, Factor], known: Mapping[str, Score], controlled: Mapping[str, Indices], level: int
) -> dict[str, FactorAtLevel]:
    """One level's cells, in the order label, source, measured, pixels."""
    row = {}
    for name in [*factors, *(name for name in controlled if name not in factors)]:
        cell = FactorAtLevel(kind="class" if name in factors and factors[name].kind == "class" else "number")
        if name in known:
            score = known[name]
            cell = replace(
                cell, score=score.score, score_stderr=score.stderr, score_within=score.within, chance=score.chance
            )
        if name in controlled:
            index = controlled[name]
            cell = replace(
                cell,
                control=float(index.total[level]),
                control_stderr=float(index.stderr[level]),
                control_first=None if index.first is None else float(index.first[level]),
                control_share=float(index.total[level] / index.everything) if index.everything else None,
            )
        row[name] = cell
    return row


def _few(images: int, split: str) -> Iterator[str]:
    """Where a fold holds fewer images than twice the neighbours, what the probe says is near the mean of all."""
    enough = 2 * K * FOLDS // (FOLDS - 1) + 1
    if images < enough:
        other = "" if split == "train" else "; --split train has more, seen in training"
        yield f"{images} images are too few for {K} neighbours: the scores mean little under {enough}{other}"


def _unseen(controlled: Mapping[str, Indices], draws: int) -> Iterator[str]:
    for name, index in controlled.items():
        if index.lost:
            yield f"{name} could not be measured on {index.lost} of {draws} generated pairs (left out)"


def _unread(judge: Judge | None) -> Iterator[str]:
    for name in () if judge is None else judge.skill:
        if not judge.readable(name):
            yield f"the judge cannot read {name} (R^2 below {READABLE}): what controls it is not said"


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
