"""What is built, without network, is what is to be installed: the package, its models and pages, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import stratiform
from stratiform.training import shipped

ROOT = Path(__file__).parents[2]
MOST = 8e6  # bytes


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True)
    return folder


def test_the_wheel_holds_the_package_and_no_more(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"stratiform-{stratiform.__version__}-py3-none-any.whl" and wheel.stat().st_size < MOST
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        told = {name.rpartition("/")[2]: file.read(name).decode() for name in names if ".dist-info/" in name}
    package = Path(stratiform.__file__).parent
    sources = {f"stratiform/{path.relative_to(package)}" for path in package.rglob("*.py")}
    assert sources <= names
    for path in ("py.typed", "report/page.html", "explorer/static/index.html"):
        assert f"stratiform/{path}" in names
    for name in shipped.names():
        for path in (shipped.SHIPPED / name).iterdir():
            assert f"stratiform/shipped/{name}/{path.name}" in names
    strange = {name for name in names if not name.startswith(("stratiform/", "stratiform-"))}
    assert not strange, strange
    assert "stratiform = stratiform.cli:main" in told["entry_points.txt"]
    assert "[pytest11]\nstratiform = stratiform.pytest_plugin" in told["entry_points.txt"]
    assert "Provides-Extra: hub" in told["METADATA"] and "Requires-Dist: torch>=2.6" in told["METADATA"]


def test_the_source_archive_can_be_tested_and_holds_nothing_of_this_machine(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    assert archive.stat().st_size < MOST
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"pyproject.toml", "README.md", "src/stratiform/py.typed", "tests/conftest.py", "docs/hub.md"} <= names
    assert not any(name.startswith(("runs", "shared", ".venv", ".git/")) for name in names)


def test_the_shipped_models_are_listed_where_they_are_made() -> None:
    script = (ROOT / "scripts" / "ship.py").read_text()
    assert shipped.names() and all(f'"{name}"' in script for name in shipped.names())
