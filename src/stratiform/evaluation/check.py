"""The laws, callable on anyone's model: `check(model, spec)` gives one tick per law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from stratiform.core.model import LatentModel
from stratiform.evaluation.laws import causality, probability, wiring
from stratiform.evaluation.laws.case import Broken, Case, NotApplicable
from stratiform.spec import ImageSpec

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
    detail: str  # what was seen, or what is broken, or why the law does not apply
    applies: bool = True


def check(model: LatentModel, spec: ImageSpec, x: Tensor | None = None) -> list[Tick]:
    """Every law on a copy of the model in float64, on the CPU. The model itself is not touched.

    Args:
        spec: what its images are.
        x: a few real images, [B, C, H, W]; None: random ones.
    """
    case = Case.of(model, spec, x)
    return [tick(name, case) for name in LAWS]


def tick(name: str, case: Case) -> Tick:
    """One law. A law that raises anything does not hold."""
    try:
        return Tick(name, True, LAWS[name](case))
    except NotApplicable as reason:
        return Tick(name, True, f"does not apply: {reason}", applies=False)
    except Broken as broken:
        return Tick(name, False, str(broken))
    except Exception as error:
        return Tick(name, False, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
