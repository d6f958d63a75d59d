"""Hidden pixels given known ones: their law by enumeration and in closed form, what is kept, what is refused."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor, nn

import known
import zoo
from stratiform.core.conditional import ConditionalModel
from stratiform.core.decoder import Factorised
from stratiform.core.hierarchy import Carry, Hierarchy, Pick, from_prior
from stratiform.core.latent import Latent
from stratiform.core.masks import FixedMask, RandomMask
from stratiform.core.model import LatentModel
from stratiform.core.posterior import Draw, Posterior, sample
from stratiform.distributions import Bernoulli, Distribution, Gaussian, Likelihood
from stratiform.errors import UserError
from stratiform.evaluation.bound import log_weights
from stratiform.evaluation.complete import complete
from stratiform.evaluation.impute import Weighted, hole, impute, law
from stratiform.evaluation.laws.case import random_images
from stratiform.evaluation.particles import infer, log_q
from stratiform.spec import ImageSpec

DIAGONAL = torch.eye(2, dtype=torch.bool)
TINY = (
    "vae, dense, binary 2x2",
    "hvae, markov, mean-field, tanh, binary",
    "lvae, as its code",
    "matnet, dense, gated, binary 2x2",
)
CONDITIONAL = [name for name in zoo.ZOO if name.startswith("conditional")]


def every_binary_image() -> Tensor:
    """[16, 1, 2, 2]"""
    return torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * 4).view(-1, 1, 2, 2)


def strong(name: str) -> LatentModel:
    """With weights so large that its pixels depend on each other."""
    model, generator = zoo.build(name).eval(), Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


@torch.no_grad()
def masses(model: LatentModel, images: Tensor) -> Tensor:
    """p(x) of each, by very many draws from the prior."""
    torch.manual_seed(0)
    pixels = model.decode(50_000, from_prior())
    return torch.stack([pixels.log_prob(x.expand(50_000, -1, -1, -1)).exp().mean() for x in images])


@pytest.mark.parametrize("name", TINY)
def test_particles_have_the_law_that_enumeration_gives(name: str) -> None:
    model, every = strong(name), every_binary_image()
    x = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]).double()
    fitting = every[(every == x)[:, 0][:, DIAGONAL].all(1)]
    wanted = masses(model, fitting)
    found = law(model, x, DIAGONAL, particles=2000)
    assert isinstance(found, Weighted) and (found.exact, found.estimator) == (False, "estimate")
    assert found.effective > 200
    near = {"atol": 4.0 / math.sqrt(found.effective), "rtol": 0.0}
    log_p, expected = found.log_p(fitting), (wanted / wanted.sum()).log()
    assert log_p.exp().sum().item() == pytest.approx(1.0, abs=1e-9)
    torch.testing.assert_close(log_p, expected, **near)
    assert found.particles.log_known() == pytest.approx(wanted.sum().log().item(), abs=near["atol"])
    shares = (found.draw(2000)[:, None] == fitting).flatten(2).all(2).double().mean(0)
    torch.testing.assert_close(shares, log_p.exp(), atol=0.06, rtol=0.0)
    alike = torch.full_like(expected, -math.log(4.0))
    assert (expected - alike).abs().max() > near["atol"]


@pytest.mark.parametrize("make", [known.markov, known.flat, known.shortcut, lambda: known.flat((2, 1))])
def test_particles_agree_with_the_closed_form(make: Callable[[], known.Known]) -> None:
    """A linear-Gaussian hierarchy: log p(x_u | x_k) and E[x_u | x_k] are matrix formulas."""
    linear = make()
    model, x, mask = linear.top_down()[0], linear.draw(1), torch.tensor([[True, False, True], [True, True, False]])
    joint, flat = linear.joint()[2], x.flatten()
    seen, hidden = mask.flatten(), ~mask.flatten()
    part = known.Affine(joint.m[seen], joint.c[seen])
    wanted = known.Affine(joint.m[hidden], joint.c[hidden]).given(part)
    expected = wanted.offset + wanted.gain @ flat[seen]
    normal = torch.distributions.MultivariateNormal
    found = law(model, x, mask, particles=5000)
    assert isinstance(found, Weighted) and found.effective > 1000
    log_p = normal(expected, wanted.covariance).log_prob(flat[hidden]).item()
    assert found.log_p(x).item() == pytest.approx(log_p, abs=0.1)
    log_known = normal(part.m, part.covariance()).log_prob(flat[seen]).item()
    assert found.particles.log_known() == pytest.approx(log_known, abs=0.1)
    drawn = found.draw(5000)[:, 0, ~mask]
    deviation = wanted.covariance.diagonal().sqrt()
    assert ((drawn.mean(0) - expected).abs() < 0.1 * deviation).all()
    assert ((drawn.std(0) / deviation - 1.0).abs() < 0.1).all()


@pytest.mark.parametrize("name", CONDITIONAL)
def test_a_model_that_completes_is_scored_by_its_own_bound(name: str) -> None:
    model, x = zoo.build(name).eval(), random_images(zoo.ZOO[name][2], 1)
    assert isinstance(model, ConditionalModel)
    mask = model.known(x)[0, 0]
    found = law(model, x, mask, samples=7)
    model.mask = FixedMask(mask)
    weights = log_weights(model, x, 7)
    assert found.exact and found.estimator == "bound"
    torch.testing.assert_close(found.log_p(x), weights.logsumexp(0) - math.log(7))


def test_what_a_model_that_completes_draws_has_the_law_that_it_scores() -> None:
    name = "conditional-matnet, two stages, dense, binary 2x2"
    model, every = strong(name), every_binary_image()
    x = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]).double()
    fitting = every[(every == x)[:, 0][:, DIAGONAL].all(1)]
    found = law(model, x, DIAGONAL, samples=5000)
    shares = (found.draw(5000)[:, None] == fitting).flatten(2).all(2).double().mean(0)
    torch.testing.assert_close(shares, found.log_p(fitting).exp(), atol=0.04, rtol=0.0)


@pytest.mark.parametrize("name", [*CONDITIONAL, "vlae, 5x7", "matnet, 9x6", "hvae, shortcut, bottom-up"])
def test_known_pixels_keep_every_bit_and_hidden_ones_vary(name: str) -> None:
    model, x = zoo.build(name).eval().float(), random_images(zoo.ZOO[name][2], 1).float()
    mask = hole(RandomMask("pixels", *x.shape[2:]), 0, 0)
    found = impute(model, x, mask, 5, particles=20, samples=3)
    assert found.images.shape == (5, *x.shape[1:]) and found.images.dtype == x.dtype
    assert torch.equal(found.images[:, :, mask], x[:, :, mask].expand(5, -1, -1))
    assert torch.equal(found.mean[:, mask], x[0][:, mask])
    assert (found.spread[~mask] > 0).all() and not found.spread[mask].any()
    assert found.log_p is not None and found.log_p.shape == (5,) and found.log_p.isfinite().all()
    assert 1.0 <= found.effective <= 20.0
    same, other = (impute(model, x, mask, 5, particles=20, samples=3, seed=seed) for seed in (0, 1))
    assert torch.equal(found.images, same.images) and not torch.equal(found.images, other.images)


class Wide(Posterior):
    """q(z | x) = N(0, 1), whatever x."""

    def pick(self, x: Tensor, draw: Draw = sample) -> Pick:
        def pick(level: int, h: Tensor, p: Distribution, carry: Carry) -> tuple[Latent, Carry]:
            q = Gaussian.standard((1,), h)
            z, log_q = draw(level, q)
            return Latent(z, p, q, log_q, exact=True), carry

        return pick


class TopRow(nn.Module):
    """z > 0: the upper pixels are 1; else 0. The lower ones are heads or tails."""

    def forward(self, z: Tensor) -> Bernoulli:
        upper = 60.0 * z[:, :, None, None].sign().expand(-1, 1, 1, 2)
        return Bernoulli(torch.cat([upper, torch.zeros_like(upper)], 2))


def test_completions_agree_where_the_known_pixels_decide_and_differ_where_they_do_not() -> None:
    link = known.flat((1,)).links[0]
    one = torch.ones(1, 1, dtype=torch.float64)
    level = known.LinearLevel(known.Link(link.f[:1], one, link.m, link.b, link.log_scale), top=True)
    model = LatentModel(Hierarchy([level], (link.f.shape[1],)), Wide(), Factorised(nn.Identity(), TopRow())).eval()
    for value in (0.0, 1.0):
        x = torch.tensor([[[[value, 0.5], [0.5, 0.5]]]]).double()
        mask = torch.tensor([[True, False], [False, False]])
        found = impute(model.double(), x, mask, 16, particles=100)
        assert (found.images[:, 0, 0, 1] == value).all()
        assert 0 < found.images[:, 0, 1].mean() < 1
        assert found.spread[0].max() < 1e-6 and found.spread[1].min() > 0.4
        torch.testing.assert_close(found.log_p, torch.full((16,), -2.0 * math.log(2.0)).double())


def test_pixel_models_are_exact_in_order_and_say_so_elsewhere() -> None:
    model = known.pixels(ImageSpec(1, 2, 3, 4), Likelihood(name="softmax"))
    x, upper = random_images(ImageSpec(1, 2, 3, 4), 1), torch.tensor([[True] * 3, [False] * 3])
    found, wanted = law(model, x, upper), complete(model, x, upper, 4)
    assert torch.equal(found.draw(4), wanted.images)
    torch.testing.assert_close(found.log_p(wanted.images), wanted.log_p)
    assert torch.equal(impute(model, x, ~upper, 4).images, complete(model, x, ~upper, 4).images)
    with pytest.raises(UserError, match="where what is hidden comes last"):
        law(model, x, ~upper)


def test_what_cannot_be_completed_is_refused_in_a_line() -> None:
    name = "vae, dense, binary 2x2"
    model, x = zoo.build(name).eval(), every_binary_image()[:1]
    with pytest.raises(UserError, match=r"the image is \[1, 1, 2, 1\]; give one of \[1, 1, 2, 2\]"):
        impute(model, x[..., :1], DIAGONAL, 2)
    with pytest.raises(UserError, match=r"the mask is \[2, 1\], the image \[2, 2\]"):
        impute(model, x, DIAGONAL[:, :1], 2)
    with pytest.raises(UserError, match="nothing is hidden"):
        impute(model, x, torch.ones_like(DIAGONAL), 2)
    with pytest.raises(UserError, match="everything is hidden"):
        impute(model, x, torch.zeros_like(DIAGONAL), 2)
    with pytest.raises(UserError, match="particles are 7, of which 8 completions cannot be chosen"):
        impute(model, x, DIAGONAL, 8, particles=7)
    with pytest.raises(UserError, match=r"given 3 levels.* its log p"):
        law(zoo.build("matnet, dense, markov, everywhere, autoregressive output, 2x2"), x, DIAGONAL)


@pytest.mark.parametrize("name", ["vlae, 5x7", "vae, digits-like"])
def test_where_levels_are_independent_given_the_image_it_is_encoded_once(name: str) -> None:
    model, x = zoo.build(name).eval(), random_images(zoo.ZOO[name][2], 3)
    z = {level: torch.randn(6, *shape).double() for level, shape in enumerate(model.hierarchy.shapes)}
    assert model.posterior.independent
    fast = log_q(model, x, z)
    model.posterior.independent = False
    torch.testing.assert_close(fast, log_q(model, x, z))
    assert fast.shape == (3, 6)


def test_particles_are_a_function_of_the_seed_and_of_nothing_else() -> None:
    model, x = zoo.build("vlae, 5x7").eval(), random_images(ImageSpec(1, 5, 7, 17), 1)
    mask = hole(RandomMask("half", 5, 7), 3, 1)
    first, other = (infer(model, x, mask, 30, seed=seed).log_w for seed in (1, 2))
    torch.manual_seed(5)
    assert torch.equal(infer(model, x, mask, 30, seed=1).log_w, first) and not torch.equal(first, other)
    changed = torch.where(mask, x, 1.0 - x)
    assert torch.equal(infer(model, changed, mask, 30, seed=1).log_w, first)
