"""A view as a Python script that makes the same picture, bit for bit, with the library's own functions."""

from __future__ import annotations

from collections.abc import Iterator

from stratiform.evaluation.explore import draws_pixels
from stratiform.explorer import strict
from stratiform.explorer.attached import Opened
from stratiform.explorer.picture import completes
from stratiform.explorer.view import Choice, View
from stratiform.spec import ImageSpec


def script(view: View, opened: Opened) -> str:
    return "\n".join(_lines(view, opened)) + "\n"


def _lines(view: View, opened: Opened) -> Iterator[str]:
    hides, keeps = completes(opened.model), draws_pixels(opened.model) and bool(view.known)
    used = {
        "a": keeps or hides or any(choice.source in ("a", "between") for choice in view.levels),
        "b": any(choice.source in ("b", "between") for choice in view.levels),
    }
    if any(used.values()):
        yield "import base64\n"
    yield "import numpy as np"
    yield "import torch\n"
    yield "import stratiform"
    makes = "" if hides else "grow, " if keeps else "render, "
    yield f"from stratiform.evaluation.explore import {', '.join(sorted((makes + 'noise').split(', ')))}\n"
    yield f"model = stratiform.load({opened.called!r}).model"
    for name in ("a", "b"):
        if used[name]:
            yield f"\n# image {name}: a byte per value, C x H x W"
            yield f"{name} = {_image(getattr(view, name), opened.spec)}"
    if hides or keeps:
        yield from _known(view, opened.spec, hides)
    yield "\ne, z = {}, {}  # per level, 0 nearest the image: its noise, or its value"
    for level, choice in enumerate(view.levels):
        yield from _level(level, choice, view.seed, ", seen=known" if hides else "")
    yield "pick = stratiform.given(z, stratiform.with_noise(e, stratiform.from_prior()))"
    yield from _picture(view, opened, hides, keeps)
    yield "\n# float32 [1, C, H, W] in [0, 1]"
    yield 'np.savez("picture.npz", image=image.numpy())'


def _known(view: View, spec: ImageSpec, batch: bool) -> Iterator[str]:
    yield "\n# the pixels of image a that stay: a byte each, H x W"
    shape = f"{'1, 1, ' if batch else ''}{spec.height}, {spec.width}"
    plain = f"{_bytes(view.known)}.view({shape}).bool()"
    yield f"known = {plain if view.known else f'torch.ones({shape}, dtype=bool)'}"


def _picture(view: View, opened: Opened, hides: bool, keeps: bool) -> Iterator[str]:
    if hides:
        yield "with torch.no_grad():"
        yield "    image = torch.where(known, a, model.decode(1, pick, model.given(a, known)).mean)"
    elif keeps:
        drawn = f"seed={view.seed}, temperature={view.temperature!r}, x=a, known=known"
        yield f"image = grow(model.decode(1, pick), 0, 1, {drawn}).x"
    else:
        heat = f", temperature={view.temperature!r}" if draws_pixels(opened.model) else ""
        yield f"image = render(model, 1, lambda rows: pick, seed={view.seed}{heat})"


def _level(level: int, choice: Choice, seed: int, seen: str) -> Iterator[str]:
    name = f"{'e' if choice.hold == 'noise' else 'z'}[{level}]"
    yield f"{name} = {_base(level, choice, seed, seen)}"
    if choice.units:
        units, values = ([pair[i] for pair in choice.units] for i in (0, 1))
        yield f"{name}.view(-1)[{units}] = torch.tensor({values})"
    if choice.brush:
        yield f"stroke = torch.tensor({list(choice.brush)}).view({name}.shape[2:])"
        for draw in sorted(set(choice.brush) - {0}):
            yield f"{name} = torch.where(stroke == {draw}, {_drawn(level, seed, draw)}, {name})"
    if choice.temperature != 1.0:
        yield f"{name} = {choice.temperature!r} * {name}"


def _base(level: int, choice: Choice, seed: int, seen: str) -> str:
    if choice.source == "draw":
        return _drawn(level, seed, choice.draw)
    if choice.source == "zero":
        return f"model.hierarchy.top.new_zeros(1, *model.hierarchy.shapes[{level}])"
    of_a, of_b = (f"stratiform.encode(model, {name}, {choice.hold!r}{seen}).held[{level}]" for name in ("a", "b"))
    if choice.source == "between":
        return f"{1 - choice.share!r} * {of_a} + {choice.share!r} * {of_b}"
    return f"{of_a if choice.source == 'a' else of_b}.clone()"


def _drawn(level: int, seed: int, draw: int) -> str:
    return f"noise(model, 1, seed={seed}, draw={draw})[{level}]"


def _image(image: bytes, spec: ImageSpec) -> str:
    k = f"{_bytes(image)}.view(1, {spec.channels}, {spec.height}, {spec.width})"
    return f"({k} + 0.5) / 256" if spec.bins is None else f"{k} / {spec.bins - 1}"


def _bytes(content: bytes) -> str:
    text = strict.unpacked(content)
    return f'torch.tensor(list(base64.urlsafe_b64decode("{text + "=" * (-len(text) % 4)}")))'
