"""The model: what is scored, what inference sees, what is drawn."""

import pytest
import torch
from torch import Tensor, nn

import known
from stratiform.core.decoder import Decoder
from stratiform.core.hierarchy import from_prior, given
from stratiform.core.model import LatentModel
from stratiform.core.posterior import mean, noisy
from stratiform.distributions import Density, Image
from stratiform.distributions.families import Normal
from stratiform.errors import UserError
from stratiform.spec import ImageSpec

MADE = known.shortcut((1, 2))
MODEL, _ = MADE.top_down()
X = MADE.draw(3)
NOISE = {0: torch.zeros(3, 1, dtype=torch.float64), 1: torch.ones(3, 2, dtype=torch.float64)}


def test_inference_may_see_something_else_than_what_is_scored() -> None:
    other = MADE.draw(3, seed=1)
    terms = MODEL(X, seen=other, draw=noisy(NOISE))
    posterior = MODEL(other, draw=noisy(NOISE)).latents
    assert all(torch.equal(a.z, b.z) for a, b in zip(terms.latents, posterior, strict=True))
    f = MODEL.hierarchy.descend(3, given({i: t.z for i, t in enumerate(posterior)}, from_prior()))[0]
    assert torch.equal(terms.log_px, MODEL.decoder(f).log_prob(X))


def test_encode_is_deterministic_unless_told_otherwise() -> None:
    assert all(torch.equal(a.z, b.z) for a, b in zip(MODEL.encode(X), MODEL.encode(X), strict=True))
    assert torch.equal(MODEL.encode(X)[1].z, MODEL(X, draw=mean).latents[1].z)
    assert torch.equal(MODEL.encode(X, noisy(NOISE))[0].z, MODEL(X, draw=noisy(NOISE)).latents[0].z)


def test_decode_is_the_distribution_over_images() -> None:
    image = MODEL.decode(5, from_prior())
    assert image.mean.shape == (5, *MADE.output.shape)
    assert image.log_prob(image.sample()).shape == (5,)


def test_an_auxiliary_observation_is_scored_apart() -> None:
    class Scaled(Decoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(3, 4).double()

        def forward(self, h: Tensor) -> Image:
            return Density(Normal(), self.net(h).view(-1, 1, 2, 2), h.new_zeros(()))

    def target(x: Tensor) -> Tensor:
        return x[:, :, :2, :2]

    model = LatentModel(MODEL.hierarchy, MODEL.posterior, MODEL.decoder, Scaled(), target)
    terms, plain = model(X, draw=noisy(NOISE)), MODEL(X, draw=noisy(NOISE))
    assert torch.equal(terms.elbo(), plain.elbo())
    f = model.hierarchy.descend(3, given({i: t.z for i, t in enumerate(terms.latents)}, from_prior()))[0]
    assert torch.equal(terms.log_py, model.auxiliary(f).log_prob(target(X)))


def test_specs() -> None:
    assert ImageSpec(3, 4, 5, 256).shape == (3, 4, 5)
    assert ImageSpec(3, 4, 5, 256).dimensions == 60
    with pytest.raises(UserError, match="every side needs at least 1"):
        ImageSpec(1, 0, 5, 2)
    with pytest.raises(UserError, match="2 or more, or None"):
        ImageSpec(1, 4, 5, 1)
