"""What activation checkpointing saves in a deep MatNet, and what it costs.

    python benchmarks/checkpointing.py [--depths 4 16 36 64] [--rounds 5] [--json]

One scale of 14 x 14 maps, 16 channels, two latent channels per module, 32 binary images, float32. For each depth, in
bytes that the allocator reports: the most that is alive at any moment of a step, without parameters and gradients;
the part of it that latents (z, and the parameters of q and p) and the states of the way up with their gradients have,
which are kept in both; and the rest, the activations, which should grow as the square root of the depth with
checkpointing, and linearly without. Then the time of a step with and without, measured in turns.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from stratiform.core.model import LatentModel
from stratiform.distributions import Likelihood
from stratiform.models.matnet import MatNet, Modules
from stratiform.spec import ImageSpec

SPEC, BATCH, CHANNELS, UNITS = ImageSpec(1, 28, 28, 2), 32, 16, 2
MEGABYTE = 1e6
WITHIN = 1.4  # times the step without


def model_of(depth: int, checkpoint: bool) -> LatentModel:
    modules = Modules(depth=(depth - 1,), channels=(CHANNELS,), stem=CHANNELS, hidden=64, checkpoint=checkpoint)
    torch.manual_seed(0)
    return MatNet(latent=16, units=(UNITS,), network=modules, likelihood=Likelihood(name="bernoulli")).build(SPEC)


def at_the_peak(model: LatentModel, x: Tensor) -> float:
    """Megabytes alive at the fullest moment of a step, beyond those before it."""
    step(model, x)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step(model, x)
    events = seen.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = [(event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"]
    return max(accumulate(change for _, change in sorted(changes))) / MEGABYTE


def kept_anyway(model: LatentModel, x: Tensor) -> float:
    """Megabytes of latents and of the trail, whose gradients wait for the way up's."""
    latents = model(x).latents
    kept = [x.new_zeros(BATCH, CHANNELS, 14, 14)] * 2 * (len(latents) - 1)  # h^b of every module
    for latent in latents:
        assert latent.q is not None and latent.log_q is not None
        kept += [latent.z, latent.log_q, *vars(latent.q).values(), *vars(latent.p).values()]
    return sum(tensor.nbytes for tensor in kept) / MEGABYTE


def step(model: LatentModel, x: Tensor) -> float:
    """Seconds of one forward and backward pass."""
    began = time.perf_counter()
    torch.manual_seed(1)
    (-model(x).elbo().mean()).backward()
    return time.perf_counter() - began


def measured(depth: int, rounds: int) -> dict[str, Any]:
    plain, checkpointed = model_of(depth, False), model_of(depth, True)
    x = torch.bernoulli(torch.full((BATCH, *SPEC.shape), 0.3))
    kept, peaks = kept_anyway(plain, x), [at_the_peak(model, x) for model in (plain, checkpointed)]
    ratios = [step(checkpointed, x) / step(plain, x) for _ in range(rounds + 1)][1:]
    for model in (plain, checkpointed):
        model.zero_grad()
        step(model, x)
    gradients = zip(plain.parameters(), checkpointed.parameters(), strict=True)
    return {
        "levels": depth,
        "latents and trail, MB": round(kept, 2),
        "activations, plain, MB": round(peaks[0] - kept, 2),
        "activations, checkpointed, MB": round(peaks[1] - kept, 2),
        "time of a step, ratio": round(statistics.median(ratios), 2),
        "largest difference of a gradient": max((a.grad - b.grad).abs().max().item() for a, b in gradients),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", type=int, nargs="+", default=[4, 16, 36, 64], help="levels")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of steps")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    asked = parser.parse_args()
    rows = [measured(depth, asked.rounds) for depth in asked.depths]
    if asked.json:
        print(json.dumps({"rows": rows, "within": WITHIN}))
        return
    for row in rows:
        print("   ".join(f"{name}: {value:g}" for name, value in row.items()))
    first, last = rows[0], rows[-1]
    for name in ("plain", "checkpointed"):
        grown = math.log(last[f"activations, {name}, MB"] / first[f"activations, {name}, MB"])
        print(f"{name}: activations grow as levels to the {grown / math.log(last['levels'] / first['levels']):.2f}")
    slowest = max(row["time of a step, ratio"] for row in rows)
    print(f"step time within {slowest:g} of the plain one (aim: {WITHIN})")


if __name__ == "__main__":
    main()
