"""One self-contained page of several runs of the same images, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from stratiform import __version__, figures
from stratiform.evaluation.moments import Mean
from stratiform.figures import Cell
from stratiform.files import write_text
from stratiform.report import findings
from stratiform.report.compared import Compared, Comparison
from stratiform.report.html import chart, paragraph, table
from stratiform.report.origin import command, facts
from stratiform.training.log import kl_over_training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLEAR = 2.0  # standard errors from which on a difference is called one


def write_page(c: Comparison, path: Path) -> None:
    """Replaces `path` by the page, whole or not at all."""
    body = "\n".join(part for section in SECTIONS for part in section(c))
    page = Template(files("stratiform.report").joinpath("page.html").read_text())
    write_text(path, page.substitute(title=escape(title(c)), version=__version__, body=body))


def title(c: Comparison) -> str:
    return f"{len(c.runs)} models of the same images: {c.data.config.source}"


def sentences(c: Comparison) -> Iterator[str]:
    """What differs, in words; for the page and the terminal."""
    yield f"{c.best.name} has the highest bound, {_value(c.bits(c.best), 3)} bits per dimension."
    for run in c.runs:
        if run.difference is not None:
            yield _difference(run, c.baseline)
    aligned = [run for run in c.runs if run.alignment is not None]
    if aligned:
        first = max(aligned, key=lambda run: run.alignment or 0.0)
        yield f"In {first.name} thickness, slant and label are divided most clearly among the levels: alignment " + (
            f"{findings.number(first.alignment)}."
        )


def opening(c: Comparison) -> Iterator[str]:
    yield f"<h1>{escape(title(c))}</h1>"
    yield paragraph(
        f"Every model was given the same {len(c.baseline.images.bound):,} test images of {c.data.config.source}, with "
        "the same noise for each image. In short:",
        "lead",
    )
    yield "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences(c)) + "</ul>"


def numbers(c: Comparison) -> Iterator[str]:
    yield "<h2>How well they model the images</h2>"
    yield table(
        f"Nats per image, higher is better; bits per dimension, lower is better. ± is the standard error over "
        f"{len(c.baseline.images.bound):,} test images; that of the difference to {c.baseline.name} is of the paired "
        f"differences, image by image. The bound has {c.settings.samples} samples per image.",
        [
            *("run", "ELBO", "importance-weighted bound", "bits per dimension"),
            *(f"difference to {c.baseline.name}", "information in the code", "alignment"),
        ],
        [_row(c, run) for run in c.runs],
    )
    yield paragraph(
        "The evidence lower bound (ELBO) is what training raises; the importance-weighted bound is a closer limit of "
        "the same log-probability. Alignment is how far one level leads the others in knowing thickness, slant and "
        "label, on average: 0 where all levels know the same.",
        "faint",
    )


def by_level(c: Comparison) -> Iterator[str]:
    informed = {run.name: [level.kl for level in run.images.levels] for run in c.runs if run.images.levels}
    moved = {run.name: run.total_effects for run in c.runs if run.total_effects}
    if not informed:
        return
    yield "<h2>What each level says, and what it moves</h2>"
    yield paragraph("Level 1 lies nearest the image. The leading level of each model is framed.")
    yield '<div class="pair">'
    yield _heat(
        "Information",
        informed,
        lambda kl, all_kl: Cell(
            f"{kl:.1f}", kl / max(sum(all_kl), 1e-9), findings.percent(kl / max(sum(all_kl), 1e-9))
        ),
        "Heat map: information per level of each model",
        "Nats of an image that the code of a level says (its KL divergence); small: its share of all levels.",
    )
    yield _heat(
        "Hold on the pixels",
        moved,
        lambda share, _: Cell(findings.number(share), share),
        "Heat map: total effect of each level on the pixels of generated images",
        "The share of the variance of all pixels of generated images that goes away when a level is held (its total "
        f"effect). {_of_parts(c)}",
    )
    yield "</div>"


def knowledge(c: Comparison) -> Iterator[str]:
    yield from _tables(
        c,
        "Which level knows which property",
        "How well a property of an image is predicted from its code at one level alone: R² (within one class where "
        "there are labels; small: over all images), for classes the share of right answers. "
        f"{_of_parts(c)}",
        findings.knows_cells,
        "knows",
        lambda learnt: f"On {learnt['images']:,} test images; alignment {findings.number(learnt['alignment'])}.",
    )


def influence(c: Comparison) -> Iterator[str]:
    yield from _tables(
        c,
        "Which level controls which property",
        "What moves in generated images when only one level is drawn anew: the share of a property's variance (small: "
        f"what the level decides alone), for classes how often the class changes. {_of_parts(c)}",
        findings.controls_cells,
        "controls",
        _judged,
    )


def training(c: Comparison) -> Iterator[str]:
    told = {run.name: kl_over_training(run.loaded.run.log) for run in c.runs}
    curves = {name: (steps, kl) for name, (steps, kl) in told.items() if len(steps) > 1}
    if not curves:
        return
    top = 1.04 * max(float(kl.sum(1).max()) for _, kl in curves.values())
    end = max(steps[-1] for steps, _ in curves.values())
    yield "<h2>How the levels came into use</h2>"
    yield paragraph(
        "The height of a band is what the code of that level says of a training image (its KL divergence). All "
        "pictures have the same scales."
    )
    yield '<div class="pair">'
    for name, (steps, kl) in curves.items():
        yield chart(
            partial(_curve, steps, kl, name, top, end),
            f"Stacked areas: information per level over the training of {name}",
            f"Training of {name}.",
        )
    yield "</div>"


def origin(c: Comparison) -> Iterator[str]:
    yield "<h2>How they were made</h2>"
    for run in c.runs:
        yield f"<h3>{escape(run.name)}</h3><pre>{escape(command(run.loaded))}</pre>"
        yield paragraph(f"{'; '.join(facts(run.loaded))}.", "faint")
    yield paragraph(
        f"Bounds: {len(c.baseline.images.bound):,} test images, {c.settings.samples} samples each. Knowing: at most "
        f"{c.settings.probed:,} test images. Controlling: {c.settings.draws:,} pairs of draws. Seed {c.settings.seed}."
    )


SECTIONS = (opening, numbers, by_level, knowledge, influence, training, origin)


def _difference(run: Compared, baseline: Compared) -> str:
    assert run.difference is not None
    d = run.difference
    if d.stderr is None:
        return f"{run.name} lies {findings.number(d.value)} nats from {baseline.name} on the only image."
    if abs(d.value) < CLEAR * d.stderr:
        return f"{run.name} and {baseline.name} do not differ clearly: {_with_error(d)} nats per image, paired."
    side = "above" if d.value > 0 else "below"
    size = Mean(abs(d.value), d.stderr)
    return f"{run.name} lies {side} {baseline.name} by {_with_error(size)} nats per image (paired standard error)."


def _row(c: Comparison, run: Compared) -> list[str]:
    elbo = "–" if not run.images.levels else _with_error(Mean.of(run.images.elbo))
    total = sum(level.kl for level in run.images.levels)
    return [
        run.name + (" (best)" if run is c.best else ""),
        elbo,
        _with_error(run.bound),
        _value(c.bits(run), 3),
        "–" if run.difference is None else _with_error(run.difference, sign=True),
        f"{total:.1f}" if run.images.levels else "–",
        findings.number(run.alignment),
    ]


def _heat(
    heading: str,
    rows: Mapping[str, Sequence[float]],
    cell: Callable[[float, Sequence[float]], Cell],
    alternative: str,
    caption: str,
) -> str:
    """A row per run, a column per level; a dash where a run has no such level."""
    count = max(map(len, rows.values()))
    cells = {
        name: [*(cell(value, values) for value in values), *[Cell("–", None)] * (count - len(values))]
        for name, values in rows.items()
    }
    columns = [f"level {i}" for i in range(1, count + 1)]
    return chart(partial(_panel, cells, columns, heading), alternative, caption)


def _panel(cells: Mapping[str, Sequence[Cell]], columns: Sequence[str], heading: str, look: figures.Look) -> Figure:
    return figures.heat(cells, columns, title=heading, look=look)


def _tables(
    c: Comparison,
    heading: str,
    text: str,
    cells: Callable[[Sequence[Mapping[str, Any]]], dict[str, list[Cell]]],
    verb: str,
    caption: Callable[[Mapping[str, Any]], str],
) -> Iterator[str]:
    """A heat map per run, the same rows in all."""
    learnt = {run.name: run.learnt for run in c.runs if run.learnt is not None}
    if not learnt:
        return
    yield f"<h2>{heading}</h2>" + paragraph(text) + '<div class="pair">'
    for name, found in learnt.items():
        columns = [f"level {level['level']}" for level in found["levels"]]
        yield chart(
            partial(_panel, cells(found["levels"]), columns, name),
            f"Heat map: what each level of {name} {verb}",
            f"{name}. {caption(found)}",
        )
    yield "</div>"


def _judged(learnt: Mapping[str, Any]) -> str:
    images = learnt["draws"] * (len(learnt["levels"]) + 2)
    if learnt["judge_accuracy"] is None:
        return f"On {images:,} generated images."
    accuracy = findings.percent(learnt["judge_accuracy"], 1)
    return (
        f"On {images:,} generated images; the network that reads their labels is right on {accuracy} of test images."
    )


def _curve(steps: Sequence[int], kl: np.ndarray, name: str, top: float, end: int, look: figures.Look) -> Figure:
    figure = figures.kl_over_training(steps, kl, title=name, look=look)
    figure.axes[0].set_ylim(0, top)
    figure.axes[0].set_xlim(right=end)
    return figure


def _of_parts(c: Comparison) -> str:
    """A word of caution where a one-level code is read as several."""
    read = [run.name for run in c.runs if run.learnt and len(run.learnt["levels"]) != len(run.images.levels)]
    if not read:
        return ""
    return (
        f"The one code of {findings.listed(read)} is read as {c.settings.split_code} equal parts, called levels here."
    )


def _value(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _with_error(mean: Mean, sign: bool = False) -> str:
    text = f"{mean.value:+.1f}" if sign else f"{mean.value:.1f}"
    return (text if mean.stderr is None else f"{text} ± {mean.stderr:.1f}").replace("-", "−")
