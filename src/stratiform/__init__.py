"""Stratiform: layered latent features from unlabelled images.

Importing the package loads neither torch nor matplotlib: each name below is fetched when it is first used.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "ImageSpec": "spec",
    "Latent": "core.latent",
    "Terms": "core.latent",
    "Level": "core.hierarchy",
    "Hierarchy": "core.hierarchy",
    "from_prior": "core.hierarchy",
    "with_noise": "core.hierarchy",
    "given": "core.hierarchy",
    "Posterior": "core.posterior",
    "Decoder": "core.decoder",
    "LatentModel": "core.model",
    "Code": "edit",
    "encode": "edit",
    "DataConfig": "data.config",
    "Recipe": "training.recipe",
    "load": "training.run",
    "check": "evaluation.check",
    "Claims": "evaluation.claims",
    "from_pretrained": "hub",
    "save_pretrained": "hub",
    "push_to_hub": "hub",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'stratiform' has no attribute {name!r}")
    return getattr(import_module(f"stratiform.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
