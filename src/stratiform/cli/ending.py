"""How a command ends: every error becomes one line on standard error and an exit status."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import traceback
from collections.abc import Callable

from stratiform.errors import Failed, Unsaid, UserError


def ended(arguments: list[str], run: Callable[[list[str]], int]) -> int:
    """The exit status of `run(arguments)`: 1 failed, 2 wrong use, 130 interrupted; else what it returns."""
    try:
        return run(arguments)
    except BrokenPipeError:  # the reader of our output has gone: `stratiform recipes | head -3`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _say("interrupted", "" if is_further() else _how_to_go_on(arguments), 130)
    except Exception as error:
        if "--debug" in arguments:
            traceback.print_exc()
        return _say("error", *_told(error))


def is_further() -> bool:
    """Is this one of several processes, and not the first, which speaks for all?"""
    return os.environ.get("RANK", "0") != "0" and os.environ.get("WORLD_SIZE", "1") != "1"


def _told(error: Exception) -> tuple[str, int]:
    """What the user reads, and the exit status."""
    if isinstance(error, UserError):
        return str(error), 2
    if isinstance(error, Unsaid):
        return "", 1
    if isinstance(error, Failed):
        return str(error), 1
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full ({error.filename or 'no space'}); free some, then give the same command again", 1
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1
    if isinstance(error, MemoryError):
        return "out of memory; try a smaller batch or --limit", 1
    return f"{type(error).__name__}: {' '.join(str(error).split())}; --debug shows where", 1


def _how_to_go_on(arguments: list[str]) -> str:
    if arguments[0] not in ("train", "demo"):
        return "nothing was left half-written"
    return f"to go on from the last saved state: {shlex.join(['stratiform', *arguments])}"


def _say(kind: str, text: str, status: int) -> int:
    if text and not (status == 2 and is_further()):
        print(f"{kind}: {text}", file=sys.stderr)
    return status
