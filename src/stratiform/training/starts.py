"""Several starts, of which the best goes on.

Into which optimum training falls is decided early, and by chance. Here each start trains for a while in a folder of
its own, RUN/starts/0 ..., and the best one goes on as the run. What decides is the bound, or how much more the top
level's code falls into clusters than that of the level beneath; on training images alone: no label, no test image.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from stratiform.data.batches import in_order, mix
from stratiform.data.split import Data
from stratiform.evaluation.clustered import lead_of_the_top
from stratiform.files import atomic, write_text
from stratiform.training.events import Chosen
from stratiform.training.log import read_log
from stratiform.training.processes import Processes
from stratiform.training.recipe import Recipe
from stratiform.training.run import Run, load

CLUSTERED = 5000  # training images
HEARD = 0.2  # of the audition, its end: the part that decides


def start(recipe: Recipe, index: int) -> Recipe:
    """The recipe of one start, by itself; the first has the recipe's own seed."""
    seed = recipe.training.seed if index == 0 else mix(recipe.training.seed, index)
    return replace(recipe, training=replace(recipe.training, starts=1, seed=seed))


def audition(
    recipe: Recipe, run: Run, data: Data, train: Callable[[Recipe, Run, int], None], processes: Processes
) -> Chosen:
    """Trains every start up to the audition's end, and moves the best into the run's folder.

    Args:
        train: trains a recipe into a run up to a step, or goes on.
        processes: those that train; the first alone judges.
    """
    until, count = recipe.audition(), recipe.training.starts
    starts = [Run.create(run.path / "starts" / str(index), start(recipe, index)) for index in range(count)]
    for one in starts:
        train(one.recipe, one, until)
    found: list[Chosen] = []
    with processes.agreed():
        if processes.first:
            found.append(_judged(recipe, run, data, starts, until))
    return found[0] if processes.first else Chosen(0, (), recipe.training.choose)


def _judged(recipe: Recipe, run: Run, data: Data, starts: list[Run], until: int) -> Chosen:
    """The best, its files moved into the run's folder."""
    by = recipe.training.choose
    worths = tuple(heard(one, until) if by == "bound" else clustered(one, data) for one in starts)
    chosen = worths.index(max(worths))
    _write(run.log, [{"step": 0, "chosen": chosen, by: worths}, *read_log(starts[chosen].log)])
    _write(run.timing, [line | {"start": i} for i, one in enumerate(starts) for line in read_log(one.timing)])
    for source, target in ((starts[chosen].weights, run.weights), (starts[chosen].state, run.state)):
        with atomic(target) as temporary:  # the state comes last: whoever finds it finds what belongs to it
            shutil.copyfile(source, temporary)
    shutil.rmtree(run.path / "starts")
    return Chosen(chosen, worths, by)


def heard(run: Run, until: int) -> float:
    """What decides: the mean ELBO over the audition's last steps, in nats per image."""
    last = [line["elbo"] for line in read_log(run.log) if "elbo" in line and line["step"] > (1 - HEARD) * until]
    return float(sum(last) / len(last))


def clustered(run: Run, data: Data) -> float:
    """What decides: the lead of the top level's clusters over the first training images, in nats."""
    images = list(in_order(data, "train", limit=CLUSTERED))
    return lead_of_the_top(load(run).model, torch.cat(images))


def _write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    write_text(path, "".join(f"{json.dumps(line)}\n" for line in lines))
