"""The bound of a run while it trained, by step and by second, from its logs."""

from __future__ import annotations

from dataclasses import dataclass

from stratiform.training.log import read_log
from stratiform.training.run import Run


@dataclass(frozen=True)
class Course:
    """What the test images said, [T] each."""

    steps: tuple[int, ...]
    seconds: tuple[float, ...]  # of training until then, all sittings together
    elbo: tuple[float, ...]  # nats per image

    @classmethod
    def of(cls, run: Run) -> Course:
        """Of a run with one start."""
        tested = {line["step"]: line["test"]["elbo"] for line in read_log(run.log) if "test" in line}
        sittings: dict[int, float] = {}
        seconds: dict[int, float] = {}
        for line in read_log(run.timing):
            sittings[line["from_step"]] = line["seconds"]
            seconds[line["step"]] = sum(sittings.values())
        known = sorted(tested.keys() & seconds.keys())
        return cls(tuple(known), tuple(seconds[step] for step in known), tuple(tested[step] for step in known))

    def after(self, share: float) -> Course:
        """Without the first share of the steps."""
        first = sum(step < share * self.steps[-1] for step in self.steps) if self.steps else 0
        return Course(self.steps[first:], self.seconds[first:], self.elbo[first:])
