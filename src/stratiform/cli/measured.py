"""How well levels hold known factors, by the measures of the literature: `measures`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from stratiform.cli.options import Answer
from stratiform.cli.runs import OnSplit
from stratiform.cli.tables import cell, table
from stratiform.evaluation.measures import measures
from stratiform.evaluation.metrics import Metrics

Code = Mapping[str, Any]
PROBE_TITLES = {
    "neighbours": "25 NEAREST NEIGHBOURS",
    "linear": "LINEAR MAP",
    "mlp": "NETWORK of 64 hidden units",
}


@dataclass(frozen=True, kw_only=True)
class Measure(OnSplit):
    """MIG, SAP, DCI, FactorVAE's score, mutual information, probes and clusters, of each level and of all together."""

    limit: int = 2000
    """At most so many images."""
    resamples: int = 20
    """How often the images are drawn again, for the standard errors; 0: none are given."""
    split_code: int | None = None
    """Read the code of a one-level model as so many levels."""

    def work(self) -> Answer:
        loaded, data = self.opened()
        found = measures(
            loaded.model,
            data,
            split=self.split,
            limit=self.limit,
            resamples=self.resamples,
            seed=self.seed or 0,
            split_code=self.split_code,
        )
        values = {"recipe": loaded.recipe.name, "data": self.data.source, "split": self.split, **found.to_json()}
        Metrics(loaded.run.metrics, loaded.run.weights).put("measures", values)
        return Answer(values, _measured(values))


def _measured(found: Mapping[str, Any]) -> tuple[RenderableType, ...]:
    """`measures` for people: a column per level, and one for all of them."""
    codes = [*found["levels"], *([found["together"]] if found["together"] else [])]
    titles = ["", *("all" if code["level"] is None else f"level {code['level']}" for code in codes)]
    factors = list(dict.fromkeys(name for code in codes for name in code["factors"]))
    classes = [n for n in factors if any(code["factors"][n]["clusters"] for code in codes if code["factors"])]

    def rows(names: Sequence[str], text: Callable[[Mapping[str, Any]], str]) -> Table:
        cells = [[n, *(text(code["factors"][n]) if code["factors"] else "–" for code in codes)] for n in names]
        return table(titles, cells)

    parts: list[RenderableType] = [
        f"{found['recipe']} on {found['images']} {found['split']} images of {found['data']}\n",
        "UNITS: how they share the factors among them",
        table(titles, [[name, *map(text, codes)] for name, text in UNITS.items()]),
        "\nINFORMATION: nats, by nearest neighbours",
        rows(factors, lambda f: _with_error(f["information"])),
    ]
    for kind, title in PROBE_TITLES.items():
        parts += [f"\n{title}: accuracy (classes) or R² (numbers; within one class)", rows(factors, _probed(kind))]
    if classes:
        parts += ["\nCLUSTERS: accuracy of k-means", rows(classes, _clustered("accuracy"))]
        parts += ["\nCLUSTERS: normalised mutual information of k-means", rows(classes, _clustered("nmi"))]
    return (*parts, *(f"\n{note}" if i == 0 else note for i, note in enumerate(found["notes"])))


def _with_error(estimate: Mapping[str, Any], chance: float | None = None) -> str:
    """0.512 ± 0.013 (chance 0.100)"""
    error = "" if estimate["stderr"] is None else f" ± {estimate['stderr']:.3f}"
    note = "" if chance is None or estimate["value"] is None else f" (chance {chance:.3f})"
    return f"{cell(estimate['value'])}{error}{note}"


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


def _probed(kind: str) -> Callable[[Mapping[str, Any]], str]:
    def text(factor: Mapping[str, Any]) -> str:
        score = factor["probes"][kind]
        within = "" if score["within"] is None else f" ({score['within']:.3f})"
        return _with_error({"value": score["score"], "stderr": score["stderr"]}) + within

    return text


def _clustered(kind: str) -> Callable[[Mapping[str, Any]], str]:
    def text(factor: Mapping[str, Any]) -> str:
        return _with_error(factor["clusters"][kind], factor["clusters"][f"{kind}_chance"])

    return text
