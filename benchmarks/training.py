"""Our PixelCNN++ training step against a PyTorch port that many use, fetched beside the project and not part of it.

    git clone https://github.com/pclucas14/pixel-cnn-pp PORT
    sed -i 's/print e/print(e)/' PORT/utils.py          (its one line that Python 3 does not read)
    python benchmarks/training.py --port PORT [--rounds 10] [--profile] [--json]

All sides have 40 filters, 2 blocks per scale, 10 mixtures, dropout 0.5, batches of 16 colour images of 32 x 32, Adam.
Ours also takes the gradient's norm, guards against spikes and averages the weights. Each runs in a process of its own,
as its users run it (ours with the environment and the allocator that `stratiform` sets), and they take turns; the
ratio is the median over the rounds. All see the same images, and the bits per dimension of the last steps are printed:
as fast at another loss would be no comparison.

The port has float32 alone. Ours is measured in bfloat16, the precision of our recipes, and in float32. The target is
met where the recipes' precision is as fast as asked at a loss no worse than the port's by more than `WORSE`; a few
steps say little of that: give 100 rounds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from against_plain_loop import data_of
from torch import Tensor
from turns import Side, Step, in_turns

from stratiform.cli.memory import keep_freed
from stratiform.data.batches import Batches
from stratiform.models.pixelcnn import PixelCNNpp
from stratiform.training.loop import seed_step
from stratiform.training.recipe import Recipe, Training
from stratiform.training.state import TrainState

BATCH, FILTERS, RESNETS, MIXTURES, LR = 16, 40, 2, 10, 1e-3
STEPS_PER_ROUND, LAST = 2, 8
TARGET, WORSE, OURS = 1.5, 0.05, "ours, bfloat16"


class Port:
    """The port's network, loss and loop."""

    def __init__(self, folder: Path, images: Tensor) -> None:
        sys.path.insert(0, str(folder))
        Tensor.cuda = lambda self, *args, **kwargs: self  # type: ignore[method-assign]  # its loss insists on a GPU
        from model import PixelCNN  # type: ignore[import-not-found]
        from utils import discretized_mix_logistic_loss  # type: ignore[import-not-found]

        self.model, self.loss = PixelCNN(RESNETS, FILTERS, MIXTURES, "concat_elu", 3), discretized_mix_logistic_loss
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=LR)
        self.images, self.step = images, 0

    def train(self) -> float:
        """One step; its bits per dimension."""
        start = self.step * BATCH % len(self.images)
        x = 2 * self.images[start : start + BATCH].float() / 255 - 1
        loss = self.loss(x, self.model(x))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.step += 1
        return float(loss.item() / (x.numel() * math.log(2.0)))


class Ours:
    """What `stratiform train` does."""

    def __init__(self, images: np.ndarray, precision: str) -> None:
        data = data_of(images)
        model = PixelCNNpp(filters=FILTERS, resnets=RESNETS)
        training = Training(steps=10**9, batch=BATCH, precision=precision)
        recipe = Recipe(name="benchmark", model=model, training=training)
        self.state, self.batches = TrainState(recipe, recipe.model.build(data.spec)), Batches(data, BATCH, seed=0)
        self.state.initialise(self.batches.at(0))
        self.state.model.train()

    def train(self) -> float:
        """One step; its bits per dimension."""
        seed_step(torch.device("cpu"), self.state.step)
        x = self.batches.at(self.state.step)
        self.state.players[0].move(x, torch.ones(()), LR)
        self.state.step += 1
        self.state.follow()
        return float(self.state.players[0].means()["loss"] / (x[0].numel() * math.log(2.0)))


def blobs(n: int) -> np.ndarray:
    """Smooth random colour images, uint8 [n, 3, 32, 32]."""
    coarse = torch.rand(n, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic")
    return (255 * smooth.clamp(0, 1)).round().to(torch.uint8).numpy()


def port(folder: Path) -> Step:
    torch.manual_seed(0)
    return Port(folder, torch.from_numpy(blobs(512))).train


def ours(precision: str) -> Step:
    torch.manual_seed(0)
    keep_freed()
    return Ours(blobs(512), precision).train


def profile(step: Step) -> str:
    """Where the time of one step goes."""
    step()
    with torch.profiler.profile() as seen:
        step()
    return str(seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=14, max_name_column_width=40))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    sides = {"port": Side(partial(port, asked.port))} | {
        f"ours, {precision}": Side(partial(ours, precision), {"GOMP_SPINCOUNT": "3000"})  # as `stratiform` sets it
        for precision in ("float32", "bfloat16")
    }
    taken = in_turns(sides, asked.rounds, STEPS_PER_ROUND)
    found: dict[str, Any] = {
        name: {
            "seconds": statistics.median(of.seconds),
            "faster": statistics.median(p / o for p, o in zip(taken["port"].seconds, of.seconds, strict=True)),
            "bits_per_dim": statistics.mean(of.returned[-LAST:]),
        }
        for name, of in taken.items()
    }
    threads = torch.get_num_threads()
    if asked.json:
        print(json.dumps({"threads": threads, "rounds": asked.rounds, "target": TARGET, **found}))
    else:
        for name, row in found.items():
            print(
                f"{name:15} {row['seconds']:.3f} s per step   "
                f"{row['faster']:.2f} times as fast as the port   "
                f"{row['bits_per_dim']:.3f} bits/dim over the last {LAST} steps"
            )
        print(
            f"{threads} threads; median of {asked.rounds} rounds of {STEPS_PER_ROUND} steps; "
            f"target {TARGET} in bfloat16, at most {WORSE} bits/dim worse than the port"
        )
    if asked.profile:
        print(profile(ours("float32")), file=sys.stderr)
    as_good = found[OURS]["bits_per_dim"] <= found["port"]["bits_per_dim"] + WORSE
    return 0 if found[OURS]["faster"] >= TARGET and as_good else 1


if __name__ == "__main__":
    sys.exit(main())
