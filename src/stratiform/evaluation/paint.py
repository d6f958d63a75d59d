"""The two sources of chance of a model with levels whose pixels are drawn in order: the code, and the pixels' noise.

Codes are held as the noise of every level, [n, *z] each. From one to another the way runs on a quarter of a circle,
e = cos(t) e_a + sin(t) e_b: between two independent draws of the prior every point is one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from stratiform.core.model import LatentModel
from stratiform.edit import encode
from stratiform.errors import UserError
from stratiform.evaluation.explore import draws_pixels, from_noise

Codes = Mapping[int, Tensor]  # noise of every level, [n, *z]


def codes_of(model: LatentModel, x: Tensor) -> Codes:
    """Of images x [n, C, H, W], at their posterior means.

    Raises:
        UserError: the model has no levels, or draws all pixels at once.
    """
    if not draws_pixels(model):
        raise UserError(
            "this model draws all pixels at once: an image is its code; `paint` is for models with levels whose "
            "pixels are drawn one after the other (agave-digits)"
        )
    return dict(enumerate(encode(model, x).held))


def one_code(model: LatentModel, code: Codes, n: int, seed: int = 0, temperature: float = 1.0) -> Tensor:
    """n images of one code [1, *z], each with pixels' noise of its own, [n, C, H, W]: what the code leaves open."""
    held = {level: e.expand(n, *e.shape[1:]) for level, e in code.items()}
    return from_noise(model, n, held, seed, temperature=temperature)


@torch.no_grad()
def one_noise(model: LatentModel, codes: Codes, seed: int = 0, temperature: float = 1.0) -> Tensor:
    """An image of each of n codes, all with the same pixels' noise, [n, C, H, W]: what the code decides."""
    each = []
    for row in range(len(codes[0])):
        held = {level: e[row : row + 1] for level, e in codes.items()}
        each.append(from_noise(model, 1, held, seed, temperature=temperature))
    return torch.cat(each)


def between(a: Codes, b: Codes, n: int) -> Codes:
    """n codes from a to b, [1, *z] each, both included."""
    angle = torch.linspace(0.0, math.pi / 2, n)
    return {level: torch.cat([t.cos() * e + t.sin() * b[level] for t in angle]) for level, e in a.items()}
