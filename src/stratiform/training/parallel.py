"""How several processes hold one training step: each all of it (DDP), or each a share of every tensor (FSDP2)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from stratiform.core.model import LatentModel
from stratiform.errors import UserError
from stratiform.objective import MMD, TotalCorrelation
from stratiform.training.processes import Processes, mean_of
from stratiform.training.recipe import Recipe


def check_shares(recipe: Recipe, world: int) -> None:
    """Raises UserError where this recipe cannot be trained by so many processes."""
    training, parts = recipe.training, world * recipe.training.accumulate
    if training.batch % parts:
        nearest = max(1, round(training.batch / parts)) * parts
        raise UserError(
            f"training.batch is {training.batch}, of {world} processes with {training.accumulate} parts each; "
            f"give a multiple of {parts}, for instance --training.batch {nearest}"
        )
    players = [player for stage in recipe.stages for player in stage.players]
    for player in players:
        if isinstance(player.objective or recipe.objective, MMD | TotalCorrelation):
            raise UserError(
                "mmd and total-correlation compare all images of a batch with each other, and processes share the "
                "batch; train in one process, or minimise elbo, free-bits or iwae"
            )
    if training.parallel == "fsdp" and (len(players) > 1 or players[0].trains or players[0].part != "model"):
        raise UserError("fsdp takes recipes of one stage and one player, who trains the whole model; give ddp")


def shard(module: nn.Module) -> nn.Module:
    """Each parameter becomes a share of itself, but for those of a single number."""
    from torch.distributed.fsdp import fully_shard

    sharded: nn.Module = fully_shard(module, ignored_params={p for p in module.parameters() if p.dim() == 0})
    return sharded


def replicate(step: nn.Module, unused: bool) -> nn.Module:
    """The step, its gradients averaged over the processes while they are computed.

    Args:
        step: its parameters that want a gradient are those trained.
        unused: some of these may get none.
    """
    from torch.nn.parallel import DistributedDataParallel

    return DistributedDataParallel(step, find_unused_parameters=unused)


def unshared(step: nn.Module, last: bool) -> AbstractContextManager[Any]:
    """Gradients are exchanged with the last part of a batch alone."""
    from torch.nn.parallel import DistributedDataParallel

    if isinstance(step, DistributedDataParallel):
        return nullcontext() if last else step.no_sync()
    if hasattr(step, "set_requires_gradient_sync"):
        step.set_requires_gradient_sync(last)
    return nullcontext()


def average_single_numbers(trained: list[nn.Parameter], processes: Processes) -> None:
    """The gradients that FSDP leaves to each process: those of parameters of a single number."""
    for parameter in trained:
        if parameter.dim() == 0 and parameter.grad is not None:
            parameter.grad = mean_of(parameter.grad, processes.world)


def own_share(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor."""
    return tensor.to_local() if _is_shared(tensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor, in every process: all must ask."""
    return tensor.full_tensor() if _is_shared(tensor) else tensor


@torch.no_grad()
def put(live: Tensor, value: Tensor) -> None:
    """Sets a live tensor, or this process's share of it, to all of its value."""
    if not _is_shared(live):
        live.copy_(value)
        return
    mesh = live.device_mesh
    shares, rank = value.chunk(mesh.size()), mesh.get_local_rank()
    own_share(live).copy_(shares[rank] if rank < len(shares) else value[:0])


def averaged_on(model: LatentModel, average: nn.Module) -> LatentModel:
    """`model`, unsharded, with the values of `average`: all processes must ask."""
    held = average.state_dict()
    for name, value in model.state_dict().items():
        value.copy_(whole(held[name]))
    return model


def _is_shared(tensor: Tensor) -> Any:
    from torch.distributed.tensor import DTensor

    return isinstance(tensor, DTensor)
