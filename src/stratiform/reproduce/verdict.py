"""Confirmed, refuted or not decided: what numbers with errors say of a claim.

A claim is put as a number that should be above 0, once per training. It is confirmed where every one of these lies
above 0 by more than its error, refuted where every one lies below by more, else not decided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import norm, t

from stratiform.evaluation.bootstrap import Estimate
from stratiform.evaluation.moments import Mean

SURE = 0.95
Verdict = Literal["confirmed", "refuted", "not decided"]


@dataclass(frozen=True)
class Margin:
    """A number, and how far it may lie from the truth in 95 cases of 100: inf where nobody knows."""

    value: float
    error: float = 0.0

    @classmethod
    def of(cls, found: Mean | Estimate) -> Margin:
        """From a mean over images and its standard error."""
        value = math.nan if found.value is None else found.value
        return cls(value, math.inf if found.stderr is None else norm.ppf((1 + SURE) / 2) * found.stderr)

    def __sub__(self, other: Margin) -> Margin:
        """Of independent numbers."""
        return Margin(self.value - other.value, math.hypot(self.error, other.error))

    def __neg__(self) -> Margin:
        return Margin(-self.value, self.error)

    def __str__(self) -> str:
        """The error to two digits, the number to as many decimals."""
        if not 0.0 < self.error < math.inf:
            return f"{self.value:+.3g}" + (" ± ?" if self.error else "")
        decimals = max(0, 1 - math.floor(math.log10(self.error)))
        return f"{self.value:+.{decimals}f} ± {self.error:.{decimals}f}"


def lead(own: Sequence[float], others: Sequence[float]) -> Margin:
    """Mean of own - mean of others, one number per training, with the error of Welch (1947)."""
    value = float(np.mean(own) - np.mean(others))
    if min(len(own), len(others)) < 2:
        return Margin(value, math.inf)
    a, b = (float(np.var(values, ddof=1)) / len(values) for values in (own, others))
    if a + b == 0.0:
        return Margin(value)
    freedom = (a + b) ** 2 / (a**2 / (len(own) - 1) + b**2 / (len(others) - 1))
    return Margin(value, float(t.ppf((1 + SURE) / 2, freedom)) * math.sqrt(a + b))


def verdict(margins: Sequence[Margin]) -> Verdict:
    """Of the same claim, a margin per training."""
    if margins and all(m.value - m.error > 0.0 for m in margins):
        return "confirmed"
    if margins and all(m.value + m.error < 0.0 for m in margins):
        return "refuted"
    return "not decided"


def judged(claim: str, margins: Sequence[Margin]) -> str:
    """The claim, its numbers, and the verdict, as one sentence."""
    return f"{claim}: {', '.join(map(str, margins))}: {verdict(margins)}."
