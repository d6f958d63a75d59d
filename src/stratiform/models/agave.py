"""AGAVE: a VAE that keeps what is global, a PixelCNN++ that paints the detail (Lucas and Verbeek 2018).

Objective    E_q[ln p(x | f(z)) + ln p(y | f(z))] - lambda KL(q(z | x) || p(z))               Eq. 7: beta is lambda
p(x | f(z))  PixelCNN++, each of whose layers reads f(z) through convolutions without masks   `nn.tower`
p(y | f(z))  discretised logistic about f(z), y an auxiliary view of x                        Eq. 8: `Target`
q, p, f      an IAF-VAE                                                                       `models.iaf`

f(z) is an image: its logits are what the hierarchy reads out, sigmoid(logits) is the VAE's own picture, in [0, 1].
What is reported of x is E_q[ln p(x | f(z))] - KL, or its importance-weighted bound: neither ln p(y | f(z)) nor lambda
is in it. The parts train by themselves first (`parts`): the VAE on y, the PixelCNN++ with f(z) = 1/2, which its layers
do not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from stratiform.core.decoder import Autoregressive, CausalNet, Decoder, Factorised, Head, Stepper
from stratiform.core.hierarchy import Hierarchy
from stratiform.core.model import LatentModel
from stratiform.core.posterior import Absent, TopDown
from stratiform.distributions import Image, Likelihood
from stratiform.errors import UserError
from stratiform.models.iaf import Ladder
from stratiform.models.pixelcnn import PixelCNNpp
from stratiform.nn.blocks import halved
from stratiform.nn.causal import Condition, MakeConditions, Site
from stratiform.nn.gated import GatedPixelCNN
from stratiform.nn.tower import Tower
from stratiform.spec import ImageSpec

HALVINGS = {"full": 0, "half": 1, "quarter": 2}


class Target(nn.Module):
    """x -> y: fewer pixels (means over squares, rounded to a level), or fewer levels (Eq. 8).

    Args:
        bins: levels of x.
        halvings: of both sides; of an odd side the last square is half as large.
        levels: of y.
    """

    def __init__(self, bins: int, halvings: int, levels: int) -> None:
        super().__init__()
        self.bins, self.halvings, self.levels = bins, halvings, levels

    @property
    def whole(self) -> bool:
        """y is x."""
        return not self.halvings and self.levels == self.bins

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H_y, W_y], k / (levels - 1)."""
        top = self.bins - 1
        for _ in range(self.halvings):
            x = F.avg_pool2d(x, 2, ceil_mode=True)
        k = torch.round(x * top)
        return torch.floor(k * self.levels / self.bins) / (self.levels - 1)


@dataclass(frozen=True)
class Seen:
    """A distribution over x that is one over y = target(x)."""

    image: Image
    target: Target

    def log_prob_each(self, x: Tensor) -> Tensor:
        return self.image.log_prob_each(self.target(x))

    def log_prob(self, x: Tensor) -> Tensor:
        return self.image.log_prob(self.target(x))

    def sample(self, generator: Generator | None = None, temperature: float = 1.0) -> Tensor:
        return self.image.sample(generator, temperature)

    @property
    def mean(self) -> Tensor | None:
        return self.image.mean


class OfTarget(Decoder):
    """The auxiliary decoder as the only one, which scores y where x is given."""

    def __init__(self, decoder: Decoder, target: Target) -> None:
        super().__init__()
        self.decoder, self.target = decoder, target

    def forward(self, h: Tensor) -> Image:
        return Seen(self.decoder(h), self.target)


class Guided(LatentModel):
    """A VAE, and an autoregressive decoder that reads its f(z).

    Args:
        shape: of f(z), without the batch.
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        posterior: TopDown,
        decoder: Autoregressive,
        shape: tuple[int, int, int],
        auxiliary: Decoder | None = None,
        target: Target | None = None,
    ) -> None:
        super().__init__(hierarchy, posterior, decoder, auxiliary, target or nn.Identity())
        self.shape = shape

    def parts(self) -> dict[str, LatentModel]:
        """What a player may train: the whole; the pixels, f(z) nothing; the VAE, which scores y, if there is one."""
        nothing = Hierarchy([], top=self.shape).to(self.hierarchy.top)
        parts: dict[str, LatentModel] = {"model": self, "pixels": LatentModel(nothing, Absent(), self.decoder)}
        if self.auxiliary is not None:
            assert isinstance(self.target, Target)
            parts["vae"] = LatentModel(self.hierarchy, self.posterior, OfTarget(self.auxiliary, self.target))
            parts["vae"].whole = self.target.whole
        return parts


class Conditioning(nn.Module):
    """f(z) -> what the tower reads, values about 0.

    Args:
        tower: reads it.
        logits: f(z) is the logits of an image.
        cut: no gradient of the pixels reaches f(z).
    """

    def __init__(self, tower: Tower, *, logits: bool, cut: bool) -> None:
        super().__init__()
        self.tower, self.logits, self.cut = tower, logits, cut

    def forward(self, h: Tensor) -> list[Condition]:
        h = h.detach() if self.cut else h
        return self.tower(torch.tanh(0.5 * h) if self.logits else h)  # tanh(a / 2) = 2 sigmoid(a) - 1


class Grey(nn.Module):
    """A causal network that sees the brightness of earlier pixels alone.

    Args:
        net: of images of one channel.
    """

    groups = 1

    def __init__(self, net: CausalNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return self.net(x.mean(1, keepdim=True), h)

    def stepper(self, h: Tensor, size: tuple[int, int]) -> Stepper:
        return GreySteps(self.net.stepper(h, size))


class GreySteps:
    """Of such a network, pixel by pixel."""

    def __init__(self, step: Stepper) -> None:
        self.step, self.keep = step, step.keep

    def __call__(self, i: int, j: int, x: Tensor) -> Tensor:
        return self.step(i, j, x.mean(1, keepdim=True))


@dataclass(frozen=True, kw_only=True)
class AGAVE:
    """AGAVE: an IAF-VAE and a PixelCNN++ tied by an auxiliary likelihood."""

    auxiliary: str = "full"
    """y: full (x itself), half or quarter (its sides), or the number of its levels, 2 to 256 (Eq. 8); none: no y"""
    ladder: Ladder = field(default_factory=Ladder)
    pixels: PixelCNNpp = field(default_factory=PixelCNNpp)
    tower: int = 64
    """features of the convolutions through which the pixels read f(z)"""
    reads: Literal["image", "features"] = "image"
    """what of z the pixels read: the image f(z), or the state before it becomes one"""
    cut: bool = False
    """the pixels' gradient stops at f(z): the VAE learns from y alone"""
    sees: Literal["colour", "grey"] = "colour"
    """what a pixel sees of those before it: all, or their brightness"""
    window: int = 0
    """how far it sees: columns to either side, and rows above, one more; by one gated layer; 0: all before it"""
    scale: float = 0.04
    """where the scales of p(y | f(z)), one for each channel, start, of the range"""
    dialect: Literal["logistic-cells", "logistic-agave"] = "logistic-cells"
    """p(y | f(z)): with open tails, or as Eq. 8 is printed, which does not sum to 1"""

    def __post_init__(self) -> None:
        few = self.auxiliary.isdecimal() and 2 <= int(self.auxiliary) <= 256
        if self.auxiliary != "none" and self.auxiliary not in HALVINGS and not few:
            raise UserError(
                f"model.auxiliary is {self.auxiliary!r}; give none, full, half, quarter, or levels, 2 to 256"
            )
        if self.tower < 1:
            raise UserError(f"model.tower is {self.tower}; give 1 or more")
        if self.window < 0:
            raise UserError(f"model.window is {self.window}; give how many pixels are seen each way, or 0 for all")
        if self.cut and self.auxiliary == "none":
            raise UserError("model.cut without an auxiliary image leaves the levels nothing to learn from; drop one")

    @property
    def likelihood(self) -> Likelihood:
        """Of x."""
        return self.pixels.likelihood

    def build(self, spec: ImageSpec) -> LatentModel:
        if spec.bins is None:
            raise UserError("agave needs data of 2 to 256 levels; drop --data.dequantise")
        halvings, logits = HALVINGS.get(self.auxiliary, 0), self.reads == "image"
        picture, shape = self.ladder.picture(spec, spec.channels, halvings), self._shape(spec, halvings)
        hierarchy = self.ladder.hierarchy(spec, picture if logits else None)
        posterior, decoder = self.ladder.posterior(spec), self._decoder(spec, shape[0])
        if self.auxiliary == "none":
            return Guided(hierarchy, posterior, decoder, shape)
        levels = int(self.auxiliary) if self.auxiliary.isdecimal() else spec.bins
        if levels > spec.bins:
            raise UserError(f"model.auxiliary is {levels} levels; the images have {spec.bins}, give as many or fewer")
        head = Head(Likelihood(name=self.dialect, scale=self.scale, learn="channel"), replace(spec, bins=levels))
        auxiliary = Factorised(nn.Identity() if logits else picture, head)
        return Guided(hierarchy, posterior, decoder, shape, auxiliary, Target(spec.bins, halvings, levels))

    def _shape(self, spec: ImageSpec, halvings: int) -> tuple[int, int, int]:
        """Of f(z)."""
        if self.reads == "features":
            return self.ladder.width, *self.ladder.finest(spec)
        size = (spec.height, spec.width)
        for _ in range(halvings):
            size = halved(size)
        return spec.channels, *size

    def _decoder(self, spec: ImageSpec, inputs: int) -> Autoregressive:
        def conditions(sites: Sequence[Site]) -> nn.Module:
            tower = Tower(sites, inputs, self.tower, (spec.height, spec.width))
            return Conditioning(tower, logits=self.reads == "image", cut=self.cut)

        head = Head(self.pixels.likelihood, spec)
        channels = 1 if self.sees == "grey" else spec.channels
        net = self._network(channels, head, conditions)
        return Autoregressive(Grey(net) if self.sees == "grey" else net, head, spec.shape)

    def _network(self, channels: int, head: Head, conditions: MakeConditions) -> nn.Module:
        if not self.window:
            return self.pixels.network(channels, head, conditions)
        return GatedPixelCNN(
            channels,
            head.outputs,
            width=self.pixels.filters,
            layers=1,
            kernel=2 * self.window + 1,
            conditions=conditions,
        )
