"""Our VLAE against a plain hand-written loop of the same network: a training step, and an evaluation.

Both sides own a copy of the same weights and do the same work: draw a batch, forward, backward, gradient norm, fused
Adam, averaged weights; in evaluation the importance-weighted bound of the same images with as many samples. The plain
side has no hierarchy, no picks, no Terms, no recipe: a loop over lists of layers, as one writes it by hand. They take
turns in one process, so that what else the machine does hits both; the ratio is the median over the rounds. The target
is within 5 %.

    python benchmarks/against_plain_loop.py [--rounds 15] [--json]
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from stratiform.core.model import LatentModel
from stratiform.data.batches import Batches
from stratiform.data.config import DataConfig
from stratiform.data.split import Data, Split
from stratiform.evaluation.bound import evaluate
from stratiform.models.vlae import VLAE
from stratiform.spec import ImageSpec
from stratiform.training.loop import seed_step
from stratiform.training.recipe import Recipe, Training
from stratiform.training.state import TrainState

BATCH, IMAGES, SAMPLES, LR, DECAY = 64, 64, 20, 1e-3, 0.999
STEPS_PER_ROUND = 4
TARGET = 1.05


class Plain:
    """The same layers in lists, and the loop as one writes it by hand."""

    def __init__(self, model: LatentModel, images: Tensor) -> None:
        self.model, self.average, self.images = model, copy.deepcopy(model), images
        self.optimiser = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
        self.order = torch.randperm(len(images))
        self.step = 0

    def train(self) -> None:
        start = self.step * BATCH % len(self.images)
        x = self.images[self.order[start : start + BATCH]].float() / 255
        log_px, kl, _ = self.forward(x)
        loss = -(log_px - kl).mean()
        self.optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.get_total_norm([p.grad for p in self.model.parameters()], foreach=True)
        if math.isfinite(norm.item()):
            self.optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - DECAY)
        self.step += 1

    @torch.no_grad()
    def evaluate(self, x: Tensor) -> float:
        log_px, _, log_ratio = self.forward(x.repeat(SAMPLES, 1, 1, 1))
        weights = (log_px + log_ratio).double().view(SAMPLES, len(x))
        return (weights.logsumexp(0) - math.log(SAMPLES)).mean().item()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log p(x | z), KL, and log p(z) - log q(z | x) at the draw, each [B]."""
        model, e, trail = self.model, x, []
        for block in model.posterior.encoder.blocks:
            e = block(e)
            trail.append(e)
        h, kl, log_ratio = None, 0.0, 0.0
        for i in range(len(trail) - 1, -1, -1):
            mean, raw = model.posterior.recognisers[i].head(trail[i]).chunk(2, 1)
            scale = torch.sigmoid(raw) + 0.001
            noise = torch.randn_like(mean)
            z = mean + scale * noise
            kl = kl + (0.5 * (mean**2 + scale**2 - 1) - scale.log()).sum(1)
            log_ratio = log_ratio + (0.5 * noise**2 - 0.5 * z**2 + scale.log()).sum(1)
            v = model.hierarchy.levels[i].inject(z)
            h = model.hierarchy.levels[i].merge(v if h is None else torch.cat([h, v], 1))
        return model.decoder.head(model.decoder.network(h)).log_prob(x), kl, log_ratio


class Ours:
    """What `stratiform train` and `stratiform evaluate` do."""

    def __init__(self, model: LatentModel, recipe: Recipe, data: Data) -> None:
        self.state, self.spec = TrainState(recipe, model), data.spec
        self.batches = Batches(data, BATCH, seed=0)
        self.device = torch.device("cpu")
        self.state.model.train()

    def train(self) -> None:
        seed_step(self.device, self.state.step)
        self.state.players[0].move(self.batches.at(self.state.step), torch.ones(()), LR)
        self.state.step += 1
        self.state.follow()

    def evaluate(self, x: Tensor) -> float:
        return evaluate(self.state.model, self.spec, [x], samples=SAMPLES).log_likelihood_bound


def data_of(k: np.ndarray) -> Data:
    """Random images in memory, as a source."""
    split, spec = Split(k, None, {}), ImageSpec(k.shape[1], k.shape[2], k.shape[3], 256)
    return Data(DataConfig(), spec, 256, split, split, (), (), "")


def seconds(work: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


def ratios(ours: Callable[[], object], plain: Callable[[], object], rounds: int, times: int) -> dict[str, float]:
    """Milliseconds of each side and their ratio: medians over rounds, each side first in every other round."""
    seconds(ours, 1), seconds(plain, 1)
    pairs = []
    for turn in range(rounds):
        first, second = (ours, plain) if turn % 2 else (plain, ours)
        a, b = seconds(first, times), seconds(second, times)
        pairs.append((a, b) if turn % 2 else (b, a))
    median = statistics.median
    return {
        "ours_ms": 1e3 * median(a for a, _ in pairs),
        "plain_ms": 1e3 * median(b for _, b in pairs),
        "ratio": median(a / b for a, b in pairs),
    }


def sides() -> tuple[Ours, Plain]:
    """Both sides with the same weights, on the same random images."""
    torch.manual_seed(0)
    k = np.random.default_rng(0).integers(0, 256, (2048, 1, 28, 28), dtype=np.uint8)
    data = data_of(k)
    recipe = Recipe(name="benchmark", model=VLAE(), training=Training(steps=10**9, batch=BATCH, average=DECAY))
    model = recipe.model.build(data.spec)
    return Ours(copy.deepcopy(model), recipe, data), Plain(model, torch.from_numpy(k))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    ours, plain = sides()
    x = plain.images[:IMAGES].float() / 255
    found = {
        "training step": ratios(ours.train, plain.train, asked.rounds, STEPS_PER_ROUND),
        "evaluation": ratios(lambda: ours.evaluate(x), lambda: plain.evaluate(x), asked.rounds, 1),
    }
    if asked.json:
        print(json.dumps(found))
    else:
        machine = f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}"
        print(f"VLAE, 28 x 28, batch {BATCH}; {machine}")
        for name, row in found.items():
            print(
                f"{name:14} ours {row['ours_ms']:8.1f} ms   plain {row['plain_ms']:8.1f} ms   ratio {row['ratio']:.3f}"
            )
    return 0 if all(row["ratio"] <= TARGET for row in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
