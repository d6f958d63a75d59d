"""The sections that show: drawn and rebuilt images, sweeps, heat maps, curves; from what was measured to HTML."""

from __future__ import annotations

from collections.abc import Iterator

from stratiform import figures
from stratiform.data.batches import in_order
from stratiform.evaluation import explore
from stratiform.report import findings
from stratiform.report.html import chart, mosaic, paragraph
from stratiform.report.measured import LN2, Measured
from stratiform.training.log import kl_over_training

SAMPLES, REBUILT, COLUMNS = 60, 12, 12  # images shown
BESIDE = 390  # pixels of one of two sweeps side by side


def generated(m: Measured) -> Iterator[str]:
    model, top = m.loaded.model, m.count
    yield f"<h2>Images it draws{', and images it rebuilds' if top else ''}</h2>"
    drawn = explore.samples(model, SAMPLES, seed=m.seed)
    yield mosaic(
        figures.grid(drawn, columns=COLUMNS, title="", look=figures.BETWEEN),
        f"{SAMPLES} images drawn by the model",
        f"{SAMPLES} new images, none selected: {_drawn(m)}.",
    )
    x = next(in_order(m.data, "test", size=REBUILT, limit=REBUILT, seed=m.seed))
    rows = {"test image": x}
    for keep in range(top, 0, -1):
        upper = f"level {top} only" if keep == 1 else f"levels {top - keep + 1} to {top}"
        rows["all levels" if keep == top else upper] = explore.reconstruct(model, x, keep_top=keep, seed=m.seed)
    if top:
        yield mosaic(
            figures.strips(rows, title="", look=figures.BETWEEN),
            "Test images above their reconstructions from fewer and fewer levels",
            "Unseen images, and what is left of them when only these levels keep their code and those below are drawn "
            "at random. What is lost from one row to the next is what the dropped level said.",
        )


def _drawn(m: Measured) -> str:
    if not explore.draws_pixels(m.loaded.model):
        return "every level was drawn at random. Shown is the mean of p(x | z)"
    pixels = "the pixels{} one after the other, each given those before it"
    return f"every level was drawn at random, then {pixels.format('')}" if m.count else pixels.format(" were drawn")


def by_level(m: Measured) -> Iterator[str]:
    if not m.count:
        return
    yield "<h2>What each level learnt, from the top down</h2>"
    yield paragraph(
        "Each picture changes one level and shows what changes with it. Where the other levels are drawn anew in each "
        "cell, what varies smoothly over the picture is this level's doing, and it means the same whatever the others "
        "say. Where the other levels are the same in all cells, every difference is this level's doing."
    )
    for index in reversed(range(m.count)):
        level = m.bound["levels"][index]
        place = "" if m.count == 1 else {0: " (nearest the image)", m.count - 1: " (the top)"}.get(index, "")
        yield f"<h3>Level {index + 1} of {m.count}{place}</h3>"
        yield paragraph(
            f"{level['units']} units, {level['active_units']} of them in use. Its code says {level['kl']:.1f} nats "
            f"({level['kl'] / LN2:.1f} bits) of an image."
        )
        yield paragraph(findings.about_level(m.learnt["levels"], index), "found")
        yield f'<div class="pair">{"".join(_sweeps(m, index, level["units"]))}</div>'


def tables(m: Measured) -> Iterator[str]:
    rows = m.learnt["levels"]
    if not rows:
        return
    columns = [f"level {level['level']}" for level in rows]
    yield "<h2>Which level knows, and which controls, each property</h2>"
    yield paragraph(
        "A level knows a property if images with similar codes at that level are alike in it: the property of each "
        f"image is predicted from its code at that level alone ({m.learnt['probe']}). The numbers are R² (1: "
        "exactly; 0: no better than always saying the mean), for classes the share of right answers."
    )
    yield paragraph(
        "A level controls a property if it moves in generated images when only that level is drawn anew. The numbers "
        "are the share of its variance, for classes how often the class changes. The leading cell of each row is "
        "framed."
    )
    yield '<div class="pair">'
    yield chart(
        lambda look: figures.heat(findings.knows_cells(rows), columns, title="Knows", look=look),
        "Heat map: what each level knows",
        f"On {m.learnt['images']:,} test images. R² is within one class where there are labels, so that knowing the "
        f"class does not count as knowing the width; small: over all images. {_error(m, 'score_stderr')}",
    )
    yield chart(
        lambda look: figures.heat(findings.controls_cells(rows), columns, title="Controls", look=look),
        "Heat map: what each level controls",
        f"On {m.learnt['draws'] * (len(rows) + 2):,} generated images. Small: the share that the level decides alone, "
        f"whatever the others say. {_error(m, 'control_stderr')}",
    )
    yield "</div>"
    if m.learnt["judge_accuracy"] is not None:
        accuracy = findings.percent(m.learnt["judge_accuracy"], 1)
        yield paragraph(
            "The label of a generated image is read by a small network trained on labelled images; it is right on "
            f"{accuracy} of the test images.",
            "faint",
        )
    if any(level["kl"] < findings.SWITCHED_OFF for level in rows):
        yield paragraph(
            "A level that is switched off may still know something here: the mean of its code moves with the image, "
            "but by so little that its noise drowns it.",
            "faint",
        )
    yield from (paragraph(f"{note[0].upper()}{note[1:]}.", "faint") for note in m.learnt["notes"])


def information(m: Measured) -> Iterator[str]:
    levels = m.bound["levels"]
    (steps, kl), shapes = kl_over_training(m.loaded.run.log), m.loaded.model.hierarchy.shapes
    if not levels or len(steps) < 2:
        return
    bits = {f"level {level['level']}": level["kl"] / LN2 for level in levels}
    used = [f"{level['active_units']} of {level['units']} units used" for level in levels]
    notes = [f"{b:.1f} bits; {units}" for b, units in zip(bits.values(), used, strict=True)]
    yield '<h2>How much each level says</h2><div class="pair">'
    yield chart(
        lambda look: figures.kl_over_training(steps, kl, shapes, title="While training", look=look),
        "Stacked areas: what each level says over training",
        "The height of a band is what the code of that level says of an image (its KL divergence).",
    )
    yield chart(
        lambda look: figures.bars(bits, notes, title="In the end", look=look),
        "Bars: bits per level",
        "On test images.",
    )
    yield "</div>"


def _sweeps(m: Measured, index: int, units: int) -> Iterator[str]:
    """One picture per way of holding the other levels; above two units only under one draw of them."""
    for others in ("drawn", "fixed") if units <= 2 and m.count > 1 else ("fixed",):
        swept = explore.sweep(m.loaded.model, index, others=others, seed=m.seed)
        held = "drawn anew in each cell" if others == "drawn" else "the same in all cells"
        what = "Its units run along the axes" if swept.across else "It is drawn at random in each cell"
        caption = f"{what}; the other levels are {held}." if m.count > 1 else f"{what}."
        picture = figures.sweep(swept, title="", look=figures.BETWEEN, side=BESIDE)
        yield mosaic(picture, f"Sweep of level {index + 1}, the other levels {held}", caption)


def _error(m: Measured, key: str) -> str:
    """The largest standard error in a table, in words."""
    cells = [factor for level in m.learnt["levels"] for factor in level["factors"].values()]
    errors = [cell[key] for cell in cells if cell[key] is not None]
    return f"Standard errors are at most {findings.number(max(errors))}." if errors else ""
