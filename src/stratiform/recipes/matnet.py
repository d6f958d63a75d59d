"""MatNet as published: deep ladders of top-down, bottom-up and merge modules.

Paper     Bachman 2016, Figs 2 to 4
Claim     ten and more layers of latent variables train end to end; on MNIST and Omniglot the bound beats IWAE, LVAE
          and DRAW; a mixture prior finds classes without labels; an autoregressive output lowers the bits of CIFAR-10
Command   stratiform train matnet-conv-mnist; stratiform train matnet-conv-omniglot; stratiform train matnet-fc-mnist;
          stratiform train matnet-gmm-omniglot; stratiform train matnet-cifar10
Minutes   not run here
Reached   not run here; smaller ones are in matnet_small.py

Sizes and settings are those of the paper's code, where the paper names none: 300 epochs of MNIST in batches of 100,
Adam of 1e-3 halved at 5, 15, 30, 60 and 100 epochs and falling to 0 over the last 150, betas[0] from 0.8 half-way to
0.95 with each halving, 1e-5 times the squared weights added to the loss, and from epoch 5 on a step of inference
alone on the model's own samples (Eq. 13). Binary images are drawn anew in every epoch, those of the test split once:
the published numbers of MNIST are of a fixed set that is not to be had here, those of Omniglot of another split. The
fully connected one has no batch statistics: its code's normalisation read the test batch. `--model.local.layers 5`
gives any of them the autoregressive output.
"""

from __future__ import annotations

import math
from dataclasses import replace

from stratiform.data.config import DataConfig
from stratiform.distributions import Likelihood
from stratiform.models.conditional import ConditionalMatNet
from stratiform.models.matnet import MatNet, Modules
from stratiform.objective import ELBO, MixedKL, MixtureELBO, Objective
from stratiform.recipes.entry import Entry
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Optimiser, Player, Recipe, Stage, Training, Warmup

BINARY = Likelihood(name="bernoulli")
LOGISTIC = Likelihood(name="logistic", scale=0.05, learn="channel")
MNIST, COLOUR = ImageSpec(1, 28, 28, 2), ImageSpec(3, 32, 32, 256)
EPOCH = {"mnist": 600, "omniglot_lake28": 193, "cifar10": 500}  # steps of 100 images


def units_per_level(model: MatNet | ConditionalMatNet, spec: ImageSpec) -> tuple[int, ...]:
    """Of one stage, bottom to top."""
    scales = zip(model.network.places(spec), model.units, model.network.depth, strict=True)
    return (*(math.prod(place.shape(units)) for place, units, depth in scales for _ in range(depth)), model.latent)


def published(source: str, epochs: int, halve: tuple[int, ...], last: int, lr: float = 1e-3) -> dict[str, object]:
    """Optimiser and length in epochs: the rate is halved at some and falls to 0 over the last ones."""
    epoch = EPOCH[source]
    return {
        "optimiser": Optimiser(
            lr=lr,
            betas=(0.8, 0.98),
            eps=1e-4,
            weight_decay=2e-5,
            halve=tuple(float(at * epoch) for at in halve),
            settle=0.95 if halve else None,
            decay="linear",
            decay_from=float((epochs - last) * epoch),
        ),
        "training": Training(steps=epochs * epoch, batch=100, clip=1000.0),
    }


def regularised(after: float, optimiser: Optimiser | None = None) -> tuple[Stage, ...]:
    """Eq. 13: beside the model, inference alone moves on the model's own samples, by a rule of its own or the same."""
    own = Player(trains=("posterior",), data="own samples", after=after, optimiser=optimiser)
    return (Stage(players=(Player(), own)),)


def entry(
    name: str,
    model: MatNet,
    source: str,
    images: ImageSpec,
    how: dict[str, object],
    about: str,
    use_when: str,
    objective: Objective | None = None,
    expect: str = "not run here",
    **recipe: object,
) -> Entry:
    binarise = "dynamic" if images.bins == 2 else "no"
    return Entry(
        recipe=Recipe(
            name=name,
            model=model,
            data=DataConfig(source=source, binarise=binarise),
            objective=objective or ELBO(),
            **how,
            **recipe,
        ),
        about=about,
        use_when=use_when,
        levels=units_per_level(model, images),
        images=images,
        minutes=None,
        expect=expect,
        claim="ten and more layers of latent variables train end to end",
    )


CONV = MatNet(prior="standard", likelihood=BINARY)
MATNET_CONV_MNIST = entry(
    "matnet-conv-mnist",
    CONV,
    "mnist",
    MNIST,
    published("mnist", 300, (5, 15, 30, 60, 100), 150),
    "eleven levels, as published, dynamically binarised MNIST",
    "you have a GPU and want the paper's model",
    stages=regularised(after=5 * EPOCH["mnist"]),
)
OMNIGLOT = replace(CONV, units=(6, 6), network=Modules(channels=(64, 128), hidden=256))
MATNET_CONV_OMNIGLOT = entry(
    "matnet-conv-omniglot",
    OMNIGLOT,
    "omniglot_lake28",
    MNIST,
    published("omniglot_lake28", 500, (10, 25, 50, 150), 200),
    "eleven levels, as published, dynamically binarised Omniglot (Lake's split)",
    "you have a GPU and want the paper's model",
    stages=regularised(after=5 * EPOCH["omniglot_lake28"]),
)
MATNET_GMM_OMNIGLOT = entry(
    "matnet-gmm-omniglot",
    replace(OMNIGLOT, mixture=50, everywhere=True),
    "omniglot_lake28",
    MNIST,
    published("omniglot_lake28", 400, (5, 15, 30, 60, 100), 150),
    "50 Gaussians as the prior of the top, as published",
    "you want classes of characters without labels, and have a GPU",
    objective=MixtureELBO(),
)
MATNET_FC_MNIST = entry(
    "matnet-fc-mnist",
    MatNet(
        latent=64,
        units=(64,),
        network=Modules(kind="dense", depth=(10,), channels=(512,), update="gated"),
        likelihood=BINARY,
    ),
    "mnist",
    MNIST,
    published("mnist", 2000, (), 1500),
    "fully connected, ten gated modules, as published but for its batch statistics",
    "you have a GPU and want the paper's fully connected model",
    objective=MixedKL(),
    beta=Warmup(steps=50.0 * EPOCH["mnist"]),
)
CIFAR10 = MatNet(
    units=(6, 6, 6),
    network=Modules(depth=(4, 4, 2), channels=(96, 144, 192), halvings=0, stem=48),
    likelihood=LOGISTIC,
)
MATNET_CIFAR10 = entry(
    "matnet-cifar10",
    CIFAR10,
    "cifar10",
    COLOUR,
    published("cifar10", 500, (), 250, lr=5e-4),
    "eleven levels at 8 x 8, 16 x 16 and 32 x 32, as published",
    "you have a GPU and the data set",
    objective=MixedKL(),
    beta=Warmup(steps=50.0 * EPOCH["cifar10"]),
)
