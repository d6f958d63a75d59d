"""README and docs: what they tell a reader to type is typed; pages build without a warning; links hold."""

import ast
import re
import shlex
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import pages
from stratiform.cli import explore
from stratiform.evaluation.check import LAWS

TYPED = {"sh", "python", "diff", "json"}
SYSTEMS = ("vae", "vlae", "hvae", "lvae", "matnet", "iaf", "pixels", "agave", "bounds")
DOCS = pages.ROOT / "docs"


def name(page: Path) -> str:
    return str(page.relative_to(pages.ROOT))


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in pages.PAGES if any(b.language in TYPED for b in pages.blocks(page))], ids=name
)
def test_what_a_page_says_to_type_works(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pages.shorten(monkeypatch.setitem)
    listening = explore._listening
    monkeypatch.setattr(explore, "_listening", lambda host, port: listening(host, 0))
    monkeypatch.setattr("uvicorn.Server.run", lambda server, sockets: None)  # else it would serve for ever
    reader = pages.Reader(page)
    for block in pages.blocks(page):
        reader.follow(block)


def test_a_block_that_fails_fails_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    for wrong in ("```sh\nfalse\n```", "```sh\nstratiform trian\n```", "```python\n1 / 0\n```", "```json\n{\n```"):
        page.write_text(f"# Page\n\n{wrong}\n")
        with pytest.raises((AssertionError, ArithmeticError, ValueError)):
            for block in pages.blocks(page):
                pages.Reader(page).follow(block)


def test_every_fence_is_run_or_says_why_not() -> None:
    for page in pages.PAGES:
        assert page.read_text().count("\n```") == 2 * len(list(pages.blocks(page))), f"{page}: a fence is not closed"
        for block in pages.blocks(page):
            assert block.language in TYPED | {"math", "text", "{eval-rst}"}, f"{block.place}: {block.language!r}"
            commands = re.search(r"^(stratiform|python|torchrun|pip|import|from) ", block.text, re.MULTILINE)
            if block.language == "text" and commands and page.name != "results.md":  # which lists hours of work
                assert block.reason.startswith("not run here: "), f"{block.place}: say why, or make it ```sh"


def test_make_knows_its_targets() -> None:
    rules = set(re.findall(r"^(\w+):", (pages.ROOT / "Makefile").read_text(), re.MULTILINE))
    shell = [block for page in pages.PAGES for block in pages.blocks(page) if block.language == "sh"]
    typed = [shlex.split(line, comments=True) for block in shell for line in pages.commands(block)]
    assert {words[1] for words in typed if words[0] == "make"} <= rules


def _functions(file: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_systems_page_has_its_parts_and_what_proves_it_exists(system: str) -> None:
    text = (DOCS / f"{system}.md").read_text()
    assert {"math", "text", "sh"} <= {block.language for block in pages.blocks(DOCS / f"{system}.md")}
    assert all(f"\n## {part}\n" in text for part in ("Try it", "Proved by", "Published beside ours"))
    proof = text.partition("## Proved by")[2].partition("\n## ")[0]
    tests = re.findall(r"\[`(\w+)`\]\(\.\./([^)]+)\)", proof)
    assert len(tests) > 1 and all(test in _functions(pages.ROOT / file) for test, file in tests), tests
    laws = [law for line in proof.splitlines() if "law" in line for law in re.findall(r"\*([^*]+)\*", line)]
    assert set(laws) <= set(LAWS), laws


@pytest.mark.parametrize("system", SYSTEMS)
def test_our_numbers_are_those_of_the_results(system: str) -> None:
    """What stands beside a published number was measured: the pages of results, or its own sections, have it too."""
    table = (DOCS / f"{system}.md").read_text().partition("## Published beside ours")[2]
    table, _, rest = table.partition("\n## ")
    results = "".join((DOCS / f"{page}.md").read_text() for page in ("results", "hierarchies", "imputation", "matnet"))
    measured = results.replace(table, "") + rest
    ours = [row.split(" | ")[2] for row in table.splitlines() if row.count(" | ") > 2]
    for number in (number for cell in ours for number in re.findall(r"\d+\.\d+", cell)):
        assert number in measured, number


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", folder / "trees"]
    built = subprocess.run([*command, DOCS, folder / "html"], capture_output=True, text=True, check=False)
    assert built.returncode == 0 and not built.stderr, built.stderr
    return folder / "html"


class Page(HTMLParser):
    """What a page links to, what it loads, and the places in it that can be linked to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: Counter[str] = Counter()
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.places[found.get("id") or ""] += 1
        if tag == "a":
            self.links.append(found.get("href") or "#")
        elif tag in ("img", "script", "link", "source", "iframe"):
            self.loads.append(found.get("src") or found.get("href") or "")


@pytest.mark.slow
def test_pages_build_without_a_warning_and_their_links_hold_without_a_network(site: Path) -> None:
    built = {file: Page(file) for file in site.rglob("*.html")}
    assert {f"{page.stem}.html" for page in DOCS.glob("*.md")} <= {file.name for file in built}
    for file, page in built.items():
        for address in page.loads + page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                assert address in page.links, f"{file.name} loads {address}"
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            assert target.exists(), f"{file.name}: {address}"
            if parts.fragment and target in built:
                assert built[target].places[unquote(parts.fragment)], f"{file.name}: {address}"


def test_links_of_the_files_themselves_lead_somewhere() -> None:
    for page in pages.PAGES:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
