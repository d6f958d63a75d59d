"""The Matryoshka Network (Bachman 2016, "An Architecture for Deep, Hierarchical Generative Models").

Top-down    h^t_{i+1} = lrelu(h^t_i + conv(lrelu(conv([h^t_i; z_i]))))           Eq. 7:    `Module.step`
Prior       p(z_i | z_<i) = N(conv(lrelu(conv(h^t_i))))                          Eq. 8:    `Module.prior`
            p(z_0) = N(0, I), or a mixture of Gaussians                          Eq. 12:   `Top.prior`
Bottom-up   h^b_i = lrelu(h^b_{i+1} + conv(lrelu(conv(h^b_{i+1}))))              Eq. 9:    `Ascent`
Merge       h^m_{i+1} = lrelu(h^m_i + conv(lrelu(conv([h^m_i; h^b_i; h^t_i]))))  Eq. 10:   `Merge`
            q(z_i | z_<i, x) = N(conv(h^m_{i+1}))                                Eq. 11
Objective   E log p(x | z) - KL(q(z | x) || p(z))                                Eq. 5:    `Terms.elbo`

The paper counts from the top, z_0; here level 1 is the module nearest the image and level L is z_0. The merge state is
the walk's carry: it begins from z_0, as the top-down state does, with weights of its own. Within a scale (the paper's
meta module) all states have one shape. The paper's code multiplies all means and log-variances by one learnt number;
here the prior's and the posterior's each have theirs, so that generation reads nothing of inference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Literal

from torch import nn

from stratiform.core.decoder import Autoregressive, Decoder, Factorised, Head
from stratiform.core.hierarchy import Hierarchy, Level
from stratiform.core.model import LatentModel
from stratiform.core.posterior import TopDown
from stratiform.distributions import Likelihood
from stratiform.errors import UserError
from stratiform.models.modules import Merge, Module, Only, Top, gaussian
from stratiform.models.parts import FromTrail
from stratiform.nn.blocks import activation, halved
from stratiform.nn.causal import Conditions
from stratiform.nn.gated import GatedPixelCNN
from stratiform.nn.matnet import UPDATES, Ascent, Lender, Place, Rescaled, Update, between, enter, leave, orthogonal
from stratiform.spec import ImageSpec

Prior = Literal["standard", "mean", "full"]


@dataclass(frozen=True, kw_only=True)
class Modules:
    """The networks of a MatNet."""

    kind: Literal["conv", "dense"] = "conv"
    """3x3 convolutions on maps, or linear layers on vectors"""
    depth: tuple[int, ...] = (5, 5)
    """modules of each scale, the finest first; every scale halves the one before"""
    channels: tuple[int, ...] = (64, 64)
    """features of each scale"""
    halvings: int = 1
    """how often the image is halved before the finest scale (conv)"""
    stem: int = 32
    """features at the size of the image (conv)"""
    hidden: int = 128
    """units between z_0 and the coarsest maps (conv)"""
    update: Update = "residual"
    """residual: Eq. 7; gated: as a GRU; markov: the state is made of z alone, as in ladder networks"""
    share: bool = False
    """one set of weights for all modules of a scale; with gated updates a stochastic Neural GPU"""
    lateral: Literal["leaving", "entering"] = "leaving"
    """what a merge module reads: what leaves its bottom-up module (Eq. 10), or what enters it (the paper's code)"""
    linear_inside: bool = False
    """no lrelu but in the lowest module of each scale, as the last version of the paper's code (residual)"""
    checkpoint: bool = False
    """recompute activations in the backward pass: memory of about the square root of the depth, a third more time"""

    def __post_init__(self) -> None:
        if not self.depth or min(self.depth) < 1:
            raise UserError(f"model.network.depth is {self.depth}; give the modules of each scale, finest first: 5 5")
        _one_each("model.network.channels", self.channels, self.depth)
        for name, least in (("halvings", 0), ("stem", 1), ("hidden", 1)):
            if getattr(self, name) < least:
                raise UserError(f"model.network.{name} is {getattr(self, name)}; give {least} or more")
        if self.share and self.linear_inside:
            raise UserError("model.network: modules that share their weights are all linear inside or none; drop one")

    def places(self, spec: ImageSpec) -> list[Place]:
        """Of each scale, the finest first."""
        if self.kind == "dense":
            return [Place(channels, None) for channels in self.channels]
        size = (spec.height, spec.width)
        for _ in range(self.halvings):
            size = halved(size)
        places = []
        for channels in self.channels:
            places.append(Place(channels, size))
            size = halved(size)
        return places


def _one_each(name: str, values: Sequence[int], scales: Sequence[int]) -> None:
    if len(values) != len(scales) or min(values) < 1:
        raise UserError(
            f"{name} is {tuple(values)} for {len(scales)} scales; give one number per scale, each at least 1"
        )


@dataclass(frozen=True, kw_only=True)
class Local:
    """A small autoregressive output (Section 2.3): masked layers that each read f(z), unmasked."""

    layers: int = 0
    """gated layers, the paper has about five; 0: the pixels are independent given z"""
    width: int = 32
    """features of either stack"""
    kernel: int = 5
    """of the first layer"""


@dataclass(frozen=True, kw_only=True)
class MatNet:
    """Matryoshka Network: a deep ladder of top-down, bottom-up and merge modules."""

    latent: int = 32
    """units of z_0, the top"""
    units: tuple[int, ...] = (4, 4)
    """channels of every z of each scale, the finest first (dense: units)"""
    prior: Prior = "full"
    """of every level below the top: full, Eq. 8; mean, its mean alone; standard, N(0, I), the paper's code on MNIST"""
    mixture: int = 0
    """components of the prior of z_0, a mixture of Gaussians that is learnt (Eq. 12); 0: N(0, I)"""
    everywhere: bool = False
    """every top-down module reads z_0 too, as the paper's code with a mixture prior"""
    network: Modules = field(default_factory=Modules)
    local: Local = field(default_factory=Local)
    likelihood: Likelihood = field(default_factory=Likelihood)

    def __post_init__(self) -> None:
        if self.latent < 1:
            raise UserError(f"model.latent is {self.latent}; give the units of the top, 1 or more")
        if self.mixture < 0:
            raise UserError(f"model.mixture is {self.mixture}; give the components of the prior of z_0, or 0 for none")
        _one_each("model.units", self.units, self.network.depth)

    def build(self, spec: ImageSpec) -> LatentModel:
        plan = Plan(self, spec)
        hierarchy = plan.hierarchy(plan.readout())
        hierarchy.checkpoint = self.network.checkpoint
        posterior = TopDown(plan.ascent(spec.channels), [*plan.merges(), FromTrail(nn.Identity(), gaussian)])
        return LatentModel(hierarchy, posterior, plan.decoder())


class Plan:
    """All networks of a MatNet for images of one spec; lists run from level 1 upward, without the top."""

    def __init__(self, config: MatNet, spec: ImageSpec) -> None:
        self.config, self.network, self.spec = config, config.network, spec
        self.scales = self.network.places(spec)
        self.scale_of = [s for s, depth in enumerate(self.network.depth) for _ in range(depth)]  # of each level
        self.inside: Update = "gated" if self.network.update == "gated" else "residual"  # of what is no generator
        self.rescale_p, self.rescale_q = Lender(Rescaled()), Lender(Rescaled())

    def hierarchy(self, readout: nn.Module) -> Hierarchy:
        top = Top(self.config.latent, self.config.mixture, self.start(), self.config.everywhere)
        return Hierarchy([*self.levels(), top], readout=readout)

    def state(self, level: int) -> tuple[int, ...]:
        """The shape of the state that a level reads."""
        place = self.scales[self.scale_of[level]]
        return place.shape(place.channels)

    def start(self) -> nn.Module:
        """z_0 -> the first state, of the top-down network or of the merge modules."""
        return enter(self.config.latent, self.network.hidden, self.scales[-1])

    def levels(self) -> list[Level]:
        places = [self.scales[s] for s in self.scale_of]
        units = [self.config.units[s] for s in self.scale_of]
        along = self.config.latent if self.config.everywhere else 0
        updates = self._updates(self.network.update, lambda s: self.config.units[s] + along)
        leave = [self._across(level, level - 1) for level in range(len(places))]
        return [Module(*parts) for parts in zip(places, units, self._priors(), updates, leave, strict=True)]

    def merges(self) -> list[Merge]:
        channels = [self.scales[s].channels for s in self.scale_of]
        enters = [self._across(level + 1, level) for level in range(len(channels) - 1)] + [self.start()]
        updates = self._updates(self.inside, lambda s: 2 * self.scales[s].channels)
        heads = self._each(lambda s: self._head(s, self.rescale_q))
        return [Merge(*parts) for parts in zip(enters, channels, updates, heads, strict=True)]

    def ascent(self, channels: int) -> Ascent:
        """The way up from images, and what else is seen of them, of so many channels."""
        entries = [self._across(level - 1, level) for level in range(len(self.scale_of))]
        updates = self._updates(self.inside, lambda s: 0)
        top = nn.Sequential(leave(self.scales[-1], self.network.hidden, 2 * self.config.latent), self.rescale_q())
        network = self.network
        return Ascent(self._stem(channels), entries, updates, top, network.lateral == "entering", network.checkpoint)

    def readout(self) -> nn.Module:
        """The last state -> f(z): features of every pixel; of vectors with pixels independent given z, the state."""
        finest, (_, height, width) = self.scales[0], self.spec.shape
        only = Only(finest.channels)
        if finest.size is not None:
            return nn.Sequential(only, *(between(*ends) for ends in pairwise(reversed(self._path()))))
        if not self.config.local.layers:
            return only
        features = self.network.stem
        spread = orthogonal(nn.Linear(finest.channels, features * height * width))
        return nn.Sequential(only, spread, activation(), nn.Unflatten(1, (features, height, width)))

    def decoder(self) -> Decoder:
        head, local, channels = Head(self.config.likelihood, self.spec), self.config.local, self.spec.channels
        if local.layers:
            net = GatedPixelCNN(
                channels,
                head.outputs,
                channel_of=head.channel_of if channels > 1 else None,
                width=local.width,
                layers=local.layers,
                kernel=local.kernel,
                conditions=partial(Conditions, features=self.network.stem, form="map"),
            )
            return Autoregressive(net, head, self.spec.shape)
        return Factorised(self._paint(head.outputs), head)

    def pixels(self, outputs: int) -> nn.Module:
        """The last state -> parameters of all pixels, [B, outputs, H, W]."""
        return nn.Sequential(self.readout(), self._paint(outputs))

    def _paint(self, outputs: int) -> nn.Module:
        """f(z) -> parameters of all pixels."""
        _, height, width = self.spec.shape
        if self.scales[0].size is not None:
            return Place(0, (height, width)).layer(self.network.stem, outputs)
        flat = orthogonal(nn.Linear(self.scales[0].channels, outputs * height * width))
        return nn.Sequential(flat, nn.Unflatten(1, (outputs, height, width)))

    def _stem(self, channels: int) -> nn.Module:
        _, height, width = self.spec.shape
        if self.scales[0].size is None:
            flat = orthogonal(nn.Linear(channels * height * width, self.scales[0].channels))
            return nn.Sequential(nn.Flatten(), flat, activation())
        path = self._path()
        first = path[0].layer(channels, self.network.stem)
        return nn.Sequential(first, activation(), *(between(*ends) for ends in pairwise(path)))

    def _path(self) -> list[Place]:
        """From the size of the image to the finest scale."""
        finest, size = self.scales[0], (self.spec.height, self.spec.width)
        path = [Place(self.network.stem, size)]
        for _ in range(self.network.halvings - 1):
            size = halved(size)
            path.append(Place(finest.channels, size))
        return [*path, finest]

    def _across(self, start: int, end: int) -> nn.Module:
        """From a level's place to that of its neighbour."""
        if not (0 <= start < len(self.scale_of) and 0 <= end < len(self.scale_of)):
            return nn.Identity()
        a, b = self.scale_of[start], self.scale_of[end]
        return nn.Identity() if a == b else between(self.scales[a], self.scales[b])

    def _updates(self, kind: Update, others: Callable[[int], int]) -> list[nn.Module]:
        count = len(self.scale_of)

        def make(s: int, lowest: bool) -> nn.Module:
            return UPDATES[kind](self.scales[s], others(s), count, self.network.linear_inside and not lowest)

        if self.network.share:
            return self._each(lambda s: make(s, True))
        beneath = [None, *self.scale_of]
        return [make(s, s != below) for s, below in zip(self.scale_of, beneath, strict=False)]

    def _each(self, make: Callable[[int], nn.Module]) -> list[nn.Module]:
        """One for every level, from its scale; one for all of a scale where the modules share."""
        if not self.network.share:
            return [make(s) for s in self.scale_of]
        lenders = [Lender(make(s)) for s in range(len(self.scales))]
        return [lenders[s]() for s in self.scale_of]

    def _priors(self) -> list[nn.Module] | list[None]:
        if self.config.prior == "standard":
            return [None] * len(self.scale_of)

        def make(s: int) -> nn.Module:
            place = self.scales[s]
            return nn.Sequential(
                place.layer(place.channels, place.channels),
                activation(),
                self._head(s, self.rescale_p, parameters=1 if self.config.prior == "mean" else 2),
            )

        return self._each(make)

    def _head(self, s: int, rescale: Lender, parameters: int = 2) -> nn.Module:
        place = self.scales[s]
        return nn.Sequential(place.layer(place.channels, parameters * self.config.units[s]), rescale())
