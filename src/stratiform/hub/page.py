"""The page of a card, made of its numbers alone: the same numbers, the same page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stratiform.report.findings import SWITCHED_OFF, controls_cells, headline, knows_cells, listed

LN2 = math.log(2.0)
CAPTIONS = {
    "samples.png": "Images that the model draws, none selected",
    "levels.png": "What changes when one level alone changes, from the top level down; the others rest at one draw",
    "completions.png": "An unseen image with its hidden part drawn anew, and where the completions differ",
}
Numbers = Mapping[str, Any]


def page(numbers: Numbers) -> str:
    """README.md, with the front matter that the hub reads."""
    parts = (_front, _opening, _use, _bounds, _levels, _learnt, _data, _origin, _limits)
    return "\n".join(line for part in parts for line in part(numbers))


def bound_in_words(numbers: Numbers) -> str:
    """Which bound the bits per dimension come from."""
    bound = numbers["bound"]
    if bound["estimator"] == "exact":
        return "exact log-likelihood"
    return f"importance-weighted bound, {bound['samples']} samples: an upper bound on the bits"


def _front(numbers: Numbers) -> Iterator[str]:
    yield from ("---", "library_name: stratiform", "tags:", "- unsupervised", "- latent-variable-model")
    yield from (f"- {numbers['model'].lower()}", "---", "")


def _opening(numbers: Numbers) -> Iterator[str]:
    data = numbers["data"]
    about = numbers["about"] or f"{numbers['model']} on {data['source']}"
    count = len(numbers["bound"]["levels"])
    code = f"codes in {count} levels, learnt without labels" if count else "pixel after pixel, without levels"
    yield f"# {numbers['recipe']}\n"
    yield f"{about[0].upper()}{about[1:]}: {code}, from {data['train']:,} images.\n"
    for name in numbers["pictures"]:
        yield f"![{CAPTIONS[name]}]({name})\n\n{CAPTIONS[name]}.\n"


def _use(numbers: Numbers) -> Iterator[str]:
    yield "## Use\n"
    yield "```text\nimport stratiform\n"
    yield "loaded = stratiform.from_pretrained(FOLDER_OR_NAME)      # the hash of every file is checked"
    if not numbers["whole"]:
        yield "```\n\nOn the command line: `stratiform inpaint`, `impute`, `check` with the folder or the name.\n"
        return
    yield "image = loaded.model.decode(8, stratiform.from_prior())  # a distribution over 8 images"
    if numbers["bound"]["levels"]:
        yield "codes = loaded.model.encode(image.mean)                   # one Latent per level, the lowest first"
    yield "```\n\nOn the command line: `stratiform explore`, `sample`, `evaluate`, `check`, with folder or name.\n"


def _bounds(numbers: Numbers) -> Iterator[str]:
    bound, what = numbers["bound"], "log p(x)" if numbers["whole"] else "log p(hidden given known)"
    exact = bound["estimator"] == "exact"
    yield f"## Numbers\n\nOn {bound['images']:,} test images, none trained on; ±: standard error over images.\n"
    yield "| what | value | bound |\n| --- | --- | --- |"
    if bound["bits_per_dim"] is not None:
        error = bound["log_likelihood_bound_stderr"]
        scale = bound["dimensions"] * LN2
        bits = _with_error(bound["bits_per_dim"], None if error is None else error / scale, 4)
        yield f"| bits per dimension | {bits} | {bound_in_words(numbers)} |"
    value = _with_error(bound["log_likelihood_bound"], bound["log_likelihood_bound_stderr"], 3)
    kind = "exact" if exact else f"importance-weighted lower bound, {bound['samples']} samples"
    yield f"| {what}, nats per image | {value} | {kind} |"
    if not exact:
        yield f"| the same, ELBO | {_with_error(bound['elbo'], bound['elbo_stderr'], 3)} | evidence lower bound |"
    yield ""


def _levels(numbers: Numbers) -> Iterator[str]:
    rows = numbers["bound"]["levels"]
    if not rows:
        return
    yield "## Levels\n\nLevel 1 is nearest the image.\n"
    yield "| level | units | in use | KL, nats per image | bits |\n| --- | --- | --- | --- | --- |"
    for row in rows:
        yield f"| {row['level']} | {row['units']} | {row['active_units']} | {row['kl']:.3f} | {row['kl'] / LN2:.3f} |"
    yield ""


def _learnt(numbers: Numbers) -> Iterator[str]:
    if numbers["levels"] is None:
        return
    learnt = numbers["levels"]
    rows = learnt["levels"]
    yield "## What each level knows and controls\n"
    yield from (f"- Level {row['level']} {headline(rows, i)}." for i, row in reversed(list(enumerate(rows))))
    yield "\nKnows: classes by accuracy, numbers by R² within one class, from the code of one level alone."
    yield from _factors(rows, knows_cells(rows))
    yield "Controls: how often the class changes, or the share of variance, when one level alone is drawn anew."
    yield from _factors(rows, controls_cells(rows))
    yield f"On {learnt['images']:,} test images and {learnt['draws']} pairs of draws.\n"


def _factors(rows: Sequence[Numbers], cells: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    columns = [f"level {row['level']}" for row in rows]
    yield f"\n| | {' | '.join(columns)} |\n{'| --- ' * (len(rows) + 1)}|"
    yield from (f"| {name} | {' | '.join(cell.text for cell in row)} |" for name, row in cells.items())
    yield ""


def _data(numbers: Numbers) -> Iterator[str]:
    data, spec = numbers["data"], numbers["data"]["images"]
    values = "continuous values" if spec["bins"] is None else f"{spec['bins']} grey levels"
    yield "## Data\n"
    yield f"- source: {data['source']}; {data['train']:,} images to train on, {data['test']:,} to test on"
    yield f"- images: {spec['height']} × {spec['width']}, {spec['channels']} channel(s), {values}"
    yield f"- fingerprint of the decoded images and labels: `{data['fingerprint']}`"
    yield from (f"- {note}" for note in data["notes"])
    yield ""


def _origin(numbers: Numbers) -> Iterator[str]:
    versions, minutes = numbers["measured_with"], numbers["minutes"]
    yield f"## How it was made\n\n```text\n{numbers['command']}\n```\n"
    took = "" if minutes is None else f", {minutes} minutes"
    yield f"{numbers['steps']:,} steps of {numbers['batch']} images{took}; {numbers['parameters']:,} parameters."
    yield f"Likelihood: {numbers['likelihood']}."
    yield (
        f"Measured with stratiform {versions['stratiform']}, torch {versions['torch']}, Python {versions['python']}, "
        f"on {versions['machine']}, seed {numbers['settings']['seed']}.\n"
    )


def _limits(numbers: Numbers) -> Iterator[str]:
    bound, data, spec = numbers["bound"], numbers["data"], numbers["data"]["images"]
    yield "## Limits\n"
    yield f"- It has seen {data['train']:,} images of {data['source']} and nothing else."
    yield f"- It takes and draws images of {spec['height']} × {spec['width']} alone."
    idle = [str(row["level"]) for row in bound["levels"] if row["kl"] < SWITCHED_OFF]
    if idle:
        yield f"- Level {listed(idle)} {'is' if len(idle) == 1 else 'are'} switched off: the code there says nothing."
    if bound["estimator"] != "exact":
        effective = bound["effective_samples"]
        yield (
            f"- The likelihood itself is not known, only bounded: {effective:.1f} of {bound['samples']} importance "
            "samples count on average, and more would raise the bound."
        )
    if spec["bins"] is None:
        yield "- Continuous data: the numbers are densities, and no bits per dimension follow from them."
    if not numbers["whole"]:
        yield "- It completes images and draws none by itself; its numbers are of hidden pixels, not of whole images."
    if numbers["levels"] is not None:
        yield "- What a level knows and controls rests on probes and on a judge that errs; small numbers mean nothing."
    yield "- Every number here can be computed again: `stratiform card FOLDER_OR_NAME --verify`.\n"


def _with_error(value: float, error: float | None, digits: int) -> str:
    return f"{value:.{digits}f}" if error is None else f"{value:.{digits}f} ± {error:.{digits}f}"
