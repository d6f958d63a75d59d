"""Configuration as plain JSON values and back, strictly: every name is known, every value has its field's type.

A dataclass in `kinds` carries {"kind": NAME}, so that a field may hold one of several.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from stratiform.errors import UserError

Kinds = Mapping[str, type]


def to_plain(value: Any, kinds: Kinds) -> Any:
    """Dataclasses become objects, tuples become lists."""
    if is_dataclass(value):
        plain = {field.name: to_plain(getattr(value, field.name), kinds) for field in fields(value)}
        names = [name for name, cls in kinds.items() if cls is type(value)]
        return {"kind": names[0], **plain} if names else plain
    if isinstance(value, tuple):
        return [to_plain(item, kinds) for item in value]
    return value


def from_plain(expected: Any, value: Any, kinds: Kinds, where: str = "") -> Any:
    """The value as the type `expected`; fields left out take their defaults.

    Raises:
        UserError: an unknown name (the nearest right one is said) or a value of another type; `where` leads to it.
    """
    origin = get_origin(expected)
    if origin in (Union, types.UnionType):
        return _union(get_args(expected), value, kinds, where)
    if expected in kinds.values():
        return _named((expected,), value, kinds, where)
    if is_dataclass(expected):
        return _dataclass(expected, value, kinds, where)
    if origin is Literal:
        if not any(value == allowed and type(value) is type(allowed) for allowed in get_args(expected)):
            raise _wrong(where, value, f"one of {', '.join(map(repr, get_args(expected)))}")
        return value
    if origin is tuple:
        return _tuple(get_args(expected), value, kinds, where)
    return _scalar(expected, value, where)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like this one."""
    return max(known, key=lambda other: difflib.SequenceMatcher(None, name, other).ratio())


def _dataclass(expected: type, value: Any, kinds: Kinds, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise _wrong(where, value, f"an object with the fields of {expected.__name__}")
    hints, prefix = get_type_hints(expected), f"{where}." if where else ""
    names = [field.name for field in fields(expected)]
    for name in value:
        if name not in names:
            raise UserError(f"{prefix}{name} does not exist; the nearest name is {prefix}{nearest(name, names)}")
    for field in fields(expected):
        if field.name not in value and field.default is field.default_factory is MISSING:
            raise UserError(f"{prefix}{field.name} is missing; give it")
    return expected(**{name: from_plain(hints[name], value[name], kinds, prefix + name) for name in value})


def _union(options: tuple[Any, ...], value: Any, kinds: Kinds, where: str) -> Any:
    if value is None and types.NoneType in options:
        return None
    options = tuple(option for option in options if option is not types.NoneType)
    if options[0] in kinds.values():
        return _named(options, value, kinds, where)
    return from_plain(options[0], value, kinds, where)


def _named(options: tuple[type, ...], value: Any, kinds: Kinds, where: str) -> Any:
    named = {name: cls for name, cls in kinds.items() if cls in options}
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str):
        raise _wrong(where, value, f"an object whose kind is one of {', '.join(named)}")
    if kind not in named:
        raise UserError(
            f"{where}.kind is {kind!r}; give one of {', '.join(named)}; the nearest is {nearest(kind, named)}"
        )
    return _dataclass(named[kind], {name: item for name, item in value.items() if name != "kind"}, kinds, where)


def _tuple(items: tuple[Any, ...], value: Any, kinds: Kinds, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(where, value, "a list")
    if items[-1] is Ellipsis:
        items = items[:1] * len(value)
    if len(items) != len(value):
        raise _wrong(where, value, f"a list of {len(items)}")
    return tuple(from_plain(items[i], item, kinds, f"{where}[{i}]") for i, item in enumerate(value))


def _scalar(expected: type, value: Any, where: str) -> Any:
    if expected is float and type(value) is int:
        return float(value)
    if type(value) is not expected:
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
        raise _wrong(where, value, words[expected])
    return value


def _wrong(where: str, value: Any, allowed: str) -> UserError:
    return UserError(f"{where or 'the recipe'} is {value!r}; give {allowed}")
