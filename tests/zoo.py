"""One tiny example of everything in MODELS, on images of odd sizes, 1 and 3 channels, all kinds of data.

A new model adds its line here; all laws and the stored losses then run for it.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from stratiform.core.model import LatentModel
from stratiform.distributions import Likelihood
from stratiform.evaluation.laws.case import Case
from stratiform.models import Model
from stratiform.models.agave import AGAVE
from stratiform.models.chain import Chain
from stratiform.models.conditional import ConditionalMatNet
from stratiform.models.hvae import HVAE
from stratiform.models.iaf import IAFVAE, Ladder
from stratiform.models.lvae import LVAE
from stratiform.models.matnet import Local, MatNet, Modules
from stratiform.models.parts import Network
from stratiform.models.pixelcnn import GatedPixelCNN, PixelCNN, PixelCNNpp
from stratiform.models.vae import VAE
from stratiform.models.vlae import VLAE
from stratiform.models.vlae_reference import ReferenceVLAE
from stratiform.spec import ImageSpec

BINARY = Likelihood(name="bernoulli")
CONV, DENSE = Network(width=4, hidden=32), Network(kind="dense", hidden=16)
CHAIN, MAPS = Chain(hidden=(12, 8)), Chain(kind="conv", width=4, hidden=(8,))
LADDER = Ladder(depth=(1, 1), units=2, width=4)
PIXELS = PixelCNNpp(filters=4, resnets=1, scales=2, likelihood=Likelihood(name="mixture", mixtures=2))

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
    "vlae, top-down": ("vlae", VLAE(latents=(2, 1, 2), inference="top-down", network=CONV), ImageSpec(1, 5, 7, 17)),
    "hvae, markov, bottom-up": ("hvae", HVAE(latents=(3, 2, 2), network=CHAIN), ImageSpec(1, 5, 3, 17)),
    "hvae, markov, mean-field, tanh, binary": (
        "hvae",
        HVAE(latents=(3, 2), inference="mean-field", network=Chain(hidden=(8,), layer="tanh"), likelihood=BINARY),
        ImageSpec(1, 2, 2, 2),
    ),
    "hvae, markov, top-down, conv": (
        "hvae",
        HVAE(latents=(2, 3), inference="top-down", network=MAPS),
        ImageSpec(3, 9, 6, 256),
    ),
    "hvae, shortcut, bottom-up": (
        "hvae",
        HVAE(latents=(2, 1, 2), prior="shortcut", network=CHAIN),
        ImageSpec(1, 4, 5, 9),
    ),
    "hvae, shortcut, top-down": (
        "hvae",
        HVAE(latents=(2, 2), prior="shortcut", inference="top-down", network=CHAIN),
        ImageSpec(1, 3, 5, None),
    ),
    "lvae": ("lvae", LVAE(latents=(3, 2, 2), network=CHAIN), ImageSpec(1, 5, 3, 17)),
    "lvae, as its code": (
        "lvae",
        LVAE(latents=(3, 2, 1), share=False, up="mean", network=CHAIN, likelihood=BINARY),
        ImageSpec(1, 2, 2, 2),
    ),
    "lvae, shortcut, conv": ("lvae", LVAE(latents=(2, 2), prior="shortcut", network=MAPS), ImageSpec(1, 7, 8, 256)),
    "vlae-reference, small": ("vlae-reference", ReferenceVLAE(size="small"), ImageSpec(1, 4, 8, 256)),
    "matnet, 9x6": (
        "matnet",
        MatNet(latent=3, units=(1, 2), network=Modules(depth=(2, 2), channels=(4, 6), stem=3, hidden=8)),
        ImageSpec(1, 9, 6, 17),
    ),
    "matnet, colour, three scales, mean prior, z_0 everywhere, as its code": (
        "matnet",
        MatNet(
            latent=2,
            units=(1, 1, 2),
            prior="mean",
            everywhere=True,
            network=Modules(
                depth=(2, 1, 1),
                channels=(4, 5, 6),
                halvings=0,
                stem=3,
                hidden=6,
                lateral="entering",
                linear_inside=True,
            ),
            likelihood=Likelihood(name="mixture", mixtures=2),
        ),
        ImageSpec(3, 5, 7, 256),
    ),
    "matnet, Neural GPU, autoregressive output": (
        "matnet",
        MatNet(
            latent=2,
            units=(1,),
            prior="standard",
            network=Modules(depth=(3,), channels=(4,), halvings=2, stem=3, hidden=6, update="gated", share=True),
            local=Local(layers=2, width=6, kernel=3),
            likelihood=Likelihood(name="logistic", learn="pixel"),
        ),
        ImageSpec(1, 6, 5, 17),
    ),
    "matnet, mixture prior, z_0 everywhere": (
        "matnet",
        MatNet(
            latent=2,
            mixture=3,
            units=(1,),
            everywhere=True,
            network=Modules(depth=(2,), channels=(4,), stem=3, hidden=6),
        ),
        ImageSpec(1, 4, 3, 17),
    ),
    "matnet, dense, gated, binary 2x2": (
        "matnet",
        MatNet(
            latent=2,
            units=(1, 2),
            network=Modules(kind="dense", depth=(2, 1), channels=(6, 5), update="gated"),
            likelihood=BINARY,
        ),
        ImageSpec(1, 2, 2, 2),
    ),
    "matnet, dense, markov, everywhere, autoregressive output, 2x2": (
        "matnet",
        MatNet(
            latent=2,
            units=(2,),
            everywhere=True,
            network=Modules(kind="dense", depth=(2,), channels=(6,), stem=2, update="markov"),
            local=Local(layers=1, width=4, kernel=3),
            likelihood=BINARY,
        ),
        ImageSpec(1, 2, 2, 2),
    ),
    "conditional-matnet, squares": (
        "conditional-matnet",
        ConditionalMatNet(latent=2, units=(1, 2), network=Modules(depth=(2, 1), channels=(4, 5), stem=3, hidden=6)),
        ImageSpec(3, 9, 6, 17),
    ),
    "conditional-matnet, two stages, mixed masks": (
        "conditional-matnet",
        ConditionalMatNet(
            hide="mixed",
            stages=2,
            latent=2,
            units=(1,),
            network=Modules(depth=(2,), channels=(4,), stem=3, hidden=6, checkpoint=True),
            likelihood=Likelihood(name="logistic", learn="channel"),
        ),
        ImageSpec(1, 5, 6, 17),
    ),
    "conditional-matnet, two stages, dense, binary 2x2": (
        "conditional-matnet",
        ConditionalMatNet(
            hide="pixels",
            stages=2,
            latent=2,
            units=(1,),
            network=Modules(kind="dense", depth=(1,), channels=(6,), update="gated"),
            likelihood=BINARY,
        ),
        ImageSpec(1, 2, 2, 2),
    ),
    "iaf, colour 9x6, two scales": (
        "iaf",
        IAFVAE(ladder=Ladder(depth=(2, 1), units=2, width=4)),
        ImageSpec(3, 9, 6, 256),
    ),
    "iaf, three steps, no halving, checkpointed": (
        "iaf",
        IAFVAE(ladder=Ladder(depth=(1, 2), units=2, width=4, halvings=0, flow=3, checkpoint=True)),
        ImageSpec(1, 3, 5, 17),
    ),
    "iaf, a Gaussian, two halvings": (
        "iaf",
        IAFVAE(ladder=Ladder(depth=(2,), units=1, width=3, halvings=2, flow=0)),
        ImageSpec(1, 7, 8, 17),
    ),
    "iaf, binary 2x2": (
        "iaf",
        IAFVAE(ladder=Ladder(depth=(1,), units=2, width=4, halvings=0), likelihood=BINARY),
        ImageSpec(1, 2, 2, 2),
    ),
    "agave, colour 6x5": (
        "agave",
        AGAVE(ladder=LADDER, pixels=PIXELS, tower=3),
        ImageSpec(3, 6, 5, 256),
    ),
    "agave, half size, features, Gaussian": (
        "agave",
        AGAVE(auxiliary="half", reads="features", ladder=replace(LADDER, flow=0), pixels=PIXELS, tower=3),
        ImageSpec(3, 7, 6, 17),
    ),
    "agave, four levels, grey, as printed": (
        "agave",
        AGAVE(auxiliary="4", sees="grey", dialect="logistic-agave", ladder=LADDER, pixels=PIXELS, tower=3),
        ImageSpec(3, 4, 5, 256),
    ),
    "agave, quarter size, a window": (
        "agave",
        AGAVE(auxiliary="quarter", window=1, ladder=LADDER, pixels=replace(PIXELS, filters=12), tower=3),
        ImageSpec(1, 8, 6, 17),
    ),
    "agave, no auxiliary, binary 2x2": (
        "agave",
        AGAVE(
            auxiliary="none",
            ladder=replace(LADDER, halvings=0),
            pixels=replace(PIXELS, scales=1, likelihood=BINARY),
            tower=3,
        ),
        ImageSpec(1, 2, 2, 2),
    ),
    "pixelcnn, 5x6": ("pixelcnn", PixelCNN(width=8, blocks=2, kernel=5), ImageSpec(1, 5, 6, 17)),
    "pixelcnn, colour, logistic": (
        "pixelcnn",
        PixelCNN(width=24, blocks=1, kernel=3, likelihood=Likelihood(name="logistic", learn="pixel")),
        ImageSpec(3, 3, 4, 256),
    ),
    "pixelcnn, colour, mixture, 1x2": (
        "pixelcnn",
        PixelCNN(width=6, blocks=1, kernel=3, likelihood=Likelihood(name="mixture", mixtures=2)),
        ImageSpec(3, 1, 2, 4),
    ),
    "gated-pixelcnn, 6x5": ("gated-pixelcnn", GatedPixelCNN(width=6, layers=2, kernel=3), ImageSpec(1, 6, 5, 17)),
    "gated-pixelcnn, colour, 2x2": (
        "gated-pixelcnn",
        GatedPixelCNN(width=24, layers=2, kernel=3),
        ImageSpec(3, 2, 2, 2),
    ),
    "pixelcnnpp, colour 9x6": (
        "pixelcnnpp",
        PixelCNNpp(filters=4, resnets=1, likelihood=Likelihood(name="mixture", mixtures=2)),
        ImageSpec(3, 9, 6, 256),
    ),
    "pixelcnnpp, binary 2x2": (
        "pixelcnnpp",
        PixelCNNpp(filters=4, resnets=2, scales=2, likelihood=BINARY),
        ImageSpec(1, 2, 2, 2),
    ),
}


def build(name: str, seed: int = 0) -> LatentModel:
    """The model of that entry, float64, its weights from the seed."""
    _, config, spec = ZOO[name]
    torch.manual_seed(seed)
    return config.build(spec).double()


def case(name: str) -> Case:
    return Case.of(build(name), ZOO[name][2])
