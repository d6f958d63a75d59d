"""What a law is given, and what it says."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from stratiform.core.conditional import ConditionalModel
from stratiform.core.decoder import Autoregressive, Image
from stratiform.core.hierarchy import Draw, Guide, Pick, from_prior
from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.evaluation.noise import keyed
from stratiform.spec import ImageSpec

IMAGES = 3


class Broken(AssertionError):
    """The law does not hold; the message gives the numbers."""


class NotApplicable(Exception):
    """The law says nothing about this model; the message says why."""


@dataclass(frozen=True)
class Case:
    """A model under test: a copy of its own, float64, on the CPU, in eval mode."""

    model: LatentModel
    spec: ImageSpec
    x: Tensor  # [B, C, H, W] float64, 2 images or more

    @classmethod
    def of(cls, model: LatentModel, spec: ImageSpec, x: Tensor | None = None) -> Case:
        """A copy of the model, with the first three of the images x, or random ones on the grid of the spec."""
        model = copy.deepcopy(model).cpu().double().eval().requires_grad_(True)
        few = random_images(spec, IMAGES) if x is None or len(x) < 2 else x[:IMAGES].detach().cpu().double()
        return cls(model, spec, few)

    @property
    def levels(self) -> int:
        return len(self.model.hierarchy.levels)

    def need_levels(self) -> None:
        if not self.levels:
            raise NotApplicable("the model has no levels")

    def autoregressive(self) -> Autoregressive:
        if not isinstance(self.model.decoder, Autoregressive):
            raise NotApplicable("the pixels are independent given z")
        return self.model.decoder

    def copy(self) -> LatentModel:
        return copy.deepcopy(self.model)

    def rows(self, n: int, samples: int = 1) -> Draw:
        """The draws of a batch in which n images stand `samples` times, all images first."""
        image, sample = torch.arange(n).repeat(samples), torch.arange(samples).repeat_interleave(n)
        return keyed(0, image, sample)

    def terms(self, model: LatentModel | None = None, x: Tensor | None = None) -> Terms:
        """The terms of x, always with the same noise."""
        x = self.x if x is None else x
        return (model or self.model)(x, draw=self.rows(len(x)))

    def prior(self, seed: int = 0) -> Pick:
        """Generation, every level's noise from a generator of its own."""
        return from_prior(generators={level: Generator().manual_seed(seed + level) for level in range(self.levels)})

    def condition(self, n: int, model: LatentModel | None = None) -> Guide | None:
        """Of a model that completes images, p(z | what is known of the first n images)."""
        model, x = model or self.model, self.x[:n]
        return model.given(x, model.known(x)) if isinstance(model, ConditionalModel) else None

    def picture(self, model: LatentModel | None = None) -> Tensor:
        """Two images that the model draws, [2, C, H, W]."""
        image = (model or self.model).decode(2, self.prior(), self.condition(2, model))
        return image.sample(Generator().manual_seed(2))

    def features(self, n: int) -> Tensor:
        """f(z) of n draws from the prior, [n, ...]."""
        return self.model.hierarchy.descend(n, self.prior(), self.condition(n))[0]

    def image(self, n: int) -> Image:
        """The distribution over n images, all of them from the first draw of `features`."""
        f = self.features(1)
        return self.model.decoder(f.expand(n, *f.shape[1:]))


def random_images(spec: ImageSpec, n: int, seed: int = 0) -> Tensor:
    """[n, C, H, W] float64: uniform over the values that the spec allows."""
    generator = Generator().manual_seed(seed)
    if spec.bins is None:
        return torch.rand(n, *spec.shape, generator=generator, dtype=torch.float64)
    return torch.randint(spec.bins, (n, *spec.shape), generator=generator).double() / (spec.bins - 1)


def apart(a: Tensor, b: Tensor) -> float:
    """The largest difference, relative to the largest value (or to 1); infinite where either is not a number."""
    if not a.numel():
        return 0.0
    scale = max(1.0, b.abs().max().item())
    difference = (a - b).abs().max().item() / scale
    return difference if difference == difference else float("inf")


def near(what: str, a: Tensor, b: Tensor, tolerance: float) -> str:
    """Demands that the two agree; says by how much they do."""
    difference = apart(a, b)
    if difference > tolerance:
        raise Broken(f"{what} differ by {difference:.2g}, allowed {tolerance:.0e}")
    return f"{what}: within {difference:.1g}" if difference else f"{what}: equal"
