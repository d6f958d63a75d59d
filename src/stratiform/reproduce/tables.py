"""A hierarchy whose every conditional is a table: one pixel of few grey levels, levels of few states.

Its bound is a finite sum, so that the tables can be brought to the optimum of the ELBO, -H(p_data), by gradient; and
one step of the chain of inference and generation is a matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from stratiform.core.decoder import Decoder
from stratiform.core.hierarchy import Above, Hierarchy, Level
from stratiform.core.model import LatentModel
from stratiform.core.posterior import TopDown, replay
from stratiform.distributions import Distribution, Image

GREYS, STATES = 4, (3, 2)  # of x, and of z_1 and z_2


@dataclass(frozen=True)
class Categorical:
    """P(z = k) = softmax(logits)_k; z is the state as a number, [B, 1]."""

    logits: Tensor  # [B, K]

    @property
    def mean(self) -> Tensor:
        return (self.logits.softmax(1) * torch.arange(self.logits.shape[1])).sum(1, keepdim=True)

    def draw(self, noise: Tensor | None = None, temperature: float = 1.0, generator: Generator | None = None):
        """The state at the quantile that the standard normal noise [B, 1] stands for."""
        assert temperature == 1.0
        noise = torch.randn(len(self.logits), 1, generator=generator) if noise is None else noise
        z = (torch.special.ndtr(noise) > self.logits.softmax(1).cumsum(1)[:, :-1]).sum(1, keepdim=True).double()
        return z, self.log_prob(z)

    def log_prob(self, z: Tensor) -> Tensor:
        return self.logits.log_softmax(1).gather(1, z.long())


@dataclass(frozen=True)
class Pixel:
    """One pixel, each of its grey levels with a probability of its own."""

    logits: Tensor  # [B, GREYS]

    @property
    def mean(self) -> Tensor:
        return Categorical(self.logits).mean.view(-1, 1, 1, 1) / (GREYS - 1)

    def log_prob_each(self, x: Tensor) -> Tensor:
        return Categorical(self.logits).log_prob(_grey(x)[:, None])[..., None]

    def log_prob(self, x: Tensor) -> Tensor:
        return self.log_prob_each(x).flatten(1).sum(1)

    def sample(self, generator: Generator | None = None) -> Tensor:
        return torch.multinomial(self.logits.softmax(1), 1, generator=generator).view(-1, 1, 1, 1) / (GREYS - 1)


class Table(nn.Module):
    """One row of logits for every state of what is given; one row alone where nothing is."""

    def __init__(self, given: int, states: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(1.5 * torch.randn(max(given, 1), states))

    def forward(self, given: Tensor) -> Tensor:
        return given @ self.rows if given.shape[1] else self.rows.expand(len(given), -1)


class TableLevel(Level):
    """p(z | what is above): the state is one-hot, of z alone (Markov) or of all z down to this one (shortcut)."""

    def __init__(self, above: int, states: int, prior: Literal["markov", "shortcut"]) -> None:
        super().__init__()
        self.shape, self.states, self.forgets, self.table = (1,), states, prior == "markov", Table(above, states)

    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        return Categorical(self.table(h)), h

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        own = F.one_hot(z[:, 0].long(), self.states).double()
        return own if self.forgets else _both(h, own)


class TableRecogniser(nn.Module):
    """q(z_l | z_>l, x), any at all."""

    def __init__(self, above: int, states: int) -> None:
        super().__init__()
        self.table = Table(max(above, 1) * GREYS, states)

    def forward(self, e: Tensor, h: Tensor, p: Distribution, above: Above | None) -> tuple[Distribution, None]:
        return Categorical(self.table(_both(h, e))), None


class OneHot(nn.Module):
    """The encoder: every level sees which grey level x is."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (F.one_hot(_grey(x), GREYS).double(),) * len(STATES)


class TableDecoder(Decoder):
    def __init__(self, above: int) -> None:
        super().__init__()
        self.table = Table(above, GREYS)

    def forward(self, h: Tensor) -> Image:
        return Pixel(self.table(h))


def tables(prior: Literal["markov", "shortcut"], seed: int = 0) -> LatentModel:
    """Two levels, every table random."""
    torch.manual_seed(seed)
    bottom, top = STATES
    last = bottom if prior == "markov" else top * bottom
    hierarchy = Hierarchy([TableLevel(top, bottom, prior), TableLevel(0, top, prior)])
    posterior = TopDown(OneHot(), [TableRecogniser(top, bottom), TableRecogniser(0, top)])
    return LatentModel(hierarchy, posterior, TableDecoder(last)).double()


@dataclass(frozen=True)
class Enumerated:
    """Every x with every z; rows x, then z."""

    q: Tensor  # [GREYS, Z] q(z | x)
    log_weight: Tensor  # [GREYS, Z] log p(x, z) - log q(z | x)
    p_of_x: Tensor  # [GREYS, Z, GREYS] p(x' | z), the same for every x

    @classmethod
    def of(cls, model: LatentModel) -> Enumerated:
        grid = torch.cartesian_prod(*(torch.arange(k).double() for k in (GREYS, *STATES)))
        x, z = grid[:, :1].view(-1, 1, 1, 1) / (GREYS - 1), {level: grid[:, 1 + level, None] for level in (0, 1)}
        terms = model(x, draw=replay(z))
        log_q = torch.stack([latent.log_q for latent in terms.latents]).sum((0, 2))
        image = model.decode(len(x), model.posterior.pick(x, replay(z)))
        return cls(
            log_q.exp().view(GREYS, -1),
            terms.log_weight().view(GREYS, -1),
            image.logits.softmax(1).view(GREYS, -1, GREYS),
        )

    def elbo(self) -> Tensor:
        """[GREYS], in nats."""
        return (self.q * self.log_weight).sum(1)

    def transition(self) -> Tensor:
        """[x, x'] sum_z q(z | x) p(x' | z): one step of the chain."""
        return torch.einsum("xz,xzy->xy", self.q, self.p_of_x)


def optimise(model: LatentModel, p_data: Tensor) -> float:
    """Brings E[ELBO] to its optimum, and returns how many nats it still lies below -H(p_data)."""
    entropy = -(p_data * p_data.log()).sum()
    optimiser = torch.optim.LBFGS(
        model.parameters(), max_iter=2000, tolerance_grad=1e-12, tolerance_change=1e-15, line_search_fn="strong_wolfe"
    )

    def gap() -> Tensor:
        optimiser.zero_grad()
        value = -(p_data * Enumerated.of(model).elbo()).sum() - entropy
        value.backward()
        return value

    optimiser.step(gap)
    return max(gap().item(), math.ulp(1.0))


def _both(h: Tensor, own: Tensor) -> Tensor:
    """One-hot h [B, S] and own [B, K] -> one-hot of the pair, [B, S K]."""
    return (h[:, :, None] * own[:, None]).flatten(1) if h.shape[1] else own


def _grey(x: Tensor) -> Tensor:
    """[B, 1, 1, 1] in [0, 1] -> which grey level, [B]"""
    return (x.view(-1) * (GREYS - 1)).round().long()
