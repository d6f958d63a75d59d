"""The sleep phase of inference."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stratiform.core.conditional import ConditionalModel
from stratiform.core.hierarchy import from_prior
from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.distributions import total
from stratiform.errors import UserError
from stratiform.objective.tools import at_least_one


@dataclass(frozen=True, kw_only=True)
class Sleep:
    """-E[log q(z | x)] over the model's own z, x ~ p: minimises KL(p(z | x) || q(z | x)), MatNet's Eq. 13 mirrored.

    The sleep phase of wake-sleep (Hinton et al. 1995), for a player that trains the posterior: nothing else gets a
    gradient. The images of the batch only say how many to draw; beta has no part. What the log calls elbo is here the
    mean of log p(x, z) - log q(z | x) at z ~ p(z | x), an *upper* bound of log p(x) on own samples.
    """

    samples: int = 1
    """own images per image of the batch"""

    def __post_init__(self) -> None:
        at_least_one(self.samples)

    def __call__(self, terms: Terms, beta: Tensor) -> Tensor:
        log_q = [total(latent.log_q) for latent in terms.latents if latent.log_q is not None]
        return -torch.stack(log_q).sum(0).mean()

    def terms(self, model: LatentModel, x: Tensor, beta: Tensor, seen: Tensor | None) -> Terms:
        """Of as many own images as there are in x, at the z that they were made of.

        Drawing them is never compiled: a sampler may take thousands of steps. Said here and not by a decorator, which
        would load the compiler together with the package.
        """
        own, z, log_px = torch.compiler.disable(dream)(model, len(x))  # type: ignore[no-untyped-call]
        return Terms(log_px, tuple(replace(latent, exact=False) for latent in model.recognise(own, z)))

    def check(self, model: LatentModel) -> None:
        """Raises UserError where there is nothing to infer, or no image of the model's own to infer it from."""
        if not len(model.hierarchy.levels):
            raise UserError("sleep trains the inference of levels, and this model has none; minimise elbo instead")
        if isinstance(model, ConditionalModel):
            raise UserError("sleep trains on the model's own images, and this one completes others; minimise elbo")


@torch.no_grad()
def dream(model: LatentModel, n: int) -> tuple[Tensor, dict[int, Tensor], Tensor]:
    """n images of the model's own [n, C, H, W], the z of each level that they were made of, and log p(x | z) [n]."""
    training = model.training
    model.eval()
    f, latents = model.hierarchy.descend(n, from_prior())
    image = model.decoder(f)
    x = image.sample()
    log_px = image.log_prob(x)
    model.train(training)
    return x, {level: latent.z for level, latent in enumerate(latents)}, log_px
