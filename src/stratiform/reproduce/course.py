"""The bound of a run while it trained, by step from its log, by second from what a step of it costs."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from stratiform.data.batches import Batches
from stratiform.data.split import Data
from stratiform.training.log import read_log
from stratiform.training.recipe import Recipe
from stratiform.training.run import Run
from stratiform.training.state import TrainState

TIMED, UNDISTURBED = 100, 0.1  # steps, and the share of them that count: the quickest


@dataclass(frozen=True)
class Course:
    """What the test images said, [T] each."""

    steps: tuple[int, ...]
    elbo: tuple[float, ...]  # nats per image

    @classmethod
    def of(cls, run: Run) -> Course:
        tested = {line["step"]: line["test"]["elbo"] for line in read_log(run.log) if "test" in line}
        return cls(tuple(tested), tuple(tested.values()))

    def after(self, share: float) -> Course:
        """Without the first share of the steps."""
        first = sum(step < share * self.steps[-1] for step in self.steps) if self.steps else 0
        return Course(self.steps[first:], self.elbo[first:])


def pace(recipe: Recipe, data: Data) -> float:
    """Processor seconds of a training step, all cores together: the first decile of steps taken now, on the CPU.

    The wall clock of a run tells what else its machine did that day; and even a processor's own seconds grow longer
    where others use its caches.
    """
    with torch.random.fork_rng(devices=[]):
        state = TrainState(recipe, recipe.model.build(data.spec).train())
        batches, beta = Batches(data, recipe.training.batch, seed=0, device=torch.device("cpu")), torch.ones(())
        each = []
        for step in range(TIMED):
            began = time.process_time()
            x = batches.at(step)
            for player in state.players:
                player.claim()
                player.move(x, beta, player.rule.lr)
            state.follow()
            each.append(time.process_time() - began)
    return float(np.quantile(each, UNDISTURBED))
