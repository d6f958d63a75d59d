"""Images completed: `inpaint`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

from torch import Tensor
from tyro.conf import Positional, arg

from stratiform import figures
from stratiform.cli.growing import Growth
from stratiform.cli.images import hidden_by, picture
from stratiform.cli.options import Answer, place
from stratiform.cli.pictures import at_least, not_negative, saved
from stratiform.cli.runs import OnSplit
from stratiform.core.masks import RandomMask
from stratiform.data.batches import in_order
from stratiform.errors import UserError
from stratiform.evaluation.complete import Completions
from stratiform.evaluation.impute import hole, impute
from stratiform.training.run import Loaded, load

ADVICE = (
    "few particles carry the weight, so that the completions vary less than p(hidden | known). Give more --particles"
)
LOG_P = {
    "exact": "log p(hidden | known)",
    "bound": "log p(hidden | known), a lower bound,",
    "estimate": "log p(hidden | known), an estimate,",
}
Hide = Literal[
    "bottom", "top", "left", "right", "half", "centre", "occluders", "quadrants", "pixels", "mixed"
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Inpaint(OnSplit):
    """An image of which a part is hidden, completed; what is expected there, and where completions differ.

    Drawn exactly by models that complete images, and by those that draw pixel after pixel where what is hidden comes
    last, row by row (--hide bottom); by all others by importance resampling.
    """

    image: Annotated[Positional[str], arg(metavar="IMAGE")]
    """An image file, seen as the run's own images were; or a number: that image of the split, counted from 0."""
    mask: Path | None = None
    """An image file of the model's size and of two grey values: where it is brighter, pixels are hidden."""
    hide: Hide | None = None
    """Instead of a mask: a half of the image, a random one, or its centre; or by --seed three squares (occluders), one
    to three quadrants, a share of the pixels, one of all these (mixed)."""
    images: int = 8
    """How many completions."""
    particles: int = 200
    """How many are drawn to choose them from, where they cannot be drawn exactly; of models with levels, the mean and
    the spread are of as many."""
    samples: int = 100
    """Draws of z behind the bound on log p of each completion, of models that complete images."""
    temperature: float = 1.0
    """Times the spread of every hidden pixel: below 1 the completions are more alike and more typical."""
    out: Path | None = None
    """The picture (RUN/inpaint.png)."""

    def work(self) -> Answer:
        at_least(2, "images", self.images)
        at_least(1, "samples", self.samples)
        not_negative("temperature", self.temperature)
        if (self.mask is None) == (self.hide is None):
            raise UserError("what is hidden? give either --hide bottom (occluders, centre, ...), or --mask FILE.png")
        out = place(self.out or self.run / "inpaint.png")
        loaded, x, origin = self._image()
        found = self._completed(loaded, x)
        how = described(found, self.temperature)
        figure = figures.completed(
            x,
            found,
            title=f"Completions by {loaded.recipe.name}",
            caption=f"{origin}; what is hidden is orange. {how}; seed {self.seed or 0}. {scores(found)}"
            f"Mean and spread (the standard deviation) of each pixel: {spread_over(found)}, on the range 0 to 1.",
        )
        answer = saved([figure], out)
        if not found.exact and (found.effective < 2 * self.images or found.distinct < self.images / 2):
            print(f"warning: {ADVICE}", file=sys.stderr)
        values = {
            **answer.values,
            "exact": found.exact,
            "particles": found.particles,
            "effective": found.effective,
            "images": self.images,
            "distinct": found.distinct,
            "log_p": found.log_p,
            "estimator": None if found.log_p is None else found.estimator,
            "temperature": self.temperature,
            "seed": self.seed or 0,
        }
        return Answer(values, (how, *answer.text))

    def _image(self) -> tuple[Loaded, Tensor, str]:
        """The model, the image [1, C, H, W], and what it is in words."""
        if not self.image.isdecimal() or Path(self.image).exists():
            loaded = load(self.run)
            return loaded, picture(Path(self.image), loaded), Path(self.image).name
        loaded, data = self.opened()
        index, count = int(self.image), len(data.train if self.split == "train" else data.test)
        if index >= count:
            raise UserError(f"there is no {self.split} image {index}; {self.data.source} has 0 to {count - 1}")
        images = in_order(data, self.split, size=1, seed=self.seed or 0)
        x = next(islice(images, index, None))
        return loaded, x, f"{self.split.capitalize()} image {index} of {self.data.source}"

    def _completed(self, loaded: Loaded, x: Tensor) -> Completions:
        with Growth() as watch:
            return impute(
                loaded.model,
                x,
                self._known(loaded),
                self.images,
                particles=self.particles,
                samples=self.samples,
                temperature=self.temperature,
                seed=self.seed or 0,
                watch=watch,
            )

    def _known(self, loaded: Loaded) -> Tensor:
        if self.mask is not None:
            return ~hidden_by(self.mask, loaded.spec)
        assert self.hide is not None
        return hole(RandomMask(self.hide, loaded.spec.height, loaded.spec.width), self.seed or 0, image=0)


def scores(found: Completions) -> str:
    """log p of each completion, where it is known."""
    if found.log_p is None:
        return ""
    return f"{LOG_P[found.estimator]} of each in nats: {', '.join(f'{value:.1f}' for value in found.log_p.tolist())}. "


def spread_over(found: Completions) -> str:
    """What the mean and the spread are of."""
    return "among them" if found.predicted is None else f"among {found.particles} such completions"


def described(found: Completions, temperature: float) -> str:
    """How many there are, and how they were drawn."""
    n, spread = len(found.images), "" if temperature == 1 else f", every hidden pixel's spread times {temperature:g}"
    if found.exact:
        return f"{n} completions, drawn exactly from p(hidden | known){spread}"
    return (
        f"{n} completions, {found.distinct} of them distinct, importance-resampled towards p(hidden | known){spread}: "
        f"{found.particles} particles, effective number {found.effective:.1f}"
    )
