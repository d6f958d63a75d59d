"""Probability as values: frozen dataclasses of tensors, log-probabilities in nats. `HEADS` names the likelihoods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor

from stratiform.distributions import families, logistic, mixture
from stratiform.distributions.flow import Flow
from stratiform.distributions.gaussian import Gaussian, gaussian_kl, gaussian_product
from stratiform.distributions.gaussian_mixture import GaussianMixture, mixture_kl_bound
from stratiform.distributions.image import Bernoulli, Binned, Density, Image
from stratiform.distributions.mixture import Mixture
from stratiform.distributions.softmax import Softmax
from stratiform.distributions.tools import Distribution, total
from stratiform.errors import UserError

Make = Callable[[Tensor, Tensor, int], Image]  # (mean, log_scale, bins) -> a distribution over images on a grid


@dataclass(frozen=True)
class Raw:
    """A likelihood of which the network gives every number."""

    outputs: Callable[[int, int, int], int]  # (channels, bins, mixtures) -> numbers per pixel
    make: Callable[[Tensor, int, int], Image]  # (network's outputs, channels, bins) -> a distribution over images
    coupled: bool  # its channels depend on each other


@dataclass(frozen=True)
class HeadKind:
    """One named likelihood: how it is made of a location and a log-scale, or of many numbers; neither: Bernoulli."""

    title: str
    binned: Make | None = None
    density: families.Family | None = None  # the plain density, for continuous data
    raw: Raw | None = None
    normalised: bool = True  # its masses sum to 1


def _location_scale(title: str, family: families.Family) -> HeadKind:
    return HeadKind(title, partial(Binned, family), family)


def _mixture(dialect: Literal["exact", "openai"]) -> Raw:
    def outputs(channels: int, bins: int, mixtures: int) -> int:
        return mixture.outputs(channels, mixtures)

    return Raw(outputs, partial(Mixture.from_raw, dialect=dialect), coupled=True)


SOFTMAX = Raw(lambda channels, bins, mixtures: channels * bins, Softmax.from_raw, coupled=False)

HEADS: dict[str, HeadKind] = {
    "bernoulli": HeadKind("binary pixels"),
    "laplace": _location_scale("Laplace, binned", families.Laplace()),
    "gaussian": _location_scale("Gaussian, binned", families.Normal()),
    "logistic": _location_scale("discretised logistic", families.Logistic()),
    "logistic-cells": HeadKind("discretised logistic on equal cells, AGAVE's Eq. 8 with tails", logistic.cells),
    "softmax": HeadKind("softmax over grey levels", raw=SOFTMAX),
    "mixture": HeadKind("mixture of discretised logistics, channels coupled", raw=_mixture("exact")),
    "logistic-openai": HeadKind("PixelCNN++'s approximate code", logistic.openai, normalised=False),
    "logistic-iaf": HeadKind("IAF's code, without tails", logistic.iaf, normalised=False),
    "logistic-agave": HeadKind("AGAVE's Eq. 8, without tails", logistic.agave, normalised=False),
    "mixture-openai": HeadKind("PixelCNN++'s approximate mixture", raw=_mixture("openai"), normalised=False),
}


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """p(x | h), by name. Scales are in units of the image's range [0, 1]."""

    name: str = "laplace"
    """bernoulli (binary images); laplace, gaussian, logistic (grey levels, or continuous); softmax, mixture (grey
    levels, the network gives every number); or a dialect, see HEADS"""
    scale: float = 0.125
    """the scale (Laplace's b, Gaussian's sigma), or where learning starts; not of softmax and mixture"""
    learn: Literal["no", "image", "channel", "pixel"] = "no"
    """learn one scale for all, one per channel, or let the network give one per pixel and channel"""
    mixtures: int = 10
    """components of a mixture"""
    start: Literal["network", "mean"] = "network"
    """where training starts from: what the network gives, or the mean image of the first batch, pixel by pixel; not of
    softmax and mixture, nor of pixels drawn one after the other"""
    density: bool = False
    """train the plain density on quantised images, as the reference VLAE does; evaluation is binned all the same"""

    def __post_init__(self) -> None:
        if self.name not in HEADS:
            raise UserError(f"likelihood {self.name!r} is unknown; choose one of {', '.join(HEADS)}")
        if self.start == "mean" and HEADS[self.name].raw is not None:
            raise UserError(f"likelihood {self.name!r} has no mean to start from; leave out --model.likelihood.start")
        if not self.scale > 0.0:
            raise UserError(f"the likelihood's scale is {self.scale}; it must be above 0, for instance 0.125")

        if self.mixtures < 1:
            raise UserError(f"the likelihood's mixtures are {self.mixtures}; give 1 or more, for instance 10")

    def __str__(self) -> str:
        """Its name, and the one number that it has: its scale, or how many mixtures."""
        kind = HEADS[self.name]
        if kind.raw is not None:
            return f"{self.name} {self.mixtures}" if kind.raw.coupled else self.name
        if kind.binned is None:
            return self.name
        return f"{self.name} {self.scale:g}{'' if self.learn == 'no' else ', learnt'}"

    def check(self, bins: int | None) -> None:
        """Refuses data that this likelihood is no distribution for.

        Args:
            bins: the data's number of levels; 2 is binary, None continuous.

        Raises:
            UserError: with the likelihoods that fit.
        """
        kind = HEADS[self.name]
        if not _fits(kind, bins):
            data = "continuous data" if bins is None else f"data of {bins} levels"
            raise UserError(
                f"likelihood {self.name!r} is no distribution for {data}; use one of {', '.join(fitting(bins))}"
                + (", or binarise the data (--data.binarise dynamic)" if self.name == "bernoulli" else "")
            )


def fitting(bins: int | None) -> tuple[str, ...]:
    """The names of the likelihoods that are distributions (and normalised) for data of so many levels."""

    return tuple(name for name, kind in HEADS.items() if kind.normalised and _fits(kind, bins))


def _fits(kind: HeadKind, bins: int | None) -> bool:
    if kind.binned is None and kind.raw is None:
        return bins == 2
    return bins is not None or kind.density is not None


__all__ = [
    "HEADS", "Bernoulli", "Binned", "Density", "Distribution", "Flow", "Gaussian", "GaussianMixture", "HeadKind",
    "Image", "Likelihood", "Mixture", "Softmax", "fitting", "gaussian_kl", "gaussian_product", "mixture_kl_bound",
    "total",
]  # fmt: skip
