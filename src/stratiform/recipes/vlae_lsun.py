"""VLAE on LSUN, 64 x 64 pixels, four levels: in the reference code, not in the paper.

Paper     none; github.com/ermongroup/Variational-Ladder-Autoencoder has the data set and the weight 0.5 of its L1 loss
Claim     none
Command   stratiform train vlae-lsun
Minutes   not run here: the data set is not at hand
Reached   not run here
"""

from __future__ import annotations

from stratiform.data.config import DataConfig
from stratiform.distributions import Likelihood
from stratiform.models.vlae_reference import ReferenceVLAE
from stratiform.recipes.entry import Entry
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Optimiser, Recipe, Training, Warmup

VLAE_LSUN = Entry(
    recipe=Recipe(
        name="vlae-lsun",
        model=ReferenceVLAE(size="large", likelihood=Likelihood(name="laplace", scale=1.0, density=True)),
        data=DataConfig(source="lsun-bedroom", size=64),
        optimiser=Optimiser(lr=2e-4),
        beta=Warmup(form="exponential", steps=2000),
        training=Training(steps=200_000, batch=100, average=None, guard=None, denoise=True),
    ),
    about="the reference code's network and settings on bedrooms",
    use_when="you have the data set and a GPU",
    levels=(10, 10, 10, 10),
    images=ImageSpec(3, 64, 64, 256),
    minutes=None,
    expect="not run here",
)
