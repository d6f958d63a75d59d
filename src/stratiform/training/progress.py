"""What a person sees of a training: a live display on a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TextIO

from stratiform.training.display import Display, clock
from stratiform.training.events import Began, Chosen, Event, Finished, Logged, Scored, Skipped

COLLAPSED = 0.01  # nats per image: a level that pays less says nothing
BAR = 24  # characters of the longest bar


class Progress:
    """Watches a training: `with Progress() as watch: train(recipe, run, watch)`.

    Args:
        file: where to show it.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.display = Display(file)
        self.steps = 0
        self.test = ""
        self.warned: set[int] = set()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Began):
            self._began(event)
        elif isinstance(event, Logged):
            self._logged(event)
        elif isinstance(event, Scored):
            self.test = f"   test {rate(event.test)}"
        elif isinstance(event, Skipped):
            self.display.say(
                f"step {event.step} skipped: its gradient is {event.norm:.3g} long, the limit is {event.limit:.3g}"
            )
        elif isinstance(event, Chosen):
            worths = ", ".join(f"{worth:.{2 if event.by == 'bound' else 3}f}" for worth in event.worths)
            self.display.say(f"start {event.start + 1} of {len(event.worths)} goes on: {event.by} {worths} nats")
        elif isinstance(event, Finished):
            self.display.say(f"{event.steps} steps in {clock(event.seconds)}{self.test}   {event.run}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.display.__exit__(*error)

    def _began(self, event: Began) -> None:
        self.steps, self.test = event.steps, ""
        self.display.restart()
        for note in event.notes:
            self.display.say(note)
        goes_on = f", goes on at step {event.step}" if event.step else ""
        self.display.say(f"{event.run}: {event.parameters:,} parameters, {event.steps} steps{goes_on}")

    def _logged(self, event: Logged) -> None:
        line = event.line
        for level in collapsed(line):
            if level not in self.warned:
                self.warned.add(level)
                self.display.say(advice(level, line))
        text = f"{headline(line, self.steps)}   {clock(event.left)} left{self.test}"
        changing = "\n".join([text, *bars(line["kl"])])
        plain = " ".join([text, *(["  KL"] if line["kl"] else []), *(f"{kl:.2f}" for kl in line["kl"])])
        self.display.update(changing, plain, event.seconds, last=line["step"] == self.steps)


def collapsed(line: Mapping[str, Any]) -> list[int]:
    """The levels, counted from 1 at the bottom, that carry nothing although their KL has its weight."""
    if line["beta"] <= 0.5:
        return []
    return [level for level, kl in enumerate(line["kl"], start=1) if kl < COLLAPSED]


def advice(level: int, line: Mapping[str, Any]) -> str:
    """What a collapse means, and what to try."""
    return (
        f"level {level} carries nothing: its KL is {line['kl'][level - 1]:.4f} nats at step {line['step']}. "
        "Try a longer --beta.steps, free bits, a smaller likelihood scale, or fewer units in the other levels"
    )


def headline(line: Mapping[str, Any], steps: int) -> str:
    """Step, share done, the bound, and beta while it is not 1."""
    beta = f"   beta {line['beta']:.2f}" if line["beta"] < 1 else ""
    skipped = f"   {line['skipped']} skipped" if line["skipped"] else ""
    return f"step {line['step']}/{steps} {100 * line['step'] // steps:3d} %   {rate(line)}{beta}{skipped}"


def rate(line: Mapping[str, Any]) -> str:
    """Bits per dimension, or the ELBO of data that have none."""
    bits = line["bits_per_dim"]
    return f"ELBO {line['elbo']:.2f} nats" if bits is None else f"{bits:.3f} bits/dim"


def bars(kl: list[float]) -> list[str]:
    """A line per level, the top level first, as it stands in the hierarchy."""
    longest = max([*kl, COLLAPSED])
    rows = [
        f"  level {level}  {'▇' * round(BAR * value / longest):{BAR}}  {value:.2f} nats"
        for level, value in enumerate(kl, 1)
    ]
    return rows[::-1]
