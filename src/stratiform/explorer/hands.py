"""Work in threads, a little at once: whoever asked first is served first, whoever has gone is not served."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request

from stratiform.explorer.limits import Limits, Refused

Answer = TypeVar("Answer")


class Hands:
    """So many pieces of work side by side, and so many requests that wait for them.

    What follows a hand has a line of its own: it does not stand behind strips and codes.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits, self.waiting = limits, 0
        self.free, self.live = (CapacityLimiter(limits.at_once) for _ in range(2))

    async def do(self, request: Request, work: Callable[[], Answer]) -> Answer:
        return await self._in_turn(self.free, request, work)

    async def follow(self, request: Request, work: Callable[[], Answer]) -> Answer:
        """The live picture."""
        return await self._in_turn(self.live, request, work)

    async def _in_turn(self, line: CapacityLimiter, request: Request, work: Callable[[], Answer]) -> Answer:
        """Not begun if the client no longer waits for it: of what one wishes while one drags, the newest is made."""
        if self.waiting >= self.limits.waiting:
            raise Refused(429, "too many requests wait already; try again in a moment")
        self.waiting += 1
        try:
            async with line:
                if await request.is_disconnected():
                    raise HTTPException(499, "the client has gone")
                return await to_thread.run_sync(work)
        finally:
            self.waiting -= 1
