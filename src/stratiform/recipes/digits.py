"""VAE and VLAE on the 1,797 real digits of scikit-learn, 8 x 8 pixels: what the demo trains, without network.

Claim     none of a paper: the smallest hierarchy that a person can read
Command   stratiform train vlae-digits; stratiform train vae-digits
Minutes   1 for vlae-digits (two cores, float32); vae-digits not measured
Reached   2026-11-21, seed 0: 2.217 bits per dimension (importance-weighted bound, 100 samples, 599 test images), all
          levels in use (3.3, 4.3, 5.2 nats), digit accuracy 0.61 at level 3, 0.28 beneath
"""

from __future__ import annotations

from stratiform.data.config import DataConfig
from stratiform.distributions import Likelihood
from stratiform.models.parts import Network
from stratiform.models.vae import VAE
from stratiform.models.vlae import VLAE
from stratiform.recipes.entry import Entry
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Optimiser, Recipe, Training, Warmup

LIKELIHOOD = Likelihood(name="laplace", scale=0.125)
NETWORK = Network(kind="conv", width=32, hidden=256)
HOW = {
    "data": DataConfig(source="digits"),
    "optimiser": Optimiser(lr=2e-3, warmup=0.1, decay="cosine"),
    "beta": Warmup(steps=0.3),
    "training": Training(steps=3000, batch=128),
}

VLAE_DIGITS = Entry(
    recipe=Recipe(name="vlae-digits", model=VLAE(latents=(2, 2, 2), network=NETWORK, likelihood=LIKELIHOOD), **HOW),
    about="Variational Ladder Autoencoder on the built-in digits",
    use_when="you want to see a hierarchy of features within a minute or two, offline",
    levels=(2, 2, 2),
    images=ImageSpec(1, 8, 8, 17),
    minutes=1,
    expect="2.217 bits/dim",
)

VAE_DIGITS = Entry(
    recipe=Recipe(name="vae-digits", model=VAE(latent=6, network=NETWORK, likelihood=LIKELIHOOD), **HOW),
    about="one code of six units on the built-in digits, the same network",
    use_when="you want something to compare vlae-digits with",
    levels=(6,),
    images=ImageSpec(1, 8, 8, 17),
    minutes=None,
    expect="not measured yet",
)
