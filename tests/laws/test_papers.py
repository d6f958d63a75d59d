"""Facts of the papers, one or two for each model."""

import math

import pytest
import torch

import zoo
from stratiform.core.posterior import noisy
from stratiform.distributions import Likelihood
from stratiform.evaluation.laws.case import random_images
from stratiform.models.matnet import MatNet, Modules
from stratiform.models.vae import VAE
from stratiform.models.vlae import VLAE
from stratiform.models.vlae_reference import ReferenceVLAE
from stratiform.spec import ImageSpec

GREY = ImageSpec(1, 8, 8, 17)


def test_the_vae_is_a_vlae_of_one_level() -> None:
    torch.manual_seed(0)
    vae = VAE(latent=3, network=zoo.CONV).build(GREY)
    torch.manual_seed(0)
    vlae = VLAE(latents=(3,), network=zoo.CONV).build(GREY)
    x = random_images(GREY, 2).float()
    noise = {0: torch.ones(2, 3)}
    assert torch.equal(vae(x, draw=noisy(noise)).elbo(), vlae(x, draw=noisy(noise)).elbo())


@pytest.mark.parametrize("name", ["vlae, 5x7", "vlae-reference, small"])
def test_a_vlae_is_flat(name: str) -> None:
    """p(z) = prod N(0, I) and q(z | x) = prod q(z_l | x): what one level draws changes neither p nor q of another."""
    model, spec = zoo.build(name).eval(), zoo.ZOO[name][2]
    x = random_images(spec, 2)
    zeros = {level: torch.zeros(2, *shape, dtype=torch.float64) for level, shape in enumerate(model.hierarchy.shapes)}
    moved = {level: noise + 3.0 for level, noise in zeros.items()}
    with torch.no_grad():
        ours, theirs = model(x, draw=noisy(zeros)), model(x, draw=noisy(moved))
    for a, b in zip(ours.latents, theirs.latents, strict=True):
        assert torch.equal(a.q.mean, b.q.mean) and torch.equal(a.q.scale, b.q.scale)
        assert not a.p.mean.any() and torch.equal(a.p.scale, torch.ones_like(a.p.scale))
    assert torch.equal(ours.kls(), theirs.kls())
    assert not torch.allclose(ours.log_px, theirs.log_px)


def test_the_posterior_of_the_reference_is_never_wider_than_the_prior() -> None:
    """sigma = sigmoid(.) + 0.001."""
    name = "vlae-reference, small"
    model = zoo.build(name).eval()
    with torch.no_grad():
        for recogniser in model.posterior.recognisers:
            for parameter in recogniser.parameters():
                parameter.mul_(30.0)
        latents = model.encode(random_images(zoo.ZOO[name][2], 20))
    scales = torch.cat([latent.q.scale.flatten() for latent in latents])
    assert scales.min() >= 0.001 - 1e-12 and scales.max() <= 1.001 + 1e-12


def test_the_reference_trains_eight_times_the_absolute_error() -> None:
    """Its code's loss, up to the constant D log 2b: Laplace densities of scale 1/8."""
    name = "vlae-reference, small"
    model, x = zoo.build(name).train(), random_images(zoo.ZOO[name][2], 3)
    noise = {level: torch.zeros(3, *shape, dtype=torch.float64) for level, shape in enumerate(model.hierarchy.shapes)}
    mean = model.decoder(model.hierarchy.descend(3, model.posterior.pick(x, noisy(noise)))[0]).mean
    error = (x - mean).abs().flatten(1).sum(1)
    constant = -x[0].numel() * math.log(2 / 8)
    assert torch.allclose(model(x, draw=noisy(noise)).log_px, -8.0 * error + constant)


@pytest.mark.parametrize(
    ("size", "spec", "parameters"),
    [
        ("small", ImageSpec(1, 28, 28, 256), 25_907_853),
        ("medium", ImageSpec(3, 32, 32, 256), 18_499_381),
        ("large", ImageSpec(3, 64, 64, 256), 51_586_387),
    ],
)
def test_parameters_of_the_reference(size: str, spec: ImageSpec, parameters: int) -> None:
    with torch.device("meta"):
        model = ReferenceVLAE(size=size).build(spec)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_a_learnt_scale_is_learnt() -> None:
    """Gradient descent on the scale alone finds the mean absolute error, the best scale of a Laplace density."""
    spec = ImageSpec(1, 4, 4, None)
    model = VAE(latent=1, network=zoo.DENSE, likelihood=Likelihood(learn="image")).build(spec).double()
    x, noise = random_images(spec, 50), {0: torch.zeros(50, 1, dtype=torch.float64)}
    optimiser = torch.optim.LBFGS([model.decoder.head.log_scale], line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = -model(x, draw=noisy(noise)).log_px.mean()
        value.backward()
        return value

    optimiser.step(loss)
    with torch.no_grad():
        mean = model.decoder(model.hierarchy.descend(50, model.posterior.pick(x, noisy(noise)))[0]).mean
    assert model.decoder.head.log_scale.exp().item() == pytest.approx((x - mean).abs().mean().item(), rel=1e-5)


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_matnet_of_mnist_has_the_size_of_the_papers_code() -> None:
    """Top-down 1,226,049, bottom-up 1,204,096, merge 1,967,696, priors 415,440, and the two learnt factors."""
    binary = Likelihood(name="bernoulli")
    with torch.device("meta"):
        flat = MatNet(prior="standard", likelihood=binary).build(ImageSpec(1, 28, 28, 2))
        full = MatNet(likelihood=binary).build(ImageSpec(1, 28, 28, 2))
    assert parameters(flat.hierarchy) + parameters(flat.decoder) == 1_226_049
    assert parameters(flat.posterior.encoder) == 1_204_096 + 1
    assert parameters(flat.posterior.recognisers) == 1_967_696
    assert parameters(full) - parameters(flat) == 415_440 + 1
    assert sum(math.prod(shape) for shape in flat.hierarchy.shapes) == 4_932


@pytest.mark.parametrize("name", [name for name in zoo.ZOO if name.startswith("matnet")])
def test_every_level_of_a_matnet_is_inferred_from_all_above_it_and_from_the_image(name: str) -> None:
    """q(z_i | z_<i, x) (Eq. 2): what is drawn above changes q, what is drawn beneath does not."""
    model, spec = zoo.build(name).eval(), zoo.ZOO[name][2]
    x = random_images(spec, 2)
    zeros = {level: torch.zeros(2, *shape, dtype=torch.float64) for level, shape in enumerate(model.hierarchy.shapes)}
    with torch.no_grad():
        plain = model(x, draw=noisy(zeros)).latents
        elsewhere = model(1.0 - x, draw=noisy(zeros)).latents
        for level in zeros:
            moved = model(x, draw=noisy(zeros | {level: zeros[level] + 1.0})).latents
            changed = [not torch.equal(a.q.mean, b.q.mean) for a, b in zip(plain, moved, strict=True)]
            assert changed == [other < level for other in range(len(zeros))]
    assert not any(torch.equal(a.q.mean, b.q.mean) for a, b in zip(plain, elsewhere, strict=True))


@pytest.mark.parametrize(("lateral", "first"), [("leaving", 1), ("entering", 2)])
def test_a_merge_module_reads_its_own_bottom_up_module(lateral: str, first: int) -> None:
    """Eq. 10, and its code: a change in a bottom-up module is seen by its own merge module, or by the next above."""
    torch.manual_seed(0)
    modules = Modules(depth=(2, 2), channels=(4, 4), stem=3, hidden=6, lateral=lateral)
    model = MatNet(latent=2, units=(1, 1), network=modules).build(GREY).double().eval()
    x = random_images(GREY, 1)
    with torch.no_grad():
        before = model.posterior.encoder(x)
        model.posterior.encoder.updates[1].into.bias.add_(1.0)
        after = model.posterior.encoder(x)
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [level < first for level in range(5)]


def test_modules_that_share_have_the_weights_of_one() -> None:
    one, four = (
        MatNet(latent=2, units=(1,), network=Modules(depth=(n,), channels=(4,), update="gated", share=True)).build(
            GREY
        )
        for n in (1, 4)
    )
    assert parameters(one) == parameters(four)
    assert len(four.hierarchy.levels) == 5
