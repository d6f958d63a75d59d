"""Shifted convolutions (Salimans et al. 2017), which read the row above and to the left, and what goes with them."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stratiform.nn.causal import Normed

DOWN = partial(Normed, kernel=(2, 3), padding=(1, 1, 1, 0))  # of u: reads its row and the one above, j - 1 to j + 1
DOWN_RIGHT = partial(Normed, kernel=(2, 2), padding=(1, 0, 1, 0))  # of ul: the same rows, j - 1 and j


def shift_down(x: Tensor) -> Tensor:
    """Row i holds what row i - 1 held; row 0 holds zeros."""
    return F.pad(x, (0, 0, 1, -1))


def shift_right(x: Tensor) -> Tensor:
    """Column j holds what column j - 1 held; column 0 holds zeros."""
    return F.pad(x, (1, -1, 0, 0))


class _ConcatELU(torch.autograd.Function):
    """ELU(x) = max(x, e^-|x| - 1) and ELU(-x) = max(-x, e^-|x| - 1): one exponential for both."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        both = x.new_empty(len(x), *x.shape[2:], 2 * x.shape[1]).movedim(-1, 1)  # written in place: memory is slow
        of_x, of_minus = both.chunk(2, 1)
        torch.neg(x, out=of_minus)
        below = torch.minimum(x, of_minus).expm1_()
        torch.maximum(x, below, out=of_x)
        torch.maximum(of_minus, below, out=of_minus)
        ctx.save_for_backward(both)
        return both

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (both,) = ctx.saved_tensors
        of_x, of_minus = torch.ops.aten.elu_backward(gradient, 1.0, 1.0, 1.0, True, both).chunk(2, 1)
        return of_x - of_minus


def concat_elu(x: Tensor) -> Tensor:
    """[B, F, ...] -> ELU([x, -x]) [B, 2 F, ...]"""
    if torch.compiler.is_compiling():  # it fuses the plain formula, and takes no writing in place
        return F.elu(torch.cat([x, -x], 1))
    active: Tensor = _ConcatELU.apply(x)
    return active


def gate(x: Tensor) -> Tensor:
    """[a, b] [B, 2 F, H, W] -> a * sigmoid(b) [B, F, H, W], channels last in memory as the convolutions give them."""
    return F.glu(x.permute(0, 2, 3, 1), -1).permute(0, 3, 1, 2)


WORDS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes


def drop(x: Tensor, rate: float) -> Tensor:
    """Dropout. On a CPU every random bit decides for a feature, in a tenth of the time of torch's own."""
    if x.device.type != "cpu":
        return F.dropout(x, rate)
    word, width = WORDS[x.element_size()], 8 * x.element_size()
    bits = random_bits(x.numel() // (width - 1) + 1, word, 1.0 - rate)
    shifted = bits << torch.arange(width - 1, dtype=word)[:, None]
    twos = shifted.bitwise_and_(1 << (width - 2)).view(x.dtype)  # in every floating type that bit alone is 2.0
    kept = twos.flatten()[: x.numel()].as_strided(x.shape, x.stride())
    return x * (kept if rate == 0.5 else kept * (0.5 / (1.0 - rate)))


def random_bits(n: int, word: torch.dtype, p: float) -> Tensor:
    """n words whose bits are 1 with probability p < 1 (to 16 binary digits).

    Or with a fair bit takes a probability q to 1/2 + q/2, and to q/2: digit for digit, from the last.
    """
    bits = torch.zeros(n, dtype=word)
    for digit in reversed(format(min(round(p * 2**16), 2**16 - 1), "016b").rstrip("0")):
        fair = torch.empty_like(bits).random_(torch.iinfo(word).min, None)
        bits = bits | fair if digit == "1" else bits & fair
    return bits


def padded(x: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1], and a channel of ones that tells the image from the zeros around it."""
    image = torch.cat([2 * x - 1, torch.ones_like(x[:, :1])], 1)
    return image.contiguous(memory_format=torch.channels_last)  # the fastest for convolutions on a CPU


class Map:
    """Features [B, F, H, W], and their concat-ELU [B, 2 F, H, W], computed once for all layers that read it."""

    def __init__(self, features: Tensor) -> None:
        self.features = features
        self._active: Tensor | None = None  # no cached_property: its lock breaks a compiled graph

    @property
    def active(self) -> Tensor:
        if self._active is None:
            self._active = concat_elu(self.features)
        return self._active
