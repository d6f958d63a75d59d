"""One tiny example of everything in MODELS, on images of odd sizes, 1 and 3 channels, all kinds of data.

A new model adds its line here; all laws and the stored losses then run for it.
"""

from __future__ import annotations

import torch

from stratiform.core.model import LatentModel
from stratiform.distributions import Likelihood
from stratiform.evaluation.laws.case import Case
from stratiform.models import Model
from stratiform.models.parts import Network
from stratiform.models.vae import VAE
from stratiform.models.vlae import VLAE
from stratiform.models.vlae_reference import ReferenceVLAE
from stratiform.spec import ImageSpec

BINARY = Likelihood(name="bernoulli")
CONV, DENSE = Network(width=4, hidden=32), Network(kind="dense", hidden=16)

ZOO: dict[str, tuple[str, Model, ImageSpec]] = {
    "vae, digits-like": ("vae", VAE(latent=3, network=CONV), ImageSpec(1, 8, 8, 17)),
    "vae, dense, binary 2x2": ("vae", VAE(latent=2, network=DENSE, likelihood=BINARY), ImageSpec(1, 2, 2, 2)),
    "vlae, 5x7": ("vlae", VLAE(latents=(2, 1, 2), network=CONV), ImageSpec(1, 5, 7, 17)),
    "vlae, colour 9x6, learnt scale per pixel": (
        "vlae",
        VLAE(latents=(1, 2, 2, 1), network=CONV, likelihood=Likelihood(name="logistic", learn="pixel")),
        ImageSpec(3, 9, 6, 256),
    ),
    "vlae, one level, continuous": (
        "vlae",
        VLAE(latents=(2,), network=CONV, likelihood=Likelihood(name="gaussian", learn="image")),
        ImageSpec(1, 7, 4, None),
    ),
    "vlae, dense, two channels 1x3 of three levels": (
        "vlae",
        VLAE(latents=(1, 2), network=DENSE, likelihood=Likelihood(name="gaussian", scale=0.5, learn="channel")),
        ImageSpec(2, 1, 3, 3),
    ),
    "vlae-reference, small": ("vlae-reference", ReferenceVLAE(size="small"), ImageSpec(1, 4, 8, 256)),
}


def build(name: str, seed: int = 0) -> LatentModel:
    """The model of that entry, float64, its weights from the seed."""
    _, config, spec = ZOO[name]
    torch.manual_seed(seed)
    return config.build(spec).double()


def case(name: str) -> Case:
    return Case.of(build(name), ZOO[name][2])
