"""Who may import whom, over the syntax trees, and what is loaded when."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stratiform

ROOT = Path(stratiform.__file__).parent
ANYBODY = ("errors", "files", "spec")
ANYTHING = ("",)

# part -> what of this package it may import, besides itself and ANYBODY
ALLOWED = {
    "__init__": ANYTHING,
    "__main__": ("cli",),
    "cli": ANYTHING,
    "explorer": ANYTHING,
    "sklearn": ANYTHING,
    "pytest_plugin": ("evaluation.check",),
    "hub": ANYTHING,
    "errors": (),
    "files": (),
    "spec": (),
    "distributions": (),
    "nn": (),
    "core": ("distributions",),
    "edit": ("core", "distributions"),
    "objective": ("core", "distributions"),
    "models": ("core", "distributions", "nn"),
    "data": (),
    "training": ("models", "objective", "data", "core", "evaluation.bound", "evaluation.clustered"),
    "recipes": ("training.recipe", "models", "objective", "data.config", "distributions"),
    "evaluation": ("core", "data", "distributions", "edit"),
    "figures": ("evaluation",),
    "reproduce": ("core", "data", "distributions", "evaluation", "figures", "recipes", "report", "training"),
    "report": ("__version__", "data", "evaluation", "figures", "recipes", "training"),
}
MADE_OF = {"conditional": {"matnet"}, "agave": {"iaf", "pixelcnn"}}  # models that are made of another
TORCH_ONLY = ("spec", "distributions", "nn", "core", "objective", "models")


def sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported(path: Path) -> Iterator[str]:
    """Full names of all modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> Iterator[str]:
    """What a file imports of this package, without the package's name."""
    yield from (name.removeprefix("stratiform.") for name in imported(path) if name.startswith("stratiform."))


def is_within(name: str, places: tuple[str, ...]) -> bool:
    return any(place == "" or name == place or name.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_part_imports_only_what_it_may(path: Path) -> None:
    part = part_of(path)
    assert part in ALLOWED, f"{part} is new: say in ALLOWED what it may import"
    wrong = [name for name in ours(path) if not is_within(name, (part, *ANYBODY, *ALLOWED[part]))]
    assert not wrong, f"{path.relative_to(ROOT)} may not import {wrong}"


def test_models_import_no_other_model() -> None:
    models = ROOT / "models"
    names = {path.stem for path in models.glob("*.py")} - {"__init__", "parts", "chain", "modules"}
    for path in models.glob("*.py"):
        if path.stem != "__init__":
            others = tuple(f"models.{name}" for name in names - {path.stem} - MADE_OF.get(path.stem, set()))
            wrong = [name for name in ours(path) if is_within(name, others)]
            assert not wrong, f"models/{path.name} may not import {wrong}"


def test_the_kernel_needs_torch_and_nothing_else() -> None:
    allowed = {"stratiform", "torch", *sys.stdlib_module_names}
    for path in sources():
        if part_of(path) in TORCH_ONLY:
            wrong = {name.split(".")[0] for name in imported(path)} - allowed
            assert not wrong, f"{path.relative_to(ROOT)} may not import {wrong}"


@pytest.mark.parametrize("statement", ["import stratiform", "import stratiform.cli; stratiform.cli.main(['--help'])"])
def test_nothing_heavy_is_loaded_before_it_is_used(statement: str) -> None:
    heavy = "{'torch', 'numpy', 'matplotlib', 'datasets', 'sklearn', 'PIL', 'tyro', 'rich'}"
    script = f"{statement}\nimport sys\nassert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def test_a_model_is_loaded_without_the_compiler() -> None:
    """A third of what a command's start would take."""
    script = "import sys, stratiform.training.run, stratiform.figures; assert 'torch._dynamo' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_names_of_the_package_are_fetched_on_use() -> None:
    assert stratiform.ImageSpec(1, 8, 8, 17).dimensions == 64
    assert all(getattr(stratiform, name) is not None for name in stratiform.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        stratiform.lode  # noqa: B018
