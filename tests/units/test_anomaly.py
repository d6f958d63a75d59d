"""The per-level bound against matrix formulas, who is asked for it, and AUROC against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

import zoo
from known import Affine, Known, flat, markov, pixels, shortcut
from stratiform.core.model import LatentModel
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.evaluation.anomaly import Scores, Upper, auroc, scores, upper_bound
from stratiform.evaluation.bound import bounds, log_weights
from stratiform.evaluation.laws.case import random_images
from stratiform.spec import ImageSpec

DRAWS = 20_000


def joined(parts: list[Affine]) -> Affine:
    return Affine(torch.cat([part.m for part in parts]), torch.cat([part.c for part in parts]))


def formula(made: Known, k: int, x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """L^{>k}, [B], where z_>k | x ~ N(mean [B, d], covariance): E log p(x | z) - KL(q(z_>k | x) || p(z_>k))."""
    z, _, of_x = made.joint()
    upper, pixels = joined(z[k:]), x[0].numel()
    clean = Affine(of_x.m, torch.cat([of_x.c[:, :-pixels], torch.zeros(pixels, pixels, dtype=torch.float64)], 1))
    shown = clean.given(upper)  # the mean of x, z_<=k ~ p(z_<=k | z_>k) summed out
    variance = (2.0 * made.output.log_scale).exp()
    error = (x.flatten(1) - shown.offset - mean @ shown.gain.T).square().sum(1)
    spread = (shown.gain @ covariance @ shown.gain.T + shown.covariance).trace()
    log_px = -0.5 * pixels * (2 * math.pi * variance).log() - 0.5 * (error + spread) / variance
    prior = torch.distributions.MultivariateNormal(upper.m, upper.covariance())
    q = torch.distributions.MultivariateNormal(mean, covariance)
    return log_px - torch.distributions.kl_divergence(q, prior)


def agrees(model: LatentModel, x: Tensor, k: int, exact: Tensor) -> None:
    """Within five standard errors of the mean over draws, which must be small beside what is checked."""
    weights = log_weights(LatentModel(model.hierarchy, Upper(model.posterior, k), model.decoder), x, DRAWS)
    stderr = weights.std(0) / math.sqrt(DRAWS)
    assert (stderr < 0.01 * exact.abs()).all()
    found = upper_bound(model, x, k, DRAWS)
    assert torch.allclose(found, weights.mean(0))
    assert ((found - exact).abs() < 5 * stderr).all()


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("family", [flat, markov, shortcut])
def test_the_bound_of_upper_levels_is_the_formula(family, k: int) -> None:
    made = family((1, 1, 1))
    model, x = made.top_down()[0], made.draw(4)  # of one-unit levels q is the exact posterior
    z, _, of_x = made.joint()
    posterior = joined(z[k:]).given(of_x)
    mean = x.flatten(1) @ posterior.gain.T + posterior.offset
    exact = formula(made, k, x, mean, posterior.covariance)
    agrees(model, x, k, exact)
    found = scores(model, x.split(3), samples=50)
    assert torch.allclose(found.bound, made.log_p(x))
    assert ((made.log_p(x) - exact) > 0).all()
    assert found.llr.shape == (2, 4)


@pytest.mark.parametrize("k", [1, 2])
def test_bottom_up_inference_goes_on_from_the_means_below(k: int) -> None:
    """q(z_>k | x) = q(z_>k | mean of z_<=k): a chain of scalars, whose moments are worked out by hand."""
    made = markov((1, 1, 1), seed=2)
    model, x = made.bottom_up()[0], made.draw(4)
    z, _, of_x = made.joint()
    steps = [level.given(below) for level, below in zip(z, [of_x, *z], strict=False)]
    mean, means, covariance = x.flatten(1), [], torch.zeros(0, 0, dtype=torch.float64)
    for index, step in enumerate(steps):
        mean = mean @ step.gain.T + step.offset
        if index < k:
            continue
        means.append(mean)
        if index == k:
            covariance = step.covariance
        else:
            across = covariance[:, -1:] @ step.gain.T
            own = step.gain @ covariance[-1:, -1:] @ step.gain.T + step.covariance
            covariance = torch.cat([torch.cat([covariance, across], 1), torch.cat([across.T, own], 1)])
    agrees(model, x, k, formula(made, k, x, torch.cat(means, 1), covariance))


@pytest.mark.parametrize("name", ["vlae, 5x7", "hvae, markov, bottom-up", "hvae, shortcut, top-down", "lvae"])
def test_at_the_ends_it_is_the_elbo_and_the_prior_alone(name: str) -> None:
    model, spec = zoo.build(name).eval(), zoo.ZOO[name][2]
    x, levels = random_images(spec, 3), len(model.hierarchy.levels)
    assert torch.allclose(upper_bound(model, x, 0, 6), bounds(model, x, 6).elbo)
    for parameter in model.posterior.parameters():
        parameter.data.fill_(math.nan)
    assert upper_bound(model, x, levels, 6).isfinite().all()
    with torch.no_grad(), pytest.raises(RuntimeError, match="log-weight of image 0 is nan"):
        upper_bound(model, x, levels - 1, 6)


def test_the_lower_levels_are_not_inferred() -> None:
    made = shortcut((2, 1, 2))
    model, x = made.top_down()[0], made.draw(3)
    before = upper_bound(model, x, 1, 5)
    model.posterior.recognisers[0].offset.data.fill_(math.nan)
    assert torch.equal(upper_bound(model, x, 1, 5), before)


def test_scores_do_not_depend_on_batch_or_chunk() -> None:
    made = flat((1, 2))
    model, x = made.top_down()[0], made.draw(7)
    whole = scores(model, [x], samples=5)
    for size, chunk in ((1, None), (3, 2), (7, 1)):
        found = scores(model, x.split(size), samples=5, chunk=chunk)
        assert torch.allclose(found.bound, whole.bound) and torch.allclose(found.llr, whole.llr)
    assert not torch.allclose(scores(model, [x], samples=5, seed=1).llr, whole.llr)
    assert torch.allclose(whole.bound, bounds(model, x, 5).bound)
    assert torch.allclose(whole.llr[0], whole.bound - upper_bound(model, x, 1, 5))


def test_names_say_which_way_is_strange() -> None:
    found = Scores(torch.tensor([-1.0, -2.0]), torch.tensor([[3.0, 4.0]])).named()
    assert {name: values.tolist() for name, values in found.items()} == {"-bound": [1.0, 2.0], "llr_1": [3.0, 4.0]}


def test_one_level_or_none_has_a_bound_and_no_ratio() -> None:
    one = flat((2,))
    assert scores(one.top_down()[0], [one.draw(3)], samples=2).llr.shape == (0, 3)
    model, x = pixels(ImageSpec(1, 2, 3, 4), Likelihood()), torch.randint(4, (5, 1, 2, 3)).double() / 3
    found = scores(model, x.split(2), samples=9)
    assert torch.allclose(found.bound, model(x).log_px.double()) and list(found.named()) == ["-bound"]


def test_nothing_to_score() -> None:
    model = flat((1, 1)).top_down()[0]
    with pytest.raises(UserError, match="no images to score"):
        scores(model, [])
    with pytest.raises(UserError, match="samples is 0"):
        scores(model, [flat().draw(2)], samples=0)


@pytest.mark.parametrize(("n", "m", "levels"), [(30, 70, 1000), (200, 11, 5), (2, 2, 3)])
def test_auroc_is_scikit_learns(n: int, m: int, levels: int) -> None:
    random = np.random.default_rng(n)
    usual, strange = random.integers(levels, size=n), random.integers(levels, size=m) + levels // 4
    expected = roc_auc_score(np.repeat([0, 1], [n, m]), np.concatenate([usual, strange]))
    assert auroc(usual, strange)[0] == pytest.approx(expected)


def test_the_error_of_auroc_is_the_bootstraps() -> None:
    random = np.random.default_rng(0)
    usual, strange = random.standard_normal(300), 0.7 + 0.5 * random.standard_normal(100)
    again = [auroc(random.choice(usual, 300), random.choice(strange, 100))[0] for _ in range(2000)]
    assert auroc(usual, strange)[1] == pytest.approx(np.std(again), rel=0.08)


def test_auroc_by_hand() -> None:
    area, stderr = auroc(np.array([0.0, 2.0]), np.array([1.0, 3.0]))
    assert area == 0.75
    assert stderr == pytest.approx(math.sqrt(0.125 / 2 + 0.125 / 2))  # placements (1/2, 1) and (1, 1/2)
    assert auroc(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == (1.0, 0.0)
    assert auroc(np.array([1.0]), np.array([1.0, 1.0])) == (0.5, None)
