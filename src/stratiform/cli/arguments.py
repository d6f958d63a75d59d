"""From words to values: tyro makes the flags from a command's dataclass; its errors are shortened here alone."""

from __future__ import annotations

import contextlib
import difflib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import TypeVar

import tyro

from stratiform.cli.options import Options
from stratiform.errors import UserError

Chosen = TypeVar("Chosen", bound=Options)


def parse(command: type[Chosen], name: str, words: list[str]) -> Chosen | None:
    """The command's options, or None where help was printed.

    A command whose defaults depend on what is named (a recipe, a run) is read twice: once to find the name, once with
    its defaults in place.

    Raises:
        UserError: a flag that does not exist, with the nearest that does, or a value that it cannot take.
    """
    command = command.adapted(words)
    options = _parse(command, name, words, default=None)
    if options is None:
        return None
    default = options.with_defaults()
    return options if default is options else _parse(command, name, words, default)


def nearest(kind: str, given: str, known: Iterable[str], hint: str) -> UserError:
    """The error for a name that does not exist: the nearest right one, or where to find them all."""
    close = difflib.get_close_matches(given, list(known), n=1, cutoff=0.5)
    return UserError(f"no {kind} {given!r}; {f'did you mean {close[0]}? ' if close else ''}{hint}")


def _parse(command: type[Chosen], name: str, words: list[str], default: Chosen | None) -> Chosen | None:
    boxed = io.StringIO()
    extra = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(boxed):
            options, unknown = tyro.cli(
                command,
                prog=f"stratiform {name}",
                args=words,
                return_unknown_args=True,
                config=(tyro.conf.FlagCreatePairsOff, tyro.conf.AvoidSubcommands),
                **extra,
            )
    except SystemExit as end:
        if end.code:
            raise UserError(f"{_unboxed(boxed.getvalue())}; see stratiform {name} --help") from None
        return None
    if unknown:
        raise _unknown(options, name, unknown[0])
    return options


def _unknown(options: Options, name: str, word: str) -> UserError:
    if not word.startswith("-"):
        return UserError(f"stratiform {name} does not know what to do with {word!r}; see stratiform {name} --help")
    flag = word.split("=")[0].replace("_", "-")
    return nearest("flag", flag, _flags(options), f"see stratiform {name} --help")


def _flags(value: object, prefix: str = "--") -> Iterator[str]:
    """Every flag that fills this dataclass, nested ones by dots."""
    for field in fields(value):  # type: ignore[arg-type]
        flag, inner = f"{prefix}{field.name.replace('_', '-')}", getattr(value, field.name)
        if is_dataclass(inner):
            yield from _flags(inner, f"{flag}.")
        else:
            yield flag


def _unboxed(text: str) -> str:
    """tyro's first paragraph as one line, without its box."""
    lines = [line.strip("│ ") for line in text.splitlines() if not line.startswith(("╭", "╰"))]
    rule = next((i for i, line in enumerate(lines) if re.fullmatch("─+", line)), len(lines))
    said = " ".join(" ".join(lines[:rule]).split())
    return re.sub(r"\.$", "", said) or "these arguments cannot be read"
