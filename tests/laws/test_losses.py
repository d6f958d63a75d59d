"""The first ten losses of every model are stored: a refactor keeps them, a change of numbers says so in its commit.

After a change that is meant: PYTHONPATH=tests .venv/bin/python tests/laws/test_losses.py
"""

import json
from pathlib import Path

import pytest
import torch

import zoo
from stratiform.evaluation.laws.case import random_images
from stratiform.objective import ELBO

STORED = Path(__file__).with_name("losses.json")
STEPS, BATCH, RATE = 10, 8, 1e-3


def first_losses(name: str) -> list[float]:
    """Plain gradient descent on the ELBO, float64, one thread, in nats per image: nothing but model and objective."""
    model, objective, spec = zoo.build(name).train(), ELBO(), zoo.ZOO[name][2]
    parameters, beta = list(model.parameters()), torch.ones((), dtype=torch.float64)
    torch.manual_seed(1)
    losses = []
    for step in range(STEPS):
        loss = objective(model(random_images(spec, BATCH, seed=step)), beta)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient, alpha=RATE)
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", zoo.ZOO)
def test_same_losses(name: str) -> None:
    assert first_losses(name) == pytest.approx(json.loads(STORED.read_text())[name], rel=1e-9)


def test_nothing_is_stored_for_models_that_are_gone() -> None:
    assert list(json.loads(STORED.read_text())) == list(zoo.ZOO)


if __name__ == "__main__":
    torch.set_num_threads(1)
    STORED.write_text(json.dumps({name: first_losses(name) for name in zoo.ZOO}, indent=1) + "\n")
