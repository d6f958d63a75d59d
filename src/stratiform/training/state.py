"""All that changes while training, in one file with one rename: a state is whole or it is not there."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from stratiform.core.model import LatentModel
from stratiform.errors import UserError
from stratiform.training.parallel import averaged_on, own_share, put, shard, whole
from stratiform.training.player import ActivePlayer, part_of, trained_parameters
from stratiform.training.processes import Processes
from stratiform.training.recipe import Recipe
from stratiform.training.tensors import read_notes, read_tensors, write_tensors

FORMAT = "stratiform training state 2"


class TrainState:
    """The weights, their average, the step, and the players of the present stage with their moments and guards.

    Args:
        recipe: decides who plays when.
        model: with its first weights, on its device.

    Attributes:
        step: steps done.
        span: the steps done when the stage that was last entered began, and when it ends.
        seed: of batches and noise; the recipe's, or that of the start that was chosen.
        average: the model with averaged weights, in eval mode; the model itself where the recipe averages nothing.
    """

    def __init__(self, recipe: Recipe, model: LatentModel) -> None:
        self.recipe, self.model, self.step, self.seed = recipe, model, 0, recipe.training.seed
        averaged = recipe.training.average is not None
        self.average = copy.deepcopy(model).eval().requires_grad_(False) if averaged else model
        self.processes: Processes | None = None
        self._unsharded: LatentModel | None = None
        for stage in recipe.stages:
            for player in stage.players:
                trained_parameters(part_of(model, player.part), player)  # a wrong name is found now, not after hours
        self.enter_stage()

    @property
    def stage(self) -> int:
        """The stage that the next step belongs to; at the end of the run the last one."""
        passed = sum(self.step >= end for end in self.recipe.stage_ends())
        return min(passed, len(self.recipe.stages) - 1)

    def enter_stage(self) -> None:
        """Calls the players of the present stage, their moments at zero."""
        players, ends = self.recipe.stages[self.stage].players, (0, *self.recipe.stage_ends())
        self.span = ends[self.stage], ends[self.stage + 1]
        self.players = [ActivePlayer(player, self.recipe, self.model, self.processes) for player in players]
        self.players[0].claim()
        self._both = [[own_share(p) for p in model.parameters()] for model in (self.average, self.model)]

    def spread(self, processes: Processes) -> None:
        """Divides each batch, and with FSDP all that is held, among these processes; all hold the same until now."""
        if processes.world == 1:
            return
        self.processes = processes
        if self.recipe.training.parallel == "fsdp":
            self._unsharded = copy.deepcopy(self.model).eval().requires_grad_(False)
            if self.average is not self.model:
                shard(self.average)
        self.enter_stage()

    @torch.no_grad()
    def averaged(self) -> LatentModel:
        """The model with averaged weights, whole; with FSDP put together now, in every process at once."""
        return self.average if self._unsharded is None else averaged_on(self._unsharded, self.average)

    @torch.no_grad()
    def follow(self) -> None:
        """Moves the average towards the weights; its memory grows with the steps done, up to the recipe's."""
        decay = self.recipe.training.average
        if decay is not None:
            decay = min(decay, (1 + self.step) / (10 + self.step))
            torch._foreach_lerp_(*self._both, 1 - decay)

    @torch.no_grad()
    def initialise(self, x: Tensor) -> None:
        """Before the first step: what takes its first scale from data takes it from x [B, C, H, W]."""
        self.model.initialise(x)
        for average, weights in zip(*self._both, strict=True):
            average.copy_(weights)

    def networks(self) -> dict[str, Tensor]:
        """The weights and their average, live, by name."""
        named = {f"weights/{name}": value for name, value in self.model.state_dict().items()}
        if self.average is not self.model:
            named |= {f"average/{name}": value for name, value in self.average.state_dict().items()}
        return named

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name: the networks, and what each player carries."""
        named = self.networks()
        for number, player in enumerate(self.players):
            named |= {f"players/{number}/{name}": value for name, value in player.tensors().items()}
        return named

    def whole(self) -> dict[str, Tensor]:
        """As `tensors`; with FSDP put together now, in every process at once."""
        return {name: whole(tensor) for name, tensor in self.tensors().items()}

    def save(self, path: Path, tensors: Mapping[str, Tensor] | None = None) -> None:
        """Replaces the file whole, by what `whole` gave, or gives now.

        Raises:
            Failed: full disk; the old file stands.
        """
        notes = {"format": FORMAT, "step": str(self.step), "seed": str(self.seed)}
        write_tensors(path, self.whole() if tensors is None else tensors, notes)

    def restore(self, path: Path) -> None:
        """Becomes the state of the file.

        Raises:
            UserError: the file is damaged, or of another model; nothing is repaired.
        """
        notes = read_notes(path)
        if notes.get("format") != FORMAT or not all(notes.get(key, "").isdecimal() for key in ("step", "seed")):
            raise UserError(f"{path} is no {FORMAT}; delete it to start the run anew")
        if int(notes["step"]) > self.recipe.training.steps:
            raise UserError(f"{path} is beyond step {self.recipe.training.steps}; delete it to start the run anew")
        self.step, self.seed = int(notes["step"]), int(notes["seed"])
        if self._unsharded is None:  # FSDP knows a single stage, which it is in
            self.enter_stage()
        loaded = read_tensors(path, self.tensors())
        for name, live in self.networks().items():
            put(live, loaded[name])
        for number, player in enumerate(self.players):
            prefix = f"players/{number}/"
            player.restore({name.removeprefix(prefix): t for name, t in loaded.items() if name.startswith(prefix)})
