"""Makes the trained models that come with the package: trains each by its recipe, and saves it with card and hashes.

    python scripts/ship.py [NAME ...]        without a name: all; trained runs lie in runs/shipped and are gone on with

A weight keeps 10 bits of its mantissa (a relative change of 0.05 % at most), so that a packed file is half as large;
every number of a card is measured after that.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from stratiform.hub import save_pretrained
from stratiform.recipes import RECIPES
from stratiform.training.loop import train
from stratiform.training.progress import Progress
from stratiform.training.run import Run, load
from stratiform.training.shipped import SHIPPED

NAMES = (
    "vlae-digits",
    "vae-digits",
    "hvae-digits",
    "lvae-digits",
    "matnet-conv-digits",
    "matnet-inpaint-digits",
    "pixelcnn-digits",
    "gated-pixelcnn-digits",
    "pixelcnnpp-digits",
)
DROPPED = 13  # of the 23 bits of a mantissa
BUDGET = 5_000_000  # bytes that all of them may take, packed


def rounded(weight: Tensor) -> Tensor:
    """float32 whose last bits are zero: to nearest, away from zero where that is a tie."""
    if weight.dtype != torch.float32:
        return weight
    bits = weight.contiguous().view(torch.int32) + (1 << DROPPED - 1)
    return (bits & ~((1 << DROPPED) - 1)).view(torch.float32)


def ship(name: str) -> None:
    """Trains, rounds, measures and saves one."""
    recipe = RECIPES[name].recipe
    run = Run.create(Path("runs") / "shipped" / name, recipe)
    with Progress() as watch:
        train(recipe, run, watch)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / name
        shutil.copytree(run.path, copy)
        loaded = load(copy)
        loaded.model.load_state_dict({key: rounded(value) for key, value in loaded.model.state_dict().items()})
        loaded.run.write_weights(loaded.model, recipe.training.steps)
        print(f"{name}: digest {save_pretrained(copy, SHIPPED / name)}")


def main() -> None:
    for name in sys.argv[1:] or NAMES:
        ship(name)
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(shutil.make_archive(f"{folder}/all", "zip", SHIPPED)).stat().st_size
    print(f"{packed / 1e6:.2f} MB packed, {BUDGET / 1e6:.0f} allowed")
    sys.exit(packed > BUDGET)


if __name__ == "__main__":
    main()
