"""Tables for people, on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table

WIDTH_OF_PIPES = 160


def show(*parts: RenderableType) -> None:
    """Prints tables and lines; into a pipe wide enough that nothing is cut."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_PIPES, highlight=False, markup=False)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Table:
    """A plain table: numbers to the right with three decimals, nothing known as a dash."""
    columns, rows = list(columns), [list(row) for row in rows]
    result = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for i, column in enumerate(columns):
        numeric = all(isinstance(row[i], int | float | None) for row in rows)
        result.add_column(column, justify="right" if numeric else "left", no_wrap=i == 0)  # a name is typed again
    for row in rows:
        result.add_row(*map(cell, row))
    return result


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if value is None or value != value:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {cell(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(cell, value))
    return str(value)
