"""What README and docs tell a reader to type is typed here, in order, in an empty folder; trainings are shortened."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from stratiform.cli import explore
from stratiform.models.parts import Network
from stratiform.recipes import RECIPES
from system.conftest import Say

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in FENCED.findall(page.read_text()) if kind == language]


def commands(page: Path) -> list[list[str]]:
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.fixture
def shortened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, a `vlae-digits` of six steps of a small network, an explorer that ends at once."""
    monkeypatch.chdir(tmp_path)
    entry = RECIPES["vlae-digits"]
    small = replace(entry.recipe.model, network=Network(kind="dense", hidden=8))
    training = replace(entry.recipe.training, steps=6, batch=8, evaluate_images=16, device="cpu")
    recipe = replace(entry.recipe, model=small, data=replace(entry.recipe.data, limit=64), training=training)
    monkeypatch.setitem(RECIPES, "vlae-digits", replace(entry, recipe=recipe))
    listening = explore._listening
    monkeypatch.setattr(explore, "_listening", lambda host, port: listening(host, 0))
    monkeypatch.setattr("uvicorn.Server.run", lambda server, sockets: None)  # else it would serve for ever


def test_demo_commands_and_examples(shortened: None, say: Say) -> None:
    said = say("demo")
    assert said.status == 0, said.err
    assert "runs/vlae-digits-digits/report.html" in said.out and "bits per dimension" in said.out
    run = Path("runs/vlae-digits-digits")
    assert all((run / name).exists() for name in ("report.html", "sweep.png", "metrics.json"))
    typed = [words for page in PAGES for words in commands(page)]
    for words in typed:
        if words[0] == "stratiform":
            steps = ["--training.steps=6"] if "--training.steps" in words else []
            assert say(*words[1:], *steps).status == 0, words
    for page in PAGES:
        for example in blocks(page, "python"):
            if "import" in example:
                exec(compile(example, str(page), "exec"), {})
    assert any(words[0] == "stratiform" for words in typed)


def test_make_knows_its_targets() -> None:
    rules = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for words in commands(page):
            if words[0] == "make":
                assert words[1] in rules, words
            else:
                assert words[0] == "stratiform", words


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
