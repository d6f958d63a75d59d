"""The spike guard: a step whose gradient is far longer than usual is skipped.

Usual is the median of the last norms that were let through. A fixed threshold can skip every batch for ever; here,
after `PATIENCE` skips in a row the new length is taken to be real: the step is let through, the past is forgotten.
"""

from __future__ import annotations

import statistics
from collections import deque

import torch
from torch import Tensor

WINDOW = 100  # norms remembered
ENOUGH = 20  # norms before the first judgement
PATIENCE = 10  # skips in a row before the new length is believed


class SpikeGuard:
    """Judges one gradient norm per step.

    Args:
        factor: how many times the usual norm is too long; None lets everything through.

    Attributes:
        skipped: steps skipped so far.
        refused: steps skipped in a row, up to now.
    """

    def __init__(self, factor: float | None) -> None:
        self.factor = factor
        self.norms: deque[float] = deque(maxlen=WINDOW)
        self.skipped = self.refused = 0

    def limit(self) -> float:
        """The longest norm that is let through now."""
        if self.factor is None or len(self.norms) < ENOUGH:
            return float("inf")
        return self.factor * statistics.median(self.norms)

    def allows(self, norm: float) -> bool:
        """Whether the step of this gradient norm is to be taken."""
        if norm > self.limit():
            if self.refused < PATIENCE:
                self.refused += 1
                self.skipped += 1
                return False
            self.norms.clear()
        self.refused = 0
        self.norms.append(norm)
        return True

    def to_tensor(self) -> Tensor:
        """All it remembers, float64 [WINDOW + 3]."""
        padding = [0.0] * (WINDOW - len(self.norms))
        numbers = [len(self.norms), self.skipped, self.refused, *self.norms, *padding]
        return torch.tensor(numbers, dtype=torch.float64)

    def from_tensor(self, memory: Tensor) -> None:
        """The inverse of `to_tensor`."""
        count, self.skipped, self.refused = (int(number) for number in memory[:3])
        self.norms = deque(memory[3 : 3 + count].tolist(), maxlen=WINDOW)
