"""The training step as one module, for `torch.compile` and data parallelism: no distribution crosses its border."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from stratiform.core.latent import Terms
from stratiform.core.model import LatentModel
from stratiform.objective import FreeBits, Objective, check_fit, terms_for
from stratiform.objective.tools import Mean


class TrainingStep(nn.Module):
    """A model and its objective: images in, a loss out.

    Random numbers come from torch's own generator, which the loop seeds before each call.

    Args:
        model: the part that is scored.
        objective: Terms -> loss.
        denoise: inference sees corrupted images, the clean ones are scored.
        shared: a mean over this process's rows -> the mean over those of all processes, with its gradient; None: this
            process has all rows.
    """

    def __init__(
        self, model: LatentModel, objective: Objective, denoise: bool = False, shared: Mean | None = None
    ) -> None:
        super().__init__()
        check_fit(objective, model)
        self.model, self.objective, self.denoise = model, objective, denoise
        self.loss: Callable[[Terms, Tensor], Tensor] = objective
        if shared is not None and isinstance(objective, FreeBits):
            self.loss = partial(objective, shared=shared)

    def forward(self, x: Tensor, beta: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Scores a batch.

        Args:
            x: images [B, C, H, W]; each is repeated as often as the objective asks, its repeats side by side.
            beta: weight of the KL terms, 0-d.

        Returns:
            The loss, 0-d, and its parts, detached, in nats per image: loss, elbo, log_px, all 0-d, and kl [L].
        """
        if self.objective.samples > 1:
            x = x.repeat_interleave(self.objective.samples, dim=0)
        terms = terms_for(self.objective, self.model, x, beta, corrupt(x) if self.denoise else None)
        loss = self.loss(terms, beta)
        with torch.no_grad():
            kl, log_px = terms.kls().mean(1), terms.log_px.mean()
            return loss, {"loss": loss.detach(), "elbo": log_px - kl.sum(), "log_px": log_px, "kl": kl}


def corrupt(x: Tensor) -> Tensor:
    """The reference VLAE's noise: a tenth of the values to 0, a tenth raised by 1, plus N(0, 0.1^2), cut to [0, 1]."""
    kept, raised = torch.rand_like(x) < 0.9, torch.rand_like(x) < 0.1
    return (x * kept + raised + 0.1 * torch.randn_like(x)).clamp(0.0, 1.0)
