"""The laws, callable on anyone's model: `check(model, spec)` gives one tick per law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from stratiform.core.model import LatentModel
from stratiform.errors import UserError
from stratiform.evaluation.claims import CLAIM_LAWS, Asked, Claims
from stratiform.evaluation.laws import causality, probability, wiring
from stratiform.evaluation.laws.case import Broken, Case, NotApplicable
from stratiform.spec import ImageSpec

Tried = TypeVar("Tried")
Law = Callable[[Case], str]
"""Returns what was seen; raises Broken or NotApplicable. Its docstring is what it proves."""

LAWS: dict[str, Law] = {
    "one graph": wiring.one_graph,  # first: a graph that breaks only in a fresh process is caught only there
    "every parameter learns": wiring.every_parameter_learns,
    "gradients are derivatives": wiring.gradients_are_derivatives,
    "checkpointing changes nothing": wiring.checkpointing_changes_nothing,
    "rows are independent": wiring.rows_are_independent,
    "same seed, same result": wiring.same_seed_same_result,
    "saved is loaded": wiring.saved_is_loaded,
    "generation ignores inference": wiring.generation_ignores_inference,
    "generation repeats inference": wiring.generation_repeats_inference,
    "hidden pixels are not read": wiring.hidden_pixels_are_not_read,
    "analytic KL is Monte-Carlo KL": probability.analytic_kl_is_monte_carlo_kl,
    "bounds are ordered": probability.bounds_are_ordered,
    "neither batch nor chunk matters": probability.neither_batch_nor_chunk_matters,
    "masses sum to 1": probability.masses_sum_to_one,
    "images sum to 1": probability.images_sum_to_one,
    "pixels see only earlier ones": causality.pixels_see_only_earlier_ones,
    "stepper is the network": causality.stepper_is_the_network,
    "sampler is the network": causality.sampler_is_the_network,
}


@dataclass(frozen=True)
class Tick:
    """What one law says of one model."""

    name: str
    ok: bool
    detail: str  #: what was seen, or what is broken, or why the law does not apply
    applies: bool = True


def check(model: LatentModel | Claims, spec: ImageSpec, x: Tensor | None = None) -> list[Tick]:
    """Every law on a model: of this package on a copy in float64, on the CPU; of anybody's on what it claims.

    Args:
        model: a `LatentModel`, or the `Claims` of any other module.
        spec: what its images are.
        x: a few real images, [B, C, H, W], of a `LatentModel`; None: random ones.
    """
    return [run() for run in trials(model, spec, x).values()]


def trials(model: LatentModel | Claims, spec: ImageSpec, x: Tensor | None = None) -> dict[str, Callable[[], Tick]]:
    """The laws by name, each to be tried when it is called. Arguments as in `check`."""
    if isinstance(model, Claims):
        asked = Asked(model, spec)
        return {name: partial(_tick, name, law, asked) for name, law in CLAIM_LAWS.items()}
    if not isinstance(model, LatentModel):
        raise UserError(
            f"{type(model).__name__} is no LatentModel; give stratiform.Claims(module=model, log_weight=...)"
        )
    case = Case.of(model, spec, x)
    return {name: partial(tick, name, case) for name in LAWS}


def tick(name: str, case: Case) -> Tick:
    """One law of `LAWS`. A law that raises anything does not hold."""
    return _tick(name, LAWS[name], case)


def _tick(name: str, law: Callable[[Tried], str], tried: Tried) -> Tick:
    try:
        with torch.random.fork_rng(devices=[]):
            return Tick(name, True, law(tried))
    except NotApplicable as reason:
        return Tick(name, True, f"does not apply: {reason}", applies=False)
    except Broken as broken:
        return Tick(name, False, str(broken))
    except Exception as error:
        return Tick(name, False, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
