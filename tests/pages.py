"""README and docs as a reader meets them: their code blocks, and how each is run in a folder of the reader's.

```sh                       a command a line: `stratiform ...` in this process, everything else by bash
```python                   in one namespace per page; a first line `# PATH.py` means: save this as PATH.py
```diff                     lines of a file, named by `+++ PATH`, that are to be changed
```json                     is JSON
```math                     formulas
```text                     not for typing, or, with its reason behind the word text, not run here
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stratiform.cli import main
from stratiform.recipes import RECIPES
from stratiform.recipes.entry import Entry

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEPS, IMAGES = 4, 64


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    page: Path
    line: int
    language: str
    reason: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in FENCED.finditer(text):
        language, _, reason = found[1].partition(" ")
        yield Block(page, text.count("\n", 0, found.start()) + 2, language, reason, found[2])


def commands(block: Block) -> list[str]:
    """The lines of a shell block that say something."""
    return [line for line in block.text.splitlines() if shlex.split(line, comments=True)]


def shortened(entry: Entry) -> Entry:
    """The same recipe, a few steps of a few images."""
    recipe = entry.recipe
    few = min(recipe.data.limit or IMAGES, IMAGES)
    training = replace(recipe.training, steps=STEPS, batch=8, starts=1, audition=1, evaluate_images=16, device="cpu")
    return replace(entry, recipe=replace(recipe, data=replace(recipe.data, limit=few), training=training))


class Reader:
    """Types what a page says, in the folder that it stands in now."""

    def __init__(self, page: Path) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
        self.environment = {**os.environ, "PATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
        self.changes_the_package = any(block.language == "diff" for block in blocks(page))
        if self.changes_the_package:
            for part in ("src/stratiform", "tests"):
                shutil.copytree(ROOT / part, part, ignore=shutil.ignore_patterns("shipped", "static", "__pycache__"))
            shutil.copy(ROOT / "pyproject.toml", ".")
            self.environment["PYTHONPATH"] = str(Path("src").resolve())

    def follow(self, block: Block) -> None:
        how = {"sh": self._sh, "python": self._python, "diff": self._diff, "json": self._json}.get(block.language)
        if how is not None:
            how(block)

    def _sh(self, block: Block) -> None:
        for line in commands(block):
            words = shlex.split(line, comments=True)
            if words == ["make", "demo"]:
                words = ["stratiform", "demo"]
            if words[0] == "make":
                continue  # that there is such a target is tested elsewhere
            if words[0] == "stratiform":
                words = _few_steps(words)
            if words[0] == "stratiform" and not self.changes_the_package:
                status = main(words[1:])
            else:
                status = subprocess.run(
                    ["bash", "-c", shlex.join(words)], env=self.environment, check=False
                ).returncode
            assert status == 0, f"{block.place}: `{line}` ends with status {status}"

    def _python(self, block: Block) -> None:
        first = re.match(r"# (\S+\.py)\n", block.text)
        if first:
            Path(first[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(first[1]).write_text(block.text)
        else:
            above = "\n" * (block.line - 1)  # so that an error names the line of the page
            sys.path.insert(0, os.getcwd())  # for files that the page saved
            exec(compile(above + block.text, str(block.page), "exec"), self.names)
            sys.path.remove(os.getcwd())

    def _diff(self, block: Block) -> None:
        name = re.search(r"^\+\+\+ (\S+)$", block.text, re.MULTILINE)
        assert name, f"{block.place}: no line `+++ PATH`"
        file = Path(name[1])
        for hunk in block.text.partition("\n")[2].split("@@\n"):
            lines = hunk.splitlines()
            before = "".join(f"{line[1:]}\n" for line in lines if line[0] != "+")
            after = "".join(f"{line[1:]}\n" for line in lines if line[0] != "-")
            assert file.read_text().count(before) == 1, f"{block.place}: these lines are not once in {file}"
            file.write_text(file.read_text().replace(before, after))

    def _json(self, block: Block) -> None:
        json.loads(block.text)


def _few_steps(words: list[str]) -> list[str]:
    """The same command, as short as `shortened`: few steps, two resamplings of the measures."""
    kept = [*words, "--resamples=2"] if words[1:2] == ["measures"] else list(words)
    if "--training.steps" in kept:
        kept[kept.index("--training.steps") + 1] = str(STEPS)
    return kept


def shorten(setitem: Any) -> None:
    """Every recipe becomes a few steps of a few images, by `monkeypatch.setitem`."""
    for name, entry in RECIPES.items():
        setitem(RECIPES, name, shortened(entry))
