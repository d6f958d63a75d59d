"""The Gibbs chain against ancestral sampling (VLAE paper, Prop. 1 and Fig. 2).

The paper shows two mosaics and says "comparable quality". Here, 200 chains from each of three starts (data, noise,
ancestral samples) are scored over time, beside ancestral samples and beside data against other data, each number with
its standard error: single images may be plausible while classes are missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from stratiform import figures
from stratiform.data.batches import in_order
from stratiform.data.split import Data
from stratiform.evaluation.explore import samples
from stratiform.evaluation.gibbs import ancestral, gibbs, uniform
from stratiform.evaluation.judge import judge_of
from stratiform.evaluation.likeness import Likeness, Seen, likeness
from stratiform.reproduce.experiment import Experiment, Findings, Rows, Workshop, per_run
from stratiform.training.run import Loaded

CHAINS, STEPS, REFERENCE, SHOWN = 200, (1, 10, 100, 1000), 2000, 10
SCORES = {
    "conditional_entropy": "single images: E[H(y|x)], nats",
    "marginal_entropy": "coverage: H(y), nats",
    "frechet": "Fréchet distance",
    "mean_distance": "distance of mean images",
    "neighbour": "nearest neighbour is kin",
}


def chains(workshop: Workshop, experiment: Experiment) -> Findings:
    rows: list[list[Any]] = []
    pictures: dict[str, Figure] = {}
    for name, seed, loaded in per_run(workshop, experiment.recipes):
        data = workshop.data(name)
        judge = judge_of(data, workshop.judge(name))
        truth = Seen.of(torch.cat([*in_order(data, limit=REFERENCE)]), judge, data.grid)
        sets = {**_beside(loaded, data), **_chains(loaded, data)}
        for (start, step), images in sets.items():
            rows.append([name, seed, start, step, *_scores(likeness(Seen.of(images, judge, data.grid), truth))])
        if seed == workshop.seeds[0]:
            shown = {f"{start}, {step}" if step else start: images[:SHOWN] for (start, step), images in sets.items()}
            pictures[name] = figures.strips(
                shown,
                title=f"Chains of {name}",
                caption="Mean of p(x | z) after so many steps of x -> z -> x, from each start.",
            )
    columns = ("recipe", "seed", "start", "steps", *SCORES.values(), "worst KS")
    return Findings(tables=(Rows("chains", columns, rows),), pictures=pictures, words=[*_said(rows)])


def _beside(loaded: Loaded, data: Data) -> dict[tuple[str, int], Tensor]:
    """What chains are held against: other data, and ancestral samples (means, as of the chains)."""
    other = torch.cat([*in_order(data, "train", limit=CHAINS)])
    return {("other data", 0): other, ("ancestral", 0): samples(loaded.model, CHAINS, seed=1)}


def _chains(loaded: Loaded, data: Data) -> dict[tuple[str, int], Tensor]:
    starts: Mapping[str, Tensor] = {
        "from data": torch.cat([*in_order(data, "train", limit=CHAINS, seed=1)]),
        "from samples": ancestral(loaded.model, CHAINS),
        "from noise": uniform(loaded.spec, CHAINS),
    }
    found = {}
    for seed, (start, x) in enumerate(starts.items()):
        went = gibbs(loaded.model, x, STEPS[-1], keep=STEPS, seed=seed)
        found |= {(start, step): means for step, means in zip(went.steps, went.means, strict=True)}
    return found


def _scores(found: Likeness) -> Iterator[str]:
    for name in SCORES:
        estimate = getattr(found, name)
        yield "–" if estimate is None else f"{estimate.value:.3f} ± {estimate.stderr:.3f}"
    factor = max(found.kolmogorov, key=lambda name: found.kolmogorov[name].value or 0.0)
    yield f"{found.kolmogorov[factor].value:.2f} ({factor})"


def _said(rows: list[list[Any]]) -> Iterator[str]:
    """Coverage of the longest chains beside that of ancestral samples."""
    coverage = {(row[0], row[1], row[2], row[3]): row[5] for row in rows}
    for (name, seed, start, step), value in coverage.items():
        if step == STEPS[-1]:
            beside = coverage[name, seed, "ancestral", 0]
            yield f"{name}, seed {seed}: coverage {value} nats {start}, {step} steps; {beside} ancestral."
