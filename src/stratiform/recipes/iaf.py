"""IAF-VAE: a bidirectional residual ladder with an inverse autoregressive flow for a posterior.

Paper     Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling 2016
Claim     the flow makes the bound better than a diagonal Gaussian posterior does
Command   stratiform train iaf-digits; stratiform train iaf-gaussian-digits; stratiform train iaf-small;
          stratiform train iaf-gaussian-small; stratiform train iaf-cifar10
Minutes   5 for iaf-digits on one busy core; the others not measured
Reached   2026-11-28, iaf-digits, seed 0: 2.324 bits per dimension (importance-weighted bound, 50 samples, 300 test
          images), 2.6 and 9.9 nats at levels 1 and 2; the others not run to their end

`iaf-cifar10` has the published sizes: ten levels at 16 x 16 and ten at 8 x 8, 160 features, 32 channels of z, one
step of flow, Adamax of 0.002, averaged weights, free bits. How long it trained the paper does not say. `-gaussian` is
the same network without the flow. The `-small` profiles are ours, of 16 x 16 pixels, for two cores, on any colour
images (`--data.source gtsrb32`).
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from stratiform.data.config import DataConfig
from stratiform.distributions import Likelihood
from stratiform.models.iaf import IAFVAE, Ladder
from stratiform.objective import FreeBits
from stratiform.recipes.entry import Entry
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Optimiser, Recipe, Training

CLAIM = "the flow makes the bound better than a diagonal Gaussian posterior does"
DIGITS, SMALL, COLOUR = ImageSpec(1, 8, 8, 17), ImageSpec(3, 16, 16, 256), ImageSpec(3, 32, 32, 256)
GREY_LEVELS = Likelihood(name="logistic", scale=0.08, learn="channel")
ADAMAX = Optimiser(name="adamax", lr=2e-3)
OFFLINE = {
    "data": DataConfig(source="digits"),
    "optimiser": replace(ADAMAX, warmup=0.05),
    "training": Training(steps=1500, batch=64, average=0.995, threads=1),
}
OF_16 = {
    "data": DataConfig(source="cifar10_jpeg", size=16),
    "optimiser": replace(ADAMAX, warmup=0.05),
    "training": Training(steps=2000, batch=16, average=0.995, precision="bfloat16", threads=1),
}
LADDER_DIGITS = Ladder(depth=(1, 1), units=2, width=24)
LADDER_SMALL = Ladder(depth=(2, 2), units=4, width=32)


def units_per_level(ladder: Ladder, images: ImageSpec) -> tuple[int, ...]:
    return tuple(ladder.units * prod(size) for size in ladder.sizes(images))


def _entry(name: str, ladder: Ladder, images: ImageSpec, how: dict[str, object], about: str, use_when: str) -> Entry:
    return Entry(
        recipe=Recipe(
            name=name,
            model=IAFVAE(ladder=ladder, likelihood=GREY_LEVELS),
            objective=FreeBits(nats=0.1),
            **how,
        ),
        about=about,
        use_when=use_when,
        levels=units_per_level(ladder, images),
        images=images,
        minutes=None,
        expect="not run here",
        claim=CLAIM,
    )


IAF_DIGITS = replace(
    _entry(
        "iaf-digits",
        LADDER_DIGITS,
        DIGITS,
        OFFLINE,
        "IAF-VAE on the built-in digits",
        "you want a flow within minutes",
    ),
    minutes=5,
    expect="2.324 bits/dim",
)
IAF_GAUSSIAN_DIGITS = _entry(
    "iaf-gaussian-digits",
    replace(LADDER_DIGITS, flow=0),
    DIGITS,
    OFFLINE,
    "the same with a diagonal Gaussian posterior",
    "you want something to compare iaf-digits with",
)
IAF_SMALL = _entry(
    "iaf-small",
    LADDER_SMALL,
    SMALL,
    OF_16,
    "IAF-VAE on colour photographs of 16 x 16, small",
    "you want a flow on colour images on two cores",
)
IAF_GAUSSIAN_SMALL = _entry(
    "iaf-gaussian-small",
    replace(LADDER_SMALL, flow=0),
    SMALL,
    OF_16,
    "the same with a diagonal Gaussian posterior",
    "you want something to compare iaf-small with",
)
IAF_CIFAR10 = _entry(
    "iaf-cifar10",
    Ladder(),
    COLOUR,
    {
        "data": DataConfig(source="cifar10"),
        "optimiser": ADAMAX,
        "training": Training(steps=500_000, batch=64, average=0.999),
    },
    "IAF-VAE on CIFAR-10 with the published sizes",
    "you have a GPU and days",
)
