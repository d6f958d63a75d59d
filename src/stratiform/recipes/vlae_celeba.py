"""VLAE on CelebA, 64 x 64 pixels, four levels of ten units.

Paper     Zhao, Song, Ermon 2017, Fig. 7
Claim     ambient colour at level 1, skin and hair colour at level 2, identity at level 3, pose at level 4
Command   stratiform train vlae-celeba; stratiform train vlae-celeba-paper
Minutes   not run here: the data set is not at hand
Reached   not run here

The reference cuts out the centre, 108 x 108, resizes to 64 x 64, and weighs its L1 loss by 0.5 on [-1, 1]: a Laplace
of scale 1 on [0, 1]. Ours has scale 1/8, which asks for sharper faces.
"""

from __future__ import annotations

from stratiform.data.config import DataConfig
from stratiform.distributions import Likelihood
from stratiform.models.vlae import VLAE
from stratiform.models.vlae_reference import ReferenceVLAE
from stratiform.recipes.entry import Entry
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Optimiser, Recipe, Training, Warmup

CLAIM = "ambient colour at level 1, skin and hair colour at level 2, identity at level 3, pose at level 4"
FACES = DataConfig(source="celeba", crop=108, size=64)

VLAE_CELEBA = Entry(
    recipe=Recipe(
        name="vlae-celeba",
        model=VLAE(latents=(10, 10, 10, 10)),
        data=FACES,
        optimiser=Optimiser(lr=2e-3, warmup=0.1, decay="cosine"),
        beta=Warmup(steps=0.3),
        training=Training(steps=40_000, batch=128),
    ),
    about="four levels on faces, our network and settings",
    use_when="you have the data set and a GPU",
    levels=(10, 10, 10, 10),
    images=ImageSpec(3, 64, 64, 256),
    minutes=None,
    expect="not run here",
    claim=CLAIM,
)

VLAE_CELEBA_PAPER = Entry(
    recipe=Recipe(
        name="vlae-celeba-paper",
        model=ReferenceVLAE(size="large", likelihood=Likelihood(name="laplace", scale=1.0, density=True)),
        data=FACES,
        optimiser=Optimiser(lr=2e-4),
        beta=Warmup(form="exponential", steps=2000),
        training=Training(steps=200_000, batch=100, average=None, guard=None, denoise=True),
    ),
    about="the reference code's network (52 million parameters) and settings on faces",
    use_when="you want what the paper's authors trained, and have a GPU",
    levels=(10, 10, 10, 10),
    images=ImageSpec(3, 64, 64, 256),
    minutes=None,
    expect="not run here",
    claim=CLAIM,
)
