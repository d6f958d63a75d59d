"""How many levels and units a hierarchy uses, and what its bound is: LVAE Table 1 and Fig. 3, IWAE Table 1.

Bound with K samples, KL and active units of each level (variance of the code over images above 0.01), and the seconds
of training, so that models can be compared at equal steps and, from their logs, at equal time.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from stratiform import figures
from stratiform.data.batches import in_order
from stratiform.evaluation.bound import evaluate
from stratiform.evaluation.metrics import Metrics
from stratiform.reproduce.experiment import UNUSED, Experiment, Findings, Rows, Workshop, per_run
from stratiform.training.log import kl_over_training
from stratiform.training.run import Loaded

IMAGES, SAMPLES = 1000, 500


def bounds(workshop: Workshop, experiment: Experiment) -> Findings:
    rows: list[list[Any]] = []
    pictures: dict[str, Figure] = {}
    for name, seed, loaded in per_run(workshop, experiment.recipes):
        found = measured(workshop, name, loaded)
        levels = found["levels"]
        rows.append([
            name,
            seed,
            _pm(found["elbo"], found["elbo_stderr"]),
            _pm(found["log_likelihood_bound"], found["log_likelihood_bound_stderr"]),
            " ".join(f"{level['kl']:.2f}" for level in levels),
            " + ".join(str(level["active_units"]) for level in levels),
            sum(level["kl"] > UNUSED for level in levels),
            loaded.recipe.training.steps,
            loaded.run.seconds(),
        ])  # fmt: skip
        if seed == workshop.seeds[0]:
            pictures[name] = curve(loaded)
    columns = ("recipe", "seed", "ELBO", f"bound, {SAMPLES} samples", "KL per level", "active units", "levels in use")
    table = Rows(f"{IMAGES} test images, nats per image, levels bottom to top", (*columns, "steps", "seconds"), rows)
    return Findings(tables=(table,), pictures=pictures)


def measured(workshop: Workshop, name: str, loaded: Loaded) -> dict[str, Any]:
    """`evaluate` with SAMPLES samples on IMAGES test images, kept with the run."""

    def measure() -> dict[str, Any]:
        batches = in_order(workshop.data(name), limit=IMAGES, seed=0)
        return evaluate(loaded.model, loaded.spec, batches, samples=SAMPLES, seed=0).to_json()

    return Metrics(loaded.run.metrics, loaded.run.weights).kept(f"bound of {SAMPLES} on {IMAGES}", measure)


def curve(loaded: Loaded) -> Figure:
    return figures.kl_over_training(
        *kl_over_training(loaded.run.log),
        title=f"KL of each level, {loaded.recipe.name}",
        caption="Training batches; nats per image, levels stacked from the bottom.",
    )


def _pm(value: float, error: float | None) -> str:
    return f"{value:.2f}" + ("" if error is None else f" ± {error:.2f}")
