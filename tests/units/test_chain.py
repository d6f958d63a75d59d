"""HVAE and Ladder VAE: one fact of each paper."""

import itertools

import pytest
import torch

from stratiform.core.hierarchy import from_prior, given
from stratiform.core.posterior import BottomUp
from stratiform.distributions import Gaussian, Likelihood, gaussian_product
from stratiform.errors import UserError
from stratiform.models.chain import Chain
from stratiform.models.hvae import HVAE
from stratiform.models.lvae import LVAE, Precision
from stratiform.spec import ImageSpec

BINARY, MNIST = Likelihood(name="bernoulli"), ImageSpec(1, 28, 28, 2)
SMALL = ImageSpec(1, 4, 4, 17)


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_two_layer_network_of_the_iwae_paper() -> None:
    """x-200-200-z1(100)-100-100-z2(50) and back, two heads each."""
    net = Chain(hidden=(200, 100), layer="tanh")
    model = HVAE(latents=(100, 50), network=net, likelihood=BINARY).build(MNIST)

    def layers(*sizes: int) -> int:
        return sum(a * b + b for a, b in itertools.pairwise(sizes))

    assert isinstance(model.posterior, BottomUp)
    assert parameters(model.posterior) == layers(784, 200, 200, 2 * 100) + layers(100, 100, 100, 2 * 50)
    assert parameters(model.hierarchy) == layers(50, 100, 100, 2 * 100)
    assert parameters(model.decoder) == layers(100, 200, 200, 784)


@pytest.mark.parametrize(("prior", "forgets"), [("markov", True), ("shortcut", False)])
def test_what_lies_above_a_given_level_is_forgotten_by_a_markov_chain_alone(prior: str, forgets: bool) -> None:
    model = HVAE(latents=(2, 2, 2), prior=prior, network=Chain(hidden=(8,))).build(SMALL).eval()
    below = {0: torch.randn(3, 2), 1: torch.randn(3, 2)}
    one, other = (model.decode(3, given(below | {2: torch.randn(3, 2)}, from_prior())).mean for _ in range(2))
    assert torch.equal(one, other) == forgets


def test_a_product_of_gaussians_is_proportional_to_the_product_of_their_densities() -> None:
    a = Gaussian(torch.tensor([0.3, -5.0]).double(), torch.tensor([0.2, -3.0]).double())
    b = Gaussian(torch.tensor([-1.0, 4.0]).double(), torch.tensor([-0.5, 6.0]).double())
    z = torch.linspace(-6, 6, 50).double()[:, None]
    ratio = gaussian_product(a, b).log_prob(z) - a.log_prob(z) - b.log_prob(z)
    assert torch.allclose(ratio, ratio[:1].expand_as(ratio), atol=1e-9)


def test_ladder_inference_follows_the_prior_where_the_image_says_nothing() -> None:
    p = Gaussian(torch.randn(2, 3), torch.randn(2, 3))
    says_nothing = torch.cat([torch.randn(2, 3), torch.full((2, 3), 7.0)], 1)
    q, _ = Precision()(says_nothing, torch.zeros(2, 1), p, None)
    assert torch.allclose(q.mean, p.mean, atol=1e-3) and torch.allclose(q.log_scale, p.log_scale, atol=1e-3)
    certain = torch.cat([torch.ones(2, 3), torch.full((2, 3), -7.0)], 1)
    q, _ = Precision()(certain, torch.zeros(2, 1), p, None)
    assert torch.allclose(q.mean, torch.ones(2, 3), atol=1e-3)


def test_the_ladder_paper_has_a_network_less_than_its_code() -> None:
    paper, code = (
        LVAE(latents=(4, 3, 2), share=share, network=Chain(hidden=(8,))).build(SMALL) for share in (True, False)
    )
    assert parameters(paper.hierarchy) == parameters(code.hierarchy)
    assert parameters(code.posterior) - parameters(paper.posterior) == parameters(paper.hierarchy)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Chain(hidden=(512, 4)), "give 8 or more"),
        (lambda: HVAE(latents=()).build(SMALL), "give the units of every level"),
        (lambda: HVAE(network=Chain(kind="conv")).build(ImageSpec(1, 3, 9, 2)), "at least 4 x 4"),
    ],
)
def test_what_cannot_be_built(make: object, told: str) -> None:
    with pytest.raises(UserError, match=told):
        make()  # type: ignore[operator]
