"""VLAE on SVHN, four levels.

Paper     Zhao, Song, Ermon 2017, Fig. 6
Claim     colour at level 1, shape of the same digit at level 2, identity at level 3, general structure at level 4
Command   stratiform train vlae-svhn; stratiform train vlae-svhn-paper
Minutes   not run here: the data set is not at hand
Reached   not run here

As the reference does, both train on the `extra` split; `vlae-svhn-paper` with corrupted inputs, as its comments say.
"""

from __future__ import annotations

from stratiform.data.config import DataConfig
from stratiform.models.vlae import VLAE
from stratiform.models.vlae_reference import ReferenceVLAE
from stratiform.recipes.entry import Entry
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Optimiser, Recipe, Training, Warmup

CLAIM = "colour at level 1, shape at level 2, identity at level 3, general structure at level 4"

VLAE_SVHN = Entry(
    recipe=Recipe(
        name="vlae-svhn",
        model=VLAE(latents=(5, 5, 5, 10)),
        data=DataConfig(source="svhn"),
        optimiser=Optimiser(lr=2e-3, warmup=0.1, decay="cosine"),
        beta=Warmup(steps=0.3),
        training=Training(steps=20_000, batch=128),
    ),
    about="four levels on street-view house numbers, our network and settings",
    use_when="you have the data set and want the paper's colour hierarchy",
    levels=(5, 5, 5, 10),
    images=ImageSpec(3, 32, 32, 256),
    minutes=None,
    expect="not run here",
    claim=CLAIM,
)

VLAE_SVHN_PAPER = Entry(
    recipe=Recipe(
        name="vlae-svhn-paper",
        model=ReferenceVLAE(size="medium"),
        data=DataConfig(source="svhn"),
        optimiser=Optimiser(lr=2e-4),
        beta=Warmup(form="exponential", steps=2000),
        training=Training(steps=200_000, batch=100, average=None, guard=None, denoise=True),
    ),
    about="the reference code's network and settings on street-view house numbers",
    use_when="you want what the paper's authors trained, and have a GPU",
    levels=(5, 5, 5, 10),
    images=ImageSpec(3, 32, 32, 256),
    minutes=None,
    expect="not run here",
    claim=CLAIM,
)
