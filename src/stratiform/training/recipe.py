"""A recipe: everything that decides what a run computes. Frozen values that become flags, JSON and a page of docs.

A recipe has stages, a stage has players. A player trains some parameters of one part of the model, on the source's
images or on the model's own samples. The loop knows players, not papers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, Union

from stratiform.data.config import DataConfig
from stratiform.errors import UserError
from stratiform.models import MODELS
from stratiform.objective import ELBO, OBJECTIVES
from stratiform.training.plain import from_plain, to_plain

Model: TypeAlias = Union[tuple(MODELS.values())]  # noqa: UP007
Objective: TypeAlias = Union[tuple(OBJECTIVES.values())]  # noqa: UP007


def _in_steps(length: float, steps: int) -> float:
    """A length above 1 is in steps, one up to 1 is a share of them."""
    return length if length > 1 else length * steps


def _require(right: bool, name: str, value: object, allowed: str) -> None:
    if not right:
        raise UserError(f"{name} is {value}; give {allowed}")


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """How parameters follow their gradient."""

    name: Literal["adam", "adamax", "adamw"] = "adam"
    """update rule"""
    lr: float = 1e-3
    """learning rate at its peak"""
    betas: tuple[float, float] = (0.9, 0.999)
    """decay of the running means of the gradient and of its size"""
    eps: float = 1e-8
    """added to the divisor"""
    weight_decay: float = 0.0
    """pull towards zero; decoupled from the gradient for adamw only"""
    warmup: float = 0.0
    """steps until the peak, linearly; up to 1: a share of the stage"""
    decay: Literal["constant", "linear", "cosine"] = "constant"
    """from the peak to zero at the stage's end"""
    decay_from: float = 0.0
    """where the decay begins, in steps; up to 1: a share of the stage; 0: after the warm-up"""
    halve: tuple[float, ...] = ()
    """where the rate is halved for good, in steps; up to 1: shares of the stage"""
    settle: float | None = None
    """what betas[0] moves half-way to at every halving; none: it stays"""
    shrink: float = 1.0
    """factor per step on top of that (PixelCNN++: 0.999995)"""

    def __post_init__(self) -> None:
        _require(self.lr > 0, "optimiser.lr", self.lr, "a number above 0, for instance 1e-3")
        _require(self.eps > 0, "optimiser.eps", self.eps, "a number above 0, for instance 1e-8")
        _require(all(0 <= b < 1 for b in self.betas), "optimiser.betas", self.betas, "two numbers from 0 to below 1")
        _require(self.weight_decay >= 0, "optimiser.weight-decay", self.weight_decay, "0 or more")
        _require(0 < self.shrink <= 1, "optimiser.shrink", self.shrink, "a number above 0, up to 1")
        _require(self.warmup >= 0, "optimiser.warmup", self.warmup, "0 or more")
        _require(self.decay_from >= 0, "optimiser.decay-from", self.decay_from, "0 or more")
        decays = self.decay != "constant" or self.decay_from == 0
        _require(decays, "optimiser.decay-from", self.decay_from, "0, or --optimiser.decay linear or cosine with it")
        _require(all(at > 0 for at in self.halve), "optimiser.halve", self.halve, "numbers above 0")
        settles = self.settle is None or (bool(self.halve) and 0 <= self.settle < 1)
        _require(settles, "optimiser.settle", self.settle, "0 to below 1, and --optimiser.halve with it")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of step 0 ... steps - 1 of a stage."""
        warm, peak = _in_steps(self.warmup, steps), self.lr * self.shrink**step * self._halved(step, steps)
        if step < warm:
            return peak * min(1.0, (step + 1) / warm)
        begin = max(warm, _in_steps(self.decay_from, steps))
        left = min(1.0, 1.0 - (step - begin) / max(steps - begin, 1.0))
        shape = {"constant": 1.0, "linear": left, "cosine": 0.5 - 0.5 * math.cos(math.pi * left)}
        return peak * shape[self.decay]

    def momentum(self, step: int, steps: int) -> float:
        """betas[0] of step 0 ... steps - 1 of a stage."""
        if self.settle is None:
            return self.betas[0]
        return self.settle + (self.betas[0] - self.settle) * self._halved(step, steps)

    def _halved(self, step: int, steps: int) -> float:
        """1 / 2 to the number of halvings done before this step."""
        return math.prod(0.5 for at in self.halve if step >= round(_in_steps(at, steps)))


@dataclass(frozen=True, kw_only=True)
class Warmup:
    """beta, the weight of the KL terms while training. Evaluation always has beta = 1."""

    form: Literal["linear", "exponential"] = "linear"
    """linear: t / T up to 1; exponential: 1 - exp(-t / T), the reference VLAE's"""
    steps: float = 0.0
    """T; up to 1: a share of all steps; 0: beta is 1 from the start"""

    def __post_init__(self) -> None:
        _require(self.steps >= 0, "beta.steps", self.steps, "0 or more")

    def at(self, step: int, steps: int) -> float:
        """beta at step 0 ... steps - 1 of the run."""
        scale = _in_steps(self.steps, steps)
        if scale == 0:
            return 1.0
        return min(1.0, step / scale) if self.form == "linear" else -math.expm1(-step / scale)


@dataclass(frozen=True, kw_only=True)
class Player:
    """Who moves: some parameters of one part of the model, on some images, under one objective."""

    part: str = "model"
    """which of the model's parts is scored"""
    trains: tuple[str, ...] = ()
    """how the names of its parameters begin, for instance posterior; none: all of the part"""
    data: Literal["source", "own samples"] = "source"
    """the source's images, or the part's own samples (drawn without gradient)"""
    objective: Objective | None = None
    """none: the recipe's"""
    optimiser: Optimiser | None = None
    """none: the recipe's"""
    after: float = 0.0
    """steps of the stage before it first moves; up to 1: a share of the stage"""

    def __post_init__(self) -> None:
        _require(self.after >= 0, "player.after", self.after, "0 or more")

    def moves(self, step: int, steps: int) -> bool:
        """Whether it moves at step 0 ... steps - 1 of a stage."""
        return step >= round(_in_steps(self.after, steps))


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Players that move in turn, once per step."""

    players: tuple[Player, ...] = (Player(),)
    """the first one's loss is the one shown"""
    share: float = 1.0
    """of the steps, relative to the other stages"""

    def __post_init__(self) -> None:
        _require(len(self.players) > 0, "stage.players", self.players, "at least one player")
        first = self.players[:1]
        _require(all(p.after == 0 for p in first), "stage.players", first, "a first player that moves from the start")
        _require(self.share > 0, "stage.share", self.share, "a number above 0")


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long, how large, how carefully."""

    steps: int = 2000
    """optimiser steps, all stages together"""
    batch: int = 128
    """images per step"""
    accumulate: int = 1
    """parts that a batch goes through the network in, their gradients summed: less memory, the same step"""
    seed: int = 0
    """where all random choices start"""
    starts: int = 1
    """how many times to start, each with a seed of its own; the best goes on after `audition`"""
    choose: Literal["bound", "clusters"] = "bound"
    """the best start: by its bound, or by how much more the top level's code is clustered than the one beneath"""
    audition: float = 0.4
    """how long each start may show what it is worth, in steps; up to 1: a share of all"""
    average: float | None = 0.999
    """decay per step of the averaged weights (shorter at first); none: the raw weights are kept"""
    clip: float | None = None
    """largest norm of a gradient; longer ones are shortened to it"""
    guard: float | None = 10.0
    """skip a step whose gradient is so many times as long as usual; none: never"""
    denoise: bool = False
    """show inference corrupted images, score the clean ones (the reference VLAE's)"""
    precision: Literal["float32", "bfloat16", "float64"] = "float32"
    """of the networks; densities stay float32, or all is float64"""
    compile: bool = False
    """compile the training step: slow start, faster steps"""
    log_every: int = 50
    """steps between two lines of the log"""
    evaluate_every: int = 500
    """steps between two evaluations on the test split; always one at the end"""
    evaluate_images: int = 500
    """test images of such an evaluation"""
    save_every: int = 1000
    """steps between two saved states"""
    save_seconds: float = 60.0
    """seconds between two saved states, if that is sooner"""
    threads: int | None = None
    """torch threads while training; none: as they are"""
    device: str = "auto"
    """cpu, cuda, cuda:1 ...; auto: a GPU if there is one"""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """of several processes (torchrun): each holds all of the model, or a share of every tensor"""

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch",
            "accumulate",
            "starts",
            "log_every",
            "evaluate_every",
            "evaluate_images",
            "save_every",
        ):
            value = getattr(self, name)
            _require(value >= 1, f"training.{name.replace('_', '-')}", value, "1 or more")
        _require(0 < self.audition <= self.steps, "training.audition", self.audition, f"up to {self.steps} steps")
        _require(self.threads is None or self.threads >= 1, "training.threads", self.threads, "1 or more")
        _require(self.average is None or 0 < self.average < 1, "training.average", self.average, "0.9 to 0.9999")
        _require(self.clip is None or self.clip > 0, "training.clip", self.clip, "a number above 0")
        _require(self.guard is None or self.guard > 1, "training.guard", self.guard, "a number above 1, like 10")


NOT_COMPUTED = ("save_every", "save_seconds", "threads", "device", "parallel")
"""Fields of Training that change how a run is carried out, not what it is: a run may be resumed with others."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model, the data, and how the one learns the other."""

    name: str
    """what `stratiform train` calls it"""
    model: Model
    """which model, and its sizes; the image size comes from the data"""
    data: DataConfig = field(default_factory=DataConfig)
    """what to train on"""
    objective: Objective = field(default_factory=ELBO)
    """what is minimised"""
    beta: Warmup = field(default_factory=Warmup)
    """weight of the KL terms over the run"""
    optimiser: Optimiser = field(default_factory=Optimiser)
    """of every player that has none of its own"""
    training: Training = field(default_factory=Training)
    """length, batch, care"""
    stages: tuple[Stage, ...] = (Stage(),)
    """one after the other"""

    def __post_init__(self) -> None:
        _require(len(self.stages) > 0, "stages", self.stages, "at least one stage")

    def audition(self) -> int:
        """The step at which one of several starts is chosen."""
        return max(1, round(_in_steps(self.training.audition, self.training.steps)))

    def stage_ends(self) -> tuple[int, ...]:
        """The number of steps done when each stage ends."""
        total, done, ends = sum(stage.share for stage in self.stages), 0.0, []
        for stage in self.stages:
            done += stage.share
            ends.append(round(done / total * self.training.steps))
        return tuple(ends)


_KINDS = {**MODELS, **OBJECTIVES}


def to_json(recipe: Recipe) -> dict[str, Any]:
    """Every field, defaults too."""
    return to_plain(recipe, _KINDS)


def from_json(values: Any) -> Recipe:
    """The inverse of `to_json`.

    Raises:
        UserError: a name that does not exist, or a value of another type; fields left out take their defaults.
    """
    return from_plain(Recipe, values, _KINDS)
