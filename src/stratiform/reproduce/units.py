"""How many levels and units a hierarchy uses, and what its bound is: LVAE Table 1 and Fig. 3, IWAE Table 1.

Bound with K samples, KL and active units of each level (variance of the code over images above 0.01), and the seconds
of training, so that models can be compared at equal steps and, from their logs, at equal time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from stratiform import figures
from stratiform.data.batches import in_order
from stratiform.evaluation.bound import evaluate
from stratiform.evaluation.metrics import Metrics
from stratiform.reproduce.experiment import Experiment, Findings, Rows, Workshop, per_run
from stratiform.training.log import read_log
from stratiform.training.run import Loaded

IMAGES, SAMPLES = 1000, 500
USED = 0.1  # nats per image


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
            sum(level["kl"] > USED for level in levels),
            loaded.recipe.training.steps,
            loaded.run.seconds(),
        ])  # fmt: skip
        if seed == workshop.seeds[0]:
            pictures[name] = kl_over_training(loaded)
    columns = ("recipe", "seed", "ELBO", f"bound, {SAMPLES} samples", "KL per level", "active units", "levels in use")
    table = Rows(f"{IMAGES} test images, nats per image, levels bottom to top", (*columns, "steps", "seconds"), rows)
    return Findings(tables=(table,), pictures=pictures)


def measured(workshop: Workshop, name: str, loaded: Loaded) -> dict[str, Any]:
    """`evaluate` with SAMPLES samples on IMAGES test images, kept with the run."""
    metrics, key = Metrics(loaded.run.metrics, loaded.run.weights), f"bound of {SAMPLES} on {IMAGES}"
    found = metrics.get(key)
    if found is None:
        batches = in_order(workshop.data(name), limit=IMAGES, seed=0)
        found = evaluate(loaded.model, loaded.spec, batches, samples=SAMPLES, seed=0).to_json()
        metrics.put(key, found)
    return found


def kl_over_training(loaded: Loaded) -> Figure:
    lines = [line for line in read_log(loaded.run.log) if "kl" in line]
    return figures.kl_over_training(
        [line["step"] for line in lines],
        np.array([line["kl"] for line in lines]),
        title=f"KL of each level, {loaded.recipe.name}",
        caption="Training batches; nats per image, levels stacked from the bottom.",
    )


def _pm(value: float, error: float | None) -> str:
    return f"{value:.2f}" + ("" if error is None else f" ± {error:.2f}")
