"""A player at work: the parameters it trains, its optimiser, its spike guard, its sums since the last log line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from stratiform.core.hierarchy import from_prior
from stratiform.core.model import LatentModel
from stratiform.errors import UserError
from stratiform.objective import Objective, Sleep
from stratiform.training.guard import SpikeGuard
from stratiform.training.noise import RowsOfMine
from stratiform.training.parallel import (
    average_single_numbers,
    own_share,
    put,
    replicate,
    shard,
    unshared,
    whole,
)
from stratiform.training.plain import nearest
from stratiform.training.processes import Processes
from stratiform.training.recipe import Optimiser, Player, Recipe
from stratiform.training.step import TrainingStep

RULES = {"adam": torch.optim.Adam, "adamax": torch.optim.Adamax, "adamw": torch.optim.AdamW}
MOMENTS = {"adam": ("exp_avg", "exp_avg_sq"), "adamax": ("exp_avg", "exp_inf"), "adamw": ("exp_avg", "exp_avg_sq")}


class NonFinite(Exception):
    """A loss or a gradient is not finite.

    Attributes:
        record: the parts of the loss.
        norm: norm of the gradient.
        x: the batch, of all processes.
    """

    def __init__(self, record: Mapping[str, Tensor], norm: float, x: Tensor) -> None:
        super().__init__("a loss or a gradient is not finite")
        self.record, self.norm, self.x = record, norm, x


@dataclass(frozen=True)
class Move:
    """What became of one step."""

    norm: float  # of the gradient, before clipping
    limit: float  # the longest that the guard lets through
    taken: bool


class ActivePlayer:
    """Moves its parameters, one batch after the other.

    Args:
        player: who it is.
        recipe: what it does where `player` does not say.
        model: the whole model, already on its device.
        processes: those that share each batch; None: this one has it all.
    """

    def __init__(self, player: Player, recipe: Recipe, model: LatentModel, processes: Processes | None = None) -> None:
        self.player, self.training, self.model = player, recipe.training, model
        self.part = part_of(model, player.part)
        objective = player.objective or recipe.objective
        device = next(self.part.parameters()).device
        self.processes = processes or Processes(device)
        several = self.processes.world > 1
        shared = self.processes.mean_with_gradient if several else None
        step: nn.Module = TrainingStep(self.part, objective, recipe.training.denoise, shared)
        if several and self.training.parallel == "fsdp":
            step = shard(step)
        self.trained = trained_parameters(self.part, player)
        check_trains(objective, self.trained)
        if self.training.compile:
            step = torch.compile(step, dynamic=False)  # type: ignore[assignment]
        if several and self.training.parallel == "ddp":
            self.claim()
            step = replicate(step, unused=len(recipe.stages) > 1 or len(recipe.stages[0].players) > 1)
        self.step = step
        self.rule = player.optimiser or recipe.optimiser
        self.optimiser = make_optimiser(self.rule, self.trained.values())
        self.guard = SpikeGuard(recipe.training.guard)
        self.sums = {name: torch.zeros((), device=device) for name in ("loss", "elbo", "log_px", "grad_norm")}
        self.sums["kl"] = torch.zeros(len(self.part.hierarchy.levels), device=device)
        self.count = 0
        self.autocast = torch.autocast(device.type, torch.bfloat16, enabled=recipe.training.precision == "bfloat16")

    def claim(self) -> None:
        """From now on gradients flow to the parameters of this player alone."""
        mine = set(self.trained.values())
        for parameter in self.model.parameters():
            parameter.requires_grad_(parameter in mine)

    def move(self, x: Tensor, beta: Tensor, lr: float, momentum: float | None = None) -> Move:
        """One step on the batch x [B, C, H, W], or on as many own samples; `momentum` is betas[0], none: as it was.

        Of several processes each has its rows of the batch; gradient, norm and numbers are those of the whole.

        Raises:
            NonFinite: nothing was moved.
        """
        self.optimiser.zero_grad()
        with self._noise():
            if self.player.data == "own samples":
                x = own_samples(self.part, len(x))
            record = self.processes.mean(self._backward(x, beta))
        gradients = [parameter.grad for parameter in self.trained.values() if parameter.grad is not None]
        total = whole(torch.nn.utils.get_total_norm(gradients, foreach=True))
        norm, loss_value = torch.stack([total, record["loss"]]).tolist()
        if not (math.isfinite(norm) and math.isfinite(loss_value)):
            raise NonFinite(record, norm, self.processes.rows(x))
        self._remember(record | {"grad_norm": total})
        limit = self.guard.limit()
        if not self.guard.allows(norm):
            return Move(norm, limit, taken=False)
        if self.training.clip is not None and norm > self.training.clip:
            torch._foreach_mul_([own_share(gradient) for gradient in gradients], self.training.clip / norm)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
            if momentum is not None:
                group["betas"] = (momentum, group["betas"][1])
        self.optimiser.step()
        return Move(norm, limit, taken=True)

    def _backward(self, x: Tensor, beta: Tensor) -> dict[str, Tensor]:
        """Adds the gradient of the loss over the batch, part by part where the recipe accumulates; its record."""
        sums: dict[str, Tensor] = {}
        parts = x.chunk(self.training.accumulate)
        for number, part in enumerate(parts, start=1):
            share = len(part) / len(x)
            with unshared(self.step, last=number == len(parts)):
                with self.autocast:
                    loss, record = self.step(part, beta)
                (loss * share if share < 1 else loss).backward()
            sums = {name: sums.get(name, 0.0) + share * value for name, value in record.items()}
        if self.processes.world > 1 and self.training.parallel == "fsdp":
            average_single_numbers(list(self.trained.values()), self.processes)
        return sums

    def _noise(self) -> AbstractContextManager[Any]:
        """Where random numbers are those of this process's rows."""
        if self.processes.world == 1 or self.training.compile:  # compiled steps draw by a seed of each process
            return nullcontext()
        return RowsOfMine(self.processes.rank, self.processes.world)

    def _remember(self, record: Mapping[str, Tensor]) -> None:
        torch._foreach_add_(list(self.sums.values()), [record[name].to(self.sums[name]) for name in self.sums])
        self.count += 1

    def means(self) -> dict[str, float | list[float]]:
        """The means of the steps since this was last asked."""
        means = {name: (value / self.count).tolist() for name, value in self.sums.items()}
        torch._foreach_zero_(list(self.sums.values()))
        self.count = 0
        return means

    def tensors(self) -> dict[str, Tensor]:
        """All that it carries from step to step but the weights: live tensors, or copies for `restore`."""
        moments = {
            f"moments/{name}/{key}": value
            for name, parameter in self.trained.items()
            for key, value in self.optimiser.state[parameter].items()
        }
        sums = {f"sums/{name}": value for name, value in self.sums.items()}
        return moments | sums | {"guard": self.guard.to_tensor(), "count": torch.tensor(self.count)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        for name, live in self.tensors().items():
            put(live, tensors[name])
        self.guard.from_tensor(tensors["guard"])
        self.count = int(tensors["count"])


def part_of(model: LatentModel, name: str) -> LatentModel:
    """The part of a model that a player names; a model without `parts` is its own only part, "model"."""
    parts = model.parts() if hasattr(model, "parts") else {"model": model}
    if name not in parts:
        raise UserError(f"the model has no part {name!r}; give one of {', '.join(parts)}")
    return parts[name]


def trained_parameters(part: nn.Module, player: Player) -> dict[str, nn.Parameter]:
    """The parameters of the part that the player trains, by name."""
    named = dict(part.named_parameters())
    for prefix in player.trains:
        if not any(name.startswith(prefix) for name in named):
            known = sorted({name.split(".")[0] for name in named})
            raise UserError(f"no parameter begins with {prefix!r}; the nearest is {nearest(prefix, known)}")
    return {name: p for name, p in named.items() if not player.trains or name.startswith(player.trains)}


def check_trains(objective: Objective, trained: Iterable[str]) -> None:
    """Refuses an objective that cannot train one of these parameters."""
    if isinstance(objective, Sleep) and not all(name.startswith("posterior.") for name in trained):
        raise UserError(
            'sleep trains the posterior alone; in a recipe, give it to a second player: Player(trains=("posterior",), '
            "objective=Sleep())"
        )


def make_optimiser(rule: Optimiser, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser with its moments in place from the start, so that every state has the same tensors."""
    fastest = {"foreach": True} if rule.name == "adamax" else {"fused": True}
    settings = {"lr": rule.lr, "betas": rule.betas, "eps": rule.eps, "weight_decay": rule.weight_decay}
    optimiser = RULES[rule.name](list(parameters), **settings, **fastest)
    for parameter in optimiser.param_groups[0]["params"]:
        where = parameter.device if rule.name != "adamax" else "cpu"
        moments = {name: torch.zeros_like(parameter) for name in MOMENTS[rule.name]}
        optimiser.state[parameter] = {"step": torch.zeros((), dtype=torch.float32, device=where), **moments}
    return optimiser


@torch.no_grad()
def own_samples(part: LatentModel, n: int) -> Tensor:
    """n images that the part draws from its prior, [n, C, H, W]."""
    part.eval()
    images = part.decode(n, from_prior()).sample()
    part.train()
    return images
