"""Bounds per image: golden values, chunks and batches, refusal to leave an image out, bits per dimension."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

import known
import zoo
from stratiform.core.latent import Latent, Terms
from stratiform.core.posterior import mean
from stratiform.distributions import Gaussian, Likelihood
from stratiform.errors import Failed, UserError
from stratiform.evaluation.bound import active_units, bits_per_dim, bounds, evaluate, log_weights
from stratiform.evaluation.laws.case import random_images
from stratiform.spec import ImageSpec

MADE = known.flat((2, 3), shape=(1, 2, 3))
MODEL, _ = MADE.top_down()
X = MADE.draw(7)


class Canned:
    """A model whose log-weights are given, [k, B]; x holds the index of each image."""

    training = False
    hierarchy = SimpleNamespace(levels=[None], shapes=((1,),))

    def __init__(self, weights: list[list[float]]) -> None:
        self.weights, self.asked = torch.tensor(weights, dtype=torch.float64), 0

    def __call__(self, x: Tensor, draw: object) -> Terms:
        column = x.flatten().long()
        images = len(set(column.tolist()))
        first = self.asked
        self.asked += len(column) // images
        row = first + torch.arange(len(column)) // images
        zero = torch.zeros(len(column), 1, dtype=torch.float64)
        n = Gaussian(zero, zero)
        return Terms(self.weights[row, column], (Latent(zero, n, n, n.log_prob(zero)),))

    def eval(self) -> None: ...

    def train(self, mode: bool) -> None: ...


def images(count: int) -> Tensor:
    return torch.arange(float(count)).view(-1, 1, 1, 1)


@pytest.mark.parametrize("chunk", [1, 2, 3, None])
def test_golden_bound(chunk: int | None) -> None:
    found = bounds(Canned([[-100.0], [-101.0], [-103.0]]), images(1), 3, chunk=chunk)
    assert found.bound.item() == pytest.approx(-100.749600, abs=1e-6)
    assert found.elbo.item() == pytest.approx(-101.333333, abs=1e-6)
    weights = torch.tensor([0.0, -1.0, -3.0], dtype=torch.float64).exp()
    assert found.effective.item() == pytest.approx((weights.sum() ** 2 / (weights**2).sum()).item())


def test_the_mean_of_chunk_bounds_would_be_weaker() -> None:
    """One draw carries all the weight: the bound must see it across chunks."""
    found = bounds(Canned([[0.0], [-1000.0], [-1000.0], [-1000.0]]), images(1), 4, chunk=2)
    assert found.bound.item() == pytest.approx(-math.log(4.0))
    assert found.effective.item() == pytest.approx(1.0)


def test_constant_weights_and_shifts() -> None:
    constant = bounds(Canned([[-7.5, -2.0]] * 6), images(2), 6, chunk=4)
    assert constant.bound.tolist() == pytest.approx([-7.5, -2.0])
    assert constant.elbo.tolist() == pytest.approx([-7.5, -2.0])
    assert constant.effective.tolist() == pytest.approx([6.0, 6.0])
    low, high = (bounds(Canned([[w], [w + 2.0]]), images(1), 2) for w in (-1e5, 1e5))
    assert (high.bound - low.bound).item() == pytest.approx(2e5)
    assert high.effective.item() == pytest.approx(low.effective.item())


def test_neither_chunk_nor_batch_nor_order_changes_a_number() -> None:
    whole = bounds(MODEL, X, 12)
    for chunk in (1, 5, 12):
        assert torch.allclose(bounds(MODEL, X, 12, chunk=chunk).bound, whole.bound, rtol=1e-12)
    alone = [bounds(MODEL, X[i : i + 1], 12, first=i).bound for i in range(len(X))]
    assert torch.allclose(torch.cat(alone), whole.bound, rtol=1e-12)
    assert not torch.allclose(bounds(MODEL, X, 12, seed=1).bound, whole.bound)
    assert not torch.allclose(bounds(MODEL, X, 12, first=1).bound, whole.bound)
    assert torch.equal(log_weights(MODEL, X, 20)[:12], log_weights(MODEL, X, 12))


def test_float32_agrees_with_float64() -> None:
    model, spec = zoo.build("vae, digits-like").eval(), zoo.ZOO["vae, digits-like"][2]
    x = random_images(spec, 4)
    exact = bounds(model, x, 8)
    rounded = bounds(model.float(), x.float(), 8)
    assert rounded.bound.dtype == torch.float64
    assert torch.allclose(rounded.bound, exact.bound, atol=2e-3)
    assert torch.allclose(rounded.kl, exact.kl, atol=1e-4)


def test_levels_add_up() -> None:
    found = bounds(MODEL, X, 2000)
    assert found.kl.shape == (2, 7)
    with torch.no_grad():
        log_px = MODEL(X.repeat(2000, 1, 1, 1)).log_px.view(2000, 7).mean(0)
    assert torch.allclose(log_px - found.kl.sum(0), found.elbo, atol=0.3)
    assert [tuple(m.shape) for m in found.means] == [(7, 2), (7, 3)]


def test_evaluation_is_the_same_however_the_images_are_batched() -> None:
    found = [evaluate(MODEL, MADE.spec, X.split(size), samples=5) for size in (1, 3, 7)]
    for other in found[1:]:
        assert other.to_json().keys() == found[0].to_json().keys()
        for key in ("elbo", "elbo_stderr", "log_likelihood_bound", "log_likelihood_bound_stderr"):
            assert getattr(other, key) == pytest.approx(getattr(found[0], key), rel=1e-12)
        assert other.images == 7
        assert [level.kl for level in other.levels] == pytest.approx([level.kl for level in found[0].levels])


def test_standard_errors_are_over_images() -> None:
    found, per_image = evaluate(MODEL, MADE.spec, [X], samples=9), bounds(MODEL, X, 9)
    assert found.elbo == pytest.approx(per_image.elbo.mean().item())
    assert found.elbo_stderr == pytest.approx(per_image.elbo.std().item() / math.sqrt(7))
    assert found.log_likelihood_bound_stderr == pytest.approx(per_image.bound.std().item() / math.sqrt(7))
    assert evaluate(MODEL, MADE.spec, [X[:1]], samples=2).elbo_stderr is None


def test_json_has_the_agreed_keys() -> None:
    found = evaluate(MODEL, MADE.spec, [X], samples=2, seed=3).to_json()
    assert list(found) == [
        "images", "dimensions", "estimator", "samples", "seed", "elbo", "elbo_stderr", "log_likelihood_bound",
        "log_likelihood_bound_stderr", "bits_per_dim", "auxiliary_bits_per_dim", "levels",
    ]  # fmt: skip
    assert list(found.values())[:5] == [7, 6, "iw", 2, 3]
    assert [list(level) for level in found["levels"]] == [["level", "kl", "units", "active_units"]] * 2
    assert [level["level"] for level in found["levels"]] == [1, 2]
    assert found["bits_per_dim"] is None and found["auxiliary_bits_per_dim"] is None


def test_without_levels_the_likelihood_is_exact() -> None:
    spec = ImageSpec(1, 2, 3, 4)
    model = known.pixels(spec, Likelihood())
    x = torch.randint(4, (5, 1, 2, 3)).double() / 3
    found = evaluate(model, spec, x.split(2), samples=50)
    assert (found.estimator, found.samples, found.levels) == ("exact", 1, ())
    exact = model(x).log_px.mean().item()
    assert found.elbo == pytest.approx(exact) and found.log_likelihood_bound == pytest.approx(exact)
    assert found.bits_per_dim == pytest.approx(-exact / (6 * math.log(2)))


def test_a_weight_that_is_not_finite_is_named_never_dropped() -> None:
    x = X.clone()
    x[4, 0, 1, 1] = math.nan
    with pytest.raises(Failed, match=r"log-weight of image 4 is nan \(log p\(x\|z\) nan, KL of levels 1 to L: "):
        evaluate(MODEL, MADE.spec, x.split(2), samples=3)
    with pytest.raises(Failed, match="image 1 is -inf"):
        bounds(Canned([[0.0, 0.0], [0.0, -math.inf]]), images(2), 2)


def test_nothing_to_evaluate() -> None:
    with pytest.raises(UserError, match="no images to evaluate"):
        evaluate(MODEL, MADE.spec, [])
    with pytest.raises(UserError, match="samples is 0"):
        evaluate(MODEL, MADE.spec, [X], samples=0)


def test_the_model_comes_back_in_the_mode_it_was_in() -> None:
    model, seen = MADE.top_down()[0], []
    model.decoder.register_forward_hook(lambda module, *_: seen.append(module.training))
    for training in (True, False):
        evaluate(model.train(training), MADE.spec, [X], samples=2)
        assert model.training is training
    assert seen and not any(seen)


def test_active_units_are_those_whose_mean_moves_with_the_image() -> None:
    """By definition: Var_x E_q[u | x] > 0.01; here against the codes that the formula gives."""
    made = known.flat((2, 3), shape=(1, 2, 3))
    model = made.top_down()[0]
    with torch.no_grad():
        for parameter in (model.posterior.recognisers[1].of_x, model.posterior.recognisers[1].of_h):
            parameter[1] = 0.0  # the second unit of level 2 says nothing
    x = made.draw(60)
    found = evaluate(model, made.spec, x.split(7), samples=4)
    assert [(level.units, level.active_units) for level in found.levels] == [(2, 2), (3, 2)]
    variance = model.encode(x, draw=mean)[1].q.mean.var(0, correction=0)
    assert active_units(variance) == 2
    assert active_units(torch.tensor([0.01, 0.0101, 5.0])) == 2


@pytest.mark.parametrize("bins", [2, 5, 32, 256])
def test_a_uniform_mass_has_log2_of_the_bins(bins: int) -> None:
    spec = ImageSpec(3, 4, 5, bins)
    assert bits_per_dim(-60 * math.log(bins), spec) == pytest.approx(math.log2(bins), rel=1e-14)


@pytest.mark.parametrize("grid", [2, 17, 256])
def test_a_uniform_density_of_dequantised_data_too(grid: int) -> None:
    spec = ImageSpec(3, 4, 5, None)
    assert bits_per_dim(0.0, spec, grid) == math.log2(grid)
    assert bits_per_dim(-1.0, spec, None) is None


def test_dequantised_densities_bound_the_masses() -> None:
    """A density that is constant on every cell has exactly the mass's bits."""
    masses = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    entropy = -(masses * masses.log2()).sum().item()
    log_density = (masses * (masses * 4).log()).sum().item()  # E log p of x = (k + u) / 4
    assert bits_per_dim(log_density, ImageSpec(1, 1, 1, None), 4) == pytest.approx(entropy)
    log_mass = (masses * masses.log()).sum().item()
    assert bits_per_dim(log_mass, ImageSpec(1, 1, 1, 4)) == pytest.approx(entropy)


def test_the_auxiliary_observation_has_bits_of_its_own() -> None:
    """E_q[log p(y | z)] - KL; where y is x itself and q exact, that is log p(x)."""
    made = known.flat((1, 1))
    model, x = made.top_down()[0], made.draw(3)
    model.auxiliary = model.decoder
    assert torch.allclose(bounds(model, x, 20_000).auxiliary, made.log_p(x), atol=0.1)
    found, per_image = evaluate(model, made.spec, x.split(2), samples=9, grid=8), bounds(model, x, 9)
    assert found.auxiliary_bits_per_dim == pytest.approx(3.0 - per_image.auxiliary.mean().item() / (6 * math.log(2)))
    assert found.elbo == pytest.approx(made.log_p(x).mean().item())
