"""The Gibbs chain against ancestral sampling (VLAE paper, Prop. 1 and Fig. 2).

The paper shows two mosaics and says "comparable quality". Here, 200 chains from each of three starts (data, noise,
ancestral samples) are scored over time, beside ancestral samples and beside data against other data, each number with
its standard error: single images may be plausible while classes are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from stratiform import figures
from stratiform.data.batches import in_order
from stratiform.data.split import Data
from stratiform.evaluation.bootstrap import Estimate
from stratiform.evaluation.explore import samples
from stratiform.evaluation.gibbs import ancestral, gibbs, uniform
from stratiform.evaluation.judge import judge_of
from stratiform.evaluation.likeness import Likeness, Seen, likeness
from stratiform.reproduce.experiment import Experiment, Findings, Rows, Workshop, per_run
from stratiform.reproduce.verdict import Margin, judged
from stratiform.training.run import Loaded

CHAINS, STEPS, REFERENCE = 200, (1, 3, 10, 30, 100, 300, 1000), 2000
SHOWN, AT = 10, (0, 1, 10, 100, 1000)  # images of each row of the mosaic, and after which steps
RESAMPLES = 100  # behind every error
SCORES = {
    "conditional_entropy": "single images: E[H(y|x)], nats",
    "marginal_entropy": "coverage: H(y), nats",
    "frechet": "Fréchet distance",
    "mean_distance": "distance of mean images",
    "neighbour": "nearest neighbour is kin",
}
WORST = "worst Kolmogorov–Smirnov"
HIGHER_IS_BETTER = ("marginal_entropy",)
STARTS, ANCESTRAL, OTHER = ("from data", "from samples", "from noise"), "ancestral", "other data"


@dataclass(frozen=True)
class Scored:
    """Images of one recipe and seed, after so many steps from a start; 0 where there is no chain."""

    recipe: str
    seed: int
    start: str
    steps: int
    found: Likeness

    @property
    def worst(self) -> str:
        """The measured number whose law differs most from the data's."""
        return max(self.found.kolmogorov, key=lambda name: self.found.kolmogorov[name].value or 0.0)

    def scores(self) -> dict[str, Estimate]:
        """By title, what is known."""
        named = {title: getattr(self.found, name) for name, title in SCORES.items()}
        known = {title: estimate for title, estimate in named.items() if estimate is not None}
        return known | {WORST: self.found.kolmogorov[self.worst]}


def chains(workshop: Workshop, experiment: Experiment) -> Findings:
    scored: list[Scored] = []
    pictures: dict[str, Figure] = {}
    for name, seed, loaded in per_run(workshop, experiment.recipes):
        data = workshop.data(name)
        sets = {**_beside(loaded, data), **_chains(loaded, data)}
        own = [*_scored(workshop, name, seed, data, sets)]
        scored += own
        if seed == workshop.seeds[0]:
            pictures[name] = _strips(name, sets)
            pictures[f"{name}-scores"] = _over_time(name, own)
    columns = ("recipe", "seed", "start", "steps", *SCORES.values(), "worst KS")
    return Findings(
        tables=(Rows("chains", columns, [_row(one) for one in scored]),), pictures=pictures, words=[*_said(scored)]
    )


def _beside(loaded: Loaded, data: Data) -> dict[tuple[str, int], Tensor]:
    """What chains are held against: other data, and ancestral samples (means, as of the chains)."""
    other = torch.cat([*in_order(data, "train", limit=CHAINS)])
    return {(OTHER, 0): other, (ANCESTRAL, 0): samples(loaded.model, CHAINS, seed=1)}


def _chains(loaded: Loaded, data: Data) -> dict[tuple[str, int], Tensor]:
    begun = (
        torch.cat([*in_order(data, "train", limit=CHAINS, seed=1)]),
        ancestral(loaded.model, CHAINS),
        uniform(loaded.spec, CHAINS),
    )
    found = {}
    for seed, (start, x) in enumerate(zip(STARTS, begun, strict=True)):
        went = gibbs(loaded.model, x, STEPS[-1], keep=STEPS, seed=seed)
        found |= {(start, step): means for step, means in zip(went.steps, went.means, strict=True)}
    return found


def _scored(
    workshop: Workshop, name: str, seed: int, data: Data, sets: Mapping[tuple[str, int], Tensor]
) -> Iterator[Scored]:
    judge = judge_of(data, workshop.judge(name))
    truth = Seen.of(torch.cat([*in_order(data, limit=REFERENCE)]), judge, data.grid)
    for (start, steps), images in sets.items():
        found = likeness(Seen.of(images, judge, data.grid), truth, resamples=RESAMPLES)
        yield Scored(name, seed, start, steps, found)


def _row(one: Scored) -> list[object]:
    found = one.scores()
    texts = [f"{e.value:.3f} ± {e.stderr:.3f}" if (e := found.get(title)) else "–" for title in SCORES.values()]
    return [one.recipe, one.seed, one.start, one.steps, *texts, f"{found[WORST].value:.2f} ({one.worst})"]


def _strips(name: str, sets: Mapping[tuple[str, int], Tensor]) -> Figure:
    rows = {(start, step): images[:SHOWN] for (start, step), images in sets.items() if step in AT}
    shown = {f"{start}, {step}" if step else start: images for (start, step), images in rows.items()}
    return figures.strips(
        shown,
        title=f"Chains of {name}",
        caption="Mean of p(x | z) after so many steps of x -> z -> x, from each start.",
    )


def _over_time(name: str, scored: Iterable[Scored]) -> Figure:
    """Every score against the steps, with 95 % bands."""
    margins = {(one.start, one.steps): {title: Margin.of(e) for title, e in one.scores().items()} for one in scored}

    def panel(title: str) -> figures.Panel:
        lines = {}
        for start in STARTS:
            own = [margins[start, step][title] for step in STEPS]
            lines[start] = [figures.Line(STEPS, [m.value for m in own], [m.error for m in own])]
        held = {start: margins[start, 0][title] for start in (ANCESTRAL, OTHER)}
        constants = {start: (m.value, m.error) for start, m in held.items()}
        return figures.Panel(
            title=title, across="steps of the chain", lines=lines, constants=constants, logarithmic=True
        )

    return figures.lines(
        [panel(title) for title in margins[OTHER, 0]],
        title=f"Chains of {name} over time",
        caption=f"{CHAINS} chains from each start, scored against test images, {REFERENCE:,} at most; bands: 95 %, by "
        "drawing the images anew. Horizontal: ancestral samples of the same model, and other images of the data.",
    )


def _said(scored: Iterable[Scored]) -> Iterator[str]:
    """Is the longest chain as good as ancestral samples? By every score, from every start; a number per seed."""
    at = {(one.recipe, one.seed, one.start, one.steps): one.found for one in scored}
    seeds: dict[str, list[int]] = {}
    for recipe, seed, start, _ in at:
        if start == ANCESTRAL:
            seeds.setdefault(recipe, []).append(seed)
    for recipe, own in seeds.items():
        yield (
            f"{recipe}: by how much {STEPS[-1]:,} steps are better than ancestral samples, ± half of a 95 % interval; "
            "as good, the claim, is confirmed where they are surely better, refuted where surely worse."
        )
        for start in STARTS:
            for name, title in SCORES.items():
                pairs = [(at[recipe, s, start, STEPS[-1]], at[recipe, s, ANCESTRAL, 0]) for s in own]
                margins = [_better(name, *pair) for pair in pairs if getattr(pair[0], name)]
                if margins:
                    yield judged(f"{start}, {title}", margins)


def _better(score: str, chain: Likeness, beside: Likeness) -> Margin:
    lower = Margin.of(getattr(beside, score)) - Margin.of(getattr(chain, score))
    return -lower if score in HIGHER_IS_BETTER else lower
