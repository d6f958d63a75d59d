"""What an auxiliary likelihood does to a VAE with an autoregressive decoder (Lucas and Verbeek 2018).

- `table`: the model beside its two parts alone and beside the same without the auxiliary term (Table 1)
- `sweep_lambda`: the weight of the KL (Figs 3 and 4)
- `sweep_target`: the auxiliary image's levels and size (Figs 5 and 6)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from stratiform import figures
from stratiform.core.hierarchy import Pick, from_prior, with_noise
from stratiform.core.model import LatentModel
from stratiform.core.posterior import mean
from stratiform.data.batches import in_order
from stratiform.data.split import Data
from stratiform.evaluation.explore import noise, render
from stratiform.evaluation.moments import Mean, paired
from stratiform.reproduce import lengths
from stratiform.reproduce.experiment import Experiment, Findings, Rows, Workshop
from stratiform.reproduce.lengths import Member
from stratiform.reproduce.verdict import Margin, judged
from stratiform.training.recipe import Recipe

SHOWN = 8  # images of each row of the pictures
LAMBDAS = (1, 2, 4, 8, 12)
CHOSEN = 4  # of the table: the lowest within NEAR of the pixels alone on both sets of images
TARGETS = ("full", "32", "8", "2", "half", "quarter")
SMALLER = ("half", "quarter")  # of these, the last: y has fewer pixels
NEAR = 0.01  # of the bits: as good
PAID = 1.0  # nats per image: a code that says something
Change = Callable[[Recipe], Recipe]

PUBLISHED = (
    ("NICE", "4.48", "exact"),
    ("Conv. DRAW", "3.58", "bound"),
    ("Real NVP", "3.49", "exact"),
    ("MatNet", "3.24", "bound"),
    ("PixelCNN", "3.14", "exact"),
    ("VAE-IAF", "3.11", "bound"),
    ("Gated PixelCNN", "3.03", "exact"),
    ("Pixel-RNN", "3.00", "exact"),
    ("Aux. pixelCNN", "2.98", "bound"),
    ("Lossy VAE", "2.95", "bound"),
    ("AGAVE, lambda = 12", "2.92", "bound, 150 samples"),
    ("pixCNN++", "2.92", "exact"),
)
"""Table 1 of the paper: bits per dimension of CIFAR-10's test images."""


# Table 1


def table(workshop: Workshop, experiment: Experiment) -> Findings:
    """The recipes in their order: the model, its PixelCNN++ alone, no auxiliary term, its VAE alone."""
    own = _swept(workshop, experiment, {f"lambda {CHOSEN}": _under(CHOSEN)})
    pixels, none, vae = (_of(workshop, name) for name in experiment.recipes[1:])
    members, data = own + pixels + none + vae, workshop.data(experiment.recipes[0])
    return Findings(
        tables=(_rows(members), Rows("published, CIFAR-10", ("model", "bits/dim", "estimator"), PUBLISHED)),
        pictures={m.name: look(m, data) for m in members if m.seed == workshop.seeds[0]},
        words=[
            judged(
                f"bits/dim within {NEAR:.0%} of PixelCNN++ alone, {own[0].name}, what is left",
                [_within(a, b) for a, b in zip(own, pixels, strict=True)],
            ),
            judged(
                "bits/dim that the model without the auxiliary term needs beyond it",
                [_gain(a, b) for a, b in zip(own, none, strict=True)],
            ),
            judged(
                "bits/dim that the VAE alone needs beyond it", [_gain(a, b) for a, b in zip(own, vae, strict=True)]
            ),
            judged(
                "without the auxiliary term the levels pay less than a hundredth, KL in bits/dim",
                [_collapse(a, b) for a, b in zip(own, none, strict=True)],
            ),
            judged(f"the levels pay more than {PAID:g} nat, beyond it", [_pays(m, data) for m in own]),
            judged("bits/dim more that the pixels need with another image's code", _misled(own)),
            judged("the same without the auxiliary term", _misled(none)),
            judged("accuracy of the label probe on a draw of the code, above the VAE alone", _knows(own, vae)),
        ],
    )


def _of(workshop: Workshop, name: str) -> list[Member]:
    """A recipe with every seed."""
    return [Member.of(name, seed, workshop.run(name, seed), workshop.data(name)) for seed in workshop.seeds]


def _pays(m: Member, data: Data) -> Margin:
    """KL in nats, beyond PAID."""
    return Margin.of(Mean.of([kl * data.spec.dimensions * math.log(2.0) - PAID for kl in m.kl]))


def _misled(members: Sequence[Member]) -> list[Margin]:
    return [Margin.of(Mean.of(m.misled)) for m in members if m.misled is not None]


def _within(own: Member, other: Member) -> Margin:
    return Margin.of(paired([(1 + NEAR) * bits for bits in other.bits], own.bits))


def _gain(own: Member, other: Member) -> Margin:
    return Margin.of(paired(other.bits, own.bits))


def _collapse(own: Member, none: Member) -> Margin:
    return Margin.of(paired([0.01 * kl for kl in own.kl], none.kl))


def _knows(own: Sequence[Member], other: Sequence[Member]) -> list[Margin]:
    """Both were asked about the same images; the error is that of two independent proportions, which is wider."""
    both = [(a.carried, b.carried) for a, b in zip(own, other, strict=True)]
    return [_accuracy(a) - _accuracy(b) for a, b in both if a is not None and b is not None]


def _accuracy(share: float) -> Margin:
    return Margin.of(Mean(share, math.sqrt(share * (1 - share) / lengths.PROBED)))


# Figs 3 to 6


def sweep_lambda(workshop: Workshop, experiment: Experiment) -> Findings:
    """The first recipe under every lambda, beside its PixelCNN++ alone and its VAE alone."""
    pixels, vae = (_of(workshop, name) for name in experiment.recipes[1:])
    members = _swept(workshop, experiment, {f"lambda {weight}": _under(weight) for weight in LAMBDAS})
    first, second, *_, last = dict.fromkeys(m.name for m in members)
    said = [
        judged(f"{what} as lambda grows, step by step", list(_steps(members, name, sign)))
        for what, name, sign in (
            ("the KL falls", "kl", -1),
            ("the VAE's picture needs more bits", "picture", 1),
            ("the VAE's own bits grow", "auxiliary", 1),
            ("the VAE's picture is further from the image", "error", 1),
            ("the pixels need more bits given z", "pixels", 1),
            ("bits/dim of the whole fall", "elbo", -1),
        )
    ]
    said.append(judged(f"bits/dim fall, {first} to {second}", list(_changes(members, "elbo", -1, first, second))))
    early, late = (list(_changes(members, "elbo", -1, *ends)) for ends in ((first, second), (second, last)))
    margins = [a - b for a, b in zip(early, late, strict=True)]
    said.append(judged(f"they fall by more than from {second} to {last}", margins))
    said += _against_parts(members, pixels, vae)
    return _found(workshop, experiment, members, said, LAMBDAS, "lambda", beside=pixels + vae)


def _against_parts(members: Sequence[Member], pixels: Sequence[Member], vae: Sequence[Member]) -> Iterator[str]:
    """For every lambda: is it as good a density as the pixels alone, and does its code say as much as the VAE's?"""
    both = []
    for name in dict.fromkeys(m.name for m in members):
        own = [m for m in members if m.name == name]
        left, more = [_within(a, b) for a, b in zip(own, pixels, strict=True)], _knows(own, vae)
        yield judged(f"{name}: bits/dim within {NEAR:.0%} of PixelCNN++ alone, what is left", left)
        yield judged(f"{name}: accuracy of the label probe on a draw of the code, above the VAE alone", more)
        if all(margin.value >= 0.0 for margin in (*left, *more)):
            both.append(name)
    yield f"Both, by the values alone: {', '.join(both) or 'no lambda'}."


def sweep_target(workshop: Workshop, experiment: Experiment) -> Findings:
    """The recipe with every auxiliary image."""
    members = _swept(workshop, experiment, {_named(target): _towards(target) for target in TARGETS})
    by_levels = [_named(target) for target in TARGETS if target not in SMALLER]
    said = [
        judged(
            "bits/dim fall with fewer levels, step by step",
            [margin for a, b in pairwise(by_levels) for margin in _changes(members, "elbo", -1, a, b)],
        ),
        *(judged(f"bits/dim, {y} above full size", [*_changes(members, "elbo", 1, "full", y)]) for y in SMALLER),
    ]
    levels = [256 if target == "full" else int(target) for target in TARGETS if target not in SMALLER]
    return _found(workshop, experiment, members, said, levels, "levels of y")


def _named(target: str) -> str:
    return f"{target} levels" if target.isdecimal() else target


def _under(weight: float) -> Change:
    return lambda recipe: replace(recipe, objective=replace(recipe.objective, weight=float(weight)))


def _towards(target: str) -> Change:
    return lambda recipe: replace(recipe, model=replace(recipe.model, auxiliary=target))


def _swept(workshop: Workshop, experiment: Experiment, changes: Mapping[str, Change]) -> list[Member]:
    """The first recipe under every change, with every seed. Where nothing changes, the run is that of the recipe."""
    name = experiment.recipes[0]
    members = []
    for label, change in changes.items():
        for seed in workshop.seeds:
            recipe = change(workshop.recipe(name, seed))
            of = name if recipe == workshop.recipe(name, seed) else f"{name}-{label.replace(' ', '-')}"
            run = workshop.trained(recipe, f"{of}-{recipe.data.source}-seed{seed}")
            members.append(Member.of(label, seed, run, workshop.data(name)))
    return members


def _found(
    workshop: Workshop,
    experiment: Experiment,
    members: Sequence[Member],
    said: Sequence[str],
    across: Sequence[float],
    title: str,
    beside: Sequence[Member] = (),
) -> Findings:
    """The curves are of the first members, one for each of the numbers `across`; `beside` stand in the table alone."""
    data, names = workshop.data(experiment.recipes[0]), list(dict.fromkeys(m.name for m in members))
    first = [m for m in members if m.seed == workshop.seeds[0]]
    return Findings(
        tables=(_rows([*members, *beside]),),
        pictures={
            "curves": curves([[m for m in members if m.name == name] for name in names[: len(across)]], across, title),
            "reconstructions": side_by_side(first, data, of_images=True),
            "samples": side_by_side(first, data, of_images=False),
        },
        words=list(said),
    )


def _changes(members: Sequence[Member], what: str, sign: int, a: str, b: str) -> Iterator[Margin]:
    """By how much a number of b lies above (below, where sign is -1) that of a, on the same images, per seed."""
    for seed in dict.fromkeys(m.seed for m in members):
        one, other = (next(getattr(m, what) for m in members if (m.name, m.seed) == (n, seed)) for n in (b, a))
        yield Margin.of(paired(one, other) if sign > 0 else paired(other, one))


def _steps(members: Sequence[Member], what: str, sign: int) -> Iterator[Margin]:
    for a, b in pairwise(dict.fromkeys(m.name for m in members)):
        yield from _changes(members, what, sign, a, b)


# tables and pictures


def _rows(members: Sequence[Member]) -> Rows:
    columns = (
        "model", "seed", "bits/dim", "single draw", "KL", "pixels given z", "VAE alone", "picture", "squared error",
        "label probe", "of a draw", "chance", "steps", "parameters",
    )  # fmt: skip
    title = (
        f"bits per dimension of {lengths.IMAGES} test images, ± standard error; the bound of {lengths.SAMPLES} draws"
    )
    return Rows(title, columns, [_row(m) for m in members])


def _row(m: Member) -> list[Any]:
    numbers = (m.bits, m.elbo, m.kl, m.pixels, m.auxiliary, m.picture)
    parameters = sum(parameter.numel() for parameter in m.loaded.model.parameters())
    error = None if m.error is None else float(np.mean(m.error))
    steps = m.loaded.recipe.training.steps
    return [m.name, m.seed, *map(_pm, numbers), error, m.known, m.carried, m.chance, steps, parameters]


def _pm(values: Sequence[float] | None) -> str:
    if values is None:
        return "–"
    found = Mean.of(values)
    return f"{found.value:.3f}" + ("" if found.stderr is None else f" ± {found.stderr:.3f}")


def curves(by_name: Sequence[Sequence[Member]], across: Sequence[float], title: str) -> Figure:
    """Figs 4 and 5b: bits per dimension of both decoders, split into the KL and what is left."""
    lines = {
        "whole": ("elbo", "bits/dim"), "VAE decoder": ("auxiliary", "bits/dim"), "KL": ("kl", "its parts"),
        "pixels given z": ("pixels", "its parts"), "picture given z": ("picture", "its parts"),
    }  # fmt: skip

    def panel(which: str) -> figures.Panel:
        drawn = {}
        for name, (what, where) in lines.items():
            if where == which:
                values = [[Mean.of(getattr(m, what)) for m in own] for own in by_name]
                drawn[name] = [
                    figures.Line(
                        across,
                        [of[i].value for of in values],
                        [Margin.of(of[i]).error for of in values],
                    )
                    for i in range(len(values[0]))
                ]
        return figures.Panel(title=which, across=title, lines=drawn, logarithmic=True)

    return figures.lines(
        [panel("bits/dim"), panel("its parts")],
        title=f"The code length against {title}",
        caption=f"{lengths.IMAGES} test images, mean of {lengths.SAMPLES} draws of z, in bits per dimension of x; "
        "bands: 95 % of the mean over images; a line per seed. The VAE decoder's are of y; neither they "
        "nor lambda are in the whole.",
    )


def side_by_side(members: Sequence[Member], data: Data, *, of_images: bool) -> Figure:
    """Figs 3 and 6: the VAE's picture above the image drawn from it; of test images, or of samples."""
    x = next(in_order(data, size=SHOWN, limit=SHOWN))
    rows: dict[str, Tensor] = {"image": x} if of_images else {}
    for m in members:
        rows |= {f"{m.name}: {what}": shown for what, shown in both(m.loaded.model, x if of_images else None).items()}
    return figures.strips(
        rows,
        title="Reconstructions" if of_images else "Samples",
        caption="f(z), the VAE's picture, and beneath it the image that the pixels draw from it; "
        + ("z from the test image above." if of_images else "z from the prior, the same noise in every row."),
    )


def both(model: LatentModel, x: Tensor | None) -> dict[str, Tensor]:
    """The VAE's pictures and the images drawn from them: of images x, or of the prior."""
    held = noise(model, SHOWN, 0)

    def pick(rows: slice) -> Pick:
        if x is not None:
            return model.posterior.pick(x[rows], mean)
        return with_noise({level: e[rows] for level, e in held.items()}, from_prior())

    shown = lengths.pictures(model, SHOWN, pick(slice(0, SHOWN)))
    return ({} if shown is None else {"f(z)": shown}) | {"drawn": render(model, SHOWN, pick)}


def look(m: Member, data: Data) -> Figure:
    """One model: test images, what it makes of them, and samples."""
    x = next(in_order(data, size=SHOWN, limit=SHOWN))
    rows = {"image": x}
    if m.loaded.model.hierarchy.shapes:
        rows |= {f"of it: {what}": shown for what, shown in both(m.loaded.model, x).items()}
    rows |= {f"sample: {what}": shown for what, shown in both(m.loaded.model, None).items()}
    return figures.strips(rows, title=m.name, caption="z from the image above, then z from the prior.")
