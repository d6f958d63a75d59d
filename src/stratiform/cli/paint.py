"""What the code decides and what the pixels' noise does: `paint`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stratiform import figures
from stratiform.cli.options import Answer, place
from stratiform.cli.pictures import at_least, not_negative, saved
from stratiform.cli.runs import OnSplit
from stratiform.data.batches import in_order
from stratiform.evaluation import paint


@dataclass(frozen=True, kw_only=True)
class Paint(OnSplit):
    """Images painted from codes, pixel after pixel: one code and many images, many codes and one noise, the way from
    one code to another."""

    images: int = 8
    """How many in each row."""
    temperature: float = 1.0
    """Times the spread of every pixel that is drawn given those before it."""
    out: Path | None = None
    """The picture (RUN/paint.png)."""

    def work(self) -> Answer:
        at_least(2, "images", self.images)
        not_negative("temperature", self.temperature)
        out, seed = place(self.out or self.run / "paint.png"), self.seed or 0
        loaded, data = self.opened()
        x = next(in_order(data, self.split, size=self.images, limit=self.images, seed=seed))
        codes = paint.codes_of(loaded.model, x)
        first, second = ({level: e[i : i + 1] for level, e in codes.items()} for i in (0, 1))
        way = paint.between(first, second, self.images)
        rows = {
            "image": x,
            "its code": paint.one_noise(loaded.model, codes, seed, self.temperature),
            "first code": paint.one_code(loaded.model, first, self.images, seed, self.temperature),
            "first to second": paint.one_noise(loaded.model, way, seed, self.temperature),
        }
        figure = figures.strips(
            rows,
            title=f"Painted from codes by {loaded.recipe.name}",
            caption=f"{self.split.capitalize()} images of {self.data.source}; each painted from its code, all with "
            "one noise of the pixels; the first code with other noise in each; the way from the first code to the "
            f"second, one noise. Temperature {self.temperature:g}; seed {seed}.",
        )
        answer = saved([figure], out)
        return Answer({**answer.values, "images": self.images, "seed": seed}, answer.text)
