"""HVAE and Ladder VAE on MNIST, three levels of two units: what the VLAE is compared with.

Paper     Zhao, Song, Ermon 2017, Section 3 and Figs 2-3 (sizes not given)
Claim     a hierarchical VAE trained by the ELBO has no hierarchy of features, however its levels are wired
Command   stratiform train hvae-mnist; stratiform train hvae-shortcut-mnist; stratiform train lvae-mnist
Minutes   4 to 6 each, on one core in bfloat16
Reached   2026-11-21, at scale 1/16, seed 0: 3.289, 3.299, 3.393 bits per dimension; KL of levels 1 to 3: 9.0, 0.3,
          0.0; 8.6, -0.2, 1.2; 4.6, 3.2, 1.9 nats; alignment 0.17, 0.13, 0.23. All in docs/hierarchies.md

Data, likelihood, optimiser, schedule and number of steps are those of `vlae-mnist`; convolutions meet the image,
between the levels all is dense.
"""

from __future__ import annotations

from stratiform.models.chain import Chain
from stratiform.models.hvae import HVAE
from stratiform.models.lvae import LVAE
from stratiform.recipes.entry import Entry
from stratiform.recipes.vlae_mnist import HOW, LIKELIHOOD
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Recipe

NETWORK = Chain(kind="conv", hidden=(512, 512, 512), width=32)
UNITS = (2, 2, 2)


def _entry(name: str, model: HVAE | LVAE, expect: str, about: str) -> Entry:
    return Entry(
        recipe=Recipe(name=name, model=model, **HOW),
        about=about,
        use_when="you want to compare vlae-mnist with the hierarchies that its paper argues against",
        levels=UNITS,
        images=ImageSpec(1, 28, 28, 256),
        minutes=5,
        expect=expect,
    )


HVAE_MNIST = _entry(
    "hvae-mnist",
    HVAE(latents=UNITS, network=NETWORK, likelihood=LIKELIHOOD),
    "3.289 bits/dim at scale 1/16",
    "hierarchical VAE on MNIST, Markov (Eq. 4)",
)
HVAE_SHORTCUT_MNIST = _entry(
    "hvae-shortcut-mnist",
    HVAE(latents=UNITS, prior="shortcut", network=NETWORK, likelihood=LIKELIHOOD),
    "3.299 bits/dim at scale 1/16",
    "hierarchical VAE on MNIST, every level sees all above it (Eq. 3)",
)
LVAE_MNIST = _entry(
    "lvae-mnist",
    LVAE(latents=UNITS, network=NETWORK, likelihood=LIKELIHOOD),
    "3.393 bits/dim at scale 1/16",
    "Ladder VAE on MNIST, three levels of two units",
)
