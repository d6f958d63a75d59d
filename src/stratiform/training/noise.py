"""The random numbers of a batch that several processes share: each draws those of its own rows.

A process that draws for its n rows draws for the rows of all, from the one seed, and keeps its own: the noise of an
image is that of a single process with the whole batch. What a layer drops is only drawn independently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.autograd import Variable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from stratiform.data.batches import mix

SHAPED = (torch.rand, torch.randn, torch.randint)
LIKE = (torch.rand_like, torch.randn_like, torch.randint_like)
INDEPENDENT = (
    torch.bernoulli,
    torch.multinomial,
    Tensor.random_,
    Tensor.normal_,
    Tensor.uniform_,
    Tensor.bernoulli_,
    Tensor.exponential_,
)
DROPPING = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d)


class RowsOfMine(TorchFunctionMode):
    """Within it torch draws the rows of one process; the generators of all must be seeded alike.

    The first dimension of what is drawn is that of the rows. A number without dimensions is the same for all.
    """

    def __init__(self, rank: int, world: int) -> None:
        super().__init__()
        self.rank, self.world = rank, world

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is Tensor.backward:
            return self._backward(args[0])
        if func in SHAPED:
            return self._shaped(func, args, kwargs)
        if func in LIKE and args[0].dim():
            rows = len(args[0])
            whole = args[0].new_empty((rows * self.world, *args[0].shape[1:]))
            return self._mine(func(whole, *args[1:], **kwargs), rows)
        if func in INDEPENDENT and kwargs.get("generator") is None:
            return func(*args, **kwargs | {"generator": self._own(args[0].device)})
        if func in DROPPING:
            return self._dropped(func, *args, **kwargs)
        return func(*args, **kwargs)

    def _backward(self, loss: Tensor) -> None:
        """Backward with the mode on, because recomputed layers draw again; torch's own leaves every mode first."""
        one = (torch.ones_like(loss),)
        with self:
            Variable._execution_engine.run_backward(
                (loss,), one, False, False, (), allow_unreachable=True, accumulate_grad=True
            )

    def _shaped(self, func: Callable[..., Tensor], args: Sequence[Any], kwargs: dict[str, Any]) -> Tensor:
        given = kwargs.pop("size", None)
        bounds = [arg for arg in args if not isinstance(arg, tuple | list)]
        shape = given if given is not None else next((arg for arg in args if isinstance(arg, tuple | list)), None)
        if shape is None:  # torch.rand(2, 3)
            bounds, shape = [], args
        if not shape:
            return func(*bounds, (), **kwargs)
        return self._mine(func(*bounds, (shape[0] * self.world, *shape[1:]), **kwargs), shape[0])

    def _mine(self, whole: Tensor, rows: int) -> Tensor:
        return whole[self.rank * rows : (self.rank + 1) * rows]

    def _dropped(
        self, func: Callable[..., Any], x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        """x where it is kept, over the probability of that; whole channels for dropout1d to 3d."""
        if not training or p == 0.0:
            return x
        shape = x.shape if func is F.dropout else (*x.shape[:2], *[1] * (x.dim() - 2))
        kept = x.new_empty(shape).bernoulli_(1.0 - p, generator=self._own(x.device))
        return x * kept / (1.0 - p)

    def _own(self, device: torch.device) -> Generator:
        """A generator of this process alone, seeded from the common one: a recomputed layer drops the same again."""
        common = int(torch.randint(1 << 62, ()))
        return Generator(device).manual_seed(mix(common, self.rank))
