"""From the numbers of `levels --json` to sentences that a newcomer can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Factor = Mapping[str, Any]  # one entry of "factors"
SWITCHED_OFF = 0.1  # nats: a level that costs less says nothing of the image
NOTABLE = 0.15  # how far beyond chance a level must be, of what is possible, to be named
NAMED = 3  # factors in one sentence at most
WHOLE = "pixels"  # not a factor of its own: all pixels together


def about_level(levels: Sequence[Mapping[str, Any]], index: int) -> str:
    """One or two sentences: what this level knows and controls better than the others."""
    level = levels[index]
    if level["kl"] < SWITCHED_OFF:
        return f"Switched off: it carries {level['kl']:.2f} nats, so its code says nothing of the image."
    known = _leading(levels, index, knowledge, _known)
    controlled = _leading(levels, index, influence, _controlled)
    lead = " better than any other level" if len(levels) > 1 else ""
    knows = f"Its code knows {known}{lead}." if known else f"Its code knows no factor here{lead}."
    if not controlled:
        return knows
    return f"{knows} In generated images it has the {'strongest' if len(levels) > 1 else 'only'} hold on {controlled}."


def knowledge(factor: Factor) -> float | None:
    """How well a level knows a factor: 0 chance, 1 perfectly; numbers within their class where that is known."""
    score = factor["score"] if factor["score_within"] is None else factor["score_within"]
    if score is None or factor["chance"] is None:
        return None
    return (score - factor["chance"]) / max(1.0 - factor["chance"], 1e-9)


def influence(factor: Factor) -> float | None:
    """How much of a factor a level controls: 0 nothing, 1 everything."""
    return factor["control"] if factor["control_share"] is None else factor["control_share"]


def words(name: str) -> str:
    """A factor's name as people write it."""
    return name.replace("_", " ")


def number(value: float | None) -> str:
    """Two decimals, a true minus sign, a dash for nothing."""
    return "–" if value is None else f"{value + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−")


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def listed(parts: Sequence[str]) -> str:
    """a, b and c"""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _leading(levels: Sequence[Mapping[str, Any]], index: int, measure: Any, told: Any) -> str:
    """The factors in which this level leads by this measure, the strongest first."""
    leads = []
    for name in levels[index]["factors"]:
        ranks = [measure(level["factors"][name]) for level in levels]
        own = ranks[index]
        if name == WHOLE or own is None or own < NOTABLE or own < max(r for r in ranks if r is not None):
            continue
        leads.append((own, told(name, [level["factors"][name] for level in levels], index)))
    return listed([text for _, text in sorted(leads, key=lambda lead: -lead[0])[:NAMED]]) if leads else ""


def _known(name: str, row: Sequence[Factor], index: int) -> str:
    show = percent if row[index]["kind"] == "class" else lambda v: f"R² {number(v)}"
    others = [factor["score"] for i, factor in enumerate(row) if i != index and factor["score"] is not None]
    against = f", next {percent(max(others)) if row[index]['kind'] == 'class' else number(max(others))}" if others else ""
    return f"{words(name)} ({show(row[index]['score'])}{against})"


def _controlled(name: str, row: Sequence[Factor], index: int) -> str:
    factor = row[index]
    if factor["kind"] == "class":
        return f"{words(name)} (drawn anew, it changes {percent(factor['control'])} of verdicts)"
    return f"{words(name)} ({percent(min(factor['control'], 1.0))} of its variance)"
