"""How many levels and units a hierarchy uses, and what its bound is: LVAE Table 1 and Fig. 3, IWAE Table 1.

Bound with the experiment's samples, KL and active units of each level (variance of the code over images above 0.01).
The first recipe is the claim's own: it is compared with every other one on the same images, draw by draw, at equal
steps and at equal seconds of the processor. The one that takes more of them is trained anew with so many fewer steps,
its schedule played to its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from matplotlib.figure import Figure

from stratiform import figures
from stratiform.data.batches import in_order
from stratiform.evaluation.bound import PerImage
from stratiform.evaluation.metrics import Metrics
from stratiform.evaluation.moments import Mean, paired
from stratiform.reproduce.course import Course, pace
from stratiform.reproduce.experiment import UNUSED, Experiment, Findings, Rows, Workshop, per_run
from stratiform.reproduce.verdict import Margin, judged
from stratiform.training.log import kl_over_training
from stratiform.training.run import Loaded

IMAGES = 1000
ALIKE = 0.05  # efforts that differ by less, of the smaller, are equal
EARLY = 0.1  # of the training, left out of its picture
Effort = Literal["steps", "seconds"]


@dataclass(frozen=True)
class Member:
    """One trained model and what it says of the images."""

    name: str
    seed: int
    loaded: Loaded
    images: PerImage
    pace: float  # processor seconds per step

    @classmethod
    def of(cls, workshop: Workshop, samples: int, name: str, seed: int, loaded: Loaded) -> Member:
        """So many samples on IMAGES test images, kept with the run."""

        def measure() -> dict[str, Any]:
            batches = in_order(workshop.data(name), limit=IMAGES, seed=0)
            return PerImage.of(loaded.model, batches, samples=samples, seed=0).to_json()

        metrics = Metrics(loaded.run.metrics, loaded.run.weights)
        images = PerImage.from_json(metrics.kept(f"bounds of {samples} on {IMAGES} images", measure))
        cost = metrics.kept("seconds per step", lambda: {"seconds": pace(loaded.recipe, workshop.data(name))})
        return cls(name, seed, loaded, images, cost["seconds"])

    @property
    def steps(self) -> int:
        return self.loaded.recipe.training.steps

    @property
    def seconds(self) -> float:
        """Of the processor, for the training steps."""
        return self.steps * self.pace

    @property
    def in_use(self) -> int:
        """Levels that pay more than UNUSED."""
        return sum(level.kl > UNUSED for level in self.images.levels)

    @property
    def active(self) -> int:
        """Units, of all levels."""
        return sum(level.active_units for level in self.images.levels)


@dataclass(frozen=True)
class Pair:
    """The claim's own model and another, trained with equal effort."""

    equal: Effort
    own: Member
    other: Member

    def gains(self) -> dict[str, Margin]:
        """By how much the model is ahead, in nats or units."""
        own, other = self.own.images, self.other.images
        return {
            "levels in use": Margin(self.own.in_use - self.other.in_use),
            "active units": Margin(self.own.active - self.other.active),
            "ELBO": Margin.of(paired(own.elbo, other.elbo)),
            "bound": Margin.of(paired(own.bound, other.bound)),
        }


def bounds(workshop: Workshop, experiment: Experiment) -> Findings:
    samples = experiment.samples
    members = [Member.of(workshop, samples, *run) for run in per_run(workshop, experiment.recipes)]
    pairs = [*_pairs(workshop, samples, members)]
    shorter = [m for pair in pairs for m in (pair.own, pair.other) if m not in members]
    columns = ("recipe", "seed", "ELBO", f"bound, {samples} samples", "KL per level", "active units", "levels in use")
    title = f"{IMAGES} test images, nats per image, levels bottom to top"
    gained = ("recipe", "against", "seed", "at equal", "steps", "its steps", *(pairs[0].gains() if pairs else ()))
    return Findings(
        tables=(
            Rows(title, (*columns, "steps", "seconds"), [_row(m) for m in (*members, *shorter)]),
            Rows("ahead by, ± half of a 95 % interval over the same images", gained, [_gained(p) for p in pairs]),
        ),
        pictures={"training": _training(members), **_curves(workshop, members)},
        words=[*_said(pairs), *_reached(workshop, experiment, members)],
    )


def _pairs(workshop: Workshop, samples: int, members: Sequence[Member]) -> Iterator[Pair]:
    """The model of the first recipe with every other one of its seed, twice."""
    first = {m.seed: m for m in members if m.name == members[0].name}
    for other in members:
        own = first[other.seed]
        if own is not other:
            both = own, other
            for equal in get_args(Effort):
                least = min(getattr(member, equal) for member in both)
                yield Pair(equal, *(_within(workshop, samples, member, equal, least) for member in both))


def _within(workshop: Workshop, samples: int, member: Member, equal: Effort, least: float) -> Member:
    """The same model trained with about so many steps or seconds."""
    effort = getattr(member, equal)
    if effort <= least * (1 + ALIKE):
        return member
    steps = max(1, round(member.steps * least / effort))
    again = workshop.run(member.name, member.seed, steps)
    return replace(Member.of(workshop, samples, member.name, member.seed, again), pace=member.pace)


def _row(m: Member) -> list[Any]:
    levels = m.images.levels
    return [
        m.name,
        m.seed,
        _pm(Mean.of(m.images.elbo)),
        _pm(Mean.of(m.images.bound)),
        " ".join(f"{level.kl:.2f}" for level in levels),
        " + ".join(str(level.active_units) for level in levels),
        m.in_use,
        m.steps,
        m.seconds,
    ]


def _gained(pair: Pair) -> list[Any]:
    own, other = pair.own, pair.other
    return [own.name, other.name, own.seed, pair.equal, own.steps, other.steps, *map(str, pair.gains().values())]


def _training(members: Sequence[Member]) -> Figure:
    """The bound over the training, against steps and against seconds, a line per seed."""

    def panel(title: str, against: Effort) -> figures.Panel:
        lines: dict[str, list[figures.Line]] = {m.name: [] for m in members}
        for m in members:
            late, per_step = Course.of(m.loaded.run).after(EARLY), m.pace if against == "seconds" else 1.0
            lines[m.name].append(figures.Line([step * per_step for step in late.steps], late.elbo))
        return figures.Panel(title="ELBO of test images, nats", across=title, lines=lines)

    return figures.lines(
        [panel("training step", "steps"), panel("processor seconds", "seconds")],
        title="The bound while training",
        caption="One draw of each of the same test images, as the training logs it; a line per seed. The first tenth "
        "of every training is left out. Processor seconds are those of all cores together.",
    )


def _curves(workshop: Workshop, members: Sequence[Member]) -> dict[str, Figure]:
    return {
        m.name: figures.kl_over_training(
            *kl_over_training(m.loaded.run.log),
            m.loaded.model.hierarchy.shapes,
            title=f"KL of each level, {m.name}",
            caption=f"Training batches of {m.loaded.recipe.data.source}; nats per image, stacked from the bottom.",
        )
        for m in members
        if m.seed == workshop.seeds[0]
    }


def _said(pairs: Sequence[Pair]) -> Iterator[str]:
    """What the first model gains over each other, a number per seed."""
    kinds = dict.fromkeys((pair.own.name, pair.other.name, pair.equal) for pair in pairs)
    for own, other, equal in kinds:
        gains = [p.gains() for p in pairs if (p.own.name, p.other.name, p.equal) == (own, other, equal)]
        for what in gains[0]:
            yield judged(f"{what}, {own} above {other} at equal {equal}", [found[what] for found in gains])


def _reached(workshop: Workshop, experiment: Experiment, members: Sequence[Member]) -> Iterator[str]:
    """What came of it and for how much, beside what the paper prints."""
    for name in experiment.recipes:
        own = [m for m in members if m.name == name]
        training = own[0].loaded.recipe.training
        epochs = training.steps * training.batch / len(workshop.data(name).train)
        values = ", ".join(_pm(Mean.of(m.images.bound)) for m in own)
        yield f"{name}: bound {values} nats, after {epochs:.0f} epochs. Published: {experiment.expected}."


def _pm(mean: Mean) -> str:
    return f"{mean.value:.2f}" + ("" if mean.stderr is None else f" ± {mean.stderr:.2f}")
