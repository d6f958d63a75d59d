"""A view as a Python script that makes the same picture, bit for bit, with the library's own functions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stratiform.explorer import strict
from stratiform.explorer.view import Choice, View
from stratiform.spec import ImageSpec


def script(view: View, run: Path, spec: ImageSpec, draws_pixels: bool) -> str:
    """The script; `draws_pixels`: one after the other."""
    return "\n".join(_lines(view, run, spec, draws_pixels)) + "\n"


def _lines(view: View, run: Path, spec: ImageSpec, draws_pixels: bool) -> Iterator[str]:
    keeps = draws_pixels and bool(view.known)
    used = {
        "a": keeps or any(choice.source in ("a", "between") for choice in view.levels),
        "b": any(choice.source in ("b", "between") for choice in view.levels),
    }
    if any(used.values()) or keeps:
        yield "import base64\n"
    yield "import numpy as np"
    yield "import torch\n"
    yield "import stratiform"
    yield f"from stratiform.evaluation.explore import {'grow' if keeps else 'render'}, noise\n"
    yield f"model = stratiform.load({str(run)!r}).model"
    for name in ("a", "b"):
        if used[name]:
            yield f"\n# image {name}: a byte per value, C x H x W"
            yield f"{name} = {_image(getattr(view, name), spec)}"
    yield "\ne, z = {}, {}  # per level, 0 nearest the image: its noise, or its value"
    for level, choice in enumerate(view.levels):
        yield from _level(level, choice, view.seed)
    yield "pick = stratiform.given(z, stratiform.with_noise(e, stratiform.from_prior()))"
    if keeps:
        yield "\n# the pixels of image a that stay: a byte each, H x W"
        yield f"known = {_bytes(view.known)}.view({spec.height}, {spec.width}).bool()"
        drawn = f"seed={view.seed}, temperature={view.temperature!r}, x=a, known=known"
        yield f"image = grow(model.decode(1, pick), 0, 1, {drawn}).x"
    else:
        heat = f", temperature={view.temperature!r}" if draws_pixels else ""
        yield f"image = render(model, 1, lambda rows: pick, seed={view.seed}{heat})"
    yield "\n# float32 [1, C, H, W] in [0, 1]"
    yield 'np.savez("picture.npz", image=image.numpy())'


def _level(level: int, choice: Choice, seed: int) -> Iterator[str]:
    name = f"{'e' if choice.hold == 'noise' else 'z'}[{level}]"
    yield f"{name} = {_base(level, choice, seed)}"
    if choice.units:
        units, values = ([pair[i] for pair in choice.units] for i in (0, 1))
        yield f"{name}.view(-1)[{units}] = torch.tensor({values})"
    if choice.brush:
        yield f"stroke = torch.tensor({list(choice.brush)}).view({name}.shape[2:])"
        for draw in sorted(set(choice.brush) - {0}):
            yield f"{name} = torch.where(stroke == {draw}, {_drawn(level, seed, draw)}, {name})"
    if choice.temperature != 1.0:
        yield f"{name} = {choice.temperature!r} * {name}"


def _base(level: int, choice: Choice, seed: int) -> str:
    if choice.source == "draw":
        return _drawn(level, seed, choice.draw)
    if choice.source == "zero":
        return f"model.hierarchy.top.new_zeros(1, *model.hierarchy.shapes[{level}])"
    if choice.source == "between":
        return f"{1 - choice.share!r} * {_held('a', level, choice)} + {choice.share!r} * {_held('b', level, choice)}"
    return f"{_held(choice.source, level, choice)}.clone()"


def _drawn(level: int, seed: int, draw: int) -> str:
    return f"noise(model, 1, seed={seed}, draw={draw})[{level}]"


def _held(name: str, level: int, choice: Choice) -> str:
    return f"stratiform.encode(model, {name}, {choice.hold!r}).held[{level}]"


def _image(image: bytes, spec: ImageSpec) -> str:
    k = f"{_bytes(image)}.view(1, {spec.channels}, {spec.height}, {spec.width})"
    return f"({k} + 0.5) / 256" if spec.bins is None else f"{k} / {spec.bins - 1}"


def _bytes(content: bytes) -> str:
    text = strict.unpacked(content)
    return f'torch.tensor(list(base64.urlsafe_b64decode("{text + "=" * (-len(text) % 4)}")))'
