"""A mixture of diagonal Gaussians over a whole level, the prior of a MatNet's top (Bachman 2016, section 2.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from stratiform.distributions.gaussian import HALF_LOG_2PI, Gaussian, gaussian_kl

HALVINGS = 60  # of the interval that z is searched in: below the rounding of float64
STEEPEST = 1e6  # the largest dz / dnoise
COLDEST = 1e-6  # a temperature of 0 is the limit: as good as reached here, z is a component's mean


@dataclass(frozen=True)
class GaussianMixture:
    """p(z) = (1 / k) sum_i N(z; m_i, diag exp(2 s_i)), the same for each of the rows; z has d units.

    Its units depend on each other: `log_prob` is log p(z_j | z_<j) at unit j, so that the sum over units is log p(z).
    Noise becomes z unit after unit, each by the inverse of its F(z_j | z_<j) (Knothe-Rosenblatt): z is a continuous
    function of the noise, and its law is the mixture.
    """

    means: Tensor  #: m, [k, d]
    log_scales: Tensor  #: s, [k, d], logs of standard deviations
    batch: int  #: B

    def draw(
        self, noise: Tensor | None = None, temperature: float = 1.0, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """z of standard normal noise, every component's deviation times `temperature`; log p(z_j | z_<j) at 1."""
        if noise is None:
            shape, like = (self.batch, self.means.shape[1]), self.means
            noise = torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)
        z = _from_noise(noise.double(), self._in_double(max(temperature, COLDEST))).to(self.means)
        return z, self.log_prob(z)

    def noise(self, z: Tensor) -> Tensor:
        """What `draw` makes z of, [B, d]: the inverse of F(z_j | z_<j), up to 37 deviations from the middle."""
        components, z_each = self._in_double(), z.double()[:, None]
        weights = _log_weights(components.log_prob(z_each)).exp()
        offset = (z_each - components.mean) / components.scale
        tiny = torch.finfo(offset.dtype).tiny
        below, above = ((weights * _normal_cdf(t)).sum(1).clamp(min=tiny) for t in (offset, -offset))
        return torch.where(below < above, torch.special.ndtri(below), -torch.special.ndtri(above)).to(z)

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z_j | z_<j) = log sum_i p(i | z_<j) N(z_j; m_ij, s_ij), [B, d], in nats."""
        log_each = self._log_each(z)
        return (_log_weights(log_each) + log_each).logsumexp(1)

    def responsibilities(self, z: Tensor) -> Tensor:
        """r_i = p(i | z), [B, k]: which component z belongs to."""
        return self.log_responsibilities(z).exp()

    def log_responsibilities(self, z: Tensor) -> Tensor:
        """log r_i, [B, k]."""
        return self._log_each(z).sum(2).log_softmax(1)

    def component(self, index: int) -> Gaussian:
        """N(m_i, diag exp(2 s_i)) of [B, d]."""
        return Gaussian(*(part[index].expand(self.batch, -1) for part in (self.means, self.log_scales)))

    @property
    def mean(self) -> Tensor:
        """E[z], [B, d]."""
        return self.means.mean(0).expand(self.batch, -1)

    def _log_each(self, z: Tensor) -> Tensor:
        """log N(z_j; m_ij, s_ij), [B, k, d]."""
        return Gaussian(self.means, self.log_scales).log_prob(z[:, None])

    def _in_double(self, temperature: float = 1.0) -> Gaussian:
        """The components, float64 [k, d]."""
        return Gaussian(self.means.double(), self.log_scales.double() + math.log(temperature))


def mixture_kl_bound(q: Gaussian, p: GaussianMixture) -> Tensor:
    """KL(q || p) <= log k - log sum_i exp(-KL(q || p_i)), [B], in nats (MatNet, Eq. 12, printed without its log k)."""
    one = Gaussian(q.mean[:, None], q.log_scale[:, None])
    each = gaussian_kl(one, Gaussian(p.means, p.log_scales)).sum(2)  # [B, k]
    return math.log(each.shape[1]) - (-each).logsumexp(1)


def _log_weights(log_each: Tensor) -> Tensor:
    """log p(i | z_<j) of log N(z_j; m_ij, s_ij), both [B, k, d]."""
    return pad(log_each.cumsum(2)[:, :, :-1], (1, 0)).log_softmax(1)


def _from_noise(noise: Tensor, components: Gaussian) -> Tensor:
    """Noise [B, d] -> z [B, d], the weights of the components [k, d] following the units drawn before."""
    log_weights = noise.new_zeros(len(noise), len(components.mean))
    drawn: list[Tensor] = []
    for j in range(noise.shape[1]):
        unit = Gaussian(components.mean[:, j], components.log_scale[:, j])
        drawn.append(_quantile(noise[:, j], log_weights.softmax(1), unit))
        log_weights = log_weights + unit.log_prob(drawn[j][:, None])
    return torch.stack(drawn, 1)


def _quantile(noise: Tensor, weights: Tensor, unit: Gaussian) -> Tensor:
    """The z [B] with F(z) = Phi(noise), F the mixture of `unit` [k] by weights [B, k]; by bisection.

    It lies between the components' own answers. Both sides are taken on the tail that holds less, where nothing is
    rounded to 1. Its gradient is that of one Newton step from the solution, dz = -dF / F', bounded where components
    are so far apart that almost no mass is left between them.
    """
    side = torch.where(noise > 0.0, -1.0, 1.0).to(noise)
    goal = _normal_cdf(side * noise)

    def excess(z: Tensor) -> Tensor:
        """F(z) - Phi(noise), [B]."""
        offset = (z[:, None] - unit.mean) / unit.scale
        return side * ((weights * _normal_cdf(side[:, None] * offset)).sum(1) - goal)

    with torch.no_grad():
        answers = unit.mean + unit.scale * noise[:, None]
        low, high = answers.amin(1), answers.amax(1)
        for _ in range(HALVINGS):
            z = 0.5 * (low + high)
            under = excess(z) < 0.0
            low, high = torch.where(under, z, low), torch.where(under, high, z)
        z = 0.5 * (low + high)
        density = (weights * unit.log_prob(z[:, None]).exp()).sum(1)
        slope = density.maximum(torch.exp(-0.5 * noise**2 - HALF_LOG_2PI) / STEEPEST)
    step = -excess(z) / slope
    return z + (step - step.detach())


def _normal_cdf(t: Tensor) -> Tensor:
    """Phi(t), its lower tail to 37 deviations; torch.special.ndtr rounds that tail to 0 from 9 on."""
    return 0.5 * torch.erfc(-t / math.sqrt(2.0))
