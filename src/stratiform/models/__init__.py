"""One paper, one file. A line in `MODELS` brings all the laws with it."""

from __future__ import annotations

from typing import Protocol

from stratiform.core.model import LatentModel
from stratiform.models.agave import AGAVE
from stratiform.models.conditional import ConditionalMatNet
from stratiform.models.hvae import HVAE
from stratiform.models.iaf import IAFVAE
from stratiform.models.lvae import LVAE
from stratiform.models.matnet import MatNet
from stratiform.models.pixelcnn import GatedPixelCNN, PixelCNN, PixelCNNpp
from stratiform.models.vae import VAE
from stratiform.models.vlae import VLAE
from stratiform.models.vlae_reference import ReferenceVLAE
from stratiform.spec import ImageSpec


class Model(Protocol):
    """The choices of one model: a frozen dataclass."""

    def build(self, spec: ImageSpec) -> LatentModel:
        """The model for images of this spec; raises UserError where it cannot be one."""
        ...


MODELS: dict[str, type[Model]] = {
    "vae": VAE,
    "hvae": HVAE,
    "lvae": LVAE,
    "vlae": VLAE,
    "vlae-reference": ReferenceVLAE,
    "matnet": MatNet,
    "conditional-matnet": ConditionalMatNet,
    "iaf": IAFVAE,
    "agave": AGAVE,
    "pixelcnn": PixelCNN,
    "gated-pixelcnn": GatedPixelCNN,
    "pixelcnnpp": PixelCNNpp,
}
