"""PixelCNN, Gated PixelCNN and PixelCNN++: models without levels, whose log p(x) is exact.

Papers    van den Oord, Kalchbrenner, Kavukcuoglu 2016; van den Oord et al. 2016b; Salimans et al. 2017
Claim     on CIFAR-10 bits per dimension fall from PixelCNN to Gated PixelCNN to PixelCNN++
Command   stratiform train pixelcnn-digits; stratiform train gated-pixelcnn-digits; stratiform train pixelcnnpp-digits;
          stratiform train gated-pixelcnn-mnist; stratiform train pixelcnnpp-cifar10;
          stratiform train pixelcnn-small; stratiform train gated-pixelcnn-small; stratiform train pixelcnnpp-small
Minutes   10 for each `-small` (one core, bfloat16), 1 to 2 for each `-digits`; the others not measured
Reached   2026-11-21, seed 0, exact bits per dimension: `-small` on lossy CIFAR-10 4.412, 4.443, 3.520, on traffic
          signs 4.504, 4.575, 3.898; `-digits` 1.952, 1.939, 1.797. All in docs/results.md

`pixelcnnpp-cifar10` has the published sizes and settings: 5 blocks per scale, 160 filters, 10 mixtures, Adam of 1e-3
that shrinks by 0.999995 per step, an average of 0.9995, batches of 16 on each of 8 GPUs. The `-small` profiles are
ours, for two cores, on any colour images of 32 x 32 (`--data.source gtsrb32`). `gated-pixelcnn-mnist` draws its binary
images anew in every epoch, those of the test split once; the published numbers are of a fixed set that is not to be
had here.
"""

from __future__ import annotations

from stratiform.data.config import DataConfig
from stratiform.distributions import Likelihood
from stratiform.models.pixelcnn import GatedPixelCNN, PixelCNN, PixelCNNpp
from stratiform.recipes.entry import Entry
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Model, Optimiser, Recipe, Training

CLAIM = "bits per dimension on CIFAR-10 fall from PixelCNN to Gated PixelCNN to PixelCNN++"
DIGITS, MNIST, COLOUR = ImageSpec(1, 8, 8, 17), ImageSpec(1, 28, 28, 2), ImageSpec(3, 32, 32, 256)
BINARY = Likelihood(name="bernoulli")
MIXTURES = Likelihood(name="mixture", mixtures=5)


def _offline(
    name: str, model: Model, about: str, minutes: int | None = None, expect: str = "not measured yet"
) -> Entry:
    return Entry(
        recipe=Recipe(
            name=name,
            model=model,
            data=DataConfig(source="digits"),
            optimiser=Optimiser(lr=2e-3, warmup=0.1, decay="cosine"),
            training=Training(steps=1500, batch=64, average=0.995, threads=1),
        ),
        about=about,
        use_when="you want an exact likelihood within two minutes, offline",
        levels=(),
        images=DIGITS,
        minutes=minutes,
        expect=expect,
    )


def _small(name: str, model: Model, about: str, expect: str) -> Entry:
    return Entry(
        recipe=Recipe(
            name=name,
            model=model,
            data=DataConfig(source="cifar10_jpeg"),
            optimiser=Optimiser(lr=1e-3, betas=(0.95, 0.9995), warmup=0.05, decay="cosine"),
            training=Training(
                steps=1200, batch=16, average=0.995, evaluate_every=200, evaluate_images=200, precision="bfloat16"
            ),
        ),
        about=about,
        use_when="you want to compare exact pixel models on colour images, ten minutes each",
        levels=(),
        images=COLOUR,
        minutes=10,
        expect=f"{expect} bits/dim",
        claim=CLAIM,
    )


PIXELCNN_DIGITS = _offline(
    "pixelcnn-digits", PixelCNN(width=32, blocks=4, kernel=5), "PixelCNN on the built-in digits"
)
GATED_PIXELCNN_DIGITS = _offline(
    "gated-pixelcnn-digits",
    GatedPixelCNN(width=32, layers=4, kernel=5),
    "Gated PixelCNN on the built-in digits",
    1,
    "1.939 bits/dim",
)
PIXELCNNPP_DIGITS = _offline(
    "pixelcnnpp-digits",
    PixelCNNpp(filters=16, resnets=1, scales=2, dropout=0.2, likelihood=MIXTURES),
    "PixelCNN++ on the built-in digits",
    2,
    "1.797 bits/dim",
)

GATED_PIXELCNN_MNIST = Entry(
    recipe=Recipe(
        name="gated-pixelcnn-mnist",
        model=GatedPixelCNN(width=32, layers=7, likelihood=BINARY),
        data=DataConfig(source="mnist", binarise="dynamic"),
        optimiser=Optimiser(lr=1e-3, warmup=0.05, decay="cosine"),
        training=Training(steps=6000, batch=32, precision="bfloat16"),
    ),
    about="Gated PixelCNN on dynamically binarised MNIST",
    use_when="you want an exact likelihood of MNIST to hold against bounds",
    levels=(),
    images=MNIST,
    minutes=None,
    expect="not measured yet",
)

PIXELCNN_SMALL = _small(
    "pixelcnn-small", PixelCNN(width=64, blocks=7), "PixelCNN on colour photographs, small", "4.412"
)
GATED_PIXELCNN_SMALL = _small(
    "gated-pixelcnn-small", GatedPixelCNN(width=64, layers=7), "Gated PixelCNN on colour photographs, small", "4.443"
)
PIXELCNNPP_SMALL = _small(
    "pixelcnnpp-small",
    PixelCNNpp(filters=40, resnets=2, dropout=0.0),
    "PixelCNN++ on colour photographs, small",
    "3.520",
)
PIXELCNNPP_CIFAR10 = Entry(
    recipe=Recipe(
        name="pixelcnnpp-cifar10",
        model=PixelCNNpp(),
        data=DataConfig(source="cifar10"),
        optimiser=Optimiser(lr=1e-3, betas=(0.95, 0.9995), shrink=0.999995),
        training=Training(steps=1_950_000, batch=128, accumulate=8, average=0.9995),
    ),
    about="PixelCNN++ on CIFAR-10 as published: 5,000 epochs of 128 images",
    use_when="you have the GPUs; the paper trained for five days on eight",
    levels=(),
    images=COLOUR,
    minutes=None,
    expect="not run here",
    claim=CLAIM,
)
