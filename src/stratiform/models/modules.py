"""The modules of MatNet as levels of the kernel, and what infers them; the equations are numbered in `matnet.py`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stratiform.core.hierarchy import Above, Level
from stratiform.distributions import Distribution, Gaussian, GaussianMixture
from stratiform.distributions.tools import at_least_float, clamp_log_scale
from stratiform.nn.matnet import Place

SPREAD = 0.1  # of the means and log-variances that the components of a mixture start from (the paper's code)


def gaussian(raw: Tensor) -> Gaussian:
    """[mean; log-variance], [B, 2 C, ...] -> the Gaussian of [B, C, ...]."""
    mean, log_variance = raw.chunk(2, 1)
    return Gaussian(at_least_float(mean), clamp_log_scale(0.5 * log_variance))


class Top(Level):
    """z_0; the step enters the coarsest scale.

    Args:
        units: of z_0.
        mixture: components of its prior, a mixture of Gaussians that is learnt; 0: N(0, I).
        start: z_0 -> the first state.
        everywhere: the state takes z_0 along, as further channels that no module changes.
    """

    def __init__(self, units: int, mixture: int, start: nn.Module, everywhere: bool) -> None:
        super().__init__()
        self.shape, self.start, self.everywhere, self.mixture = (units,), start, everywhere, mixture
        if mixture:
            self.means = nn.Parameter(SPREAD * torch.randn(mixture, units))
            self.log_variances = nn.Parameter(SPREAD * torch.randn(mixture, units))

    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        if not self.mixture:
            return Gaussian.standard(self.shape, h), h
        return GaussianMixture(self.means, clamp_log_scale(0.5 * self.log_variances), len(h)), h

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        state: Tensor = self.start(z)
        return _beside(state, z) if self.everywhere else state


def _beside(state: Tensor, z: Tensor) -> Tensor:
    """[state; z], a vector z [B, n] the same at every place of a map."""
    while z.dim() < state.dim():
        z = z[..., None]
    return torch.cat([state, z.expand(-1, -1, *state.shape[2:])], 1)


class Module(Level):
    """One top-down module.

    Args:
        place: of its state; what of h goes beyond it is z_0.
        units: channels of z.
        net: h -> raw parameters of the prior, [B, 2 C, ...], or of its mean alone, [B, C, ...]; None: N(0, I).
        update: (h, z, then z_0 where it is taken along) -> h'.
        leave: h' -> the state of the next module, at a finer scale below the last of its own.
    """

    def __init__(self, place: Place, units: int, net: nn.Module | None, update: nn.Module, leave: nn.Module) -> None:
        super().__init__()
        self.shape, self.channels = place.shape(units), place.channels
        self.net, self.update, self.leave = net, update, leave

    def prior(self, h: Tensor) -> tuple[Distribution, Tensor]:
        if self.net is None:
            return Gaussian.standard(self.shape, h), h
        raw: Tensor = self.net(h[:, : self.channels])
        if raw.shape[1] == self.shape[0]:
            mean = at_least_float(raw)
            return Gaussian(mean, torch.zeros_like(mean)), h
        return gaussian(raw), h

    def step(self, h: Tensor, z: Tensor) -> Tensor:
        state, along = h[:, : self.channels], h[:, self.channels :]
        if not along.shape[1]:
            updated: Tensor = self.leave(self.update(state, z))
            return updated
        return _beside(self.leave(self.update(state, z, along)), along.flatten(2)[..., 0] if h.dim() > 2 else along)


class Merge(nn.Module):
    """q(z_i | z_<i, x) from the merge state, which it updates (Eqs 10 and 11).

    Args:
        enter: the merge state above -> that of this module's scale; from z_0 where nothing is handed on.
        channels: of h^t.
        update: (h^m, h^b, h^t) -> h^m of the next.
        head: h^m of the next -> raw parameters.
    """

    def __init__(self, enter: nn.Module, channels: int, update: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.enter, self.channels, self.update, self.head = enter, channels, update, head

    def forward(self, b: Tensor, h: Tensor, p: Distribution, above: Above | None) -> tuple[Distribution, Tensor]:
        assert above is not None  # the top is no module
        entered = self.enter(above.z if above.state is None else above.state)
        merged: Tensor = self.update(entered, b, h[:, : self.channels])
        return gaussian(self.head(merged)), merged


class Only(nn.Module):
    """The first channels: the state, without the z_0 that it took along."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, h: Tensor) -> Tensor:
        return h[:, : self.channels]
