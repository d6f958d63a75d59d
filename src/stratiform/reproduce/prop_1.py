"""Prop. 1 of the VLAE paper, exactly: at the optimum of the ELBO the chain x -> z -> x keeps p_data.

Every conditional is a table, so that the ELBO is a finite sum and a step of the chain a matrix. Nothing is sampled.
The autoregressive form, which the paper states without proof in the body, is the one whose q(z | x) draws all levels.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

import torch
from torch import Tensor

from stratiform.core.model import LatentModel
from stratiform.reproduce.experiment import Experiment, Findings, Rows, Workshop
from stratiform.reproduce.tables import Enumerated, optimise, tables
from stratiform.reproduce.verdict import Margin, judged

P_DATA = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
NOTHING = 1e-6  # in total variation: what is left of the optimiser's gap
FORMS: dict[Literal["markov", "shortcut"], str] = {
    "markov": "x -> z_1 -> x (printed)",
    "shortcut": "x -> z_1, z_2 -> x (autoregressive)",
}


def exact(workshop: Workshop, experiment: Experiment) -> Findings:
    rows, margins = [], defaultdict(list)
    for prior, form in FORMS.items():
        for seed in workshop.seeds:
            model = tables(prior, seed=seed)
            before = moved(model)
            gap = optimise(model, P_DATA)
            after = moved(model)
            rows.append([form, seed, gap, before, after, forgets(model)])
            margins[form].append(Margin(NOTHING - after))
    words = [
        judged(f"{form}: one step at the optimum moves p_data by less than {NOTHING}", found)
        for form, found in margins.items()
    ]
    columns = (
        "chain",
        "seed",
        "ELBO below -H(p_data), nats",
        "moved before",
        "moved at the optimum",
        "2nd eigenvalue",
    )
    return Findings(tables=(Rows("one step of the chain", columns, rows),), words=words)


@torch.no_grad()
def moved(model: LatentModel) -> float:
    """Total variation between p_data and p_data after one step."""
    return float(0.5 * (P_DATA @ Enumerated.of(model).transition() - P_DATA).abs().sum())


@torch.no_grad()
def forgets(model: LatentModel) -> float:
    """The modulus of the second eigenvalue of the step: below 1 where the chain comes to p_data from anywhere."""
    values: Tensor = torch.linalg.eigvals(Enumerated.of(model).transition()).abs()
    return float(values.sort(descending=True).values[1])
