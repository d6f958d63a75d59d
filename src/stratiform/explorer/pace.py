"""How many images a large model is given, so that nobody waits long for what is found out once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from torch import Tensor

from stratiform.data.batches import in_order
from stratiform.data.split import Data

SECONDS = 10.0  # of this thread's processor that the work should take: the clock would count other people's work
TRIED = 4  # images by which it is foreseen


def in_time(
    work: Callable[[Tensor], object], data: Data, split: Literal["train", "test"], fewest: int, most: int
) -> int:
    """How many images of a split can be worked on in SECONDS, by the time that some take: `fewest` to `most`."""
    x = next(in_order(data, split, limit=TRIED))
    work(x[:1])  # the first time of all takes longer
    began = time.thread_time()
    work(x)
    return max(fewest, min(most, int(SECONDS * len(x) / max(time.thread_time() - began, 1e-6))))
