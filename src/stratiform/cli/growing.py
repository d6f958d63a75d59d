"""What a person sees while images are drawn pixel after pixel."""

from __future__ import annotations

import time
from typing import Self, TextIO

from torch import Tensor

from stratiform.training.display import PLAIN_SECONDS, Display, clock


class Growth:
    """Watches images grow: `with Growth() as watch: samples(model, 60, watch=watch)`. Nothing is said of a short wait.

    Args:
        file: where to show it.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.display, self.began = Display(file, silence=PLAIN_SECONDS), time.monotonic()

    def __call__(self, images: Tensor, done: float) -> None:
        seconds = time.monotonic() - self.began
        text = f"{100 * done:3.0f} % drawn   {clock(seconds / done - seconds)} left"
        self.display.update(text, text, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.display.__exit__(*error)
