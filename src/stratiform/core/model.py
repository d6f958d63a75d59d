"""A latent variable model of images: a hierarchy, a posterior, a decoder."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from stratiform.core.decoder import Decoder
from stratiform.core.hierarchy import Draw, Guide, Hierarchy, Pick
from stratiform.core.latent import Latent, Terms
from stratiform.core.posterior import Posterior, mean, sample
from stratiform.distributions import Image


def identity(x: Tensor) -> Tensor:
    return x


class LatentModel(nn.Module):
    """p(x, z) = p(x | f(z)) p(z), with q(z | x).

    Args:
        hierarchy: p(z) and f(z).
        posterior: q(z | x).
        decoder: p(x | f(z)).
        auxiliary: p(y | f(z)) of an auxiliary observation y = target(x), for training only.
        target: x -> y.
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        posterior: Posterior,
        decoder: Decoder,
        auxiliary: Decoder | None = None,
        target: Callable[[Tensor], Tensor] = identity,
    ) -> None:
        super().__init__()
        self.hierarchy, self.posterior, self.decoder = hierarchy, posterior, decoder
        self.auxiliary, self.target = auxiliary, target

    def forward(self, x: Tensor, seen: Tensor | None = None, draw: Draw = sample) -> Terms:
        """The pieces of one bound on log p(x).

        Args:
            x: what is scored, [B, C, H, W].
            seen: what inference sees, where that is not x (denoising training, masks).
            draw: how z is drawn from q.
        """
        f, latents = self.hierarchy.descend(len(x), self.posterior.pick(x if seen is None else seen, draw))
        log_py = None if self.auxiliary is None else self.auxiliary(f).log_prob(self.target(x))
        return Terms(self.decoder(f).log_prob(x), latents, log_py)

    def encode(self, x: Tensor, draw: Draw = mean) -> tuple[Latent, ...]:
        """x [B, C, H, W] -> the levels' draws, bottom -> top; the codes are their z."""
        return self.hierarchy.descend(len(x), self.posterior.pick(x, draw))[1]

    def decode(self, n: int, pick: Pick, prior: Guide | None = None) -> Image:
        """The distribution over n images whose levels are drawn by `pick`."""
        image: Image = self.decoder(self.hierarchy.descend(n, pick, prior)[0])
        return image
