"""A latent variable model of images: a hierarchy, a posterior, a decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from stratiform.core.decoder import Decoder, Head
from stratiform.core.hierarchy import Draw, Guide, Hierarchy, Pick, from_prior, given
from stratiform.core.latent import Latent, Terms
from stratiform.core.posterior import Posterior, mean, replay, sample
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

    Attributes:
        whole: the whole image is scored, so that bits per dimension mean something.
    """

    whole = True

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
        return Terms(self.decoder(f).log_prob(x), latents, self._log_py(f, x))

    def score(self, x: Tensor, z: Mapping[int, Tensor], seen: Tensor | None = None) -> Terms:
        """The terms at z of the caller's, all parameters held where log q(z | x) is taken: no score of q in gradients.

        log p(x, z) has all parameters, log q(z | x) none: where z was drawn from q, what q is made of gets its
        gradient through z alone (STL, DReG). Needs q.log_prob.

        Args:
            z: every level's value, [B, *z].
            x, seen: as in `forward`.
        """
        f, given_p = self.hierarchy.descend(len(x), given(z, from_prior()))
        inference = _Inference(self.hierarchy, self.posterior)
        held = {name: parameter.detach() for name, parameter in inference.named_parameters()}
        given_q = torch.func.functional_call(inference, held, (x if seen is None else seen, replay(z)))
        latents = tuple(replace(p, q=q.q, log_q=q.log_q) for p, q in zip(given_p, given_q, strict=True))
        return Terms(self.decoder(f).log_prob(x), latents, self._log_py(f, x))

    def recognise(self, x: Tensor, z: Mapping[int, Tensor]) -> tuple[Latent, ...]:
        """The levels at z of the caller's, [B, *z] each, bottom -> top: log q(z | x) has a gradient in phi alone.

        Needs q.log_prob. The states that q reads are those of z, their parameters held.
        """
        inference = _Inference(self.hierarchy, self.posterior)
        held = {f"hierarchy.{name}": parameter.detach() for name, parameter in self.hierarchy.named_parameters()}
        latents: tuple[Latent, ...] = torch.func.functional_call(inference, held, (x, replay(z)))
        return latents

    def _log_py(self, f: Tensor, x: Tensor) -> Tensor | None:
        return None if self.auxiliary is None else self.auxiliary(f).log_prob(self.target(x))

    def encode(self, x: Tensor, draw: Draw = mean) -> tuple[Latent, ...]:
        """x [B, C, H, W] -> the levels' draws, bottom -> top; the codes are their z."""
        return self.hierarchy.descend(len(x), self.posterior.pick(x, draw))[1]

    @torch.no_grad()
    def initialise(self, x: Tensor) -> None:
        """Sets what training starts from on x [B, C, H, W]: the mean image, and scales from data (`from_data`)."""
        for module in self.decoder.modules():
            if isinstance(module, Head):
                module.begin(x)
        fresh: list[Any] = [module for module in self.modules() if hasattr(module, "from_data")]
        if not fresh:
            return
        training = self.training
        for module in fresh:
            module.from_data = True
        self.eval()(x)
        self.train(training)

    def decode(self, n: int, pick: Pick, prior: Guide | None = None) -> Image:
        """The distribution over n images whose levels are drawn by `pick`."""
        image: Image = self.decoder(self.hierarchy.descend(n, pick, prior)[0])
        return image


class _Inference(nn.Module):
    """All that q(z | x) is made of: the posterior, and the walk whose states it may read."""

    def __init__(self, hierarchy: Hierarchy, posterior: Posterior) -> None:
        super().__init__()
        self.hierarchy, self.posterior = hierarchy, posterior

    def forward(self, x: Tensor, draw: Draw) -> tuple[Latent, ...]:
        return self.hierarchy.descend(len(x), self.posterior.pick(x, draw))[1]
