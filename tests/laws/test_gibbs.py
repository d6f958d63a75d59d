"""The chain of inference and generation has the law that Prop. 1 says (VLAE), printed and autoregressive form."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor, nn

import zoo
from known import Known, flat, golden_chain, markov, shortcut
from stratiform.core.model import LatentModel
from stratiform.distributions import Density
from stratiform.evaluation.gibbs import Chains, gibbs, uniform
from stratiform.reproduce.tables import GREYS, Enumerated, Pixel, optimise, tables

N, STEPS = 250, 300  # chains, which are independent, and their length
SIGMAS = 5.0  # one false alarm in 1.7 million for each number that is compared
P_DATA = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
EXACT: dict[str, tuple[Known, Callable[[Known], tuple[LatentModel, float]]]] = {
    "Markov, bottom-up": (markov((1, 1), shape=(1, 1, 2)), Known.bottom_up),
    "Markov, top-down": (markov((1, 1), shape=(1, 1, 2)), Known.top_down),
    "Markov, four levels, bottom-up": (markov((1, 1, 1, 1), shape=(1, 1, 3), seed=1), Known.bottom_up),
    "golden": (golden_chain(), Known.bottom_up),
    "autoregressive": (shortcut((1, 1, 1), shape=(1, 1, 3)), Known.top_down),
    "autoregressive, flat prior": (flat((1, 1), shape=(1, 2, 1)), Known.top_down),
}


def deviation(known: Known, chains: Chains, resolved: float = 0.15) -> float:
    """How many standard errors the worst number of mean and covariance lies from the closed form's.

    x is whitened by the closed form: mean 0, covariance I. What is averaged over the steps of each chain is an
    independent number per chain, so its error is known from the chains' spread, however slowly they mix.
    """
    truth = known.joint()[2]
    centred = chains.samples.flatten(2) - truth.m
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(truth.covariance()), centred.mT, upper=False).mT
    products = torch.einsum("tni,tnj->nij", white, white) / len(white) - torch.eye(len(truth.m)).double()
    each = torch.cat([white.mean(0), products.flatten(1)], 1)  # [n, D + D D], mean 0
    error = each.std(0) / math.sqrt(len(each))
    assert error.max() < resolved  # a mistake of some standard deviations of x would be seen
    return (each.mean(0).abs() / error).max().item()


def stay(known: Known, model: LatentModel) -> float:
    """From draws of p(x) itself."""
    return deviation(known, gibbs(model, known.draw(N), STEPS, keep=range(1, STEPS + 1)))


@pytest.mark.parametrize("name", EXACT)
def test_with_the_exact_posterior_the_chain_keeps_p_of_x(name: str) -> None:
    known, make = EXACT[name]
    model, gap = make(known)
    assert abs(gap) < 1e-12
    assert stay(known, model) < SIGMAS


@pytest.mark.parametrize("name", EXACT)
def test_the_chain_forgets_where_it_started(name: str) -> None:
    """E[x' | x] is affine in x, x' = A x + ...: after t steps A^t of the start is left."""
    known, make = EXACT[name]
    covariance = known.joint()[2].covariance()
    noise = torch.eye(len(covariance)).double() * torch.exp(2.0 * known.output.log_scale)
    rate = torch.linalg.eigvals((covariance - noise) @ covariance.inverse()).abs().max().item()
    burnt = math.ceil(math.log(1e-4) / math.log(rate))
    assert burnt < 1000
    start = 5.0 + uniform(known.spec, N)
    kept = range(burnt, burnt + STEPS)
    assert deviation(known, gibbs(make(known)[0], start, kept[-1], keep=kept)) < SIGMAS
    assert deviation(known, gibbs(make(known)[0], start, 1), resolved=1.0) > SIGMAS


@pytest.mark.parametrize("name", EXACT)
def test_from_the_mean_of_x_the_law_would_be_another(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known, make = EXACT[name]
    monkeypatch.setattr(Density, "sample", lambda self, generator=None: self.mean)
    assert stay(known, make(known)[0]) > 2 * SIGMAS


@pytest.mark.parametrize("make", [Known.top_down, Known.bottom_up])
def test_from_a_q_that_is_not_the_posterior_the_law_would_be_another(make) -> None:
    known = markov((2, 2), shape=(1, 1, 3))
    model, gap = make(known)  # the best diagonal q
    assert gap > 0.05
    assert stay(known, model) > 2 * SIGMAS


@pytest.fixture(scope="module", params=["markov", "shortcut"])
def optimal(request: pytest.FixtureRequest) -> tuple[LatentModel, float]:
    """Tables at L* = -H(p_data), and how far they are from it."""
    model = tables(request.param)
    return model.requires_grad_(True), optimise(model, P_DATA)


def test_at_the_optimum_the_transition_matrix_keeps_p_data(optimal: tuple[LatentModel, float]) -> None:
    """The total variation is at most sqrt(2 gap), by Pinsker for p(x) and for q(z) (the gap bounds both KLs)."""
    model, gap = optimal
    assert gap < 1e-6
    transition = Enumerated.of(model).transition().detach()
    assert torch.allclose(transition.sum(1), torch.ones(GREYS).double())
    assert 0.5 * (P_DATA @ transition - P_DATA).abs().sum() < math.sqrt(2.0 * gap) + 1e-12
    values, vectors = torch.linalg.eig(transition.T)
    order = values.abs().argsort(descending=True)
    assert 0.05 < values[order[1]].abs() < 0.9  # it moves, and x is not ignored
    stationary = vectors[:, order[0]].real
    assert torch.allclose(stationary / stationary.sum(), P_DATA, atol=20 * math.sqrt(2.0 * gap))


def test_the_chain_steps_by_that_matrix(optimal: tuple[LatentModel, float]) -> None:
    model, n = optimal[0], 4000
    start = torch.arange(GREYS).double().repeat_interleave(n)
    found = _frequencies(gibbs(model, start.view(-1, 1, 1, 1) / (GREYS - 1), 1).samples[0].view(GREYS, n))
    expected = Enumerated.of(model).transition().detach()
    assert _sigmas(found, expected, n) < SIGMAS


def test_from_anywhere_the_chain_comes_to_p_data(optimal: tuple[LatentModel, float]) -> None:
    model, n = optimal[0], 1000
    found = gibbs(model, torch.ones(n, 1, 1, 1).double(), 100, keep=[1, 100]).samples.view(2, n)
    early, late = _frequencies(found)
    assert _sigmas(late, P_DATA, n) < SIGMAS < _sigmas(early, P_DATA, n)


def test_away_from_the_optimum_p_data_is_not_kept(optimal: tuple[LatentModel, float]) -> None:
    """q != posterior, all else as it was."""
    model = tables("markov" if optimal[0].hierarchy.levels[0].forgets else "shortcut")
    model.load_state_dict(optimal[0].state_dict())
    nn.init.normal_(model.posterior.recognisers[0].table.rows, generator=Generator().manual_seed(1))
    transition = Enumerated.of(model).transition().detach()
    assert 0.5 * (P_DATA @ transition - P_DATA).abs().sum() > 0.01


def test_the_tables_chain_from_the_mean_would_be_another(
    optimal: tuple[LatentModel, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pixel, "sample", lambda self, generator=None: self.mean)
    found = gibbs(optimal[0], torch.ones(250, 1, 1, 1).double(), 100).samples.view(1, -1)
    assert _sigmas(_frequencies(found)[0], P_DATA, 250) > 2 * SIGMAS


def test_a_markov_chain_reads_nothing_but_q_of_z1_and_p_of_x_given_z1() -> None:
    model = zoo.build("hvae, markov, bottom-up").eval()
    x = zoo.case("hvae, markov, bottom-up").x
    before = gibbs(model, x, 4)
    _break(model.hierarchy)
    _break(model.posterior.nets[1:])
    _same(gibbs(model, x, 4), before)


@pytest.mark.parametrize("name", ["hvae, shortcut, bottom-up", "hvae, shortcut, top-down"])
def test_an_autoregressive_chain_never_evaluates_the_prior(name: str) -> None:
    model, x = zoo.build(name).eval(), zoo.case(name).x
    before = gibbs(model, x, 4)
    for level in model.hierarchy.levels[:-1]:
        _break(level.net)
    _same(gibbs(model, x, 4), before)


def _break(module: nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(math.nan)


def _same(one: Chains, other: Chains) -> None:
    assert torch.equal(one.samples, other.samples) and torch.equal(one.means, other.means)
    assert one.samples.isfinite().all()


def _frequencies(x: Tensor) -> Tensor:
    """[K, n] pixels -> [K, GREYS], the share of each grey level; a value off the grid is none."""
    return torch.stack([(x * (GREYS - 1) == grey).double().mean(1) for grey in range(GREYS)], 1)


def _sigmas(found: Tensor, expected: Tensor, n: int) -> float:
    return ((found - expected).abs() / (expected * (1.0 - expected) / n).clamp_min(1e-9).sqrt()).max().item()
