"""Heads, factorised and autoregressive decoders."""

import math

import pytest
import torch
from torch import Generator, nn

import known
from stratiform.core.decoder import Autoregressive, Factorised, Head
from stratiform.core.hierarchy import from_prior
from stratiform.distributions import Bernoulli, Binned, Density, Likelihood
from stratiform.errors import UserError
from stratiform.models.chain import Chain
from stratiform.models.hvae import HVAE
from stratiform.spec import ImageSpec

COLOUR = ImageSpec(3, 4, 5, 256)


@pytest.mark.parametrize(
    ("learn", "outputs", "parameters"), [("no", 3, 0), ("image", 3, 1), ("channel", 3, 3), ("pixel", 6, 3)]
)
def test_outputs_and_learnt_scales(learn: str, outputs: int, parameters: int) -> None:
    head = Head(Likelihood(scale=0.2, learn=learn), COLOUR)
    assert head.outputs == outputs
    assert sum(parameter.numel() for parameter in head.parameters()) == parameters
    image = head(torch.zeros(2, outputs, 4, 5))
    assert isinstance(image, Binned)
    assert torch.allclose(image.log_scale.exp(), torch.tensor(0.2))
    assert torch.allclose(image.mean, torch.tensor(0.5))
    assert image.log_prob(torch.rand(2, 3, 4, 5)).shape == (2,)


def test_scales_per_pixel_come_from_the_network_and_are_clamped() -> None:
    head = Head(Likelihood(scale=1.0, learn="pixel"), COLOUR)
    raw = torch.zeros(1, 6, 4, 5)
    raw[:, 3:, 0, 0], raw[:, 3:, 1, 1] = 0.5, -50.0
    log_scale = head(raw).log_scale
    assert log_scale[0, :, 0, 0].tolist() == [0.5] * 3
    assert log_scale[0, :, 1, 1].tolist() == [-7.0] * 3


def test_the_plain_density_is_trained_where_asked_for_and_never_evaluated() -> None:
    head = Head(Likelihood(density=True), COLOUR)
    assert isinstance(head.train()(torch.zeros(1, 3, 4, 5)), Density)
    assert isinstance(head.eval()(torch.zeros(1, 3, 4, 5)), Binned)
    assert isinstance(Head(Likelihood(), COLOUR).train()(torch.zeros(1, 3, 4, 5)), Binned)


def test_the_data_decides_between_masses_and_densities() -> None:
    continuous = ImageSpec(1, 2, 2, None)
    assert isinstance(Head(Likelihood(), continuous).eval()(torch.zeros(1, 1, 2, 2)), Density)
    binary = Head(Likelihood(name="bernoulli", learn="pixel"), ImageSpec(1, 2, 2, 2))
    assert isinstance(binary(torch.zeros(1, 1, 2, 2)), Bernoulli)
    assert binary.outputs == 1 and not list(binary.parameters())
    with pytest.raises(UserError, match="'bernoulli' is no distribution for data of 256 levels"):
        Head(Likelihood(name="bernoulli"), COLOUR)


def test_training_can_start_from_the_mean_image() -> None:
    """A network that says nothing gives the mean of the first batch, and every pixel of it goes on learning."""
    spec = ImageSpec(1, 2, 2, 2)
    likelihood = Likelihood(name="bernoulli", start="mean")
    model = HVAE(latents=(2,), network=Chain(hidden=(8,)), likelihood=likelihood).build(spec)
    head, last = model.decoder.head, model.decoder.network[-1][0]
    nn.init.zeros_(last.weight), nn.init.zeros_(last.bias)
    x = torch.tensor([[1.0, 0.0], [1.0, 1.0]]).repeat(7, 1, 1, 1)
    x[0, 0, 1, 1] = 0.0
    model.initialise(x)
    expected = torch.tensor([[7.5, 0.5], [7.5, 6.5]]) / 8
    assert torch.allclose(model.decode(5, from_prior()).mean, expected.expand(5, 1, 2, 2))
    model(x).log_px.sum().backward()
    assert head.start.grad.abs().min() > 0
    assert Head(Likelihood(name="bernoulli"), spec).start is None


def test_where_there_is_no_mean_image_to_start_from_it_is_said() -> None:
    with pytest.raises(UserError, match="'softmax' has no mean to start from"):
        Likelihood(name="softmax", start="mean")
    head = Head(Likelihood(name="bernoulli", start="mean"), ImageSpec(1, 2, 2, 2))
    with pytest.raises(UserError, match="start from the network"):
        Autoregressive(nn.Identity(), head, (1, 2, 2))


def test_half_precision_stays_in_the_network() -> None:
    image = Head(Likelihood(), COLOUR)(torch.zeros(1, 3, 4, 5, dtype=torch.bfloat16))
    assert image.mean.dtype == image.log_prob(torch.zeros(1, 3, 4, 5)).dtype == torch.float32


def test_factorised() -> None:
    head = Head(Likelihood(), COLOUR)
    network = nn.Sequential(nn.Linear(7, math.prod(COLOUR.shape)), nn.Unflatten(1, COLOUR.shape))
    image = Factorised(network, head)(torch.zeros(2, 7))
    assert image.sample().shape == (2, *COLOUR.shape)


@pytest.mark.parametrize("name", ["bernoulli", "laplace"])
def test_autoregressive_images_sum_to_one_and_samples_follow_the_masses(name: str) -> None:
    bins = 2 if name == "bernoulli" else 3
    spec = ImageSpec(1, 2, 2, bins)
    decoder = known.pixels(spec, Likelihood(name=name, scale=0.3)).decoder
    every = torch.cartesian_prod(*[torch.linspace(0, 1, bins, dtype=torch.float64)] * 4).view(-1, 1, 2, 2)
    with torch.no_grad():
        log_p = decoder(torch.zeros(len(every), 0, dtype=torch.float64)).log_prob(every)
        x = decoder(torch.zeros(20_000, 0, dtype=torch.float64)).sample(Generator().manual_seed(0))
    assert log_p.logsumexp(0).item() == pytest.approx(0.0, abs=1e-12)
    place = (x.flatten(1) * (bins - 1)).round().long() @ torch.tensor([bins**3, bins**2, bins, 1])
    counts, expected = torch.bincount(place, minlength=len(every)).double(), log_p.exp() * len(x)
    common = expected > 5
    assert ((counts - expected) ** 2 / expected)[common].sum() < 2.5 * common.sum() + 20


def test_an_autoregressive_image_scores_pixel_by_pixel() -> None:
    spec = ImageSpec(2, 3, 4, 5)
    image = known.pixels(spec, Likelihood()).decoder(torch.zeros(2, 0, dtype=torch.float64))
    x = image.sample(Generator().manual_seed(0))
    assert image.log_prob_each(x).shape == (2, 3, 4)
    assert torch.allclose(image.log_prob_each(x).sum((1, 2)), image.log_prob(x))
    assert image.mean is None


def test_an_autoregressive_sample_keeps_no_graph() -> None:
    decoder = known.pixels(ImageSpec(1, 3, 4, 5), Likelihood(learn="pixel")).decoder
    assert not decoder(torch.zeros(2, 0, dtype=torch.float64)).sample().requires_grad
