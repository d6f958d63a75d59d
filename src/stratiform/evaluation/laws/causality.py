"""Laws of autoregressive decoders: a pixel sees the pixels before it, and the cached sampler is the full network."""

from __future__ import annotations

import itertools
from itertools import islice

import torch
from torch import Generator, Tensor, nn

from stratiform.core.decoder import Autoregressive, CausalNet, Stepper, described
from stratiform.evaluation.laws.case import Broken, Case, apart, near, random_images
from stratiform.evaluation.laws.probability import some_pixels
from stratiform.spec import ImageSpec

MOST_STEPS = 64  # pixels, in raster order, on which the stepper and the sampler are compared with the full network


def pixels_see_only_earlier_ones(case: Case) -> str:
    """The Jacobian of a pixel's parameters is zero at it and after it in raster order, and not zero just before it.

    Where the network has groups, what describes a channel may read the channels before it of the same pixel.
    """
    decoder = case.autoregressive()
    x = random_images(ImageSpec(*case.spec.shape, bins=None), 1).requires_grad_(True)
    parameters = decoder.net(x, case.features(1))
    channels, height, width = case.spec.shape
    for (i, j), group in itertools.product(some_pixels(case), range(decoder.net.groups)):
        here, mine = i * width + j, _of_group(decoder, group)
        mixed = _mixed(parameters[0, mine, i, j])
        (gradient,) = torch.autograd.grad(mixed, x, retain_graph=True, materialize_grads=True)
        in_order = gradient[0].permute(1, 2, 0).flatten()  # pixel after pixel, channel after channel
        if in_order[here * channels + group :].any():
            raise Broken(f"pixel ({i}, {j}), channel {group} sees itself or what comes later")
        if here and not in_order[max(0, here - width) * channels : here * channels].any():
            raise Broken(f"pixel ({i}, {j}) sees none of the row of pixels before it")
        if group and not in_order[here * channels : here * channels + group].any():
            raise Broken(f"pixel ({i}, {j}), channel {group} sees no earlier channel of its own")
    return f"{len(some_pixels(case))} pixels of {height} x {width}"


def stepper_is_the_network(case: Case) -> str:
    """The cached stepper's parameters equal the full network's within 1e-10, given what comes earlier alone.

    Before every row but the first the two images change places, in the cache and beside it.
    """
    decoder = case.autoregressive()
    whole, f, turned = case.x[:2], case.features(2), torch.tensor([1, 0])
    with torch.no_grad():
        parameters, step, worst = decoder.net(whole, f), decoder.net.stepper(f, case.spec.shape[1:]), 0.0
        seen = torch.zeros_like(whole)
        for (i, j), group in itertools.product(_first_pixels(case), range(decoder.net.groups)):
            mine = _of_group(decoder, group)
            if i and j == group == 0:
                step.keep(turned)
                whole, parameters, seen = whole[turned], parameters[turned], seen[turned]
            worst = max(worst, apart(step(i, j, seen)[:, mine], parameters[:, mine, i, j]))
            filled = described(decoder.net, group)
            seen[:, filled, i, j] = whole[:, filled, i, j]
    if worst > 1e-10:
        raise Broken(f"the stepper's parameters differ by {worst:.2g}, allowed 1e-10")
    return f"parameters within {worst:.1g}"


def sampler_is_the_network(case: Case) -> str:
    """For the same noise, sampling pixel by pixel from the cache gives the picture that the full network gives."""
    decoder = case.autoregressive()
    f = case.features(2)
    plain = Autoregressive(_Uncached(decoder.net), decoder.head, decoder.shape)
    rows = -(-min(case.spec.height * case.spec.width, MOST_STEPS) // case.spec.width)
    with torch.no_grad():
        fast = decoder(f).sample(Generator().manual_seed(6))[:, :, :rows]
    slow = next(islice(plain(f).grow(Generator().manual_seed(6)), rows - 1, None)).x[:, :, :rows]
    return near("pictures", fast, slow, 1e-9)


class _Uncached(nn.Module):
    """The network, its stepper a full pass for every pixel."""

    def __init__(self, net: CausalNet) -> None:
        super().__init__()
        self.net, self.groups = net, net.groups

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return self.net(x, h)

    def stepper(self, h: Tensor, size: tuple[int, int]) -> Stepper:
        return _FullPasses(self.net, h)


class _FullPasses:
    """A pass of the network for every pixel."""

    def __init__(self, net: CausalNet, h: Tensor) -> None:
        self.net, self.h = net, h

    def __call__(self, i: int, j: int, x: Tensor) -> Tensor:
        return self.net(x, self.h)[:, :, i, j]

    def keep(self, chosen: Tensor) -> None:
        self.h = self.h[chosen]


def _of_group(decoder: Autoregressive, group: int) -> list[int]:
    """Which parameters describe this group's channels."""
    if decoder.net.groups == 1 or decoder.head.channel_of is None:
        return list(range(decoder.head.outputs))
    return [index for index, channel in enumerate(decoder.head.channel_of) if channel == group]


def _first_pixels(case: Case) -> list[tuple[int, int]]:
    _, height, width = case.spec.shape
    return [divmod(index, width) for index in range(min(height * width, MOST_STEPS))]


def _mixed(parameters: Tensor) -> Tensor:
    """One number that depends on every parameter."""
    return (parameters * torch.arange(1.0, len(parameters) + 1.0)).sum()
