"""What a person wants to know of a recipe before training it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stratiform.spec import ImageSpec
from stratiform.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A recipe and its description."""

    recipe: Recipe
    about: str
    """one line"""
    use_when: str
    """what it is good for"""
    levels: tuple[int, ...]
    """units per level, bottom -> top"""
    images: ImageSpec
    """what the recipe's data look like"""
    minutes: float | None
    """on two cores; None: not measured"""
    expect: str
    """the number reached, or "not run here" """
    claim: str = ""
    """what the paper says"""

    @property
    def parameters(self) -> int:
        """How many the model has; no memory is taken for them."""
        with torch.device("meta"):
            model = self.recipe.model.build(self.images)
        return sum(parameter.numel() for parameter in model.parameters())
