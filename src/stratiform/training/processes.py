"""The processes of one training, on one machine or many: who each is, and what all of them have to agree on.

torchrun starts them and says by RANK, LOCAL_RANK and WORLD_SIZE which is which. Tensors on a CPU go through gloo,
those on GPUs through nccl; votes always through gloo, where a process may wait for another as long as it takes.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from stratiform.errors import Failed, Unsaid, UserError

LONGEST = timedelta(days=3)  # that a process waits for another: one may decode a large source, or evaluate
GONE = ("gloo", "nccl", "connection", "peer", "timed out")  # in what torch says when another process has ended

Result = TypeVar("Result")


class Terminated(BaseException):
    """SIGTERM: torchrun ends all processes as soon as one has."""


@dataclass(frozen=True)
class Processes:
    """Those that share each batch, as one of them sees it.

    Attributes:
        device: where this one computes.
        rank: which it is; 0 is the first, who alone writes files and speaks.
        world: how many there are.
        local: which it is on its machine.
        votes: where they agree; None for a single process.
    """

    device: torch.device
    rank: int = 0
    world: int = 1
    local: int = 0
    votes: Any = None

    @property
    def first(self) -> bool:
        return self.rank == 0

    def mean(self, named: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each tensor's mean over the processes, without gradient."""
        if self.world == 1:
            return dict(named)
        flat = mean_of(torch.cat([value.detach().flatten() for value in named.values()]), self.world)
        parts = flat.split([value.numel() for value in named.values()])
        return {name: part.view(value.shape) for (name, value), part in zip(named.items(), parts, strict=True)}

    def mean_with_gradient(self, x: Tensor) -> Tensor:
        """The mean of x over the processes; each gets the gradient of its own share, summed over all."""
        mean: Tensor = _Mean.apply(x, self.world)
        return mean

    def rows(self, x: Tensor) -> Tensor:
        """The rows of all processes, one process after the other; x has as many rows in each."""
        if self.world == 1:
            return x
        parts = [torch.empty_like(x) for _ in range(self.world)]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    def told(self, value: int) -> int:
        """What the first process says."""
        if self.world == 1:
            return value
        said = torch.tensor(value)
        dist.broadcast(said, src=0, group=self.votes)
        return int(said)

    @contextmanager
    def agreed(self) -> Iterator[None]:
        """All come through, or none: where some fail, the first of them says why, and the others end unheard."""
        failed: Exception | None = None
        try:
            yield
        except Exception as error:
            if self.world == 1:
                raise
            failed = error
        if self.world > 1:
            culprit = self._least(self.world if failed is None else self.rank)
            if culprit < self.world:
                raise self._named(failed) if failed is not None and culprit == self.rank else Unsaid() from failed

    def same(self, value: int, otherwise: str) -> None:
        """Fails where the processes hold different numbers; `otherwise` says what that means."""
        if self.world > 1 and (self._least(value), -self._least(-value)) != (value, value):
            raise UserError(otherwise) if self.first else Unsaid()

    def in_turn(self, work: Callable[[], Result]) -> Result:
        """Done by the first process of each machine, then by the others: what it writes, they find ready."""
        found: list[Result] = []
        for now in (True, False):
            with self.agreed():
                if (self.local == 0) is now:
                    found.append(work())
        return found[0]

    @contextmanager
    def as_one(self, run: Path) -> Iterator[None]:
        """Where one process ends, all end, and one of them says why.

        Raises:
            Failed: another process has ended; what is saved is whole.
        """
        try:
            yield
        except (Unsaid, UserError):
            raise
        except (Exception, Terminated) as error:
            if self.world == 1:
                raise
            if not _is_of_others(error):
                _claim(run)
                raise self._named(error) from error
            if not _claim(run):
                raise Unsaid() from error
            raise Failed(
                f"another process of this training has ended; the last saved state of {run} is intact: "
                "the same command again goes on from it, with as many processes or others"
            ) from error

    def _least(self, value: int) -> int:
        held = torch.tensor(value)
        dist.all_reduce(held, dist.ReduceOp.MIN, group=self.votes)
        return int(held)

    def _named(self, error: BaseException) -> BaseException:
        """The error, with the process where it is not the first."""
        if self.first:
            return error
        known = isinstance(error, UserError | Failed)
        return Failed(f"process {self.rank}: {error if known else f'{type(error).__name__}: {_line(error)}'}")


@contextmanager
def joined(name: str, find: Callable[[str], torch.device]) -> Iterator[Processes]:
    """This process among those that torchrun started, or by itself.

    Args:
        name: of the device; of several GPUs each process takes the one of its place on the machine.
        find: the device of a name.

    Raises:
        UserError: torchrun's variables do not fit each other.
    """
    try:
        rank, world, local = (int(os.environ.get(key, default)) for key, default in _VARIABLES.items())
    except ValueError as error:
        raise UserError(f"WORLD_SIZE, RANK or LOCAL_RANK is no whole number ({error}); start by torchrun") from error
    if world == 1:
        yield Processes(find(name))
        return
    device = find(f"cuda:{local}" if find(name) == torch.device("cuda") else name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        if not dist.is_initialized():  # once for all trainings of a process: the next would read this one's store
            dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        votes = dist.new_group(backend="gloo", timeout=LONGEST)
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"WORLD_SIZE is {world}, but the processes do not find each other ({_line(error)}); "
            "start by torchrun, or unset WORLD_SIZE"
        ) from error
    with _terminable():
        yield Processes(device, rank, world, local, votes)
    atexit.register(_leave)  # not after an error: it would wait for processes that are gone


_VARIABLES = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}


def mean_of(x: Tensor, world: int) -> Tensor:
    """The mean of x over the processes, in a new tensor."""
    total = x.clone()
    dist.all_reduce(total)
    return total / world


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, world: int) -> Tensor:
        ctx.world = world
        return mean_of(x, world)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return mean_of(gradients[0], ctx.world), None


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM becomes an exception."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(*_: object) -> None:
    raise Terminated("terminated")


def _is_of_others(error: BaseException) -> bool:
    """Is this what a process sees when another has ended?"""
    if isinstance(error, Terminated | dist.DistError):
        return True
    return type(error) is RuntimeError and any(word in str(error).lower() for word in GONE)


def _claim(run: Path) -> bool:
    """Whether this process is the first to speak of the end; `Run.alone` sweeps the mark away."""
    try:
        (run / f".ended.{os.environ.get('MASTER_PORT', 0)}.tmp").touch(exist_ok=False)
    except OSError:
        return False
    return True


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
