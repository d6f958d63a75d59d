"""What goes wrong on the way: one line, exit status 1 (130 where a person stopped it), the last good state intact."""

import errno
import json
import os
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch

from stratiform import files
from stratiform.cli import ending, main
from stratiform.errors import Failed, UserError
from stratiform.training.events import Event, Logged
from stratiform.training.progress import Progress
from stratiform.training.run import load
from system.conftest import TINY, Say, everything_in

WEIGHTS = ("weights.safetensors", "state.safetensors")


def test_full_disk_leaves_the_last_good_state(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("train", "vlae-digits", "--run", tmp_path / "run", *TINY)
    replaced, kept, replace = [], {}, os.replace

    def fill_up(source: Path, target: Path) -> None:
        if Path(target).name == "state.safetensors":
            if replaced:
                kept.update({name: everything_in(tmp_path / "run")[name] for name in ("state.safetensors",)})
                raise OSError(errno.ENOSPC, "No space left on device", str(target))
            replaced.append(target)
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "replace", fill_up)
        said = say(*words)
    assert said.status == 1 and "No space left on device" in said.err.splitlines()[-1]
    assert everything_in(tmp_path / "run")["state.safetensors"] == kept["state.safetensors"]
    assert not list((tmp_path / "run").glob(".*.tmp"))
    assert load(tmp_path / "run").recipe.name == "vlae-digits"
    assert say(*words).status == 0


def test_a_person_stops_and_goes_on(say: Say, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("train", "vlae-digits", "--run", str(tmp_path / "a run"), *TINY, "--training.log-every=1")

    def stop(self: Progress, event: Event) -> None:
        if isinstance(event, Logged) and event.line["step"] == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "__call__", stop)
        said = say(*words)
    assert said.status == 130 and "Traceback" not in said.err
    assert f"stratiform train vlae-digits --run '{tmp_path / 'a run'}'" in said.err.splitlines()[-1]
    assert say(*words).status == 0
    ours, theirs = (load(run).model.state_dict() for run in (tmp_path / "a run", trained))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_loss_that_is_not_finite(say: Say, tmp_path: Path) -> None:
    run = tmp_path / "run"
    said = say("train", "vlae-digits", "--run", run, *TINY, "--optimiser.lr=1e30", "--optimiser.warmup=0")
    assert said.status == 1
    told = said.err.splitlines()[-1]
    assert told.startswith("error: step ") and "KL of levels" in told and "nonfinite.safetensors" in told
    assert (run / "nonfinite.safetensors").exists()


ENDINGS: dict[str, tuple[Callable[[], BaseException], int, str]] = {
    "wrong use": (lambda: UserError("say this"), 2, "error: say this"),
    "failed": (lambda: Failed("say that"), 1, "error: say that"),
    "full disk": (lambda: OSError(errno.ENOSPC, "No space left", "a.png"), 1, "the disk is full (a.png)"),
    "no permission": (
        lambda: PermissionError(errno.EACCES, "Permission denied", "a.png"),
        1,
        "Permission denied: a.png",
    ),
    "killed worker": (lambda: BrokenProcessPool("a worker died"), 1, "a worker died"),
    "no memory": (lambda: MemoryError(), 1, "out of memory"),
    "our own mistake": (lambda: KeyError("z"), 1, "--debug shows where"),
    "interrupted": (lambda: KeyboardInterrupt(), 130, "interrupted: "),
}


@pytest.mark.parametrize(("error", "status", "told"), ENDINGS.values(), ids=ENDINGS)
def test_endings(
    error: Callable[[], BaseException], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(words: list[str]) -> int:
        raise error()

    assert ending.ended(["sample", "run"], run) == status
    said = capsys.readouterr()
    assert told in said.err and said.err.count("\n") == 1 and not said.out


def test_a_model_that_breaks_a_law_fails_the_check(
    copied: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from stratiform.evaluation import check

    def broken(case: object) -> str:
        raise check.Broken("planted")

    monkeypatch.setattr(check, "LAWS", {"planted": broken})
    assert main(["check", str(copied), "--json"]) == 1
    assert json.loads(capfd.readouterr().out)["laws"][0]["detail"] == "planted"


def test_nobody_reads_the_output(trained: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    command = f"{sys.executable} -m stratiform recipes | true"
    ended = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert "Traceback" not in ended.stderr and "BrokenPipe" not in ended.stderr
