"""What happens before any work: quick answers, the table of commands, the version."""

import os
import subprocess
import sys
import time
from importlib import import_module

import pytest

from stratiform import __version__
from stratiform.cli import COMMANDS
from system.conftest import Say

SECONDS = 0.3


def test_help_answers_at_once() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "stratiform", "--help"], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(8)) < SECONDS


def test_help_names_every_command(say: Say) -> None:
    for words in ([], ["--help"], ["-h"], ["help"]):
        said = say(*words)
        assert said.status == 0 and not said.err
        assert all(f"  {name} " in said.out and command.about in said.out for name, command in COMMANDS.items())


def test_every_command_has_a_class_and_help_of_its_own(say: Say) -> None:
    for name, command in COMMANDS.items():
        assert hasattr(import_module(f"stratiform.cli.{command.module}"), command.class_name)
        said = say(name, "--help")
        assert said.status == 0 and f"usage: stratiform {name}" in said.out
        assert all(flag in said.out for flag in ("--json", "--seed", "--debug"))


def test_help_of_train_has_every_field_of_the_recipe(say: Say) -> None:
    out = say("train", "vlae-digits", "--help").out
    flags = ("--model.latents", "--model.likelihood.scale", "--data.source", "--training.steps", "--optimiser.lr")
    assert all(flag in out for flag in (*flags, "--objective.samples", "--beta.steps", "RECIPE"))
    assert "--stages" not in out and "--name" not in out


def test_version(say: Say) -> None:
    assert say("--version").out == f"stratiform {__version__}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, "3000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_waiting_threads_soon_sleep_unless_told_otherwise(
    before: dict[str, str], after: str | None, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")  # set back afterwards, whatever main sets
        monkeypatch.delenv(name)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    say("no-such-command")
    assert os.environ.get("GOMP_SPINCOUNT") == after
