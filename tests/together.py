"""Two processes, as torchrun starts them, and what they do."""

import os
import signal
import socket
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch

from stratiform.cli import main
from stratiform.data.batches import Batches
from stratiform.data.config import DataConfig
from stratiform.errors import Failed
from stratiform.models.matnet import MatNet, Modules
from stratiform.objective import FreeBits
from stratiform.training.loop import train
from stratiform.training.recipe import Recipe
from stratiform.training.run import Run
from tiny import tiny

STEPS, STOPPED = 20, 10
WORKER = ["together", "stratiform.cli.train", "torch._dynamo", "torch.distributed.fsdp"]
COMMAND = (
    "train",
    "vlae-digits",
    "--model.network.kind=dense",
    "--model.network.hidden=8",
    "--data.limit=64",
    "--training.steps=20",
    "--training.batch=8",
    "--training.log-every=1",
    "--training.save-every=4",
    "--training.evaluate-images=16",
    "--training.precision=float64",
    "--training.device=cpu",
)


class Stop(Exception):
    """Stands for the end of the time that a cluster grants."""


def recipe(parallel: str = "ddp") -> Recipe:
    """All that processes have to share: noise of z and of the data, means of free bits, parts of a batch."""
    training = {
        "steps": STEPS, "log_every": 1, "save_every": 5, "accumulate": 2, "precision": "float64", "threads": 1,
        "parallel": parallel,
    }  # fmt: skip
    data = DataConfig(source="digits", limit=64, binarise="dynamic")
    return tiny(training, data=data, objective=FreeBits(nats=0.3))


def others() -> dict[str, Recipe]:
    """Several starts, of which one goes on; a MatNet, whose levels are maps."""
    few = {"steps": 6, "log_every": 1, "precision": "float64", "threads": 1}
    modules = Modules(depth=(1,), channels=(4,), stem=3, hidden=6)
    matnet = MatNet(latent=2, units=(1,), network=modules)
    return {"starts": tiny({**few, "starts": 2, "audition": 3}), "matnet": tiny(few, model=matnet)}


def stop_at(step: int, then: Callable[[], None]) -> None:
    """From now on that batch never comes."""
    whole = Batches.at

    def at(self: Batches, index: int) -> torch.Tensor:
        if index == step:
            then()
        return whole(self, index)

    Batches.at = at


def stop() -> None:
    raise Stop


def trained(folder: Path, recipe_: Recipe) -> None:
    train(recipe_, Run.create(folder, recipe_))


def all_of_it(folder: Path) -> None:
    """One of two processes: whole runs, the end of a run that one process began, the beginnings of others."""
    for parallel in ("ddp", "fsdp"):
        trained(folder / parallel, recipe(parallel))
        trained(folder / f"one-{parallel}", recipe(parallel))
    stop_at(STOPPED, stop)
    for parallel in ("ddp", "fsdp"):
        with pytest.raises((Stop, Failed)):
            trained(folder / f"{parallel}-one", recipe(parallel))


def all_others(folder: Path) -> None:
    """One of two processes."""
    for name, recipe_ in others().items():
        trained(folder / f"two-{name}", recipe_)


def command(folder: Path) -> int:
    """One of two processes that train by the command line; the second is killed."""
    if os.environ["RANK"] == "1":
        stop_at(STOPPED, lambda: os.kill(os.getpid(), signal.SIGKILL))
    with (folder / f"said by {os.environ['RANK']}").open("w") as file:
        os.dup2(file.fileno(), 2)
        os.dup2(file.fileno(), 1)
        return main([*COMMAND, "--run", str(folder / "run")])


def work(rank: int, port: int, job: Callable[[Path], int | None], folder: Path) -> None:
    """What torchrun does for a process."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    os._exit(job(folder) or 0)


def in_two_processes(job: Callable[[Path], int | None], folder: Path) -> list[int | None]:
    """Their exit codes."""
    context = get_context("forkserver")
    context.set_forkserver_preload(WORKER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [context.Process(target=work, args=(rank, port, job, folder)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(150)
        process.kill()
    return [process.exitcode for process in processes]
