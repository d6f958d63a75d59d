"""Laws of autoregressive decoders: a pixel sees the pixels before it, and the cached sampler is the full network."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from stratiform.evaluation.laws.case import Broken, Case, apart, near, random_images
from stratiform.evaluation.laws.probability import some_pixels
from stratiform.spec import ImageSpec

MOST_STEPS = 64  # pixels, in raster order, on which the stepper and the sampler are compared with the full network


def pixels_see_only_earlier_ones(case: Case) -> str:
    """The Jacobian of a pixel's parameters is zero at it and after it in raster order, and not zero just before it."""
    decoder = case.autoregressive()
    x = random_images(ImageSpec(*case.spec.shape, bins=None), 1).requires_grad_(True)
    parameters = decoder.net(x, case.features(1))
    _, height, width = case.spec.shape
    for i, j in some_pixels(case):
        here = i * width + j
        (gradient,) = torch.autograd.grad(_mixed(parameters[0, :, i, j]), x, retain_graph=True, materialize_grads=True)
        per_pixel = gradient[0].abs().sum(0).flatten()
        if per_pixel[here:].any():
            raise Broken(f"pixel ({i}, {j}) sees itself or a later one")
        if here and not per_pixel[max(0, here - width) : here].any():
            raise Broken(f"pixel ({i}, {j}) sees none of the row of pixels before it")
    return f"{len(some_pixels(case))} pixels of {height} x {width}"


def stepper_is_the_network(case: Case) -> str:
    """The cached stepper's parameters equal the full network's within 1e-10, given the earlier pixels alone."""
    decoder = case.autoregressive()
    whole, f = case.x[:2], case.features(2)
    with torch.no_grad():
        parameters, step, worst = decoder.net(whole, f), decoder.net.stepper(f), 0.0
        seen = torch.zeros_like(whole)
        for i, j in _first_pixels(case):
            worst = max(worst, apart(step(i, j, seen), parameters[:, :, i, j]))
            seen[:, :, i, j] = whole[:, :, i, j]
    if worst > 1e-10:
        raise Broken(f"the stepper's parameters differ by {worst:.2g}, allowed 1e-10")
    return f"parameters within {worst:.1g}"


def sampler_is_the_network(case: Case) -> str:
    """For the same noise, sampling pixel by pixel from the cache gives the picture that the full network gives."""
    decoder = case.autoregressive()
    f = case.features(2)
    with torch.no_grad():
        fast = decoder(f).sample(Generator().manual_seed(6))
        slow, generator = torch.zeros_like(fast), Generator().manual_seed(6)
        for i, j in _first_pixels(case):
            pixel = decoder.head(decoder.net(slow, f)[:, :, i : i + 1, j : j + 1])
            slow[:, :, i : i + 1, j : j + 1] = pixel.sample(generator)
    at = tuple(torch.tensor(_first_pixels(case)).T)
    return near("pictures", fast[:, :, *at], slow[:, :, *at], 1e-9)


def _first_pixels(case: Case) -> list[tuple[int, int]]:
    _, height, width = case.spec.shape
    return [divmod(index, width) for index in range(min(height * width, MOST_STEPS))]


def _mixed(parameters: Tensor) -> Tensor:
    """One number that depends on every parameter."""
    return (parameters * torch.arange(1.0, len(parameters) + 1.0)).sum()
