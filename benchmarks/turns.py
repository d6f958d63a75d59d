"""Work of several sides that take turns, each in a process of its own, with its own environment and allocator."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection

Step = Callable[[], float]


@dataclass(frozen=True)
class Side:
    """What makes the step, in the new process; what a step returns is kept."""

    make: Callable[[], Step]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    """By one side."""

    seconds: list[float] = field(default_factory=list)  # per step, of every round
    returned: list[float] = field(default_factory=list)  # of every step


def in_turns(sides: Mapping[str, Side], rounds: int, steps: int) -> dict[str, Taken]:
    """A step of each that does not count, then rounds of so many steps; another side begins each round."""
    taken, names = {name: Taken() for name in sides}, list(sides)
    with _processes(sides) as connections:

        def turn(name: str, steps: int) -> float:
            connections[name].send(steps)
            seconds, returned = connections[name].recv()
            taken[name].returned.extend(returned)
            return float(seconds)

        for name in names:
            turn(name, 1)
        for number in range(rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                taken[name].seconds.append(turn(name, steps))
    return taken


@contextmanager
def _processes(sides: Mapping[str, Side]) -> Iterator[dict[str, Connection]]:
    context, connections, processes, before = get_context("spawn"), {}, [], dict(os.environ)
    for name, side in sides.items():
        connections[name], theirs = context.Pipe()
        os.environ.update(side.environment)  # a process is born with it
        processes.append(context.Process(target=_serve, args=(side.make, theirs), daemon=True))
        processes[-1].start()
        os.environ.clear()
        os.environ.update(before)
    yield connections
    for connection, process in zip(connections.values(), processes, strict=True):
        connection.send(0)
        process.join()


def _serve(make: Callable[[], Step], turns: Connection) -> None:
    step = make()
    while steps := turns.recv():
        began = time.perf_counter()
        returned = [step() for _ in range(steps)]
        turns.send(((time.perf_counter() - began) / steps, returned))
