"""Two processes on gloo do what one does with the same batches, go on from each other's states, and end together."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stratiform.cli import main
from stratiform.data.batches import Batches
from stratiform.errors import UserError
from stratiform.training.log import read_log
from stratiform.training.parallel import check_shares
from stratiform.training.recipe import Stage
from stratiform.training.run import Run, load
from stratiform.training.tensors import read_notes
from tiny import tiny
from together import (
    COMMAND,
    STEPS,
    STOPPED,
    Stop,
    all_of_it,
    all_others,
    command,
    in_two_processes,
    others,
    recipe,
    stop,
    stop_at,
    trained,
)


def losses(folder: Path) -> list[float]:
    return [line["loss"] for line in read_log(folder / "log.jsonl") if "loss" in line]


def scores(folder: Path) -> list[float]:
    return [line["test"]["elbo"] for line in read_log(folder / "log.jsonl") if "test" in line]


@pytest.fixture(scope="module")
def runs(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`one`, of one process alone; and for ddp and fsdp: two processes, two after one, one after two."""
    folder = tmp_path_factory.mktemp("runs")
    trained(folder / "one", recipe())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batches, "at", Batches.at)
        stop_at(STOPPED, stop)
        for parallel in ("ddp", "fsdp"):
            with pytest.raises(Stop):
                trained(folder / f"one-{parallel}", recipe(parallel))
    assert in_two_processes(all_of_it, folder) == [0, 0]
    for parallel in ("ddp", "fsdp"):
        assert read_notes(Run.open(folder / f"{parallel}-one").state)["step"] == str(STOPPED)
        trained(folder / f"{parallel}-one", recipe(parallel))
    return folder


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_have_the_losses_of_one(runs: Path, parallel: str) -> None:
    assert len(losses(runs / "one")) == STEPS
    assert losses(runs / parallel) == pytest.approx(losses(runs / "one"), abs=1e-6)
    assert scores(runs / parallel) == pytest.approx(scores(runs / "one"), abs=1e-6)


def test_several_starts_and_a_matnet_have_the_losses_of_one(tmp_path: Path, cache: Path) -> None:
    for name, recipe_ in others().items():
        trained(tmp_path / f"one-{name}", recipe_)
    assert in_two_processes(all_others, tmp_path) == [0, 0]
    for name, recipe_ in others().items():
        assert len(losses(tmp_path / f"one-{name}")) >= recipe_.training.steps - recipe_.audition()
        assert losses(tmp_path / f"two-{name}") == pytest.approx(losses(tmp_path / f"one-{name}"), abs=1e-6)
        assert scores(tmp_path / f"two-{name}") == pytest.approx(scores(tmp_path / f"one-{name}"), abs=1e-6)


@pytest.mark.parametrize("order", ["one-ddp", "ddp-one", "one-fsdp", "fsdp-one"])
def test_a_run_goes_on_with_another_number_of_processes(runs: Path, order: str) -> None:
    """Moments, averages, the guard's memory and the log: whatever was lost would show in the losses or the weights."""
    assert losses(runs / order) == pytest.approx(losses(runs / "one"), abs=1e-6)
    held, wanted = (load(runs / name).model.state_dict() for name in (order, "one"))
    assert all(torch.allclose(held[name], wanted[name], atol=1e-6) for name in wanted)


def test_killed_all_end_with_one_line_and_nothing_is_lost(tmp_path: Path, cache: Path) -> None:
    assert in_two_processes(command, tmp_path) == [1, -signal.SIGKILL]
    said = [line for rank in "01" for line in (tmp_path / f"said by {rank}").read_text().splitlines()]
    errors = [line for line in said if "rror" in line or "Traceback" in line]
    assert len(errors) == 1 and errors[0].startswith("error: another process of this training has ended")
    assert read_notes(Run.open(tmp_path / "run").state)["step"] == "8"
    for name in ("run", "whole"):
        assert main([*COMMAND, "--run", str(tmp_path / name)]) == 0
    assert losses(tmp_path / "run") == pytest.approx(losses(tmp_path / "whole"), abs=1e-6)
    assert not list((tmp_path / "run").glob(".*"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"batch": 6, "accumulate": 2}, "give a multiple of 4"),
        ({"parallel": "fsdp"}, "fsdp takes recipes of one stage"),
    ],
)
def test_what_cannot_be_shared_is_refused(changed: dict[str, object], said: str) -> None:
    asked = tiny(changed, stages=(Stage(), Stage()))
    with pytest.raises(UserError, match=said):
        check_shares(asked, 2)
    check_shares(replace(asked, training=replace(asked.training, batch=8, parallel="ddp")), 2)
