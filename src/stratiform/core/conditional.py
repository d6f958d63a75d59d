"""A model of the hidden pixels of an image given the known ones (Bachman 2016, Eqs 3, 4 and 6)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from stratiform.core import keys
from stratiform.core.decoder import Factorised
from stratiform.core.hierarchy import Draw, Guide, Hierarchy, Pick
from stratiform.core.latent import Latent, Terms
from stratiform.core.masks import Mask
from stratiform.core.model import LatentModel
from stratiform.core.posterior import TopDown, mean, sample
from stratiform.distributions import Image, total
from stratiform.errors import UserError


class ConditionalModel(LatentModel):
    """p(x_u, z | x_k) = p(x_u | z, x_k) p(z | x_k), with q(z | x_k, x_u): known pixels x_k, hidden ones x_u.

    log p(x_u | x_k) >= E_q[log p(x_u | z, x_k)] - KL(q(z | x) || p(z | x_k))   (Eq. 6): what is scored is the hidden
    pixels. Both stacks are guided down one walk. Where the caller does not say what is known, it is drawn: anew in
    every training step; otherwise it is a function of the image alone, so that all draws of z see the same mask.

    Args:
        hierarchy: the levels' states; their own priors are not asked.
        posterior: q; it reads [x_k; known; x], [B, 2 C + 1, H, W].
        decoder: p(x | f(z)), all pixels at once.
        condition: p(z | x_k), parameters of theta; it reads [x_k; known], [B, C + 1, H, W], hidden pixels 0.
        mask: the law of what is hidden.
    """

    whole = False

    def __init__(
        self, hierarchy: Hierarchy, posterior: TopDown, decoder: Factorised, condition: TopDown, mask: Mask
    ) -> None:
        super().__init__(hierarchy, posterior, decoder)
        self.condition, self.mask = condition, mask

    def forward(self, x: Tensor, seen: Tensor | None = None, draw: Draw = sample) -> Terms:
        """The pieces of one bound on log p(x_u | x_k).

        Args:
            x: whole images, [B, C, H, W].
            seen: which pixels are known, bool [B, 1, H, W]; None: drawn.
            draw: how z is drawn from q.
        """
        known = self.known(x) if seen is None else seen
        f, latents = self._infer(x, known, draw)
        each = self.decoder(f).log_prob_each(x)
        return Terms(total(each * ~known[:, 0]), latents)

    def encode(self, x: Tensor, draw: Draw = mean, seen: Tensor | None = None) -> tuple[Latent, ...]:
        """The levels' draws, bottom -> top, of what is hidden in x; `seen` as in `forward`."""
        return self._infer(x, self.known(x) if seen is None else seen, draw)[1]

    def known(self, x: Tensor) -> Tensor:
        """Which pixels of x [B, C, H, W] are known, bool [B, 1, H, W], by the law of the model's mask."""
        key = keys.of_images(x)
        if self.training:
            key = key ^ torch.randint(1 << 62, key.shape, device=x.device)
        return self.mask.known(keys.uniform(key, self.mask.numbers))

    def given(self, x: Tensor, known: Tensor) -> Guide:
        """p(z | x_k) for `decode`: what is hidden in x is not read."""
        return self.condition.guide(view(x, known))

    def decode(self, n: int, pick: Pick, prior: Guide | None = None) -> Image:
        """The distribution over n images whose levels are drawn by `pick`; `prior` from `given`."""
        if prior is None:
            raise UserError(
                "this model completes images and draws none by itself: stratiform inpaint RUN IMAGE --hide centre"
            )
        return super().decode(n, pick, prior)

    def score(self, x: Tensor, z: Mapping[int, Tensor], seen: Tensor | None = None) -> Terms:
        raise UserError(
            "stl and dreg are not to be had for models that complete images; use the plain gradient of IWAE"
        )

    def _infer(self, x: Tensor, known: Tensor, draw: Draw) -> tuple[Tensor, tuple[Latent, ...]]:
        pick = self.posterior.pick(torch.cat([view(x, known), x], 1), draw)
        return self.hierarchy.descend(len(x), pick, self.given(x, known))


def view(x: Tensor, known: Tensor) -> Tensor:
    """[x_k; known], hidden pixels 0: [B, C, H, W], bool [B, 1, H, W] -> [B, C + 1, H, W]."""
    return torch.cat([torch.where(known, x, torch.zeros_like(x)), known.to(x)], 1)
