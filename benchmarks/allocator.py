"""A training step of a command that keeps the memory it has freed, and of one that hands it back.

    python benchmarks/allocator.py [--rounds 8] [--json]

Two processes per model take turns, alike but for `stratiform.cli.memory.keep_freed`. The ratio is the median over the
rounds. Images are random: time does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from functools import partial

import numpy as np
import torch
from against_plain_loop import data_of
from turns import Side, Step, in_turns

from stratiform.cli.memory import keep_freed
from stratiform.data.batches import Batches
from stratiform.recipes import RECIPES
from stratiform.training.state import TrainState

NAMES = ("vlae-mnist", "matnet-conv-mnist-small", "pixelcnnpp-small")
STEPS_PER_ROUND = 5


def training(name: str, kept: bool) -> Step:
    if kept:
        keep_freed()
    entry = RECIPES[name]
    spec, batch = entry.images, entry.recipe.training.batch
    data = data_of(np.random.default_rng(0).integers(0, spec.bins, (2 * batch, *spec.shape), dtype=np.uint8))
    state = TrainState(entry.recipe, entry.recipe.model.build(spec).train())
    x = Batches(data, batch, seed=0).at(0)
    state.initialise(x)

    def step() -> float:
        for player in state.players:
            player.move(x, torch.ones(()), 1e-4)
        return 0.0

    return step


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = {}
    for name in NAMES:
        sides = {"handed back": Side(partial(training, name, False)), "kept": Side(partial(training, name, True))}
        taken = in_turns(sides, asked.rounds, STEPS_PER_ROUND)
        pairs = zip(taken["kept"].seconds, taken["handed back"].seconds, strict=True)
        found[name] = {
            **{side: statistics.median(of.seconds) for side, of in taken.items()},
            "ratio": statistics.median(kept / back for kept, back in pairs),
        }
        if not asked.json:
            row = found[name]
            print(f"{name:25} {row['handed back']:.3f} s per step, kept {row['kept']:.3f}: {row['ratio']:.2f} as long")
    if asked.json:
        print(json.dumps({"threads": torch.get_num_threads(), "rounds": asked.rounds, **found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
