"""What an auxiliary likelihood does to a VAE with an autoregressive decoder (Lucas and Verbeek 2018).

Every model is measured on the same images with the same noise: its importance-weighted bound, how the code length
splits into the KL and what the pixels cost given z, and what the auxiliary decoder alone would need. A linear probe
says what the code knows of the labels. What is reported never holds the auxiliary term, nor lambda.

- `table`: the model beside its two parts alone and beside the same without the auxiliary term (Table 1)
- `sweep_lambda`: the weight of the KL (Figs 3 and 4)
- `sweep_target`: the auxiliary image's levels and size (Figs 5 and 6)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from stratiform import figures
from stratiform.core.decoder import Autoregressive
from stratiform.core.hierarchy import Pick, from_prior, with_noise
from stratiform.core.model import LatentModel
from stratiform.core.posterior import mean
from stratiform.data.batches import in_order
from stratiform.data.split import Data, chosen
from stratiform.evaluation.bound import bounds
from stratiform.evaluation.codes import codes_and_kl
from stratiform.evaluation.explore import noise, render
from stratiform.evaluation.factors import Factor
from stratiform.evaluation.metrics import Metrics
from stratiform.evaluation.moments import Mean, paired
from stratiform.evaluation.probe import PROBES
from stratiform.reproduce.experiment import Experiment, Findings, Rows, Workshop
from stratiform.reproduce.verdict import Margin, judged
from stratiform.training.recipe import Recipe
from stratiform.training.run import Loaded

IMAGES, SAMPLES, AT_ONCE = 100, 150, 20  # of the bound: images, draws of each, images at once
PROBED = 2000  # images that the probe is fitted to and asked about, in five folds
SHOWN = 8  # images of each row of the pictures
LAMBDAS = (1, 2, 4, 8, 12)
TARGETS = ("full", "128", "32", "8", "2", "half", "quarter")
SMALLER = ("half", "quarter")  # of these, the last: y has fewer pixels
NEAR = 0.01  # of the bits: as good
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


@dataclass(frozen=True)
class Member:
    """One trained model and its numbers; of every image in bits per dimension of x, [N]."""

    name: str
    seed: int
    loaded: Loaded
    bits: Sequence[float]  # importance-weighted bound; exact where there are no levels
    elbo: Sequence[float]
    kl: Sequence[float]
    auxiliary: Sequence[float] | None  # KL - E log p(y | f(z)): what the auxiliary decoder alone would need
    error: Sequence[float] | None  # mean squared error of the VAE's picture of x, on the range 0 to 1
    known: float | None  # accuracy of a linear probe on the code
    chance: float | None

    @classmethod
    def of(cls, name: str, seed: int, loaded: Loaded, data: Data) -> Member:
        metrics = Metrics(loaded.run.metrics, loaded.run.weights)
        found = metrics.kept(f"code lengths, {SAMPLES} on {IMAGES} images", lambda: lengths(loaded.model, data))
        code = metrics.kept(f"probe of the code, {PROBED} images", lambda: probed(loaded.model, data))
        return cls(name, seed, loaded, **found, **code)

    @property
    def pixels(self) -> list[float]:
        """-E log p(x | f(z))"""
        return [elbo - kl for elbo, kl in zip(self.elbo, self.kl, strict=True)]

    @property
    def picture(self) -> list[float] | None:
        """-E log p(y | f(z))"""
        return None if self.auxiliary is None else [a - kl for a, kl in zip(self.auxiliary, self.kl, strict=True)]


@torch.no_grad()
def lengths(model: LatentModel, data: Data) -> dict[str, Any]:
    """Of every one of the first test images, in bits per dimension."""
    found: dict[str, list[float]] = {name: [] for name in ("bits", "elbo", "kl", "auxiliary", "error")}
    unit = -1.0 / (data.spec.dimensions * math.log(2.0))
    for x in in_order(data, size=AT_ONCE, limit=IMAGES):
        of = bounds(model, x, SAMPLES, first=len(found["bits"]))
        found["bits"] += (unit * of.bound).tolist()
        found["elbo"] += (unit * of.elbo).tolist()
        found["kl"] += (-unit * of.kl.sum(0)).tolist()
        if of.auxiliary is not None:
            found["auxiliary"] += (unit * of.auxiliary).tolist()
        if model.hierarchy.shapes and (shown := pictures_of(model, x)) is not None:
            found["error"] += (shown - x).square().flatten(1).mean(1).tolist()
    return {name: values or None for name, values in found.items()}


def probed(model: LatentModel, data: Data) -> dict[str, Any]:
    """How often a linear probe on all levels' codes names the label, images of its own fold left out."""
    labels = data.test.labels
    if labels is None or not model.hierarchy.shapes:
        return {"known": None, "chance": None}
    codes, _ = codes_and_kl(model, in_order(data, limit=PROBED))
    factor = Factor.named("label", labels[chosen(len(labels), PROBED)])
    score = PROBES["linear"](np.concatenate(codes, 1), seed=0)(factor, None)
    return {"known": score.score, "chance": score.chance}


@torch.no_grad()
def pictures(model: LatentModel, n: int, pick: Pick) -> Tensor | None:
    """The VAE's pictures, enlarged to the size of x where they are smaller, [n, C, H, W]; None where it makes none."""
    f, _ = model.hierarchy.descend(n, pick)
    if not isinstance(model.decoder, Autoregressive):
        mean_of_all: Tensor = model.decoder(f).mean
        return mean_of_all
    if model.auxiliary is None:
        return None
    return F.interpolate(model.auxiliary(f).mean, model.decoder.shape[1:], mode="nearest")


def pictures_of(model: LatentModel, x: Tensor) -> Tensor | None:
    """The VAE's pictures of images x [n, C, H, W], from the means of their codes."""
    return pictures(model, len(x), model.posterior.pick(x, mean))


# Table 1


def table(workshop: Workshop, experiment: Experiment) -> Findings:
    """The recipes in their order: the model, its PixelCNN++ alone, no auxiliary term, its VAE alone."""
    members = [
        Member.of(name, seed, workshop.run(name, seed), workshop.data(name))
        for name in experiment.recipes
        for seed in workshop.seeds
    ]
    own, pixels, none, vae = ([m for m in members if m.name == name] for name in experiment.recipes)
    return Findings(
        tables=(_rows(members), Rows("published, CIFAR-10", ("model", "bits/dim", "estimator"), PUBLISHED)),
        pictures={m.name: look(m, workshop.data(m.name)) for m in members if m.seed == workshop.seeds[0]},
        words=[
            judged(
                f"bits/dim within {NEAR:.0%} of PixelCNN++ alone, {own[0].name}, what is left",
                [_within(a, b) for a, b in zip(own, pixels, strict=True)],
            ),
            judged(
                "bits/dim that the VAE alone needs beyond AGAVE", [_gain(a, b) for a, b in zip(own, vae, strict=True)]
            ),
            judged(
                "without the auxiliary term the levels pay less than a hundredth, KL in bits/dim",
                [_collapse(a, b) for a, b in zip(own, none, strict=True)],
            ),
            judged("accuracy of the label probe, AGAVE above the VAE alone", _knows(own, vae)),
        ],
    )


def _within(own: Member, other: Member) -> Margin:
    return Margin.of(paired([(1 + NEAR) * bits for bits in other.bits], own.bits))


def _gain(own: Member, other: Member) -> Margin:
    return Margin.of(paired(other.bits, own.bits))


def _collapse(own: Member, none: Member) -> Margin:
    return Margin.of(paired([0.01 * kl for kl in own.kl], none.kl))


def _knows(own: Sequence[Member], other: Sequence[Member]) -> list[Margin]:
    """Both were asked about the same images; the error is that of two independent proportions, which is wider."""
    both = [(a.known, b.known) for a, b in zip(own, other, strict=True)]
    return [_accuracy(a) - _accuracy(b) for a, b in both if a is not None and b is not None]


def _accuracy(share: float) -> Margin:
    return Margin.of(Mean(share, math.sqrt(share * (1 - share) / PROBED)))


# Figs 3 to 6


def sweep_lambda(workshop: Workshop, experiment: Experiment) -> Findings:
    """The one recipe under every lambda."""
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
    return _found(workshop, experiment, members, said, LAMBDAS, "lambda")


def sweep_target(workshop: Workshop, experiment: Experiment) -> Findings:
    """The one recipe with every auxiliary image."""
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
    """The recipe under every change, with every seed. Where nothing changes, the run is that of the recipe."""
    (name,) = experiment.recipes
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
) -> Findings:
    """The curves are of the first members, one for each of the numbers `across`."""
    data, names = workshop.data(experiment.recipes[0]), list(dict.fromkeys(m.name for m in members))
    first = [m for m in members if m.seed == workshop.seeds[0]]
    return Findings(
        tables=(_rows(members),),
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
        "label probe", "chance", "steps", "parameters",
    )  # fmt: skip
    title = f"bits per dimension of {IMAGES} test images, ± standard error; the bound of {SAMPLES} samples"
    return Rows(title, columns, [_row(m) for m in members])


def _row(m: Member) -> list[Any]:
    numbers = (m.bits, m.elbo, m.kl, m.pixels, m.auxiliary, m.picture)
    parameters = sum(parameter.numel() for parameter in m.loaded.model.parameters())
    error = None if m.error is None else float(np.mean(m.error))
    steps = m.loaded.recipe.training.steps
    return [m.name, m.seed, *map(_pm, numbers), error, m.known, m.chance, steps, parameters]


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
        caption=f"{IMAGES} test images, mean of {SAMPLES} draws of z, in bits per dimension of x; bands: 95 % of the "
        "mean over images; a line per seed. The VAE decoder's are of y; neither they nor lambda are in the whole.",
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

    shown = pictures(model, SHOWN, pick(slice(0, SHOWN)))
    return ({} if shown is None else {"f(z)": shown}) | {"drawn": render(model, SHOWN, pick)}


def look(m: Member, data: Data) -> Figure:
    """One model: test images, what it makes of them, and samples."""
    x = next(in_order(data, size=SHOWN, limit=SHOWN))
    rows = {"image": x}
    if m.loaded.model.hierarchy.shapes:
        rows |= {f"of it: {what}": shown for what, shown in both(m.loaded.model, x).items()}
    rows |= {f"sample: {what}": shown for what, shown in both(m.loaded.model, None).items()}
    return figures.strips(rows, title=m.name, caption="z from the image above, then z from the prior.")
