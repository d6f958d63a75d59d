"""Images completed: `inpaint`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor
from tyro.conf import Positional, arg

from stratiform import figures
from stratiform.cli.growing import Growth
from stratiform.cli.images import bright, picture
from stratiform.cli.options import Answer, place
from stratiform.cli.pictures import at_least, not_negative, saved
from stratiform.cli.runs import OnSplit
from stratiform.data.batches import in_order
from stratiform.errors import UserError
from stratiform.evaluation.complete import Completions, complete
from stratiform.training.run import Loaded, load

ADVICE = (
    "few particles carry the weight, so that the completions vary less than p(hidden | known). Give more --particles, "
    "or hide what comes last, row by row"
)
Part = Literal["bottom", "top", "left", "right", "centre"]


@dataclass(frozen=True, kw_only=True)
class Inpaint(OnSplit):
    """An image of which a part is hidden, completed by a model that draws pixel after pixel; where completions differ.

    Exact where what is hidden comes last, row by row (--hide bottom); otherwise by importance resampling.
    """

    image: Annotated[Positional[str], arg(metavar="IMAGE")]
    """An image file, seen as the run's own images were; or a number: that image of the split, counted from 0."""
    mask: Path | None = None
    """An image file of the model's size: what is bright in it is hidden."""
    hide: Part | None = None
    """Instead of a mask: a half of the image, or its centre."""
    images: int = 8
    """How many completions."""
    particles: int = 200
    """How many are drawn to choose them from, where they cannot be drawn exactly."""
    temperature: float = 1.0
    """Times the spread of every hidden pixel: below 1 the completions are more alike and more typical."""
    out: Path | None = None
    """The picture (RUN/inpaint.png)."""

    def work(self) -> Answer:
        at_least(2, "images", self.images)
        not_negative("temperature", self.temperature)
        if (self.mask is None) == (self.hide is None):
            raise UserError("what is hidden? give either --hide bottom (top, left, right, centre), or --mask FILE.png")
        out = place(self.out or self.run / "inpaint.png")
        loaded, x, origin = self._image()
        found = self._completed(loaded, x)
        how = described(found, self.temperature)
        figure = figures.completed(
            x,
            found,
            title=f"Completions by {loaded.recipe.name}",
            caption=f"{origin}; what is hidden is orange. {how}; seed {self.seed or 0}. "
            "Spread: the standard deviation of each pixel among them, on the range 0 to 1.",
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
        hidden = bright(self.mask, loaded.spec) if self.hide is None else part(self.hide, *x.shape[2:])
        with Growth() as watch:
            return complete(
                loaded.model,
                x,
                ~hidden,
                self.images,
                particles=self.particles,
                temperature=self.temperature,
                seed=self.seed or 0,
                watch=watch,
            )


def part(name: Part, height: int, width: int) -> Tensor:
    """Which pixels it has, bool [H, W]: a half, of odd sizes the larger one at the bottom or right; or the centre."""
    i, j = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    top, left = i < height // 2, j < width // 2
    if name == "centre":
        return (torch.minimum(i, height - 1 - i) >= height // 4) & (torch.minimum(j, width - 1 - j) >= width // 4)
    return {"top": top, "bottom": ~top, "left": left, "right": ~left}[name]


def described(found: Completions, temperature: float) -> str:
    """How many there are, and how they were drawn."""
    n, spread = len(found.images), "" if temperature == 1 else f", every hidden pixel's spread times {temperature:g}"
    if found.exact:
        return f"{n} completions, drawn exactly from p(hidden | known){spread}"
    return (
        f"{n} completions, {found.distinct} of them distinct, importance-resampled towards p(hidden | known){spread}: "
        f"{found.particles} particles, effective number {found.effective:.1f}"
    )
