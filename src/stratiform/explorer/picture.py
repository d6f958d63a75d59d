"""A view to its image: the library's picks, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor

from stratiform.core.conditional import ConditionalModel
from stratiform.core.decoder import AutoregressiveImage
from stratiform.core.hierarchy import Pick, from_prior, given, with_noise
from stratiform.core.model import LatentModel
from stratiform.data.batches import grey_levels
from stratiform.edit import Hold, encode
from stratiform.evaluation.explore import Watch, draws_pixels, grow, noise_of, render, unwatched
from stratiform.explorer.view import Choice, View
from stratiform.spec import ImageSpec

Encoded = Callable[[bytes, Hold, bytes], Sequence[Tensor]]
"""(image, hold, known) -> what its levels hold, [1, *z], bottom -> top; `known` where it matters, else b""."""


@dataclass(frozen=True)
class Held:
    """What every level is given, [n, *z]: its noise, or for some its value."""

    noise: Mapping[int, Tensor]
    values: Mapping[int, Tensor]

    def pick(self, rows: slice) -> Pick:
        noisy = with_noise({level: e[rows] for level, e in self.noise.items()}, from_prior())
        return given({level: z[rows] for level, z in self.values.items()}, noisy)


def tensor(image: bytes, spec: ImageSpec) -> Tensor:
    """A byte per value k of [C, H, W] -> float [1, C, H, W] in [0, 1]."""
    k = torch.tensor(list(image)).view(1, *spec.shape)
    return (k + 0.5) / 256 if spec.bins is None else k / (spec.bins - 1)


def pixels(x: Tensor, spec: ImageSpec) -> bytes:
    """The inverse, of images [..., C, H, W]: the nearest of the grey levels."""
    return grey_levels(x, spec.bins or 256, spec.bins is None).numpy().tobytes()


def shown(x: Tensor) -> Tensor:
    """Images in [0, 1] as screens have them, uint8."""
    return (x.clamp(0, 1) * 255).round().to(torch.uint8)


def encoder(model: LatentModel, spec: ImageSpec) -> Encoded:
    def found(image: bytes, hold: Hold, known: bytes) -> Sequence[Tensor]:
        seen = stays(known, spec)[None, None] if completes(model) else None
        return encode(model, tensor(image, spec), hold, seen=seen).held

    return found


def completes(model: LatentModel) -> TypeGuard[ConditionalModel]:
    """Does it draw what is hidden in an image, and nothing by itself? Its levels are then those of what is hidden."""
    return isinstance(model, ConditionalModel)


def held(model: LatentModel, views: Sequence[View], encoded: Encoded) -> Held:
    """What n views give their levels; each level holds the same in all of them, noise or value."""
    found: dict[Hold, dict[int, Tensor]] = {"noise": {}, "value": {}}
    for level in range(len(model.hierarchy.shapes)):
        rows = [_row(model, view, level, encoded) for view in views]
        found[views[0].levels[level].hold][level] = torch.cat(rows)
    return Held(found["noise"], found["value"])


@torch.no_grad()
def images(model: LatentModel, views: Sequence[View], spec: ImageSpec, encoded: Encoded) -> Tensor:
    """The pictures of n views that differ in their levels alone, [n, C, H, W] in [0, 1]."""
    first, pick = views[0], held(model, views, encoded).pick
    if completes(model):
        return completed(model, len(views), pick(slice(None)), first, spec)
    return render(model, len(views), pick, first.seed, temperature=first.temperature)


def completed(model: ConditionalModel, n: int, pick: Pick, view: View, spec: ImageSpec) -> Tensor:
    """The mean of what is hidden of image a, beside what is known of it, [n, C, H, W]."""
    x = tensor(view.a, spec).to(model.hierarchy.top).expand(n, -1, -1, -1)
    known = stays(view.known, spec).to(x.device).expand(n, 1, -1, -1)
    mean = model.decode(n, pick, model.given(x, known)).mean
    assert mean is not None
    return torch.where(known, x, mean).cpu()


@torch.no_grad()
def picture(model: LatentModel, view: View, spec: ImageSpec, encoded: Encoded, watch: Watch = unwatched) -> Tensor:
    """The picture of a view, [1, C, H, W] in [0, 1].

    Args:
        watch: hears how it grows, where pixels are drawn one after the other.
    """
    if not draws_pixels(model):
        return images(model, [view], spec, encoded)
    image = model.decode(1, held(model, [view], encoded).pick(slice(0, 1)))
    assert isinstance(image, AutoregressiveImage)
    x, known = (tensor(view.a, spec), stays(view.known, spec)) if view.known else (None, None)
    return grow(image, 0, 1, seed=view.seed, temperature=view.temperature, watch=watch, x=x, known=known).x.cpu()


def stays(known: bytes, spec: ImageSpec) -> Tensor:
    """A byte per pixel -> which pixels keep their values, bool [H, W]; of b"" all."""
    return torch.tensor(list(known) or [1] * (spec.height * spec.width)).view(spec.height, spec.width).bool()


def _row(model: LatentModel, view: View, level: int, encoded: Encoded) -> Tensor:
    """What one view gives one level, [1, *z]."""
    choice, shape = view.levels[level], model.hierarchy.shapes[level]
    base = _base(model, view, level, encoded).reshape(1, -1).clone()
    for unit, value in choice.units:
        base[0, unit] = value
    base = base.view(1, *shape)
    if choice.brush:
        base = _brushed(model, view.seed, level, base, choice)
    return choice.temperature * base if choice.hold == "noise" else base


def _base(model: LatentModel, view: View, level: int, encoded: Encoded) -> Tensor:
    """Before anything is put in by hand, [1, *z]."""
    choice, known = view.levels[level], view.known if completes(model) else b""
    if choice.source == "draw":
        return noise_of(model, level, 1, view.seed, choice.draw)
    if choice.source == "zero":
        return model.hierarchy.top.new_zeros(1, *model.hierarchy.shapes[level])
    if choice.source == "between":
        of_a, of_b = (encoded(image, choice.hold, known)[level] for image in (view.a, view.b))
        return (1 - choice.share) * of_a + choice.share * of_b
    return encoded(view.a if choice.source == "a" else view.b, choice.hold, known)[level]


def _brushed(model: LatentModel, seed: int, level: int, base: Tensor, choice: Choice) -> Tensor:
    """The noise of the positions under the brush drawn anew, [1, C, H, W]."""
    stroke = torch.tensor(choice.brush).view(base.shape[2:])
    for draw in sorted(set(choice.brush) - {0}):
        base = torch.where(stroke == draw, noise_of(model, level, 1, seed, draw), base)
    return base
