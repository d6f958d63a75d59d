"""MatNet small enough for two cores, and what it is compared with.

Paper     Bachman 2016
Claim     ten and more layers of latent variables train end to end; the regulariser of inference (Eq. 13) helps a
          little; a mixture prior finds classes without labels
Command   stratiform train matnet-conv-digits; stratiform train matnet-fc-digits;
          stratiform train matnet-conv-mnist-small; stratiform train matnet-conv-mnist-small-regularised;
          stratiform train matnet-conv-mnist-small-free-bits; stratiform train matnet-conv-omniglot-small;
          stratiform train matnet-gmm-mnist-small; stratiform train matnet-gmm-omniglot-small;
          stratiform train matnet-fc-mnist-small; stratiform train matnet-conv-mnist-small-local;
          stratiform train matnet-small; stratiform train matnet-small-local; stratiform train vae-mnist-binary
Minutes   2 to 5 for each `-digits`, 10 for matnet-conv-mnist-small, 20 regularised (one core, other work beside it)
Reached   2026-11-21, seed 0: matnet-conv-digits 2.129, matnet-fc-digits 2.225 bits per dimension (one draw, 500 test
          images), all levels in use; matnet-conv-mnist-small -84.47 nats, -regularised -84.73, -free-bits -85.80
          (bounds of 100 samples, 1,000 images)
          2026-11-29, seed 0, likewise: matnet-conv-mnist-small -84.62, on Omniglot -105.35, vae-mnist-binary -89.34;
          of 20 samples: -local -83.53 nats; matnet-small 5.007, matnet-small-local 4.515 bits/dim; the others
          not run to their end

`-local` has the autoregressive output; `--model.local.layers 5` gives it to any other. Binary images are drawn anew in
every epoch, those of the test split once.
"""

from __future__ import annotations

from dataclasses import replace

from stratiform.data.config import DataConfig
from stratiform.distributions import Likelihood
from stratiform.models.matnet import Local, MatNet, Modules
from stratiform.models.parts import Network
from stratiform.models.vae import VAE
from stratiform.objective import FreeBits, MixtureELBO
from stratiform.recipes.entry import Entry
from stratiform.recipes.matnet import BINARY, COLOUR, MNIST, entry, regularised
from stratiform.spec import ImageSpec
from stratiform.training.recipe import Optimiser, Recipe, Training, Warmup

DIGITS = ImageSpec(1, 8, 8, 17)
GREY_LEVELS = Likelihood(name="logistic", scale=0.08, learn="pixel")
WARMUP = Warmup(steps=0.3)  # a scale that is learnt explains everything as noise before the levels have begun
FREE = FreeBits(nats=0.25)  # without, the modules between the top and the lowest say nothing of images this small
RULE = Optimiser(lr=1e-3, betas=(0.9, 0.98), eps=1e-4, warmup=0.02, decay="cosine")
SMALL = {
    "optimiser": RULE,
    "training": Training(steps=3000, batch=100, precision="bfloat16"),
}
OFFLINE = {
    "optimiser": Optimiser(lr=2e-3, warmup=0.05, decay="cosine"),
    "training": Training(steps=1500, batch=64, average=0.995, threads=1),
}
SMALL_MODULES = Modules(depth=(2, 2), channels=(32, 32), stem=16)


FROM_MEAN = Likelihood(name="bernoulli", start="mean")
SMALL_CONV = MatNet(network=SMALL_MODULES, likelihood=FROM_MEAN)
MATNET_CONV_MNIST_SMALL = entry(
    "matnet-conv-mnist-small",
    SMALL_CONV,
    "mnist",
    MNIST,
    SMALL,
    "five levels, dynamically binarised MNIST",
    "you want to see a deep ladder on two cores",
    expect="-84.62 nats (bound, 100 samples)",
)
MATNET_CONV_MNIST_REGULARISED = entry(
    "matnet-conv-mnist-small-regularised",
    SMALL_CONV,
    "mnist",
    MNIST,
    SMALL,
    "the same; inference also trains on the model's own samples (Eq. 13)",
    "you want to see what the regulariser changes",
    expect="-84.73 nats (bound, 100 samples)",
    stages=regularised(after=0.1, optimiser=replace(RULE, lr=0.1 * RULE.lr)),  # at the full rate the two drift apart
)
MATNET_CONV_MNIST_FREE_BITS = entry(
    "matnet-conv-mnist-small-free-bits",
    SMALL_CONV,
    "mnist",
    MNIST,
    SMALL,
    "the same; a quarter of a nat per channel of every level is free",
    "you want more of the levels used",
    expect="-85.80 nats (bound, 100 samples)",
    objective=FREE,
)
LOCAL = Local(layers=5, width=24)
MATNET_CONV_MNIST_LOCAL = entry(
    "matnet-conv-mnist-small-local",
    replace(SMALL_CONV, local=LOCAL, likelihood=BINARY),
    "mnist",
    MNIST,
    SMALL,
    "the same; five masked layers draw the pixels one after the other",
    "you want to see what an autoregressive output leaves to the levels",
    expect="-83.53 nats (bound, 20 samples)",
)
MATNET_CONV_OMNIGLOT_SMALL = entry(
    "matnet-conv-omniglot-small",
    SMALL_CONV,
    "omniglot_lake28",
    MNIST,
    SMALL,
    "five levels, dynamically binarised Omniglot (Lake's split)",
    "you want a deep ladder of characters on two cores",
    expect="-105.35 nats (bound, 100 samples)",
)
MATNET_GMM_MNIST_SMALL = entry(
    "matnet-gmm-mnist-small",
    replace(SMALL_CONV, mixture=20, everywhere=True),
    "mnist",
    MNIST,
    SMALL,
    "20 Gaussians as the prior of the top",
    "you want classes without labels on two cores",
    objective=MixtureELBO(),
)
MATNET_GMM_OMNIGLOT_SMALL = entry(
    "matnet-gmm-omniglot-small",
    replace(SMALL_CONV, mixture=50, everywhere=True),
    "omniglot_lake28",
    MNIST,
    SMALL,
    "50 Gaussians as the prior of the top",
    "you want styles of characters without labels on two cores",
    objective=MixtureELBO(),
)
MATNET_FC_MNIST_SMALL = entry(
    "matnet-fc-mnist-small",
    MatNet(
        latent=32,
        units=(32,),
        network=Modules(kind="dense", depth=(5,), channels=(256,), update="gated"),
        likelihood=FROM_MEAN,
    ),
    "mnist",
    MNIST,
    SMALL,
    "fully connected, five gated modules",
    "you want the gated variant on two cores",
)
COLOUR_MODEL = MatNet(
    units=(4, 4, 4),
    network=Modules(depth=(2, 2, 1), channels=(24, 32, 48), halvings=0, stem=16),
    likelihood=GREY_LEVELS,
)
COLOUR_HOW = SMALL | {"training": Training(steps=2000, batch=32, precision="bfloat16")}
MATNET_SMALL_LOCAL = entry(
    "matnet-small-local",
    replace(COLOUR_MODEL, local=LOCAL),
    "gtsrb32",
    COLOUR,
    COLOUR_HOW,
    "six levels on colour images of 32 x 32; five masked layers draw the pixels",
    "you want to see what an autoregressive output leaves to the levels",
    expect="4.515 bits/dim (bound, 20 samples)",
    objective=FREE,
    beta=WARMUP,
)
MATNET_SMALL = entry(
    "matnet-small",
    COLOUR_MODEL,
    "gtsrb32",
    COLOUR,
    COLOUR_HOW,
    "six levels on colour images of 32 x 32",
    "you want a deep ladder of any colour images on two cores",
    expect="5.007 bits/dim (bound, 20 samples)",
    objective=FREE,
    beta=WARMUP,
)
MATNET_CONV_DIGITS = entry(
    "matnet-conv-digits",
    MatNet(
        latent=8,
        units=(2, 2),
        network=Modules(depth=(2, 2), channels=(16, 24), halvings=0, stem=12, hidden=64),
        likelihood=GREY_LEVELS,
    ),
    "digits",
    DIGITS,
    OFFLINE,
    "five levels on the built-in digits",
    "you want to see a deep ladder within minutes, offline",
    objective=FREE,
    expect="2.129 bits/dim (one draw)",
    beta=WARMUP,
)
MATNET_FC_DIGITS = entry(
    "matnet-fc-digits",
    MatNet(
        latent=8,
        units=(4,),
        network=Modules(kind="dense", depth=(5,), channels=(96,), update="gated"),
        likelihood=GREY_LEVELS,
    ),
    "digits",
    DIGITS,
    OFFLINE | {"optimiser": Optimiser(lr=5e-3, warmup=0.05, decay="cosine")},
    "fully connected, five gated modules, on the built-in digits",
    "you want the gated variant within minutes, offline",
    objective=FREE,
    expect="2.225 bits/dim (one draw)",
    beta=WARMUP,
)
VAE_MNIST_BINARY = Entry(
    recipe=Recipe(
        name="vae-mnist-binary",
        model=VAE(latent=32, network=Network(width=32, hidden=512), likelihood=FROM_MEAN),
        data=DataConfig(source="mnist", binarise="dynamic"),
        beta=WARMUP,  # without, on Omniglot the code ends empty
        **SMALL,
    ),
    about="one code of 32 units, dynamically binarised MNIST",
    use_when="you want something to compare matnet-conv-mnist-small with",
    levels=(32,),
    images=MNIST,
    minutes=3,
    expect="-89.34 nats (bound, 100 samples)",
)
