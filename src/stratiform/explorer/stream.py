"""Work that says what it has done while it does it, as lines of JSON; it stops when nobody reads any more."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from anyio import CapacityLimiter, to_thread

from stratiform.errors import Failed, UserError

Say = Callable[[Mapping[str, Any]], None]
LOG = logging.getLogger("stratiform.explorer")


class Stopped(Exception):
    """Nobody reads what is said."""


async def lines(work: Callable[[Say], None], slots: CapacityLimiter) -> AsyncIterator[bytes]:
    """What `work` says, a line each; an error of the user's is the last line, {"error": ...}."""
    loop, gone = asyncio.get_running_loop(), threading.Event()
    said: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()

    def say(value: Mapping[str, Any] | None) -> None:
        if gone.is_set():
            raise Stopped
        loop.call_soon_threadsafe(said.put_nowait, value)

    def run() -> None:
        try:
            try:
                work(say)
            except (UserError, Failed) as error:
                say({"error": str(error)})
            except Stopped:
                raise
            except Exception:
                LOG.exception("painting failed")
                say({"error": "the server failed to paint this; its own output says why"})
            say(None)
        except Stopped:
            pass

    working = asyncio.ensure_future(to_thread.run_sync(run, limiter=slots))
    try:
        while (value := await said.get()) is not None:
            yield json.dumps(value, allow_nan=False).encode() + b"\n"
        await working
    finally:
        gone.set()
