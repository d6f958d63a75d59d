"""The sidebar follows the lists of `index.md`: one list of the pages, for readers on the web and of the files."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

SECTION, PAGE = re.compile(r"^## (.+)$", re.MULTILINE), re.compile(r"^- \[[^\]]+\]\((\w[\w-]*)\.md\)", re.MULTILINE)


def toctrees(index: str) -> str:
    """A hidden toctree of every section that lists pages."""
    titles, texts = SECTION.findall(index), SECTION.split(index)[2::2]
    listed = [(title, PAGE.findall(text)) for title, text in zip(titles, texts, strict=True)]
    trees = [["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```"] for title, pages in listed if pages]
    return "".join("\n" + "\n".join(tree) + "\n" for tree in trees)


def add(app: Sphinx, name: str, source: list[str]) -> None:
    if name == app.config.root_doc:
        source[0] += toctrees((Path(app.srcdir) / "index.md").read_text())


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", add)
    return {"parallel_read_safe": True}
