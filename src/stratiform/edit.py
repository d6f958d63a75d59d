"""Codes that are edited: levels of an image drawn anew, or taken from another image, and decoded again.

    code = stratiform.encode(model, x)                     # level 1 is nearest the image, as on the command line
    code.resample(2).decode().mean                         # level 2 drawn anew
    code.swap(3, stratiform.encode(model, y)).decode()     # level 3 of y

What a level *holds* while levels above it change is said once, when the image is encoded:

noise   e_l of z_l = mean(z_>l) + scale(z_>l) e_l stays: the level follows what is above it and adds its own as before.
        An edited upper level shows in the image, whatever the hierarchy.
value   z_l stays. In a Markov hierarchy x depends on z_1 alone, and so an edit above level 1 changes nothing.

Where the prior of every level is N(0, I), as in VLAE, the two are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Generator, Tensor

from stratiform.core.hierarchy import Draw, Pick, from_prior, given, with_noise
from stratiform.core.latent import Latent
from stratiform.core.model import LatentModel
from stratiform.core.posterior import mean
from stratiform.distributions import Gaussian, GaussianMixture, Image
from stratiform.errors import UserError

Hold = Literal["noise", "value"]


@dataclass(frozen=True, eq=False)
class Code:
    """What stands for n images. It never changes: every edit makes another.

    Attributes:
        model: what it is a code of.
        held: the noise or the value of every level, [n, *z] each, bottom -> top.
        hold: which of the two.
    """

    model: LatentModel = field(repr=False)
    held: tuple[Tensor, ...]
    hold: Hold = "noise"

    def __len__(self) -> int:
        return len(self.held[0])

    def resample(self, level: int | Iterable[int], generator: Generator | None = None) -> Code:
        """The level, or each of several, drawn anew: new noise, or a new value from its prior given those above."""
        fresh = {
            index: torch.randn(held.shape, generator=generator, dtype=held.dtype, device=held.device)
            for index, held in self._chosen(level).items()
        }
        if self.hold == "value":
            latents = self.model.hierarchy.descend(len(self), with_noise(fresh, self.pick()))[1]
            fresh = {index: latents[index].z for index in fresh}
        return self._with(fresh)

    def swap(self, level: int | Iterable[int], other: Code) -> Code:
        """The level, or several, as another code of this model holds them."""
        if other.model is not self.model or (other.hold, len(other)) != (self.hold, len(self)):
            raise UserError(
                f"a code of {len(self)} images that holds {self.hold} takes levels from its like, of the same model; "
                f"this one is of {len(other)} and holds {other.hold}"
            )
        return self._with(other._chosen(level))

    def pick(self) -> Pick:
        """What `LatentModel.decode` takes beside n."""
        return (with_noise if self.hold == "noise" else given)(dict(enumerate(self.held)), from_prior())

    def decode(self) -> Image:
        """The distribution over the n images; what to show is its `mean`, [n, C, H, W]."""
        return self.model.decode(len(self), self.pick())

    def values(self) -> tuple[Tensor, ...]:
        """z of every level, [n, *z] each, bottom -> top."""
        return tuple(latent.z for latent in self.model.hierarchy.descend(len(self), self.pick())[1])

    def _chosen(self, level: int | Iterable[int]) -> dict[int, Tensor]:
        """What the levels that people count from 1 hold, by the kernel's index."""
        numbers = [level] if isinstance(level, int) else list(level)
        for number in numbers:
            check_level(number, len(self.held))
        return {number - 1: self.held[number - 1] for number in numbers}

    def _with(self, changed: Mapping[int, Tensor]) -> Code:
        return replace(self, held=tuple(changed.get(index, held) for index, held in enumerate(self.held)))


def encode(model: LatentModel, x: Tensor, hold: Hold = "noise", draw: Draw = mean, seen: Tensor | None = None) -> Code:
    """The code of images x [n, C, H, W]: the posterior means of every level, or as `draw` says.

    Unedited, it decodes to the reconstruction, whichever it holds.

    Args:
        seen: of a model that completes images, which pixels are known, bool [n, 1, H, W]; None: by its own law.
    """
    own = {} if seen is None else {"seen": seen}
    latents = model.encode(x.to(model.hierarchy.top), draw, **own)
    if not latents:
        raise UserError("this model has no levels, so there is nothing to edit")
    return Code(model, tuple(_noise(latent) if hold == "noise" else latent.z for latent in latents), hold)


def check_level(number: int, count: int) -> None:
    """Refuses a level, counted from 1, that a model of so many levels does not have."""
    if not count:
        raise UserError("this model has no levels; `stratiform sample RUN` draws images from it")
    if not 1 <= number <= count:
        raise UserError(f"there is no level {number}; give 1 (nearest the image) to {count} (the top)")


def _noise(latent: Latent) -> Tensor:
    """e of which the prior given the levels above draws z, [B, *z]: z = mean + scale e."""
    if isinstance(latent.p, GaussianMixture):
        return latent.p.noise(latent.z)
    if not isinstance(latent.p, Gaussian):
        raise UserError(f"a prior that is {type(latent.p).__name__} has no noise to hold; hold the value")
    return (latent.z - latent.p.mean) / latent.p.scale
