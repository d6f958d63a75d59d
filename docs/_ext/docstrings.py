"""Docstrings are plain text with `code` and sections: what Sphinx would read into [B, *z] or q(z | x) is escaped."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

CODE = re.compile(r"(`[^`]*`)")
COLON = "\ue000"  # stands for the colons of a field's docstring, before which a type would be looked for


def plain(line: str) -> str:
    """The same line, its stars, bars and trailing underscores taken literally outside `code`, and code as code."""
    parts = CODE.split(line)
    parts[::2] = [re.sub(r"([*|\\]|_(?=\W|$))", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [f"`{part}`" for part in parts[1::2]]
    return "".join(parts)


def escape(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = [plain(line) for line in lines]
    if what == "attribute":
        lines[:] = [line.replace(":", COLON) for line in lines]


def restore(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = [line.replace(COLON, ":") for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", escape, priority=100)  # before the sections are read, and after
    app.connect("autodoc-process-docstring", restore, priority=900)
    return {"parallel_read_safe": True}
