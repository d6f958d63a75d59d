"""One file per published result. A line in `RECIPES` makes it a name for `stratiform train`."""

from __future__ import annotations

from stratiform.recipes.digits import VAE_DIGITS, VLAE_DIGITS
from stratiform.recipes.entry import Entry
from stratiform.recipes.glyphs import VLAE_COLOUR_GLYPHS, VLAE_GLYPHS
from stratiform.recipes.vlae_celeba import VLAE_CELEBA, VLAE_CELEBA_PAPER
from stratiform.recipes.vlae_lsun import VLAE_LSUN
from stratiform.recipes.vlae_mnist import VAE_MNIST, VLAE_MNIST, VLAE_MNIST_PAPER
from stratiform.recipes.vlae_mnist_m import VLAE_MNIST_M
from stratiform.recipes.vlae_svhn import VLAE_SVHN, VLAE_SVHN_PAPER

RECIPES: dict[str, Entry] = {
    "vlae-digits": VLAE_DIGITS,
    "vae-digits": VAE_DIGITS,
    "vlae-glyphs": VLAE_GLYPHS,
    "vlae-colour-glyphs": VLAE_COLOUR_GLYPHS,
    "vlae-mnist": VLAE_MNIST,
    "vae-mnist": VAE_MNIST,
    "vlae-mnist-paper": VLAE_MNIST_PAPER,
    "vlae-mnist-m": VLAE_MNIST_M,
    "vlae-svhn": VLAE_SVHN,
    "vlae-svhn-paper": VLAE_SVHN_PAPER,
    "vlae-celeba": VLAE_CELEBA,
    "vlae-celeba-paper": VLAE_CELEBA_PAPER,
    "vlae-lsun": VLAE_LSUN,
}
