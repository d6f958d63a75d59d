"""From the numbers of `levels --json` to sentences that a newcomer can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from stratiform.figures import FRAMED, Cell

Factor = Mapping[str, Any]  # one entry of "factors"
Level = Mapping[str, Any]  # one entry of "levels"

SWITCHED_OFF = 0.1  # nats: a level that costs less says nothing of the image
NOTABLE = FRAMED  # how far beyond chance a level must be, of what is possible, to be named
NAMED = 3  # factors in one sentence at most
WHOLE = "pixels"  # not a property of its own: all pixels together


def headline(levels: Sequence[Level], index: int) -> str:
    """What this level leads in, without numbers; to follow "Level 2"."""
    if levels[index]["kl"] < SWITCHED_OFF:
        return "is switched off"
    known = [words(name) for name in _leads(levels, index, knowledge)]
    controlled = [words(name) for name in _leads(levels, index, influence)]
    parts = [f"knows {listed(known)} best"] if known else []
    parts += [f"controls {listed(controlled)} most"] if controlled else []
    return " and ".join(parts) or "leads in none of the properties measured"


def about_level(levels: Sequence[Level], index: int) -> str:
    """One or two sentences with the numbers: what this level knows and controls better than the others."""
    level = levels[index]
    if level["kl"] < SWITCHED_OFF:
        return f"Switched off: its code says {level['kl']:.2f} nats of the image, which is nothing."
    rows = {name: [level["factors"][name] for level in levels] for name in level["factors"]}
    known = [_known(name, rows[name], index) for name in _leads(levels, index, knowledge)]
    controlled = [_controlled(name, rows[name][index]) for name in _leads(levels, index, influence)]
    if len(levels) == 1:
        sentences = [f"Its code knows {listed(known)}."] if known else []
        return " ".join([*sentences, "The only level controls all there is."])
    sentences = [f"Of all levels, its code knows {listed(known)} best."] if known else []
    sentences += [f"In generated images it has the strongest hold on {listed(controlled)}."] if controlled else []
    return " ".join(sentences) or "It leads the other levels in none of the properties measured."


def knowledge(factor: Factor) -> float | None:
    """How well a level knows a factor: 0 chance, 1 perfectly; numbers within their class where that is known."""
    score = _fair(factor)
    if score is None or factor["chance"] is None:
        return None
    return (score - factor["chance"]) / max(1.0 - factor["chance"], 1e-9)


def influence(factor: Factor) -> float | None:
    """How much of a factor a level controls: 0 nothing, 1 everything."""
    return factor["control"] if factor["control_share"] is None else factor["control_share"]


def knows_cells(levels: Sequence[Level]) -> dict[str, list[Cell]]:
    """Rows of the heat map: the score within one class where there are classes, the score over all images beneath."""
    return dict(_rows(levels, _knows_cell, lambda factor: factor["score"]))


def controls_cells(levels: Sequence[Level]) -> dict[str, list[Cell]]:
    """Rows of the heat map: the total effect, and the first-order effect beneath."""
    return dict(_rows(levels, _controls_cell, lambda factor: factor["control"]))


def words(name: str) -> str:
    """A factor's name as people write it."""
    return name.replace("_", " ")


def number(value: float | None) -> str:
    """Two decimals, a true minus sign, a dash for nothing."""
    return "–" if value is None else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def percent(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def listed(parts: Sequence[str]) -> str:
    """a, b and c"""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _fair(factor: Factor) -> float | None:
    """The score that does not count knowing the class as knowing what goes with it."""
    return factor["score"] if factor["score_within"] is None else factor["score_within"]


def _leads(levels: Sequence[Level], index: int, measure: Callable[[Factor], float | None]) -> list[str]:
    """The factors in which this level is notable and the first by this measure, the strongest first."""
    leads = []
    for name, factor in levels[index]["factors"].items():
        own = measure(factor)
        others = [measure(level["factors"][name]) for level in levels]
        if name != WHOLE and own is not None and own >= max(NOTABLE, *(other or 0.0 for other in others)):
            leads.append((own, name))
    return [name for _, name in sorted(leads, key=lambda lead: -lead[0])[:NAMED]]


def _known(name: str, row: Sequence[Factor], index: int) -> str:
    """thickness (R² 0.73, the next level 0.02)"""
    shown = percent if row[index]["kind"] == "class" else number
    others = [score for i, factor in enumerate(row) if i != index and (score := _fair(factor)) is not None]
    against = f", the next level {shown(max(others))}" if others else ""
    symbol = "" if row[index]["kind"] == "class" else "R² "
    return f"{words(name)} ({symbol}{shown(_fair(row[index]))}{against})"


def _controlled(name: str, factor: Factor) -> str:
    if factor["kind"] == "class":
        return f"{words(name)} (drawing only this level anew changes it {percent(factor['control'])} of the time)"
    return f"{words(name)} ({percent(min(factor['control'], 1.0))} of its variance)"


def _rows(
    levels: Sequence[Level], cell: Callable[[Factor], Cell], known: Callable[[Factor], Any]
) -> Iterator[tuple[str, list[Cell]]]:
    for name in levels[0]["factors"]:
        row = [level["factors"][name] for level in levels]
        if any(known(factor) is not None for factor in row):
            yield words(name), [cell(factor) for factor in row]


def _knows_cell(factor: Factor) -> Cell:
    note = "" if factor["score_within"] is None else f"overall {number(factor['score'])}"
    shown = percent if factor["kind"] == "class" else number
    return Cell(shown(_fair(factor)), knowledge(factor), note)


def _controls_cell(factor: Factor) -> Cell:
    note = "" if factor["control_first"] is None else f"alone {number(factor['control_first'])}"
    shown = percent if factor["kind"] == "class" else number
    return Cell(shown(factor["control"]), influence(factor), note)
