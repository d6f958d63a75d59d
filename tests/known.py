"""Models whose every number is known: linear-Gaussian hierarchies made of the real kernel; and autoregressive ones.

In a linear-Gaussian hierarchy every z, every state h and x itself are affine in the same standard normal noise, so
that log p(x), the exact posterior and its best diagonal approximation are matrix formulas. They come from the
joint covariance, never from the walk that is under test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor, nn

from causal import TinyCausal
from stratiform.core.decoder import Autoregressive, Factorised, Head
from stratiform.core.hierarchy import Above, Hierarchy, Level
from stratiform.core.model import LatentModel
from stratiform.core.posterior import Absent, BottomUp, TopDown
from stratiform.distributions import Density, Distribution, Gaussian, GaussianMixture, Image, Likelihood
from stratiform.distributions.families import Normal
from stratiform.spec import ImageSpec


@dataclass(frozen=True)
class Affine:
    """A random vector m + C noise, the noise standard normal and common to all."""

    m: Tensor  # [d]
    c: Tensor  # [d, N]

    def covariance(self) -> Tensor:
        return self.c @ self.c.T

    def through(self, matrix: Tensor, offset: Tensor | float = 0.0) -> Affine:
        return Affine(matrix @ self.m + offset, matrix @ self.c)

    def plus(self, other: Affine) -> Affine:
        return Affine(self.m + other.m, self.c + other.c)

    def given(self, *others: Affine) -> Conditional:
        m, c = torch.cat([o.m for o in others]), torch.cat([o.c for o in others])
        gain = self.c @ c.T @ torch.linalg.pinv(c @ c.T, hermitian=True)
        return Conditional(self.m - gain @ m, gain, self.covariance() - gain @ c @ self.c.T)


@dataclass(frozen=True)
class Conditional:
    """N(offset + gain given, covariance)."""

    offset: Tensor  # [d]
    gain: Tensor  # [d, given]
    covariance: Tensor  # [d, d]

    def log_scale(self) -> Tensor:
        """Of the best diagonal approximation in KL(q || p): the variances are 1 / Lambda_ii, [d]."""
        return -0.5 * torch.linalg.inv(self.covariance).diagonal().log()

    def gap(self) -> float:
        """KL(best diagonal || this), in nats: (sum log Lambda_ii - log det Lambda) / 2, whatever is given."""
        return (-self.log_scale().sum() + 0.5 * torch.linalg.slogdet(self.covariance)[1]).item()


@dataclass(frozen=True)
class Link:
    """One level: z ~ N(M h + b, exp(log_scale)^2), then the next state is F h + G z."""

    f: Tensor  # [next state, state]
    g: Tensor  # [next state, d]
    m: Tensor  # [d, state]
    b: Tensor  # [d]
    log_scale: Tensor  # [d]


@dataclass(frozen=True)
class Output:
    """x ~ N(W h + b, exp(log_scale)^2), an image of this shape."""

    w: Tensor  # [D, state]
    b: Tensor  # [D]
    log_scale: Tensor  # 0-d
    shape: tuple[int, int, int]


class LinearLevel(Level):
    """A link as a level of the kernel. What multiplies the empty state above the `top` is no parameter."""

    def __init__(self, link: Link, *, top: bool) -> None:
        super().__init__()
        self.shape = (len(link.b),)
        for name, value in vars(link).items():
            if top and name in "fm":
                self.register_buffer(name, value.clone())
            else:
                self.register_parameter(name, nn.Parameter(value.clone()))

    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        mean = h @ self.m.T + self.b
        return Gaussian(mean, self.log_scale.expand_as(mean)), h

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        return h @ self.f.T + z @ self.g.T


class MixtureLevel(Level):
    """The top level of several models that differ in its link's b and log_scale alone: a mixture of those."""

    def __init__(self, links: Sequence[Link]) -> None:
        super().__init__()
        self.shape = (len(links[0].b),)
        self.means = nn.Parameter(torch.stack([link.b for link in links]))
        self.log_scales = nn.Parameter(torch.stack([link.log_scale for link in links]))
        self.g = nn.Parameter(links[0].g.clone())

    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        return GaussianMixture(self.means, self.log_scales, len(h)), h

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        return z @ self.g.T


class LinearRecogniser(nn.Module):
    """q(z_l | h, x) = N(offset + A x + B h, exp(log_scale)^2).

    With `carried`, A x is the state handed on: each level adds its own difference to what came down from above.
    """

    def __init__(self, conditional: Conditional, states: int, above: Tensor | None) -> None:
        super().__init__()
        of_h, of_x = conditional.gain[:, :states], conditional.gain[:, states:]
        self.carried = above is not None
        self.of_x = nn.Parameter(of_x - above if above is not None else of_x.clone())
        if of_h.any():
            self.of_h = nn.Parameter(of_h.clone())
        else:  # the empty state above the top
            self.register_buffer("of_h", of_h.clone())
        self.offset = nn.Parameter(conditional.offset.clone())
        self.log_scale = nn.Parameter(conditional.log_scale())

    def forward(self, e: Tensor, h: Tensor, p: Distribution, above: Above | None) -> tuple[Distribution, Tensor]:
        seen = e @ self.of_x.T
        if self.carried and above is not None:
            seen = seen + above.state
        mean = seen + h @ self.of_h.T + self.offset
        return Gaussian(mean, self.log_scale.expand_as(mean)), seen


class Repeated(nn.Module):
    """The encoder: every level sees all of x, [B, D]."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (x.flatten(1),) * self.levels


class LinearNet(nn.Module):
    """A net of `BottomUp`: what is below -> (mean, log-scale) of q."""

    def __init__(self, conditional: Conditional) -> None:
        super().__init__()
        self.gain = nn.Parameter(conditional.gain.clone())
        self.offset = nn.Parameter(conditional.offset.clone())
        self.log_scale = nn.Parameter(conditional.log_scale())

    def forward(self, below: Tensor) -> Tensor:
        mean = below.flatten(1) @ self.gain.T + self.offset
        return torch.cat([mean, self.log_scale.expand_as(mean)], 1)


class LinearImage(nn.Module):
    """The network of the decoder: f(z) -> the mean of x, [B, C, H, W]."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self.w, self.b, self.shape = nn.Parameter(output.w.clone()), nn.Parameter(output.b.clone()), output.shape

    def forward(self, h: Tensor) -> Tensor:
        return (h @ self.w.T + self.b).view(-1, *self.shape)


class DensityHead(nn.Module):
    """A Gaussian density of one learnt scale, its mean unbounded."""

    def __init__(self, log_scale: Tensor) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(log_scale.clone())

    def forward(self, raw: Tensor) -> Image:
        return Density(Normal(), raw, self.log_scale)


@dataclass(frozen=True)
class Known:
    """A linear-Gaussian model, float64, and what is true of it.

    Args:
        links: bottom -> top.
    """

    links: tuple[Link, ...]
    output: Output

    @property
    def spec(self) -> ImageSpec:
        return ImageSpec(*self.output.shape, bins=None)

    def joint(self) -> tuple[list[Affine], list[Affine], Affine]:
        """z and the state h that its level receives, bottom -> top, and x."""
        sizes = [len(link.b) for link in self.links]
        pixels = math.prod(self.output.shape)
        noise = torch.eye(sum(sizes) + pixels, dtype=torch.float64).split([*sizes, pixels])
        states = self.links[-1].f.shape[1]
        h = Affine(torch.zeros(states, dtype=torch.float64), torch.zeros(states, len(noise[0].T), dtype=torch.float64))
        z_all, h_all = [], []
        for link, own in reversed(list(zip(self.links, noise, strict=False))):
            z = h.through(link.m, link.b).plus(Affine(torch.zeros_like(link.b), link.log_scale.exp()[:, None] * own))
            z_all, h_all = [z, *z_all], [h, *h_all]
            h = h.through(link.f).plus(z.through(link.g))
        clean = h.through(self.output.w, self.output.b)
        return z_all, h_all, Affine(clean.m, clean.c + self.output.log_scale.exp() * noise[-1])

    def log_p(self, x: Tensor) -> Tensor:
        """log p(x), [B], exactly."""
        marginal = self.joint()[2]
        return torch.distributions.MultivariateNormal(marginal.m, marginal.covariance()).log_prob(x.flatten(1))

    def code(self, level: int, x: Tensor) -> Tensor:
        """E[z_l | x], [B, d], exactly."""
        z, _, of_x = self.joint()
        posterior = z[level].given(of_x)
        return x.flatten(1) @ posterior.gain.T + posterior.offset

    def draw(self, n: int, seed: int = 0) -> Tensor:
        """x ~ p(x), [n, C, H, W], from the joint."""
        x = self.joint()[2]
        noise = torch.randn(n, x.c.shape[1], generator=Generator().manual_seed(seed), dtype=torch.float64)
        return (x.m + noise @ x.c.T).view(n, *self.output.shape)

    def top_down(self, carried: bool = False) -> tuple[LatentModel, float]:
        """The model with the best diagonal q(z_l | z_>l, x), and by how many nats its ELBO lies below log p(x).

        Exact, with weights that do not vary, where every level has one unit.
        """
        z_all, h_all, x = self.joint()
        found = [z.given(h, x) for z, h in zip(z_all, h_all, strict=True)]
        above = [c.gain[:, len(h.m) :] for c, h in zip(found[1:], h_all[1:], strict=True)]
        above.append(torch.zeros(len(z_all[-1].m), len(x.m), dtype=torch.float64))
        recognisers = [
            LinearRecogniser(c, len(h.m), up if carried else None)
            for c, h, up in zip(found, h_all, above, strict=True)
        ]
        posterior = TopDown(Repeated(len(self.links)), recognisers)
        return self._model(posterior), sum(c.gap() for c in found)

    def bottom_up(self) -> tuple[LatentModel, float]:
        """The same with q(z_1 | x) q(z_2 | z_1) ...; the best diagonal one of a Markov hierarchy."""
        z_all, _, x = self.joint()
        found = [z.given(below) for z, below in zip(z_all, [x, *z_all], strict=False)]
        return self._model(BottomUp([LinearNet(c) for c in found])), sum(c.gap() for c in found)

    def _model(self, posterior: nn.Module) -> LatentModel:
        levels = [LinearLevel(link, top=link is self.links[-1]) for link in self.links]
        hierarchy = Hierarchy(levels, (self.links[-1].f.shape[1],))
        decoder = Factorised(LinearImage(self.output), DensityHead(self.output.log_scale))
        return LatentModel(hierarchy, posterior, decoder).double().eval()


@dataclass(frozen=True)
class KnownMixture:
    """A linear-Gaussian model whose top prior is a mixture: with each component alone it is one of these."""

    each: tuple[Known, ...]

    @property
    def spec(self) -> ImageSpec:
        return self.each[0].spec

    def log_p(self, x: Tensor) -> Tensor:
        """log p(x), [B], exactly."""
        return torch.stack([known.log_p(x) for known in self.each]).logsumexp(0) - math.log(len(self.each))

    def draw(self, n: int, seed: int = 0) -> Tensor:
        """x of every component in turn, n of each, [k n, C, H, W]."""
        return torch.cat([known.draw(n, seed) for known in self.each])

    def top_down(self) -> LatentModel:
        """The model, with the best diagonal q of its first component, its top one widened."""
        model = self.each[0].top_down()[0]
        model.hierarchy.levels[-1] = MixtureLevel([known.links[-1] for known in self.each])
        with torch.no_grad():
            model.posterior.recognisers[-1].log_scale.add_(0.5)
        return model


def mixed(sizes: Sequence[int] = (1, 2), components: int = 3, seed: int = 0) -> KnownMixture:
    """`markov` with a mixture on top, its means a deviation or so apart."""
    random, known = _Random(seed + 100), markov(sizes, seed=seed)
    tops = (
        replace(known.links[-1], b=random(sizes[-1]), log_scale=0.2 * random(sizes[-1])) for _ in range(components)
    )
    return KnownMixture(tuple(Known((*known.links[:-1], top), known.output) for top in tops))


def markov(sizes: Sequence[int] = (1, 1, 1), shape: tuple[int, int, int] = (1, 2, 3), seed: int = 0) -> Known:
    """The state is z itself: z_l depends on z_{l+1} alone, x on z_1 alone."""
    random = _Random(seed)
    states = [*sizes, 0]
    links = tuple(
        Link(
            f=torch.zeros(d, up, dtype=torch.float64),
            g=torch.eye(d, dtype=torch.float64),
            m=random(d, up),
            b=random(d),
            log_scale=0.3 * random(d),
        )
        for d, up in zip(sizes, states[1:], strict=True)
    )
    return Known(links, random.output(sizes[0], shape))


def flat(sizes: Sequence[int] = (1, 1, 1), shape: tuple[int, int, int] = (1, 2, 3), seed: int = 0) -> Known:
    """p(z_l) = N(0, I) at every level; the state gathers them all, as in a VLAE."""
    random, states = _Random(seed), 3
    links = tuple(
        Link(
            f=torch.eye(states, dtype=torch.float64) + 0.3 * random(states, states),
            g=random(states, d),
            m=torch.zeros(d, states, dtype=torch.float64),
            b=torch.zeros(d, dtype=torch.float64),
            log_scale=torch.zeros(d, dtype=torch.float64),
        )
        for d in sizes
    )
    return Known(links, random.output(states, shape))


def shortcut(sizes: Sequence[int] = (1, 1, 1), shape: tuple[int, int, int] = (1, 2, 3), seed: int = 0) -> Known:
    """Every level depends on all above it, through the state."""
    random, states = _Random(seed), 3
    links = tuple(
        Link(
            f=torch.eye(states, dtype=torch.float64) + 0.3 * random(states, states),
            g=random(states, d),
            m=0.7 * random(d, states),
            b=random(d),
            log_scale=0.3 * random(d),
        )
        for d in sizes
    )
    return Known(links, random.output(states, shape))


def golden_chain() -> Known:
    """The chain of the golden value: z2 ~ N(0, 1); z1 | z2 ~ N(.8 z2 + .3, .6^2); x | z1 ~ N(1.3 z1 - .2, .5^2)."""

    def one(value: float) -> Tensor:
        return torch.tensor([[value]], dtype=torch.float64)

    empty = torch.zeros(1, 0, dtype=torch.float64)
    top = Link(f=empty, g=one(1.0), m=empty, b=one(0.0)[0], log_scale=one(0.0)[0])
    bottom = Link(f=one(0.0), g=one(1.0), m=one(0.8), b=one(0.3)[0], log_scale=one(math.log(0.6))[0])
    return Known((bottom, top), Output(one(1.3), one(-0.2)[0], one(math.log(0.5))[0, 0], (1, 1, 1)))


class _Random:
    def __init__(self, seed: int) -> None:
        self.generator = Generator().manual_seed(seed)

    def __call__(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64)

    def output(self, states: int, shape: tuple[int, int, int]) -> Output:
        pixels = math.prod(shape)
        return Output(self(pixels, states), self(pixels), torch.tensor(-0.4, dtype=torch.float64), shape)


def pixels(spec: ImageSpec, likelihood: Likelihood, seed: int = 0) -> LatentModel:
    """A model without levels: p(x) = prod p(x_ij | earlier pixels), float64, its weights far from small."""
    return _autoregressive(Hierarchy([]), Absent(), spec, likelihood, features=0, seed=seed)


def pixels_given_z(spec: ImageSpec, likelihood: Likelihood, seed: int = 0) -> LatentModel:
    """p(z) p(x | z) with an autoregressive decoder: `shortcut` with two levels, its q as wide as the prior."""
    known = shortcut((1, 1), spec.shape, seed)
    model = known.top_down()[0]
    with torch.no_grad():
        for level, recogniser in zip(model.hierarchy.levels, model.posterior.recognisers, strict=True):
            recogniser.of_x.mul_(0.1)
            recogniser.offset.copy_(level.b)
            recogniser.of_h.copy_(level.m)
            recogniser.log_scale.copy_(level.log_scale)
    return _autoregressive(model.hierarchy, model.posterior, spec, likelihood, features=3, seed=seed)


def _autoregressive(
    hierarchy: Hierarchy, posterior: nn.Module, spec: ImageSpec, likelihood: Likelihood, features: int, seed: int
) -> LatentModel:
    head = Head(likelihood, spec)
    net = TinyCausal(spec, head.outputs, features).double()
    random = _Random(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(random(*parameter.shape))
    return LatentModel(hierarchy, posterior, Autoregressive(net, head, spec.shape)).double().eval()
