"""HVAE and Ladder VAE on MNIST, three levels of two units: what the VLAE is compared with.

Paper     Zhao, Song, Ermon 2017, Section 3 and Figs 2-3 (sizes not given)
Claim     a hierarchical VAE trained by the ELBO has no hierarchy of features, however its levels are wired
Command   stratiform train hvae-mnist; stratiform train hvae-shortcut-mnist; stratiform train lvae-mnist
Minutes   4 to 9 each, on one core in bfloat16, other work beside it
Reached   2026-11-21, mean and deviation of seeds 0, 1, 2: 2.712 (0.007), 2.714 (0.004), 2.790 (0.111) bits per
          dimension; KL of levels 1 to 3: 8.2, 0.3, 0.0; 8.2, 0.0, 0.5; 5.8, 1.2, 0.3 nats; alignment 0.17, 0.21,
          0.21. All in docs/hierarchies.md

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
        minutes=7,
        expect=expect,
    )


HVAE_MNIST = _entry(
    "hvae-mnist",
    HVAE(latents=UNITS, network=NETWORK, likelihood=LIKELIHOOD),
    "2.712 ± 0.007 bits/dim over three seeds",
    "hierarchical VAE on MNIST, Markov (Eq. 4)",
)
HVAE_SHORTCUT_MNIST = _entry(
    "hvae-shortcut-mnist",
    HVAE(latents=UNITS, prior="shortcut", network=NETWORK, likelihood=LIKELIHOOD),
    "2.714 ± 0.004 bits/dim over three seeds",
    "hierarchical VAE on MNIST, every level sees all above it (Eq. 3)",
)
LVAE_MNIST = _entry(
    "lvae-mnist",
    LVAE(latents=UNITS, network=NETWORK, likelihood=LIKELIHOOD),
    "2.790 ± 0.111 bits/dim over three seeds",
    "Ladder VAE on MNIST, three levels of two units",
)
