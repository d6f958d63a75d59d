"""The two-layer network of the IWAE paper on dynamically binarised MNIST and Omniglot; and the k-sample VAE.

Paper     Burda, Grosse, Salakhutdinov 2016, Table 1
Claim     trained on the importance-weighted bound, more units are active and the likelihood is better
Command   stratiform train iwae-mnist; stratiform train iwae-vae-mnist; stratiform train iwae-omniglot
Minutes   6 on one core in bfloat16, of the processor
Reached   2026-11-21, 20,000 of the 60,000 steps, seed 0, MNIST: bounds of -98.56 (0.88) nats for k = 5, -98.78 (0.90)
          for the ELBO, 500 samples. docs/hierarchies.md

100 and 50 units, tanh layers of 200 and 100, batches of 20, Adam(eps 1e-4) and outputs whose bias starts at the logit
of the mean image (here of the first batch) are the paper's. It trains for 3,280 epochs in eight stages of falling
rates; ours are minutes at a rate that falls as a cosine. `--data.binarise fixed` is a draw of our own, not the
published static set.
"""

from __future__ import annotations

from stratiform.data.config import DataConfig
from stratiform.distributions import Likelihood
from stratiform.models.chain import Chain
from stratiform.models.hvae import HVAE
from stratiform.objective import ELBO, IWAE, Objective
from stratiform.recipes.entry import Entry
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Optimiser, Recipe, Training

UNITS = (100, 50)
MODEL = HVAE(
    latents=UNITS,
    network=Chain(hidden=(200, 100), layer="tanh"),
    likelihood=Likelihood(name="bernoulli", start="mean"),
)


def _entry(name: str, objective: Objective, source: str, about: str, use_when: str, expect: str) -> Entry:
    return Entry(
        recipe=Recipe(
            name=name,
            model=MODEL,
            data=DataConfig(source=source, binarise="dynamic"),
            objective=objective,
            optimiser=Optimiser(lr=1e-3, eps=1e-4, decay="cosine"),
            training=Training(steps=60_000, batch=20),
        ),
        about=about,
        use_when=use_when,
        levels=UNITS,
        images=ImageSpec(1, 28, 28, 2),
        minutes=6,
        expect=expect,
    )


IWAE_MNIST = _entry(
    "iwae-mnist",
    IWAE(samples=5),
    "mnist",
    "two layers trained on the importance-weighted bound, k = 5",
    "you want a tighter bound and more active units",
    "bound of -98.6 ± 0.9 nats after a third of the steps",
)
IWAE_VAE_MNIST = _entry(
    "iwae-vae-mnist",
    ELBO(samples=5),
    "mnist",
    "the same network trained on the ELBO with five samples",
    "you want the control of iwae-mnist",
    "bound of -98.8 ± 0.9 nats after a third of the steps",
)
IWAE_OMNIGLOT = _entry(
    "iwae-omniglot",
    IWAE(samples=5),
    "omniglot_lake28",
    "the same on Omniglot (Lake's split, 28 x 28)",
    "you want the same on characters of fifty alphabets",
    "not measured yet",
)
