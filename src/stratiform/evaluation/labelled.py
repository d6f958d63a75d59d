"""Codes and factors of the same images: what fits together, and what is left out of the measures, by name."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np

from stratiform.errors import UserError
from stratiform.evaluation.bound import ACTIVE
from stratiform.evaluation.factors import Factor

LEAST = 50  # images; below, half of them say nothing of the other half
BINS = 10  # of a number or an angle, where a measure is of classes

Key = TypeVar("Key", bound=Hashable)
Given = Mapping[str, Factor | np.ndarray]  # factors, [N] each


def checked(codes: Mapping[Key, np.ndarray], factors: Given) -> tuple[dict[Key, np.ndarray], dict[str, Factor]]:
    """The same codes [N, d] and factors [N], arrays named as factors; every other function here wants them so.

    Raises:
        UserError: shapes that do not fit, a code that is not finite, a factor that never differs or is hardly known.
    """
    if not codes or not factors:
        raise UserError(f"{len(codes)} codes and {len(factors)} factors came; give at least one of each")
    named = {n: f if isinstance(f, Factor) else Factor.named(n, np.asarray(f)) for n, f in factors.items()}
    count = len(next(iter(named.values())))
    for key, code in codes.items():
        if code.ndim != 2 or code.shape[1] < 1 or len(code) != count:
            raise UserError(f"the code of level {key} is {list(code.shape)}; give [{count}, d], a row per image")
        if not np.isfinite(code).all():
            wrong = int((~np.isfinite(code)).any(1).sum())
            raise UserError(f"the code of level {key} is not finite on {wrong} of {count} images")
    for name, factor in named.items():
        if len(factor) != count:
            raise UserError(f"factor {name} is of {len(factor)} images, others of {count}")
        reason = unusable(factor)
        if reason:
            raise UserError(f"nothing can be measured with {name}: {reason}")
    return {key: code.astype(np.float64) for key, code in codes.items()}, named


def unusable(factor: Factor) -> str | None:
    """Why nothing can be measured with a factor; None where something can."""
    known = int(factor.known.sum())
    if known < LEAST:
        return f"it is known of {known} images, {LEAST} are needed"
    if factor.trivial:
        return "it never differs" if len(np.unique(factor.values[factor.known])) < 2 else "hardly two images share one"
    return None


def usable(factors: Mapping[str, Factor]) -> tuple[dict[str, Factor], tuple[str, ...]]:
    """The factors that something can be measured with, and a line for each of the others."""
    reasons = {name: unusable(factor) for name, factor in factors.items()}
    kept = {name: factor for name, factor in factors.items() if reasons[name] is None}
    return kept, tuple(f"{name} is left out: {reason}" for name, reason in reasons.items() if reason)


def active(code: np.ndarray) -> np.ndarray:
    """The units of a code [N, d] that are in use, [N, a]: Var_x E_q[u | x] > 0.01 (Burda et al. 2016, section 5.2)."""
    return code[:, code.var(0) > ACTIVE]


def as_classes(factor: Factor) -> np.ndarray:
    """[N] classes 0, 1, ...; numbers and angles in ten bins of equal counts; -1 where the factor is not known."""
    known, result = factor.known, np.full(len(factor), -1)
    values = factor.values[known]
    if factor.kind != "class":
        values = np.searchsorted(np.quantile(values, np.arange(1, BINS) / BINS), values, side="right")
    result[known] = np.unique(values, return_inverse=True)[1]
    return result


def lone(factor: Factor) -> np.ndarray:
    """[N] bool: images that are alone in their class."""
    if factor.kind != "class":
        return np.zeros(len(factor), bool)
    _, index, counts = np.unique(factor.values, return_inverse=True, return_counts=True)
    return counts[index] == 1
