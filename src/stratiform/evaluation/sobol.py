"""Which input controls an output: Sobol indices, and how often a verdict changes.

A and B are independent draws of all inputs; A_B^l is A with input l taken from B. Then, for an output phi,

    total effect  S_T(l) = E[(phi(A) - phi(A_B^l))^2] / 2 Var phi        what is lost when only l is redrawn
    first order   S_1(l) = 1 - E[(phi(B) - phi(A_B^l))^2] / 2 Var phi    what l decides alone: B and A_B^l share only l

(Jansen 1999). S_1 <= S_T, equal where the inputs do not interact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Input, Output = TypeVar("Input"), TypeVar("Output")


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """An output on the design: [N, d], or [N] for a verdict; NaN where it could not be measured."""

    a: np.ndarray  # A
    b: np.ndarray  # B
    mixed: tuple[np.ndarray, ...]  # A_B^l for every input l


@dataclass(frozen=True, kw_only=True)
class Indices:
    """One entry per input, [L] each; NaN where the output never changes or was hardly ever measured."""

    total: np.ndarray
    stderr: np.ndarray  # of the total effect, over the N pairs
    first: np.ndarray | None  # None for verdicts
    lost: int  # pairs left out because the output could not be measured
    everything: float | None = None  # of verdicts: P(change) when all inputs are redrawn


def on_design(f: Callable[[Sequence[Input]], Output], a: Sequence[Input], b: Sequence[Input]) -> list[Output]:
    """f(A), f(B), f(A_B^1), ..., f(A_B^L): one call each."""
    swapped = ([b[i] if i == level else a[i] for i in range(len(a))] for level in range(len(a)))
    return [f(a), f(b), *(f(inputs) for inputs in swapped)]


def indices(outcomes: Outcomes) -> Indices:
    """Sobol indices of an output [N, d]; of several outputs at once (pixels) with their variances summed."""
    a, b, mixed, lost = _measured_everywhere(outcomes)
    if len(a) < 2:
        return _nothing(len(mixed), lost)
    both = np.concatenate([a, b])
    spread = ((both - both.mean(0)) ** 2).sum(1)
    if not spread.mean() > 1e-12 * (both**2).sum(1).mean():
        return _nothing(len(mixed), lost)
    per_pair = 0.5 * (spread[: len(a)] + spread[len(a) :])
    total, stderr, first = [], [], []
    for m in mixed:
        changed, kept = (0.5 * ((other - m) ** 2).sum(1) for other in (a, b))
        ratio = changed.mean() / spread.mean()
        total.append(ratio)
        stderr.append(((changed - ratio * per_pair) / spread.mean()).std() / np.sqrt(len(a)))
        first.append(1.0 - kept.mean() / spread.mean())
    return Indices(total=np.array(total), stderr=np.array(stderr), first=np.array(first), lost=lost)


def flips(outcomes: Outcomes) -> Indices:
    """P(the verdict changes when only input l is redrawn), for a verdict [N]."""
    total = np.array([(outcomes.a != m).mean() for m in outcomes.mixed])
    everything = float((outcomes.a != outcomes.b).mean())
    return Indices(
        total=total, stderr=np.sqrt(total * (1 - total) / len(outcomes.a)), first=None, lost=0, everything=everything
    )


def _measured_everywhere(outcomes: Outcomes) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], int]:
    columns = [v.reshape(len(v), -1).astype(np.float64) for v in (outcomes.a, outcomes.b, *outcomes.mixed)]
    keep = np.all([np.isfinite(v).all(1) for v in columns], axis=0)
    a, b, *mixed = (v[keep] for v in columns)
    return a, b, mixed, int((~keep).sum())


def _nothing(levels: int, lost: int) -> Indices:
    nan = np.full(levels, np.nan)
    return Indices(total=nan, stderr=nan, first=nan, lost=lost)
