"""A view: everything that decides one picture. A value, written as JSON in one way only: it fits a URL.

Levels are listed bottom -> top, as everywhere in the kernel. What a level is given is its *noise* e_l of
z_l = mean(z_>l) + scale(z_>l) e_l, so that each choice means something in every hierarchy; what it takes from an image
may be held as *value* instead (docs/exploring.md).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, cast, get_args

from stratiform.edit import Hold
from stratiform.errors import UserError
from stratiform.explorer import strict
from stratiform.spec import ImageSpec

Source = Literal["draw", "zero", "a", "b", "between"]
LARGEST = 2**53 - 1  # whole numbers that a browser keeps exactly
REACH = 10.0  # how far out a unit may be put by hand
HOTTEST = 4.0  # temperatures
STROKES = 256  # different draws under the brush, of one level


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What one level is given.

    Attributes:
        source: a draw of its noise; zero; what image a or b has there; or a mixture of these two.
        draw: which draw.
        share: of b, where the source is `between`.
        hold: whether what comes from images is held as noise or as value; `zero` may be either.
        units: (unit, number) put in by hand, by unit: noise, or value where that is held.
        brush: per position of a level [C, H, W], row by row: 0 as the source says, n its noise from draw n; or ().
        temperature: times the noise.
        lock: neighbours and new draws leave it as it is.
    """

    source: Source = "draw"
    draw: int = 0
    share: float = 0.5
    hold: Hold = "noise"
    units: tuple[tuple[int, float], ...] = ()
    brush: tuple[int, ...] = ()
    temperature: float = 1.0
    lock: bool = False


@dataclass(frozen=True, kw_only=True)
class View:
    """One picture of a run.

    Attributes:
        levels: a choice per level, bottom -> top.
        seed: of all noise.
        temperature: of pixels that are drawn one after the other.
        a, b: images of one's own, a byte per value k of [C, H, W]; b"": none.
        known: which of a's pixels stay: in completions, and in pictures drawn pixel after pixel; a byte each of
            [H, W], 0 or 1; b"": none.
    """

    levels: tuple[Choice, ...]
    seed: int = 0
    temperature: float = 1.0
    a: bytes = field(default=b"", repr=False)
    b: bytes = field(default=b"", repr=False)
    known: bytes = field(default=b"", repr=False)

    @classmethod
    def from_json(cls, value: Any, spec: ImageSpec, shapes: Sequence[tuple[int, ...]]) -> View:
        """The view of a model of such images and levels.

        Raises:
            UserError: anything that such a view cannot be.
        """
        given = strict.fields(value, "view", [each.name for each in fields(cls)])
        choices = strict.listed(given.get("levels", [{}] * len(shapes)), "levels", len(shapes), len(shapes))
        view = cls(
            levels=tuple(
                _choice(each, shape, f"level {number}")
                for number, (each, shape) in enumerate(zip(choices, shapes, strict=True), start=1)
            ),
            seed=strict.whole(given.get("seed", 0), "seed", 0, LARGEST),
            temperature=strict.number(given.get("temperature", 1.0), "temperature", 0.0, HOTTEST),
            a=image(given["a"], "a", spec) if "a" in given else b"",
            b=image(given["b"], "b", spec) if "b" in given else b"",
            known=mask(given["known"], "known", spec) if "known" in given else b"",
        )
        view._check()
        return view

    def to_json(self) -> dict[str, Any]:
        """What differs from a view of which nothing is said."""
        told: dict[str, Any] = {
            name: strict.unpacked(getattr(self, name)) for name in ("a", "b") if getattr(self, name)
        }
        if self.known:
            told["known"] = strict.unpacked(bits(self.known))
        return (
            told
            | _differing(self, View(levels=()), ("seed", "temperature"))
            | {"levels": [_choice_to_json(choice) for choice in self.levels]}
        )

    def canonical(self) -> str:
        """The same text for the same view."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)

    def with_choice(self, level: int, choice: Choice) -> View:
        """The same but for one level, counted from 0."""
        return replace(self, levels=(*self.levels[:level], choice, *self.levels[level + 1 :]))

    def _check(self) -> None:
        for number, choice in enumerate(self.levels, start=1):
            for name in ("a", "b"):
                if choice.source in (name, "between") and not getattr(self, name):
                    raise UserError(f"level {number} takes from image {name}, but there is none; give {name}, too")
        if self.known and not self.a:
            raise UserError("known says which pixels of image a stay, but there is none; give a, too")


def neighbours(view: View, count: int, first: int = 1) -> list[View]:
    """The free levels drawn anew `count` times, draws `first`, `first` + 1, ...; the locked ones as they are."""
    return [
        replace(view, levels=tuple(c if c.lock else drawn(c, draw) for c in view.levels))
        for draw in range(first, first + count)
    ]


def drawn(choice: Choice, draw: int) -> Choice:
    """The level drawn anew: nothing is left that was put in by hand or taken from an image."""
    return Choice(draw=draw, temperature=choice.temperature, lock=choice.lock)


def between(view: View, level: int | None, steps: int) -> list[View]:
    """From image a to image b in one level, counted from 0, the others being those of a; None: in all levels."""
    if not (view.a and view.b):
        raise UserError("going from a to b takes two images; give both")
    rows = []
    for i in range(steps):
        moved = Choice(source="between", share=i / (steps - 1))
        stays = Choice(source="a")
        levels = tuple(moved if level in (None, index) else stays for index in range(len(view.levels)))
        rows.append(replace(view, levels=levels))
    return rows


def image(value: Any, name: str, spec: ImageSpec) -> bytes:
    """A byte per value k of [C, H, W], all below the number of grey levels (256 where values are continuous)."""
    found = strict.packed(value, name, spec.dimensions)
    if max(found) >= (spec.bins or 256):
        raise UserError(f"{name} holds the grey level {max(found)}; this model has {spec.bins}, counted from 0")
    return found


def mask(value: Any, name: str, spec: ImageSpec) -> bytes:
    """A byte per pixel of [H, W], from a bit each; the last bits of the last byte are 0."""
    pixels = spec.height * spec.width
    packed = strict.packed(value, name, -(-pixels // 8))
    found = bytes((byte >> (7 - bit)) & 1 for byte in packed for bit in range(8))
    if any(found[pixels:]):
        raise UserError(f"{name} has bits beyond its {pixels} pixels")
    return found[:pixels]


def bits(known: bytes) -> bytes:
    """The inverse of `mask`: a byte per pixel -> a bit each."""
    padded = known + bytes(-len(known) % 8)
    return bytes(sum(bit << (7 - i) for i, bit in enumerate(padded[at : at + 8])) for at in range(0, len(padded), 8))


def _choice(value: Any, shape: tuple[int, ...], name: str) -> Choice:
    given = strict.fields(value, name, [each.name for each in fields(Choice)])
    plain = Choice()
    choice = Choice(
        source=cast(Source, strict.one_of(given.get("source", plain.source), f"{name}, source", get_args(Source))),
        draw=strict.whole(given.get("draw", plain.draw), f"{name}, draw", 0, LARGEST),
        share=strict.number(given.get("share", plain.share), f"{name}, share", 0.0, 1.0),
        hold=cast(Hold, strict.one_of(given.get("hold", plain.hold), f"{name}, hold", get_args(Hold))),
        units=_units(given.get("units", {}), math.prod(shape), f"{name}, units"),
        brush=_brush(given.get("brush", []), shape, f"{name}, brush"),
        temperature=strict.number(given.get("temperature", plain.temperature), f"{name}, temperature", 0.0, HOTTEST),
        lock=strict.flag(given.get("lock", plain.lock), f"{name}, lock"),
    )
    if choice.hold == "value" and (choice.source == "draw" or choice.brush or choice.temperature != 1.0):
        raise UserError(f"{name} holds its value, which no draw, brush or temperature changes; hold its noise")
    return choice


def _units(value: Any, count: int, name: str) -> tuple[tuple[int, float], ...]:
    if not isinstance(value, dict):
        raise UserError(f"{name} is no object; give one from unit, counted from 0, to number")
    found = {}
    for key, each in value.items():
        if not (key.isascii() and key.isdecimal() and len(key) < 8 and int(key) < count and str(int(key)) == key):
            raise UserError(f"{name} names a unit that is not there; this level has 0 to {count - 1}")
        found[int(key)] = strict.number(each, f"{name}, {key}", -REACH, REACH)
    return tuple(sorted(found.items()))


def _brush(value: Any, shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    if value == []:
        return ()
    if len(shape) != 3:
        raise UserError(f"{name} is for levels of positions; this one has none")
    positions = shape[1] * shape[2]
    found = [strict.whole(each, name, 0, LARGEST) for each in strict.listed(value, name, positions, positions)]
    if len(set(found)) > STROKES:
        raise UserError(f"{name} has more than {STROKES} strokes; draw the level anew")
    return tuple(found) if any(found) else ()


def _choice_to_json(choice: Choice) -> dict[str, Any]:
    told = _differing(choice, Choice(), [each.name for each in fields(Choice)])
    if "units" in told:
        told["units"] = {str(unit): value for unit, value in choice.units}
    return told | ({"brush": list(choice.brush)} if choice.brush else {})


def _differing(value: Any, plain: Any, names: Sequence[str]) -> dict[str, Any]:
    held: Mapping[str, Any] = {name: getattr(value, name) for name in names}
    return {name: each for name, each in held.items() if each != getattr(plain, name)}
