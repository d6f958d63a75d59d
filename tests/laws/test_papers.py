"""Facts of the papers, one or two for each model."""

import math

import pytest
import torch

import zoo
from stratiform.core.posterior import noisy
from stratiform.distributions import Likelihood
from stratiform.evaluation.laws.case import random_images
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
