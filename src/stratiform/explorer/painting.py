"""Pictures drawn pixel after pixel, told while they are drawn: painted from nothing, and completed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from torch import Tensor

from stratiform.errors import UserError
from stratiform.evaluation.explore import draws_pixels
from stratiform.evaluation.impute import impute
from stratiform.explorer import strict
from stratiform.explorer.asked import Desk, view_of
from stratiform.explorer.limits import Refused
from stratiform.explorer.picture import picture, pixels, stays, tensor
from stratiform.explorer.stream import Say, lines


class Easels:
    """So many pictures side by side."""

    def __init__(self, desk: Desk, count: int) -> None:
        self.desk, self.slots = desk, CapacityLimiter(count)

    async def paint(self, request: Request) -> Response:
        """Lines of JSON: the picture while it is drawn, after every row; then, done, whole."""
        opened, given = await self.desk.fields(request, ("view",))
        view = view_of(given, opened)
        if not draws_pixels(opened.model):
            raise UserError("this model draws all pixels at once; ask for its picture")

        def work(say: Say) -> None:
            rows = opened.spec.height

            def watch(x: Tensor, done: float) -> None:
                say({"rows": round(done * rows), "image": strict.unpacked(pixels(x.cpu(), opened.spec))})

            last = picture(opened.model, view, opened.spec, opened.encoded, watch)
            say({"done": True, "image": strict.unpacked(pixels(last, opened.spec))})

        return await self._painted(work)

    async def complete(self, request: Request) -> Response:
        """Lines of JSON: how much is drawn, pixel after pixel; then completions of image a, and their spread."""
        opened, given = await self.desk.fields(request, ("view", "count", "particles"))
        count = strict.whole(given.get("count", 8), "count", 2, 16)
        particles = strict.whole(given.get("particles", 100), "particles", count, 500)
        view = view_of(given, opened)
        if not view.known:
            raise UserError("completions need image a, and known: which of its pixels stay")

        def work(say: Say) -> None:
            found = impute(
                opened.model,
                tensor(view.a, opened.spec),
                stays(view.known, opened.spec),
                count,
                particles=particles,
                temperature=view.temperature,
                seed=view.seed,
                watch=lambda x, done: say({"drawn": done}),
            )
            told = {"exact": found.exact, "particles": found.particles, "effective": found.effective}
            own = [strict.unpacked(pixels(each, opened.spec)) for each in found.images]
            say({**told, "distinct": found.distinct, "images": own, "spread": found.spread.tolist()})

        return await self._painted(work)

    async def _painted(self, work: Callable[[Say], None]) -> Response:
        if self.slots.borrowed_tokens >= self.slots.total_tokens:
            raise Refused(429, "other pictures are being painted; try again in a moment")
        said = lines(work, self.slots)
        first = await anext(said)
        if "error" in (told := json.loads(first)):
            await said.aclose()  # type: ignore[attr-defined]
            raise UserError(told["error"])

        async def all_lines() -> Any:
            try:
                yield first
                async for line in said:
                    yield line
            finally:
                await said.aclose()  # type: ignore[attr-defined]

        return StreamingResponse(all_lines(), media_type="application/x-ndjson")
