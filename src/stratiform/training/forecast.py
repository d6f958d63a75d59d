"""What a training will need: measured on a few of its steps, the rest by proportion. Nothing is written."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from stratiform.data.batches import Ahead, Batches, in_order, mix
from stratiform.data.split import Data
from stratiform.evaluation.bound import evaluate
from stratiform.training.loop import owned, seed_step, starting_state
from stratiform.training.recipe import Recipe

PROBED, WARM = 20, 3  # steps; those at the beginning that are not counted: buffers and kernels are being made
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Forecast:
    """Measured on the first stage's players, with the images of the first steps.

    Attributes:
        seconds_per_step: the median of the steps counted.
        slowest: of the steps counted, in seconds.
        waiting: the share of their time that went into waiting for images.
        evaluation: seconds of one evaluation on the test split.
        hours: of all steps and evaluations, at this pace.
        parameters: of the model.
        peak: the most memory held, in bytes: of the device where that is a GPU, else of this process; None: unknown.
        anonymous: memory of this process that no file stands behind, in bytes; None: unknown.
        state: bytes of the saved state.
        images: bytes of the decoded images, of which the system keeps in memory what it has room for.
    """

    seconds_per_step: float
    slowest: float
    waiting: float
    evaluation: float
    hours: float
    parameters: int
    peak: int | None
    anonymous: int | None
    state: int
    images: int


def forecast(recipe: Recipe, data: Data) -> Forecast:
    """Takes PROBED steps of the recipe, and scores its test images once."""
    with owned(recipe.training, by_itself=True) as alone:
        device, training = alone.device, recipe.training
        state = starting_state(recipe, data, device, fresh=True)
        beta = torch.ones((), device=device)
        batches = Batches(data, training.batch, seed=state.seed, device=device)
        each, waited = [], []
        with Ahead(batches, PROBED) as ahead:
            for step in range(PROBED):
                began, before = time.perf_counter(), ahead.waited
                seed_step(device, mix(state.seed, step, 0))
                x = ahead.at(step).to(torch.get_default_dtype())
                for player in state.players:
                    player.claim()
                    player.move(x, beta, player.rule.rate(step, training.steps))
                state.follow()
                each.append(time.perf_counter() - began)
                waited.append(ahead.waited - before)
        began = time.perf_counter()
        shown = in_order(data, "test", limit=training.evaluate_images, device=device)
        evaluate(state.average, data.spec, (x.to(torch.get_default_dtype()) for x in shown), samples=1, seed=0)
        evaluation, counted = time.perf_counter() - began, each[WARM:]
        pace, evaluations = median(counted), -(-training.steps // training.evaluate_every)
        return Forecast(
            seconds_per_step=pace,
            slowest=max(counted),
            waiting=sum(waited[WARM:]) / sum(counted),
            evaluation=evaluation,
            hours=(training.steps * pace + evaluations * evaluation) / 3600,
            parameters=sum(parameter.numel() for parameter in state.model.parameters()),
            peak=torch.cuda.max_memory_allocated(device) if device.type == "cuda" else in_memory("VmHWM"),
            anonymous=in_memory("RssAnon"),
            state=sum(tensor.numel() * tensor.element_size() for tensor in state.tensors().values()),
            images=data.train.images.nbytes + data.test.images.nbytes,
        )


def in_memory(name: str) -> int | None:
    """One of Linux's numbers on this process, in bytes: VmHWM, its peak; RssAnon, what no file stands behind."""
    if not sys.platform.startswith("linux"):
        return None
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines[name].split()[0]) * 1024
