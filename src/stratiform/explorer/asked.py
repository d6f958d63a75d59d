"""What a request asks of which run: every field is checked, nothing that is sent becomes part of a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request

from stratiform.errors import UserError
from stratiform.explorer import strict
from stratiform.explorer import view as views
from stratiform.explorer.attached import Attached, Opened
from stratiform.explorer.limits import Refused
from stratiform.explorer.picture import completes
from stratiform.explorer.view import Choice, View


class Desk:
    """Where requests about some runs are read."""

    def __init__(self, runs: Mapping[str, Attached]) -> None:
        self.runs = runs

    def run(self, request: Request) -> Attached:
        run = self.runs.get(request.path_params["run"])
        if run is None:
            raise HTTPException(404, "there is no such run here; /api/runs lists them")
        return run

    async def opened(self, request: Request) -> Opened:
        """The run with its present weights."""
        run = self.run(request)
        opened = run.ready()
        return await to_thread.run_sync(run.now) if opened is None else opened

    async def fields(self, request: Request, allowed: tuple[str, ...]) -> tuple[Opened, Mapping[str, Any]]:
        """The run, and the fields of the body."""
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            raise Refused(415, "send application/json")
        given = strict.fields(strict.parsed(await request.body()), "the body", allowed)
        return await self.opened(request), given

    async def image(self, request: Request, *more: str) -> tuple[Opened, View]:
        """The run, and the view of the image that is sent: all levels draws. `more`: "known", or nothing."""
        opened, given = await self.fields(request, ("image", *more))
        sent = views.image(given.get("image"), "image", opened.spec)
        known = views.mask(given["known"], "known", opened.spec) if "known" in given else b""
        return opened, View(levels=(Choice(),) * len(opened.model.hierarchy.shapes), a=sent, known=known)


def view_of(given: Mapping[str, Any], opened: Opened) -> View:
    view = View.from_json(given.get("view", {}), opened.spec, opened.model.hierarchy.shapes)
    if completes(opened.model) and not view.a:
        raise UserError("this model completes images and draws none by itself; give image a, and known: what stays")
    return view


def query(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number behind the question mark."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise UserError(f"{name} is no whole number; give one from {low} to {high}")
    return strict.whole(int(text), name, low, high)
