"""The command line, called in this process, and a run that it trained."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from stratiform.cli import main

TINY = (
    "--model.network.kind=dense",
    "--model.network.hidden=8",
    "--data.limit=64",
    "--training.steps=6",
    "--training.batch=8",
    "--training.evaluate-images=16",
    "--training.save-every=2",
    "--training.device=cpu",
)


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


Say = Callable[..., Said]


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    """Runs `stratiform WORDS...` in this process."""

    def run(*words: object) -> Said:
        capfd.readouterr()
        status = main([str(word) for word in words])
        return Said(status, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def trained(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three small levels on some of the digits. Read it, do not change it: `copied` is for that."""
    run = tmp_path_factory.mktemp("runs") / "trained"
    assert main(["train", "vlae-digits", "--run", str(run), *TINY]) == 0
    return run


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """The trained run, to be damaged."""
    run = tmp_path / "copied"
    run.mkdir()
    for file in trained.iterdir():
        (run / file.name).write_bytes(file.read_bytes())
    return run


def everything_in(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All files beneath a folder: time of change and content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
