"""The bound of a run while it trained, by step and by second, from its logs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stratiform.training.log import read_log
from stratiform.training.run import Run

UNDISTURBED = 0.1  # the share of the log's intervals that nothing else on the machine slowed down, at least


@dataclass(frozen=True)
class Course:
    """What the test images said, [T] each."""

    steps: tuple[int, ...]
    elbo: tuple[float, ...]  # nats per image
    pace: float  # seconds per step

    @classmethod
    def of(cls, run: Run) -> Course:
        tested = {line["step"]: line["test"]["elbo"] for line in read_log(run.log) if "test" in line}
        return cls(tuple(tested), tuple(tested.values()), pace(run))

    @property
    def seconds(self) -> tuple[float, ...]:
        """What so many steps take at that pace."""
        return tuple(self.pace * step for step in self.steps)

    def after(self, share: float) -> Course:
        """Without the first share of the steps."""
        first = sum(step < share * self.steps[-1] for step in self.steps) if self.steps else 0
        return Course(self.steps[first:], self.elbo[first:], self.pace)


def pace(run: Run) -> float:
    """Seconds per step where the run had its cores to itself: the first decile of the intervals that it logged.

    Runs on a shared machine are slowed by whatever else it does, one more than the other; their totals tell the
    machine's day, not the models' price.
    """
    last: dict[int, tuple[int, float]] = {}
    each = []
    for line in read_log(run.timing):
        sitting = line["from_step"]
        step, seconds = last.get(sitting, (sitting, 0.0))
        each.append((line["seconds"] - seconds) / (line["step"] - step))
        last[sitting] = line["step"], line["seconds"]
    return float(np.quantile(each, UNDISTURBED)) if each else 0.0
