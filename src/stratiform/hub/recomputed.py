"""A card's numbers computed again: which of them differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratiform.data.source import load as load_data
from stratiform.hub.card import PAGE, described, measured, read_card
from stratiform.hub.page import page
from stratiform.training.run import load

ROUNDING = 1e-3  # relative: other machines add up in another order
JUDGED = 0.03  # of what rests on probes and on a judge that is trained anew
SAME = ("recipe", "model", "likelihood", "parameters", "command", "steps", "batch", "data")


@dataclass(frozen=True)
class Entry:
    """One number of a card, and what it is now."""

    name: str
    card: Any
    now: Any
    same: bool


def verified(folder: Path) -> list[Entry]:
    """Every number of the card in the folder, measured again with the card's own settings; then the page's text.

    Raises:
        UserError: there is no card, or its data cannot be found.
    """
    loaded, held = load(folder), read_card(folder)
    data = load_data(loaded.recipe.data)
    origin = described(loaded, data)
    entries = list(_compared("", {name: held[name] for name in SAME}, {name: origin[name] for name in SAME}, 0.0))
    now = measured(loaded, data, held["settings"])
    entries += _compared("bound", held["bound"], now["bound"], ROUNDING)
    entries += _compared("levels", held["levels"], now["levels"], JUDGED)
    return [*entries, _told(folder, held)]


def _told(folder: Path, held: Mapping[str, Any]) -> Entry:
    """The page says what the numbers say: its first line that does not."""
    path = folder / PAGE
    said, wanted = path.read_text().splitlines() if path.exists() else [], page(held).splitlines()
    lines = enumerate(zip(said + [""] * len(wanted), wanted + [""] * len(said), strict=False), start=1)
    number, (found, expected) = next(((i, pair) for i, pair in lines if pair[0] != pair[1]), (0, ("", "")))
    if not number:
        return Entry(PAGE, f"{len(said)} lines", f"{len(wanted)} lines", True)
    return Entry(f"{PAGE}, line {number}", found, expected, False)


def _compared(name: str, held: Any, now: Any, tolerance: float) -> Iterator[Entry]:
    """The two side by side, down to single numbers."""
    if isinstance(held, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*held, *now)):
            yield from _compared(f"{name}.{key}" if name else key, held.get(key), now.get(key), tolerance)
    elif isinstance(held, list) and isinstance(now, list) and len(held) == len(now):
        for i, pair in enumerate(zip(held, now, strict=True), start=1):
            yield from _compared(f"{name}[{i}]", *pair, tolerance)
    else:
        yield Entry(name, held, now, _same(held, now, tolerance))


def _same(held: Any, now: Any, tolerance: float) -> bool:
    if isinstance(held, float) and isinstance(now, float):
        return math.isclose(held, now, rel_tol=tolerance, abs_tol=tolerance)
    return type(held) is type(now) and bool(held == now)
