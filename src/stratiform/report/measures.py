"""What `measures` found of a run, as tables of text: for the terminal, and as a section of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stratiform.report import findings
from stratiform.report.html import paragraph, table
from stratiform.report.measured import Measured

Code = Mapping[str, Any]  # one entry of "levels", or "together"
Factor = Mapping[str, Any]  # one entry of "factors"
PROBES = {"neighbours": "25 nearest neighbours", "linear": "Linear map", "mlp": "Network of 64 hidden units"}


@dataclass(frozen=True)
class Table:
    """A name in the first column, then a column per level and one for all of them."""

    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(found: Mapping[str, Any]) -> Iterator[Table]:
    """Of `measures --json`."""
    codes = [*found["levels"], *([found["together"]] if found["together"] else [])]
    columns = ["", *("all" if code["level"] is None else f"level {code['level']}" for code in codes)]
    factors = list(dict.fromkeys(name for code in codes for name in code["factors"]))
    classes = [n for n in factors if any(code["factors"][n]["clusters"] for code in codes if code["factors"])]

    def by_factor(title: str, note: str, names: Sequence[str], text: Callable[[Factor], str]) -> Table:
        cells = [
            [findings.words(n), *(text(code["factors"][n]) if code["factors"] else "–" for code in codes)]
            for n in names
        ]
        return Table(title, note, columns, cells)

    units = [[name, *map(text, codes)] for name, text in UNITS.items()]
    yield Table("Units", "how they share the factors among them", columns, units)
    yield by_factor("Information", "nats, by nearest neighbours", factors, lambda f: _with_error(f["information"]))
    for kind, title in PROBES.items():
        yield by_factor(title, "accuracy (classes) or R² (numbers; within one class)", factors, _probed(kind))
    if classes:
        yield by_factor("Clusters", "accuracy of k-means", classes, _clustered("accuracy"))
        yield by_factor("Clusters", "normalised mutual information of k-means", classes, _clustered("nmi"))


def section(m: Measured) -> Iterator[str]:
    """On the page where `measures` has been run: it takes minutes, so the page itself does not."""
    found = m.measures
    if found is None:
        return
    yield "<h2>The measures of the literature</h2>"
    yield paragraph(
        f"Of the codes of {found['images']:,} {found['split']} images, level by level and of all levels joined. Each "
        "is one number for what the tables above take apart, and each misleads in its own way: a code may hold every "
        "property and score 0 where no single unit stands for one."
    )
    for each in tables(found):
        yield table(f"{each.title}: {each.note}.", each.columns, each.rows)
    yield from (paragraph(f"{note[0].upper()}{note[1:]}.", "faint") for note in found["notes"])


def _with_error(estimate: Mapping[str, Any], chance: float | None = None) -> str:
    """0.512 ± 0.013 (chance 0.100)"""
    if estimate["value"] is None:
        return "–"
    error = "" if estimate["stderr"] is None else f" ± {estimate['stderr']:.3f}"
    return f"{estimate['value']:.3f}{error}" + ("" if chance is None else f" (chance {chance:.3f})")


def _of_units(*path: str) -> Callable[[Code], str]:
    def text(code: Code) -> str:
        found: Any = code["by_unit"]
        for name in path:
            found = found and found[name]
        return _with_error(found) if found else "–"

    return text


def _factor_vae(code: Code) -> str:
    found = code["by_unit"] and code["by_unit"]["factor_vae"]
    return _with_error(found["score"], found["chance"]) if found else "–"


UNITS: Mapping[str, Callable[[Code], str]] = {
    "in use": lambda code: f"{code['active_units']} of {code['units']}",
    "MIG": _of_units("mig", "mean"),
    "SAP": _of_units("sap", "mean"),
    "disentanglement": _of_units("dci", "disentanglement"),
    "completeness": _of_units("dci", "completeness"),
    "informativeness": _of_units("dci", "informativeness"),
    "FactorVAE": _factor_vae,
}


def _probed(kind: str) -> Callable[[Factor], str]:
    def text(factor: Factor) -> str:
        score = factor["probes"][kind]
        within = "" if score["within"] is None else f" ({score['within']:.3f})"
        return _with_error({"value": score["score"], "stderr": score["stderr"]}) + within

    return text


def _clustered(kind: str) -> Callable[[Factor], str]:
    def text(factor: Factor) -> str:
        return _with_error(factor["clusters"][kind], factor["clusters"][f"{kind}_chance"])

    return text
