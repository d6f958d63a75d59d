"""Completions have the law p(hidden | known), which small images let one enumerate."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from scipy.stats import chi2
from torch import Generator, Tensor

import known
from stratiform.core.hierarchy import from_prior
from stratiform.core.model import LatentModel
from stratiform.distributions import Likelihood
from stratiform.evaluation import explore
from stratiform.evaluation import filtered as module
from stratiform.evaluation.complete import complete
from stratiform.evaluation.filtered import Filter, filtered
from stratiform.models.pixelcnn import GatedPixelCNN, PixelCNN, PixelCNNpp
from stratiform.spec import ImageSpec

PARTICLES, N = 20_000, 1_000  # N is far below the effective number of particles, which adds to the noise of counts
FALSE_ALARM = 1e-4
GREY, COLOUR = ImageSpec(1, 2, 3, 3), ImageSpec(3, 2, 2, 2)
SOFTMAX = Likelihood(name="softmax")
PREFIX = {GREY: ["111", "000"], COLOUR: ["11", "00"]}
BROKEN = {GREY: ["111", "100"], COLOUR: ["11", "10"]}  # prefixes that end within a row
SCATTERED = {GREY: ["010", "011"], COLOUR: ["01", "10"]}


@dataclass(frozen=True)
class Case:
    model: LatentModel
    spec: ImageSpec


def random(config: PixelCNN | GatedPixelCNN | PixelCNNpp, deviation: float) -> LatentModel:
    """In two colours, with weights so large that pixels depend on each other."""
    model, generator = config.build(COLOUR).eval(), Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(deviation * torch.randn(parameter.shape, generator=generator))
    return model


CASES: dict[str, Callable[[], Case]] = {
    "tiny, softmax": lambda: Case(known.pixels(GREY, SOFTMAX), GREY),
    "tiny, logistic": lambda: Case(known.pixels(GREY, Likelihood(name="logistic", scale=0.1)), GREY),
    "PixelCNN, R then G then B": lambda: Case(random(PixelCNN(width=6, blocks=1, kernel=3), 0.5), COLOUR),
    "PixelCNN++, channels coupled": lambda: Case(random(PixelCNNpp(filters=6, resnets=1, scales=2), 1.5), COLOUR),
    "Gated, R then G then B": lambda: Case(random(GatedPixelCNN(width=6, layers=2, kernel=3), 0.7), COLOUR),
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest, float64: None, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(explore, "CHUNK", PARTICLES // 4)
    return request.param()


def bools(rows: list[str]) -> Tensor:
    return torch.tensor([[pixel == "1" for pixel in row] for row in rows])


def image(spec: ImageSpec) -> Tensor:
    values = torch.randint(spec.bins, (1, *spec.shape), generator=Generator().manual_seed(1))
    return values.double() / (spec.bins - 1)


def index(images: Tensor, spec: ImageSpec) -> Tensor:
    """Which of all images each one is."""
    digits = (images.double().flatten(1) * (spec.bins - 1)).round().long()
    return digits @ spec.bins ** torch.arange(digits.shape[1]).flip(0)


@torch.no_grad()
def enumerated(model: LatentModel, spec: ImageSpec, x: Tensor, mask: Tensor) -> Tensor:
    """p(image | known pixels) of all images, in the order of `index`."""
    every = torch.cartesian_prod(*[torch.linspace(0, 1, spec.bins)] * spec.dimensions).view(-1, *spec.shape)
    log_p = model(every).log_px
    agrees = (every == x)[:, :, mask].all(2).all(1)
    return log_p.masked_fill(~agrees, -torch.inf).softmax(0)


def p_value(images: Tensor, expected: Tensor, spec: ImageSpec) -> float:
    """Of Pearson's chi-square; images that are expected fewer than five times are counted together."""
    counts = torch.bincount(index(images, spec), minlength=len(expected)).double()
    wanted = expected * len(images)
    assert not counts[expected == 0].any(), "known pixels have changed"
    rare = wanted < 5
    counts, wanted = (torch.cat([of[~rare], of[rare].sum()[None]]) for of in (counts, wanted))
    used = wanted > 0
    statistic = ((counts - wanted) ** 2 / wanted)[used].sum().item()
    return float(chi2.sf(statistic, int(used.sum()) - 1))


@pytest.mark.parametrize("masks", [PREFIX, BROKEN], ids=["rows", "within a row"])
def test_a_prefix_is_completed_exactly(case: Case, masks: dict[ImageSpec, list[str]]) -> None:
    x, mask = image(case.spec), bools(masks[case.spec])
    found = complete(case.model, x, mask, N)
    assert found.exact and found.particles == found.effective == N
    expected = enumerated(case.model, case.spec, x, mask)
    assert p_value(found.images, expected, case.spec) > FALSE_ALARM
    assert torch.allclose(found.log_p, expected[index(found.images, case.spec)].log())


def test_anything_else_is_completed_by_resampling(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    x, mask = image(case.spec), bools(SCATTERED[case.spec])
    expected = enumerated(case.model, case.spec, x, mask)
    found = complete(case.model, x, mask, N, particles=PARTICLES)
    assert not found.exact and found.log_p is None and 3 * N < found.effective < 0.95 * PARTICLES
    assert p_value(found.images, expected, case.spec) > FALSE_ALARM
    monkeypatch.setattr(module, "FEW", 1.1)
    after_every_row = complete(case.model, x, mask, N, particles=PARTICLES)
    assert after_every_row.effective < found.effective
    assert p_value(after_every_row.images, expected, case.spec) > FALSE_ALARM
    monkeypatch.setattr(module, "weights", lambda log_w: torch.full_like(log_w, 1.0 / len(log_w)))
    monkeypatch.setattr(module, "FEW", 0.0)
    unweighted = complete(case.model, x, mask, N, particles=PARTICLES)
    assert unweighted.effective == pytest.approx(PARTICLES)
    assert p_value(unweighted.images, expected, case.spec) < FALSE_ALARM


TALL = ImageSpec(1, 4, 2, 2)
COLUMN = bools(["01"] * 4)


def evidence(x: Tensor, particles: int, seeds: int) -> Tensor:
    """Estimates of p(known pixels) of a tall image, one per seed."""
    model = known.pixels(TALL, Likelihood(name="bernoulli"), seed=3)
    found = []
    for seed in range(seeds):
        how = Filter(seed, 1.0, explore.unwatched, 0, particles)
        image = model.decode(particles, from_prior())
        found.append(filtered(image, torch.zeros(particles), x, COLUMN, how).log_w.exp().mean())
    return torch.stack(found)


@pytest.mark.parametrize("few", [0.0, 0.5, 1.1])
def test_the_mean_weight_is_an_unbiased_estimate(few: float, float64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEW", few)
    x = image(TALL)
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * TALL.dimensions).view(-1, *TALL.shape)
    with torch.no_grad():
        masses = known.pixels(TALL, Likelihood(name="bernoulli"), seed=3)(every).log_px.exp()
    truth = masses[(every == x)[:, 0][:, COLUMN].all(1)].sum()
    found = evidence(x, 8, 400)
    assert abs(found.mean() - truth) < 4 * found.std() / 400**0.5
    assert found.std() > 0
