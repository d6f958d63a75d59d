"""Does the top level's code fall into clusters, more than that of the level beneath? No label is asked.

What an image *is* is one of several; how it is drawn varies by degrees. A level that holds the one has a clustered
code. Measured as what a mixture of Gaussians gains over a single one on codes that neither has seen:

    gain_l = mean log p_16(z_l) - mean log p_1(z_l),  both fitted to the codes of half of the images, in nats

and the lead of the top is gain_L - gain_(L-1). The gain of a code that is Gaussian is 0 or less.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from stratiform.core.model import LatentModel

COMPONENTS = 16
SMALLEST_VARIANCE = 1e-3  # of a component, on codes of unit variance


@torch.no_grad()
def lead_of_the_top(model: LatentModel, x: Tensor, seed: int = 0) -> float:
    """The gain of the top level's posterior means of x [N, C, H, W] less that of the level beneath, in nats.

    The gain of the top itself where there is one level.
    """
    levels = zip(*[[latent.z for latent in model.encode(some)] for some in x.split(500)], strict=True)
    codes = [torch.cat(level).flatten(1).cpu().numpy() for level in levels]
    top, *beneath = [gain(code, seed) for code in codes[:-3:-1]]
    return top - sum(beneath)


def gain(code: np.ndarray, seed: int = 0) -> float:
    """Of a mixture over one Gaussian on the odd rows of a code [N, d], both fitted to the even ones."""
    code = (code - code.mean(0)) / np.maximum(code.std(0), 1e-12)
    one, mixture = (
        GaussianMixture(k, reg_covar=SMALLEST_VARIANCE, random_state=seed).fit(code[::2]).score(code[1::2])
        for k in (1, COMPONENTS)
    )
    return float(mixture - one)
