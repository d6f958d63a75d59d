"""Is what is drawn as uncertain as it should be?

Where x and N draws have one law, the rank of x among them, ties broken at random, is uniform:

    u = (number of draws below x + v (number equal + 1)) / (N + 1),   v uniform on (0, 1)

so that a central interval that holds half of what is drawn holds half of what is true, whatever the grid of grey
levels (a randomised probability integral transform: Czado, Gneiting and Held 2009). Of binary images that says little;
there the share of ones is told for every predicted probability.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stratiform.evaluation.moments import Mean

CENTRAL = (0.5, 0.9)
DEGREES = 10  # of predicted probabilities


def ranks(draws: Tensor, x: Tensor, v: Tensor) -> Tensor:
    """u of every value of x, in (0, 1).

    Args:
        draws: [N, D].
        x: what is true, [D].
        v: uniform numbers, [D].
    """
    below, equal = (draws < x).sum(0), (draws == x).sum(0)
    return (below + v * (equal + 1)) / (len(draws) + 1)


def within(u: Tensor) -> dict[float, float]:
    """Of each central interval, the share of ranks [D] that lie in it."""
    return {share: ((u - 0.5).abs() < 0.5 * share).double().mean().item() for share in CENTRAL}


def coverage(shares: Sequence[Mapping[float, float]]) -> dict[float, Mean]:
    """Of each central interval, what it holds: mean over images, whose pixels are not independent."""
    return {share: Mean.of([each[share] for each in shares]) for share in CENTRAL}


@dataclass(frozen=True)
class Reliability:
    """Of predictions in a tenth of [0, 1]: how many, their mean, and how often a one came."""

    predicted: float
    found: float
    count: int


def reliability(predicted: Tensor, x: Tensor) -> tuple[Reliability, ...]:
    """Predicted probabilities of a one, [D], and what was true, [D]; tenths without any are left out."""
    tenth = (predicted * DEGREES).long().clamp(max=DEGREES - 1)
    rows = []
    for index in range(DEGREES):
        here = tenth == index
        if here.any():
            means = (values[here].double().mean().item() for values in (predicted, x))
            rows.append(Reliability(*means, count=int(here.sum())))
    return tuple(rows)


def miscalibration(rows: Sequence[Reliability]) -> float:
    """Mean distance between what was predicted and what came, weighted by counts (the expected calibration error)."""
    total = sum(row.count for row in rows)
    return sum(row.count * abs(row.predicted - row.found) for row in rows) / total


def together(x: Sequence[float], y: Sequence[float]) -> float | None:
    """The correlation of ranks (Spearman's) of two numbers per image; None where either never varies."""
    pairs = torch.tensor([x, y], dtype=torch.float64)
    if pairs.shape[1] < 3 or not (pairs.std(1) > 0).all():
        return None
    places = pairs.argsort(1).argsort(1).double()
    return torch.corrcoef(places)[0, 1].item()
