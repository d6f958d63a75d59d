"""Models without levels: every pixel given the pixels before it, log p(x) exact.

PixelCNN (van den Oord, Kalchbrenner and Kavukcuoglu 2016), Gated PixelCNN (van den Oord et al. 2016b), PixelCNN++
(Salimans et al. 2017). Where the likelihood describes every channel by itself (softmax, logistic, Bernoulli), the two
masked networks let it read the earlier channels of its pixel, R -> G -> B; a mixture couples the channels itself, and
the network sees earlier pixels only. PixelCNN++ always leaves it to the likelihood.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from torch import nn

from stratiform.core.decoder import Autoregressive, Head
from stratiform.core.hierarchy import Hierarchy
from stratiform.core.model import LatentModel
from stratiform.core.posterior import Absent
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.nn import gated, pixelcnn, pixelcnnpp
from stratiform.nn.causal import MakeConditions, unconditional
from stratiform.spec import ImageSpec


class Causal(ABC):
    """The choices of one causal network, and the model p(x) = prod over pixels of p(x_ij | earlier pixels) of it."""

    likelihood: Likelihood

    @abstractmethod
    def network(self, channels: int, head: Head, conditions: MakeConditions = unconditional) -> nn.Module:
        """The network whose outputs the head reads."""

    def build(self, spec: ImageSpec) -> LatentModel:
        head = Head(self.likelihood, spec)
        decoder = Autoregressive(self.network(spec.channels, head), head, spec.shape)
        return LatentModel(Hierarchy([]), Absent(), decoder)


def channel_of(channels: int, head: Head) -> tuple[int, ...] | None:
    """Which channel each output describes, where there are several and they are described one by one."""
    return head.channel_of if channels > 1 else None


SOFTMAX = Likelihood(name="softmax")
MIXTURE = Likelihood(name="mixture")


@dataclass(frozen=True, kw_only=True)
class PixelCNN(Causal):
    """PixelCNN: masked convolutions."""

    width: int = 64
    """h: the residual trunk has 2h features"""
    blocks: int = 7
    """residual blocks"""
    kernel: int = 7
    """of the first convolution"""
    likelihood: Likelihood = field(default_factory=lambda: SOFTMAX)

    def __post_init__(self) -> None:
        _check({"width": self.width, "blocks": self.blocks}, self.kernel)

    def network(self, channels: int, head: Head, conditions: MakeConditions = unconditional) -> nn.Module:
        return pixelcnn.PixelCNN(
            channels,
            head.outputs,
            channel_of=channel_of(channels, head),
            width=self.width,
            blocks=self.blocks,
            kernel=self.kernel,
            conditions=conditions,
        )


@dataclass(frozen=True, kw_only=True)
class GatedPixelCNN(Causal):
    """Gated PixelCNN: a vertical and a horizontal stack."""

    width: int = 64
    """p: features of either stack"""
    layers: int = 7
    """gated layers"""
    kernel: int = 7
    """of the first layer"""
    likelihood: Likelihood = field(default_factory=lambda: SOFTMAX)

    def __post_init__(self) -> None:
        _check({"width": self.width, "layers": self.layers}, self.kernel)

    def network(self, channels: int, head: Head, conditions: MakeConditions = unconditional) -> nn.Module:
        return gated.GatedPixelCNN(
            channels,
            head.outputs,
            channel_of=channel_of(channels, head),
            width=self.width,
            layers=self.layers,
            kernel=self.kernel,
            conditions=conditions,
        )


@dataclass(frozen=True, kw_only=True)
class PixelCNNpp(Causal):
    """PixelCNN++: shifted convolutions at several scales with shortcuts; the published sizes are the defaults."""

    filters: int = 160
    """F: features of every layer"""
    resnets: int = 5
    """gated residual blocks per scale, going up; going down one more at all but the coarsest"""
    scales: int = 3
    """the image, and how often it is halved, plus one"""
    dropout: float = 0.5
    """share of the features of a block that are dropped while training"""
    checkpoint: bool = False
    """recompute every block's activations in the backward pass: less memory, more time"""
    likelihood: Likelihood = field(default_factory=lambda: MIXTURE)

    def __post_init__(self) -> None:
        _check({"filters": self.filters, "resnets": self.resnets, "scales": self.scales})
        if not 0.0 <= self.dropout < 1.0:
            raise UserError(f"model.dropout is {self.dropout}; give a share from 0 to below 1")

    def network(self, channels: int, head: Head, conditions: MakeConditions = unconditional) -> nn.Module:
        return pixelcnnpp.PixelCNNpp(
            channels,
            head.outputs,
            filters=self.filters,
            resnets=self.resnets,
            scales=self.scales,
            dropout=self.dropout,
            conditions=conditions,
            checkpoint=self.checkpoint,
        )


def _check(sizes: dict[str, int], kernel: int = 1) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise UserError(f"model.{name} is {size}; give 1 or more")
    if kernel < 1 or kernel % 2 == 0:
        raise UserError(f"model.kernel is {kernel}; give an odd number, for instance 7")
