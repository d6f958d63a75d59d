"""One file per published result. A line in `RECIPES` makes it a name for `stratiform train`."""

from __future__ import annotations

from stratiform.recipes.agave import (
    AGAVE_CIFAR10,
    AGAVE_DIGITS,
    AGAVE_SMALL,
    AGAVE_SMALL_NONE,
    AGAVE_SMALL_PIXELS,
    AGAVE_SMALL_VAE,
)
from stratiform.recipes.digits import HVAE_DIGITS, HVAE_SHORTCUT_DIGITS, LVAE_DIGITS, VAE_DIGITS, VLAE_DIGITS
from stratiform.recipes.entry import Entry
from stratiform.recipes.glyphs import VLAE_COLOUR_GLYPHS, VLAE_GLYPHS
from stratiform.recipes.hvae_mnist import HVAE_MNIST, HVAE_SHORTCUT_MNIST, LVAE_MNIST
from stratiform.recipes.iaf import IAF_CIFAR10, IAF_DIGITS, IAF_GAUSSIAN_DIGITS, IAF_GAUSSIAN_SMALL, IAF_SMALL
from stratiform.recipes.iwae import IWAE_MNIST, IWAE_OMNIGLOT, IWAE_VAE_MNIST
from stratiform.recipes.lvae_binary import HVAE_MNIST_BINARY, LVAE_MNIST_BINARY, LVAE_OMNIGLOT
from stratiform.recipes.matnet import (
    MATNET_CIFAR10,
    MATNET_CONV_MNIST,
    MATNET_CONV_OMNIGLOT,
    MATNET_FC_MNIST,
    MATNET_GMM_OMNIGLOT,
)
from stratiform.recipes.matnet_inpaint import (
    MATNET_INPAINT_CELEBA,
    MATNET_INPAINT_DIGITS,
    MATNET_INPAINT_GTSRB,
    MATNET_INPAINT_LSUN_CHURCH,
    MATNET_INPAINT_LSUN_TOWER,
    MATNET_INPAINT_MNIST,
)
from stratiform.recipes.matnet_small import (
    MATNET_CONV_DIGITS,
    MATNET_CONV_MNIST_FREE_BITS,
    MATNET_CONV_MNIST_LOCAL,
    MATNET_CONV_MNIST_REGULARISED,
    MATNET_CONV_MNIST_SMALL,
    MATNET_CONV_OMNIGLOT_SMALL,
    MATNET_FC_DIGITS,
    MATNET_FC_MNIST_SMALL,
    MATNET_GMM_MNIST_SMALL,
    MATNET_GMM_OMNIGLOT_SMALL,
    MATNET_SMALL,
    MATNET_SMALL_LOCAL,
    VAE_MNIST_BINARY,
)
from stratiform.recipes.pixelcnn import (
    GATED_PIXELCNN_DIGITS,
    GATED_PIXELCNN_MNIST,
    GATED_PIXELCNN_SMALL,
    PIXELCNN_DIGITS,
    PIXELCNN_SMALL,
    PIXELCNNPP_CIFAR10,
    PIXELCNNPP_DIGITS,
    PIXELCNNPP_SMALL,
)
from stratiform.recipes.vlae_celeba import VLAE_CELEBA, VLAE_CELEBA_PAPER
from stratiform.recipes.vlae_lsun import VLAE_LSUN
from stratiform.recipes.vlae_mnist import VAE_MNIST, VLAE_MNIST, VLAE_MNIST_PAPER
from stratiform.recipes.vlae_mnist_m import VLAE_MNIST_M
from stratiform.recipes.vlae_svhn import VLAE_SVHN, VLAE_SVHN_PAPER

RECIPES: dict[str, Entry] = {
    "vlae-digits": VLAE_DIGITS,
    "vae-digits": VAE_DIGITS,
    "hvae-digits": HVAE_DIGITS,
    "hvae-shortcut-digits": HVAE_SHORTCUT_DIGITS,
    "lvae-digits": LVAE_DIGITS,
    "matnet-conv-digits": MATNET_CONV_DIGITS,
    "matnet-fc-digits": MATNET_FC_DIGITS,
    "matnet-inpaint-digits": MATNET_INPAINT_DIGITS,
    "iaf-digits": IAF_DIGITS,
    "iaf-gaussian-digits": IAF_GAUSSIAN_DIGITS,
    "agave-digits": AGAVE_DIGITS,
    "pixelcnn-digits": PIXELCNN_DIGITS,
    "gated-pixelcnn-digits": GATED_PIXELCNN_DIGITS,
    "pixelcnnpp-digits": PIXELCNNPP_DIGITS,
    "vlae-glyphs": VLAE_GLYPHS,
    "vlae-colour-glyphs": VLAE_COLOUR_GLYPHS,
    "vlae-mnist": VLAE_MNIST,
    "vae-mnist": VAE_MNIST,
    "hvae-mnist": HVAE_MNIST,
    "hvae-shortcut-mnist": HVAE_SHORTCUT_MNIST,
    "lvae-mnist": LVAE_MNIST,
    "lvae-mnist-binary": LVAE_MNIST_BINARY,
    "hvae-mnist-binary": HVAE_MNIST_BINARY,
    "lvae-omniglot": LVAE_OMNIGLOT,
    "iwae-mnist": IWAE_MNIST,
    "iwae-vae-mnist": IWAE_VAE_MNIST,
    "iwae-omniglot": IWAE_OMNIGLOT,
    "vlae-mnist-paper": VLAE_MNIST_PAPER,
    "vlae-mnist-m": VLAE_MNIST_M,
    "vlae-svhn": VLAE_SVHN,
    "vlae-svhn-paper": VLAE_SVHN_PAPER,
    "vlae-celeba": VLAE_CELEBA,
    "vlae-celeba-paper": VLAE_CELEBA_PAPER,
    "vlae-lsun": VLAE_LSUN,
    "matnet-conv-mnist": MATNET_CONV_MNIST,
    "matnet-conv-omniglot": MATNET_CONV_OMNIGLOT,
    "matnet-gmm-omniglot": MATNET_GMM_OMNIGLOT,
    "matnet-fc-mnist": MATNET_FC_MNIST,
    "matnet-cifar10": MATNET_CIFAR10,
    "matnet-conv-mnist-small": MATNET_CONV_MNIST_SMALL,
    "matnet-conv-mnist-small-regularised": MATNET_CONV_MNIST_REGULARISED,
    "matnet-conv-mnist-small-free-bits": MATNET_CONV_MNIST_FREE_BITS,
    "matnet-conv-omniglot-small": MATNET_CONV_OMNIGLOT_SMALL,
    "matnet-gmm-mnist-small": MATNET_GMM_MNIST_SMALL,
    "matnet-gmm-omniglot-small": MATNET_GMM_OMNIGLOT_SMALL,
    "matnet-fc-mnist-small": MATNET_FC_MNIST_SMALL,
    "matnet-conv-mnist-small-local": MATNET_CONV_MNIST_LOCAL,
    "matnet-small": MATNET_SMALL,
    "matnet-small-local": MATNET_SMALL_LOCAL,
    "vae-mnist-binary": VAE_MNIST_BINARY,
    "matnet-inpaint-mnist": MATNET_INPAINT_MNIST,
    "matnet-inpaint-gtsrb": MATNET_INPAINT_GTSRB,
    "matnet-inpaint-celeba": MATNET_INPAINT_CELEBA,
    "matnet-inpaint-lsun-church": MATNET_INPAINT_LSUN_CHURCH,
    "matnet-inpaint-lsun-tower": MATNET_INPAINT_LSUN_TOWER,
    "iaf-small": IAF_SMALL,
    "iaf-gaussian-small": IAF_GAUSSIAN_SMALL,
    "iaf-cifar10": IAF_CIFAR10,
    "agave-small": AGAVE_SMALL,
    "agave-small-none": AGAVE_SMALL_NONE,
    "agave-small-pixels": AGAVE_SMALL_PIXELS,
    "agave-small-vae": AGAVE_SMALL_VAE,
    "agave-cifar10": AGAVE_CIFAR10,
    "gated-pixelcnn-mnist": GATED_PIXELCNN_MNIST,
    "pixelcnn-small": PIXELCNN_SMALL,
    "gated-pixelcnn-small": GATED_PIXELCNN_SMALL,
    "pixelcnnpp-small": PIXELCNNPP_SMALL,
    "pixelcnnpp-cifar10": PIXELCNNPP_CIFAR10,
}
