"""Data larger than memory: does memory stay flat over an epoch, and do training steps wait for images?

    python benchmarks/loader.py --images 1000000

Makes so many random images, 8 x 8, as an .npz; a process of its own decodes them into the cache, another trains one
epoch of a small VAE from there. Said are the anonymous memory of that process (what no file stands behind: mapped
images do not count, the system takes their pages back when it wants) at the epoch's steps, and the share of the steps'
time that went into waiting for images; at last what a batch takes with nothing to compute beside.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stratiform.data.batches import Ahead, Batches
from stratiform.data.config import DataConfig
from stratiform.data.source import load
from stratiform.models.parts import Network
from stratiform.models.vae import VAE
from stratiform.training.forecast import in_memory
from stratiform.training.recipe import Recipe, Training
from stratiform.training.state import TrainState

SIDE, EVERY, MB = 8, 10, 1e6
WARM = 20  # steps until all buffers are there


def write_images(path: Path, count: int) -> None:
    """Random images with a bright square each, so that no two are equal."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 64, (count, SIDE, SIDE), dtype=np.uint8)
    for row, column in np.ndindex(SIDE // 2, SIDE // 2):
        here = draw.random(count) < 0.1
        images[here, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] += np.uint8(128)
    np.savez(path, images=images)


def decode(source: str) -> dict[str, Any]:
    """From the source into the cache."""
    began = time.perf_counter()
    data = load(DataConfig(source=source))
    return {
        "images": len(data.train) + len(data.test),
        "seconds_to_decode": time.perf_counter() - began,
        "disk_mb": (data.train.images.nbytes + data.test.images.nbytes) / MB,
    }


def epoch(source: str, batch: int) -> dict[str, Any]:
    """One epoch of training: memory step by step, and how long steps waited."""
    torch.set_num_threads(1)
    config = DataConfig(source=source)
    data = load(config)
    recipe = Recipe(
        name="loader", model=VAE(latent=8, network=Network(kind="dense", hidden=64)), data=config,
        training=Training(batch=batch, device="cpu"),
    )  # fmt: skip
    state, steps = TrainState(recipe, recipe.model.build(data.spec)), len(data.train) // batch
    memory, beta = [], torch.ones(())
    with Ahead(Batches(data, batch, seed=0), steps) as ahead:
        for step in range(steps):
            if step == WARM:
                began, waited = time.perf_counter(), ahead.waited
            x = ahead.at(step)
            state.players[0].move(x, beta, 1e-3)
            state.follow()
            if step >= WARM and step % EVERY == 0:
                memory.append(in_memory("RssAnon"))
        seconds, waiting = time.perf_counter() - began, ahead.waited - waited
    began, batches = time.perf_counter(), Batches(data, batch, seed=0)
    for step in range(WARM, steps):
        batches.at(step)
    return {
        "steps": steps,
        "seconds": seconds,
        "waiting_share": waiting / seconds,
        "anonymous_mb": [min(memory) / MB, max(memory) / MB],
        "anonymous_growth_mb": (max(memory) - memory[0]) / MB,
        "milliseconds_per_batch_alone": 1e3 * (time.perf_counter() - began) / (steps - WARM),
    }


def by_itself(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """What the work finds, in a process whose memory is its own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_tell, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    found: dict[str, Any] = ours.recv()
    process.join()
    return found


def _tell(pipe: Connection, work: Callable[..., dict[str, Any]], arguments: tuple[Any, ...]) -> None:
    pipe.send(work(*arguments))


def measured(images: int, batch: int) -> dict[str, Any]:
    """Both processes, one after the other, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "images.npz"
        write_images(source, images)
        os.environ["STRATIFORM_CACHE"] = str(Path(folder) / "cache")
        return by_itself(decode, str(source)) | by_itself(epoch, str(source), batch)


if __name__ == "__main__":
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--images", type=int, default=1_000_000)
    flags.add_argument("--batch", type=int, default=256)
    given = flags.parse_args()
    print(json.dumps(measured(given.images, given.batch), indent=1))
