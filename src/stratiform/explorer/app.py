"""The page, its files and the API as one application, and the server."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from stratiform.errors import Failed, UserError
from stratiform.explorer.api import Api
from stratiform.explorer.attached import Attached, Waiting
from stratiform.explorer.limits import Guard, Limits, Refused

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
LOG = logging.getLogger("stratiform.explorer")


def application(runs: Mapping[str, Attached], limits: Limits | None = None) -> ASGIApp:
    """What a server serves; every answer that is no answer is {"error": one sentence}."""
    limits = limits or Limits()
    errors = {
        HTTPException: _told,
        Refused: _told,
        UserError: _told,
        Failed: _told,
        Waiting: _told,
        Exception: _failed,
    }
    routes = [*_static(), *Api(runs, limits).routes()]
    return Guard(Starlette(routes=routes, exception_handlers=errors), limits)


def _static() -> list[Route]:
    """A route for each file of the page, read once: no path is ever made from a request."""
    found = []
    for file in sorted(files(__package__).joinpath("static").iterdir(), key=lambda file: file.name):
        kind = next((kind for ending, kind in KINDS.items() if file.name.endswith(ending)), None)
        if kind is not None:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            found.append(Route(path, _file(file.read_bytes(), kind), methods=["GET"]))
    return found


def _file(content: bytes, kind: str):  # type: ignore[no-untyped-def]
    async def answer(request: Request) -> Response:
        return Response(content, headers={"content-type": kind, "cache-control": "no-cache"})

    return answer


async def _told(request: Request, error: Exception) -> Response:
    status, headers, text = 400, None, str(error)
    if isinstance(error, HTTPException):
        status, headers, text = error.status_code, error.headers, error.detail
    elif isinstance(error, Refused):
        status = error.status
    elif isinstance(error, Waiting):
        status = 409
    return JSONResponse({"error": text}, status, headers)


async def _failed(request: Request, error: Exception) -> Response:
    LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse({"error": "the server failed to answer this; its own output says why"}, 500)
