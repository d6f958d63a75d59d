"""AGAVE: a VAE that keeps what is global and a PixelCNN++ that paints the detail, tied by an auxiliary likelihood.

Paper     Lucas, Verbeek 2018
Claim     the auxiliary term makes the levels carry what is global, at no loss of likelihood: 2.92 bits per
          dimension on CIFAR-10 at lambda = 12, as PixelCNN++ alone
Command   stratiform train agave-digits; stratiform train agave-small; stratiform train agave-small-none;
          stratiform train agave-small-pixels; stratiform train agave-small-vae; stratiform train agave-cifar10
Minutes   3 of one processor for agave-digits, 3 to 7 for each `-small`; agave-cifar10 not measured
Reached   2026-11-22, agave-digits, seed 0: 1.803 bits per dimension (importance-weighted bound, 50 samples, 200 test
          images), 1.7 and 9.4 nats in its levels; 2026-11-28, `-small` on lossy photographs, seed 0 (150 samples, 100
          test images): 4.103, without the term 4.097, the pixels alone 4.104, the VAE alone 5.884; docs/agave.md

`--objective.weight` is lambda, `--model.auxiliary` the auxiliary image. Both parts train side by side first, then the
whole: two stages of one run. `agave-small-none` has no auxiliary term, `agave-small-pixels` is its PixelCNN++ alone,
`agave-small-vae` its VAE alone; all see as many batches. The `-small` profiles are ours, of 16 x 16 pixels, for two
cores, on any colour images (`--data.source gtsrb32`). `agave-cifar10` joins the published sizes of its two parts; its
batch, its length and the tower's width are ours, the paper does not say them.
"""

from __future__ import annotations

from dataclasses import replace

from stratiform.data.config import DataConfig
from stratiform.distributions import Likelihood
from stratiform.models.agave import AGAVE
from stratiform.models.iaf import IAFVAE, Ladder
from stratiform.models.pixelcnn import PixelCNNpp
from stratiform.objective import ELBO
from stratiform.recipes.entry import Entry
from stratiform.recipes.iaf import (
    ADAMAX,
    COLOUR,
    DIGITS,
    GREY_LEVELS,
    LADDER_DIGITS,
    LADDER_SMALL,
    OF_16,
    OFFLINE,
    SMALL,
    units_per_level,
)
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Model, Player, Recipe, Stage, Training

CLAIM = "the auxiliary term makes the levels carry what is global, at no loss of likelihood"
MIXTURES = Likelihood(name="mixture", mixtures=5)
APART = (Stage(players=(Player(part="vae"), Player(part="pixels"))), Stage())  # side by side, then together
PIXELS_FIRST = (Stage(players=(Player(part="pixels"),)), Stage())


def _entry(
    name: str,
    model: Model,
    images: ImageSpec,
    how: dict[str, object],
    about: str,
    use_when: str,
    weight: float = 1.0,
    stages: tuple[Stage, ...] = (Stage(),),
    minutes: int | None = None,
    expect: str = "not run here",
) -> Entry:
    ladder: Ladder | None = getattr(model, "ladder", None)
    return Entry(
        recipe=Recipe(name=name, model=model, objective=ELBO(weight=weight), stages=stages, **how),
        about=about,
        use_when=use_when,
        levels=() if ladder is None else units_per_level(ladder, images),
        images=images,
        minutes=minutes,
        expect=expect,
        claim=CLAIM,
    )


AGAVE_DIGITS = _entry(
    "agave-digits",
    AGAVE(
        ladder=LADDER_DIGITS,
        pixels=PixelCNNpp(filters=16, resnets=1, scales=2, dropout=0.2, likelihood=MIXTURES),
        tower=16,
    ),
    DIGITS,
    OFFLINE,
    "AGAVE on the built-in digits",
    "you want to see what a code leaves to the pixels within minutes, offline",
    weight=2.0,
    stages=APART,
    minutes=3,
    expect="1.803 bits/dim",
)
SMALL_MODEL = AGAVE(
    ladder=LADDER_SMALL,
    pixels=PixelCNNpp(filters=24, resnets=1, dropout=0.0, likelihood=MIXTURES),
    tower=24,
)
AGAVE_SMALL = _entry(
    "agave-small",
    SMALL_MODEL,
    SMALL,
    OF_16,
    "AGAVE on colour photographs of 16 x 16, small",
    "you want codes and exact detail on two cores",
    weight=8.0,
    stages=APART,
    minutes=6,
    expect="4.103 bits/dim",
)
AGAVE_SMALL_NONE = _entry(
    "agave-small-none",
    replace(SMALL_MODEL, auxiliary="none"),
    SMALL,
    OF_16,
    "the same without the auxiliary term: a VAE with an autoregressive decoder",
    "you want to see a posterior collapse",
    stages=PIXELS_FIRST,
    minutes=6,
    expect="4.097 bits/dim",
)
AGAVE_SMALL_PIXELS = _entry(
    "agave-small-pixels",
    SMALL_MODEL.pixels,
    SMALL,
    OF_16,
    "the PixelCNN++ of agave-small alone",
    "you want something to compare agave-small with",
    minutes=3,
    expect="4.104 bits/dim",
)
AGAVE_SMALL_VAE = _entry(
    "agave-small-vae",
    IAFVAE(ladder=LADDER_SMALL, likelihood=GREY_LEVELS),
    SMALL,
    OF_16,
    "the VAE of agave-small alone",
    "you want something to compare agave-small with",
    minutes=4,
    expect="5.884 bits/dim",
)
AGAVE_CIFAR10 = _entry(
    "agave-cifar10",
    AGAVE(),
    COLOUR,
    {
        "data": DataConfig(source="cifar10"),
        "optimiser": ADAMAX,
        "training": Training(steps=500_000, batch=64, accumulate=4, average=0.9995),
    },
    "AGAVE on CIFAR-10 with the published sizes of its parts",
    "you have GPUs and days",
    weight=12.0,
    stages=APART,
)
