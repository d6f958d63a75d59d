"""The page's sections in their order, and those of them that are words and numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from html import escape

from stratiform import figures
from stratiform.data.batches import in_order
from stratiform.recipes import RECIPES
from stratiform.report import findings, measures
from stratiform.report.html import mosaic, paragraph
from stratiform.report.measured import LN2, Measured
from stratiform.report.origin import command, facts
from stratiform.report.pictures import COLUMNS, by_level, generated, information, tables
from stratiform.training.recipe import to_json

EXAMPLES = 24  # training images shown
MEANINGS = {
    "Code, unit, level": "The model describes an image by numbers, its code. A unit is one of them, a level a group. "
    "An upper level acts on the image through more layers of the network than a lower one.",
    "Nat, bit": "Units of information. One nat is 1.44 bits.",
    "KL divergence of a level": "How much the code of that level says of an image, over what was expected before "
    "seeing it.",
    "R²": "The share of a number's variance that a prediction explains; below 0 it misleads.",
    "Within one class": "After the mean of its class is taken off each image: what is known of the width of an eight "
    "beyond its being an eight.",
    "What a level controls": "The large number is the total effect, what the level settles alone or together with "
    "others; the small one is what it settles alone (Sobol indices).",
}


def title(m: Measured) -> str:
    return f"What {m.loaded.recipe.name} learnt from {m.loaded.recipe.data.source}"


def opening(m: Measured) -> Iterator[str]:
    entry = RECIPES.get(m.loaded.recipe.name)
    about = (type(m.loaded.recipe.model).__doc__ or "").split(":")[0].rstrip(".")
    if entry and entry.recipe.data.source == m.loaded.recipe.data.source:
        about = f"{entry.about[0].upper()}{entry.about[1:]}"
    order = f" Level 1 lies nearest the image, level {m.count} is the top." if m.count > 1 else ""
    yield f"<h1>{escape(title(m))}</h1>"
    code = f"to describe each by a short code in {m.count} level{'s' if m.count != 1 else ''}"
    learnt = code if m.count else "how likely each pixel is, given the pixels before it"
    yield paragraph(
        f"{about}. It was shown {len(m.data.train):,} images and told nothing about them; it learnt {learnt}.{order} "
        "In short:",
        "lead",
    )
    yield "<ul>"
    for index in reversed(range(m.count)):
        yield f"<li>Level {index + 1} {escape(findings.headline(m.learnt['levels'], index))}.</li>"
    bits, bins = m.bound["bits_per_dim"], m.loaded.spec.bins
    if bits is not None and bins is not None:
        yield (
            f"<li>With this model an unseen image could be stored in {bits:.2f} bits per pixel value; "
            f"without any model it takes {math.log2(bins):.2f}.</li>"
        )
    yield "</ul>"


def images(m: Measured) -> Iterator[str]:
    spec, names = m.data.spec, m.data.class_names
    colour = {1: "grey", 3: "in colour"}.get(spec.channels, f"of {spec.channels} channels")
    values = "continuous values" if spec.bins is None else f"{spec.bins} possible values per pixel and channel"
    text = (
        f"{m.loaded.recipe.data.source}: {len(m.data.train):,} images to learn from and {len(m.data.test):,} to test "
        f"on, {spec.width} × {spec.height} pixels, {colour}, {values}."
    )
    if m.data.test.labels is not None:
        known = f" ({', '.join(names)})" if 0 < len(names) <= 12 else f" of {len(names)} classes"
        used = "; here they serve to find out what it learnt" if m.count else ""
        text += f" Their labels{known} were never shown to the model{used}."
    yield "<h2>The images</h2>" + paragraph(text)
    some = next(in_order(m.data, "train", size=EXAMPLES, limit=EXAMPLES, seed=m.seed))
    picture = figures.grid(some, columns=COLUMNS, title="", look=figures.BETWEEN)
    yield mosaic(picture, "Training images", "Some of the images learnt from.")
    yield from (paragraph(note, "faint") for note in m.data.notes)


def numbers(m: Measured) -> Iterator[str]:
    yield "<h2>The numbers</h2><table>"
    yield (
        f"<caption>On {m.bound['images']:,} test images, none of them trained on. "
        "± is the standard error over images.</caption>"
        "<tr><th>what</th><th>value</th><th>unit</th><th>meaning</th></tr>"
    )
    for what, value, unit, meaning in _rows_of_numbers(m):
        value = value.replace("-", "−")
        yield f'<tr><td>{what}</td><td class="number">{value}</td><td>{unit}</td><td>{meaning}</td></tr>'
    yield "</table>"


def origin(m: Measured) -> Iterator[str]:
    yield "<h2>How it was made</h2>"
    yield f"<pre>{escape(command(m.loaded))}\n{escape(f'stratiform report {m.loaded.run.path}')}</pre>"
    yield paragraph(f"{'; '.join([*facts(m.loaded), f'seed of this report {m.seed}'])}.")
    recipe = json.dumps(to_json(m.loaded.recipe), indent=2, ensure_ascii=False)
    yield f"<details><summary>The whole recipe</summary><pre>{escape(recipe)}</pre></details>"


def glossary(m: Measured) -> Iterator[str]:
    yield "<h2>Words</h2><dl>"
    words = MEANINGS if m.count else {"Nat, bit": MEANINGS["Nat, bit"]}
    yield from (f"<dt>{word}</dt><dd>{meaning}</dd>" for word, meaning in words.items())
    yield "</dl>"


def _rows_of_numbers(m: Measured) -> Iterator[tuple[str, str, str, str]]:
    """What, value with its error, unit, meaning."""
    found, error, unit = m.bound, m.bound["log_likelihood_bound_stderr"], "nats per image"
    bound = _with_error(found["log_likelihood_bound"], error)
    if found["estimator"] == "exact":
        yield "Log-probability", bound, unit, "Of an unseen image, exactly."
    else:
        elbo = _with_error(found["elbo"], found["elbo_stderr"])
        meaning = "A proven lower limit of the log-probability of an unseen image; what training raises."
        yield "Evidence lower bound", elbo, unit, meaning
        name = f"Importance-weighted bound, {found['samples']} samples"
        yield name, bound, unit, "A closer limit of the same. Higher is better."
    if found["bits_per_dim"] is not None:
        scale = found["dimensions"] * LN2
        value = _with_error(found["bits_per_dim"], None if error is None else error / scale, 3)
        yield "Bits per dimension", value, "bits per value", "The same per pixel and channel. Lower is better."
    if m.count:
        total = sum(level["kl"] for level in found["levels"])
        yield "Information in the code", f"{total:.1f}", unit, f"All levels together: {total / LN2:.1f} bits."
    if m.learnt["alignment"] is not None:
        meaning = "How far one level leads the others in knowing thickness, slant and label, on average."
        yield "Alignment", findings.number(m.learnt["alignment"]), "0 to 1", meaning


def _with_error(value: float, error: float | None, digits: int = 1) -> str:
    return f"{value:.{digits}f}" if error is None else f"{value:.{digits}f} ± {error:.{digits}f}"


SECTIONS = (opening, images, numbers, generated, by_level, tables, measures.section, information, origin, glossary)
