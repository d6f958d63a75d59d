"""kill -9 at random moments, then the same again: weights, state and log as if nothing had happened."""

import random
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stratiform.training.log import read_log
from stratiform.training.run import Run, load
from stratiform.training.tensors import read_notes
from tiny import train_tiny

KILLS = 20  # at most
LONGEST = 0.3  # seconds from a process's first step until it is killed; more on a machine too busy to save a state
TRAINING = {"steps": 800, "log_every": 3, "evaluate_every": 40, "save_every": 7, "threads": 1}


@pytest.mark.parametrize("several", [{}, {"starts": 3, "audition": 0.4}], ids=["one start", "three starts"])
def test_killed_again_and_again_a_run_ends_like_one_never_stopped(tmp_path: Path, several: dict[str, float]):
    training = TRAINING | several
    context = get_context("forkserver")
    context.set_forkserver_preload(["stratiform.training.loop", "torch._dynamo"])
    moments, reached, longest = random.Random(0), [0], LONGEST
    for _ in range(KILLS):
        started = context.Event()
        process = context.Process(target=train_tiny, args=(tmp_path / "killed", training, started))
        process.start()
        assert started.wait(60)
        process.join(moments.uniform(0.0, longest))
        if process.exitcode is not None:
            break  # a fast machine: trained to the end
        process.kill()
        process.join()
        reached.append(step_of_what_is_left(tmp_path / "killed"))
        longest *= 1.0 if reached[-1] > reached[-2] else 1.4
    train_tiny(tmp_path / "killed", training)
    train_tiny(tmp_path / "whole", training)
    assert_same(tmp_path / "killed", tmp_path / "whole")
    assert reached == sorted(reached)
    assert len(set(reached)) > 5, f"most kills came before any step was saved: {reached}"


def step_of_what_is_left(path: Path) -> int:
    """The step of the saved state, or of those of the starts together; a kill leaves only whole files."""
    if not (path / "recipe.json").exists():
        return 0
    run = Run.open(path)
    if run.weights.exists():
        load(run)
    if not run.state.exists():
        return sum(step_of_what_is_left(start) for start in sorted(path.glob("starts/*")))
    load_file(run.state)
    before = (run.recipe.training.starts - 1) * run.recipe.audition()
    return before + int(read_notes(run.state)["step"])


def assert_same(path: Path, other: Path) -> None:
    one, two = Run.open(path), Run.open(other)
    assert one.log.read_bytes() == two.log.read_bytes()
    assert [line["step"] for line in read_log(one.log)][-1] == TRAINING["steps"]
    for a, b in ((one.state, two.state), (one.weights, two.weights)):
        held, wanted = load_file(a), load_file(b)
        assert held.keys() == wanted.keys()
        assert all(torch.equal(held[name], wanted[name]) for name in held)
