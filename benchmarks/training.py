"""Our PixelCNN++ training step against a PyTorch port that many use, fetched beside the project and not part of it.

    git clone https://github.com/pclucas14/pixel-cnn-pp PORT
    sed -i 's/print e/print(e)/' PORT/utils.py          (its one line that Python 3 does not read)
    python benchmarks/training.py --port PORT [--rounds 10] [--profile] [--json]

Both sides have 40 filters, 2 blocks per scale, 10 mixtures, dropout 0.5, float32, batches of 16 colour images of 32 x
32, Adam. Ours also takes the gradient's norm, guards against spikes and averages the weights. They take turns in one
process; the ratio is the median over the rounds. Both see the same kind of images, and the bits per dimension of the
last steps are printed: as fast at another loss would be no comparison.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from against_plain_loop import data_of, seconds
from torch import Tensor

from stratiform.data.batches import Batches
from stratiform.models.pixelcnn import PixelCNNpp
from stratiform.training.loop import seed_step
from stratiform.training.recipe import Recipe, Training
from stratiform.training.state import TrainState

BATCH, FILTERS, RESNETS, MIXTURES, LR = 16, 40, 2, 10, 1e-3
STEPS_PER_ROUND, LAST = 2, 8
TARGET = 1.5


class Port:
    """The port's network, loss and loop."""

    def __init__(self, folder: Path, images: Tensor) -> None:
        sys.path.insert(0, str(folder))
        Tensor.cuda = lambda self, *args, **kwargs: self  # type: ignore[method-assign]  # its loss insists on a GPU
        from model import PixelCNN  # type: ignore[import-not-found]
        from utils import discretized_mix_logistic_loss  # type: ignore[import-not-found]

        self.model, self.loss = PixelCNN(RESNETS, FILTERS, MIXTURES, "concat_elu", 3), discretized_mix_logistic_loss
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=LR)
        self.images, self.step, self.bits = images, 0, []

    def train(self) -> None:
        start = self.step * BATCH % len(self.images)
        x = 2 * self.images[start : start + BATCH].float() / 255 - 1
        loss = self.loss(x, self.model(x))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.bits.append(loss.item() / (x.numel() * math.log(2.0)))
        self.step += 1


class Ours:
    """What `stratiform train` does."""

    def __init__(self, images: np.ndarray, precision: str = "float32") -> None:
        data = data_of(images)
        model = PixelCNNpp(filters=FILTERS, resnets=RESNETS)
        training = Training(steps=10**9, batch=BATCH, precision=precision)
        recipe = Recipe(name="benchmark", model=model, training=training)
        self.state, self.batches = TrainState(recipe, recipe.model.build(data.spec)), Batches(data, BATCH, seed=0)
        self.state.initialise(self.batches.at(0))
        self.state.model.train()
        self.bits: list[float] = []

    def train(self) -> None:
        seed_step(torch.device("cpu"), self.state.step)
        x = self.batches.at(self.state.step)
        self.state.players[0].move(x, torch.ones(()), LR)
        loss = self.state.players[0].means()["loss"]
        self.bits.append(loss / (x[0].numel() * math.log(2.0)))
        self.state.step += 1
        self.state.follow()


def blobs(n: int) -> np.ndarray:
    """Smooth random colour images, uint8 [n, 3, 32, 32]."""
    coarse = torch.rand(n, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic")
    return (255 * smooth.clamp(0, 1)).round().to(torch.uint8).numpy()


def profile(ours: Ours) -> str:
    """Where the time of one step goes."""
    with torch.profiler.profile() as seen:
        ours.train()
    return str(seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=14, max_name_column_width=40))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    images = blobs(512)
    torch.manual_seed(0)
    sides: dict[str, Any] = {
        "port": Port(asked.port, torch.from_numpy(images)),
        "ours": Ours(images),
        "ours, bfloat16": Ours(images, "bfloat16"),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        seconds(side.train, 1)
    for turn in range(asked.rounds):
        order = list(sides)[turn % len(sides) :] + list(sides)[: turn % len(sides)]
        for name in order:
            times[name].append(seconds(sides[name].train, STEPS_PER_ROUND))
    found: dict[str, Any] = {
        name: {
            "seconds": statistics.median(times[name]),
            "faster": statistics.median(p / o for p, o in zip(times["port"], times[name], strict=True)),
            "bits_per_dim": statistics.mean(sides[name].bits[-LAST:]),
        }
        for name in sides
    }
    threads = torch.get_num_threads()
    if asked.json:
        print(json.dumps({"threads": threads, "rounds": asked.rounds, "target": TARGET, **found}))
    else:
        for name, row in found.items():
            print(
                f"{name:15} {row['seconds']:.3f} s per step   {row['faster']:.2f} times as fast as the port   "
                f"{row['bits_per_dim']:.3f} bits/dim over the last {LAST} steps"
            )
        print(f"{threads} threads; target {TARGET}; median of {asked.rounds} rounds of {STEPS_PER_ROUND} steps")
    if asked.profile:
        print(profile(sides["ours"]), file=sys.stderr)
    return 0 if found["ours"]["faster"] >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
