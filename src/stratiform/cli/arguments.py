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
CONFIG = (tyro.conf.AvoidSubcommands,)
PLAINER = (  # what tyro says, and what we say
    (r"^Error parsing (--\S+): invalid literal for int\(\) with base 10: (.*)$", r"\1 is \2; give a whole number"),
    (r"^Error parsing (--\S+): could not convert string to float: (.*)$", r"\1 is \2; give a number"),
    (r"^Error parsing \S+: ", ""),
    (r"^invalid choice (.*) for argument '(.*)'\. Expected one of \((.*?),?\)$", r"\2 is \1; give one of \3"),
    (r"^Missing value for argument '(.*)'\. Expected .*$", r"\1 needs a value"),
)


def parse(command: type[Chosen], name: str, words: list[str]) -> Chosen | None:
    """The command's options, or None where help was printed.

    Raises:
        UserError: a flag that does not exist, with the nearest that does, or a value that it cannot take.
    """
    command = command.adapted(words)
    if {"-h", "--help"} & set(words):
        words = ["--help"]
    named = f" {words[0]}" if words and not words[0].startswith("-") else ""
    hint = f"see stratiform {name}{named} --help"
    boxed = io.StringIO()
    try:
        with contextlib.redirect_stderr(boxed):
            options, unknown = tyro.cli(
                command, prog=f"stratiform {name}", args=words, return_unknown_args=True, config=CONFIG
            )
    except SystemExit as end:
        if end.code:
            raise UserError(f"{_unboxed(boxed.getvalue())}; {hint}") from None
        return None
    for word in unknown[:1]:
        if word.startswith("-"):
            raise nearest("flag", word.split("=")[0].replace("_", "-"), _flags(options), hint)
        raise UserError(f"stratiform {name} does not know what to do with {word!r}; {hint}")
    return options


def nearest(kind: str, given: str, known: Iterable[str], hint: str) -> UserError:
    """The error for a name that does not exist: the nearest right one, or where to find them all."""
    close = difflib.get_close_matches(given, list(known), n=1, cutoff=0.5)
    return UserError(f"no {kind} {given!r}; {f'did you mean {close[0]}? ' if close else ''}{hint}")


def _flags(options: object, prefix: str = "--") -> Iterator[str]:
    """Every flag that fills this dataclass, nested ones by dots."""
    for field in fields(options):  # type: ignore[arg-type]
        name, value = field.name.replace("_", "-"), getattr(options, field.name)
        if is_dataclass(value):
            yield from _flags(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
            if isinstance(value, bool):
                yield f"{prefix}no-{name}"


def _unboxed(text: str) -> str:
    """The first paragraph of tyro's box as one plain line."""
    lines = [line.strip("│").rstrip()[1:] for line in text.splitlines() if line.startswith("│")]
    rule = next((i for i, line in enumerate(lines) if re.fullmatch("─+", line)), len(lines))
    said = lines[:rule]
    if said and said[0].startswith("Missing from"):
        missing = [line.strip() for line in said[1:] if re.match(r" {4}\S", line)]
        return f"{' and '.join(missing)} must be given"
    line = " ".join(" ".join(said).split()).removesuffix(".")
    for pattern, plain in PLAINER:
        line = re.sub(pattern, plain, line)
    return line
