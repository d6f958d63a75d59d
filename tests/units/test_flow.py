"""The inverse autoregressive flow: its density against the Jacobian, its order, its inverse."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from stratiform.distributions import Flow, Gaussian
from stratiform.errors import UserError
from stratiform.nn.bidirectional import Causal

SHAPE = (2, 3, 3)  # of z
UNITS = math.prod(SHAPE)


@pytest.fixture(autouse=True)
def _random(float64: None) -> None:
    torch.manual_seed(0)


def flow(steps: int, batch: int = 1, shape: tuple[int, ...] = SHAPE) -> Flow:
    """Strong steps, of random weights and contexts."""
    made = []
    for index in range(steps):
        net = Causal(shape[0], 6, reverse=index % 2 == 1)
        with torch.no_grad():
            for parameter in net.heads.parameters():
                parameter.mul_(20.0)
        made.append(partial(net, context=torch.randn(batch, 6, *shape[1:])))
    return Flow(Gaussian(torch.randn(batch, *shape), 0.3 * torch.randn(batch, *shape)), tuple(made))


def jacobian(q: Flow) -> Tensor:
    """dz / dz_0, [units, units]."""

    def through(z_0: Tensor) -> Tensor:
        noise = (z_0.view(1, *SHAPE) - q.base.mean) / q.base.scale
        return q.draw(noise)[0].flatten()

    return torch.autograd.functional.jacobian(through, torch.randn(UNITS))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_density_is_that_of_the_change_of_variables(steps: int):
    q, noise = flow(steps), torch.randn(1, *SHAPE)

    def through(e: Tensor) -> Tensor:
        return q.draw(e.view(1, *SHAPE))[0].flatten()

    slope = torch.autograd.functional.jacobian(through, noise.flatten())
    expected = -0.5 * noise.square().sum() - 0.5 * UNITS * math.log(2 * math.pi) - torch.linalg.slogdet(slope)[1]
    assert torch.allclose(q.draw(noise)[1].sum(), expected, rtol=1e-12)


def test_a_step_reads_earlier_elements_alone():
    """In raster order, channel after channel within a pixel; the second step runs backwards."""
    q = flow(2)
    forwards, backwards = (jacobian(Flow(q.base, (step,))) for step in q.steps)
    order = torch.arange(UNITS).view(SHAPE).permute(1, 2, 0).flatten()
    ordered, reverse = forwards[order][:, order], backwards[order][:, order]
    assert not ordered.triu(1).any() and not reverse.tril(-1).any()
    assert (ordered.tril(-1) != 0).sum() > UNITS and (reverse.triu(1) != 0).sum() > UNITS
    assert ordered.diagonal().min() > 0 and ordered.diagonal().max() < 1


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_log_prob_is_the_density_at_the_draw(steps: int):
    q = flow(steps, batch=4)
    with torch.no_grad():
        z, log_q = q.draw()
        assert torch.allclose(q.log_prob(z), log_q, rtol=1e-9, atol=1e-9)


def test_without_steps_it_is_its_base():
    q, noise = flow(0, batch=3), torch.randn(3, *SHAPE)
    for ours, gaussian in zip(q.draw(noise), q.base.draw(noise), strict=True):
        assert torch.equal(ours, gaussian)
    assert torch.equal(q.mean, q.base.mean)


def test_the_flow_of_a_line_has_mass_one():
    """Its density, over a grid of one element, the other held: q(z_1) q(z_2 | z_1) integrated over both."""
    q = flow(2, shape=(2, 1, 1))
    axis = torch.linspace(-8.0, 8.0, 161)
    grid = torch.cartesian_prod(axis, axis)
    base = Gaussian(q.base.mean.expand(len(grid), 2, 1, 1), q.base.log_scale.expand(len(grid), 2, 1, 1))
    contexts = [step.keywords["context"].expand(len(grid), -1, -1, -1) for step in q.steps]
    steps = tuple(partial(step.func, context=c) for step, c in zip(q.steps, contexts, strict=True))
    with torch.no_grad():
        density = Flow(base, steps).log_prob(grid.view(-1, 2, 1, 1)).flatten(1).sum(1).exp()
    assert density.sum().item() * (axis[1] - axis[0]).item() ** 2 == pytest.approx(1.0, abs=1e-5)


def test_a_gradient_through_the_inverse_is_refused():
    with pytest.raises(UserError, match="flow 0"):
        flow(1).log_prob(torch.zeros(1, *SHAPE))
