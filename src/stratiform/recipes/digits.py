"""VAE and VLAE on the 1,797 real digits of scikit-learn, 8 x 8 pixels: what the demo trains, without network.

Claim     none of a paper: the smallest hierarchy that a person can read
Command   stratiform train vlae-digits; stratiform train vae-digits; stratiform train hvae-digits;
          stratiform train hvae-shortcut-digits; stratiform train lvae-digits
Minutes   1 for vlae-digits (one core, float32); the others not measured
Reached   2026-11-21, vlae-digits, seed 0: 2.240 bits per dimension (importance-weighted bound, 100 samples, 599 test
          images), all levels in use (2.5, 4.3, 5.2 nats), digit accuracy 0.72 at level 3, 0.27 and 0.16 beneath;
          thickness and area best at level 1
"""

from __future__ import annotations

from stratiform.data.config import DataConfig
from stratiform.distributions import Likelihood
from stratiform.models.chain import Chain
from stratiform.models.hvae import HVAE
from stratiform.models.lvae import LVAE
from stratiform.models.parts import Network
from stratiform.models.vae import VAE
from stratiform.models.vlae import VLAE
from stratiform.recipes.entry import Entry
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Optimiser, Recipe, Training, Warmup

LIKELIHOOD = Likelihood(name="laplace", scale=0.125)
NETWORK = Network(kind="conv", width=16, hidden=128, gate=0.3)  # a larger one learns the images by heart
HOW = {
    "data": DataConfig(source="digits"),
    "optimiser": Optimiser(lr=1e-3, warmup=0.1, decay="cosine"),
    "beta": Warmup(steps=0.3),
    "training": Training(steps=4000, batch=128, threads=1),  # maps this small gain nothing from a second thread
}

VLAE_DIGITS = Entry(
    recipe=Recipe(name="vlae-digits", model=VLAE(latents=(2, 2, 2), network=NETWORK, likelihood=LIKELIHOOD), **HOW),
    about="Variational Ladder Autoencoder on the built-in digits",
    use_when="you want to see a hierarchy of features within a minute or two, offline",
    levels=(2, 2, 2),
    images=ImageSpec(1, 8, 8, 17),
    minutes=1,
    expect="2.240 bits/dim",
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


def _chain(name: str, model: HVAE | LVAE, about: str) -> Entry:
    return Entry(
        recipe=Recipe(name=name, model=model, **HOW),
        about=about,
        use_when="you want something to compare vlae-digits with",
        levels=(2, 2, 2),
        images=ImageSpec(1, 8, 8, 17),
        minutes=None,
        expect="not measured yet",
    )


CHAIN = Chain(kind="conv", width=NETWORK.width, hidden=(NETWORK.hidden,))
HVAE_DIGITS = _chain(
    "hvae-digits",
    HVAE(latents=(2, 2, 2), network=CHAIN, likelihood=LIKELIHOOD),
    "hierarchical VAE on the built-in digits, Markov",
)
HVAE_SHORTCUT_DIGITS = _chain(
    "hvae-shortcut-digits",
    HVAE(latents=(2, 2, 2), prior="shortcut", network=CHAIN, likelihood=LIKELIHOOD),
    "hierarchical VAE on the built-in digits, every level sees all above it",
)
LVAE_DIGITS = _chain(
    "lvae-digits",
    LVAE(latents=(2, 2, 2), network=CHAIN, likelihood=LIKELIHOOD),
    "Ladder VAE on the built-in digits",
)
