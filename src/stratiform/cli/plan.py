"""What a training will need, before it is begun: `plan`."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from stratiform.cli.options import Answer
from stratiform.cli.tables import table
from stratiform.cli.train import OnRecipe
from stratiform.data.source import load
from stratiform.errors import UserError
from stratiform.training.forecast import PROBED, WARM, forecast

UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, kw_only=True)
class Plan(OnRecipe):
    """Memory, disk, seconds per step and hours of a training, from twenty of its steps; nothing is written but the
    decoded images, which the training then finds."""

    def work(self) -> Answer:
        recipe = self.chosen()
        began = time.perf_counter()
        data = load(recipe.data)
        seconds = time.perf_counter() - began
        if not len(data.test):
            raise UserError(f"{recipe.data.source} has no image left to test on; give a source of two images or more")
        found = forecast(recipe, data)
        training, count = recipe.training, len(data.train)
        values = {
            "recipe": recipe.name,
            "data": recipe.data.source,
            "train_images": count,
            "test_images": len(data.test),
            "steps": training.steps,
            "epochs": training.steps * training.batch / count,
            "seconds_to_read_the_data": seconds,
            "steps_measured": PROBED - WARM,
            **asdict(found),
        }
        rows = [
            ["training", f"{found.hours:.2f} hours: {training.steps:,} steps, {values['epochs']:.1f} epochs"],
            ["a step", f"{found.seconds_per_step:.4f} s, the slowest {found.slowest:.4f} s"],
            ["waiting for images", f"{found.waiting:.1%} of a step"],
            ["an evaluation", f"{found.evaluation:.2f} s, one every {training.evaluate_every} steps"],
            ["memory", f"{size(found.peak)} at most, of which {size(found.anonymous)} anonymous at the end"],
            ["disk: images, decoded", f"{size(found.images)} in the cache, {count + len(data.test):,} of them"],
            ["disk: state and weights", f"{size(found.state)} and {size(4 * found.parameters)}"],
        ]
        closing = (
            f"\nmeasured now, on this machine as busy as it is: the median of {PROBED - WARM} steps of the first "
            f"stage after {WARM} to warm up, and one evaluation; hours are these times their number"
        )
        return Answer(values, (table([recipe.name, recipe.data.source], rows), closing))


def size(count: int | None) -> str:
    """Bytes as people read them: 1.2 GB."""
    if count is None:
        return "unknown"
    value, unit = float(count), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit else f"{count} B"
