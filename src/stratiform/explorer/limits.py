"""What is refused before anybody looks at it: foreign pages, foreign names of this machine, too much, too slowly.

A page of another site may not steer the explorer (Origin, Sec-Fetch-Site), nor a site whose name was pointed at this
machine (DNS rebinding: only `localhost` and addresses are taken as Host).
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIB = 2**20
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp")
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one may ask for."""

    json_bytes: int = MIB
    picture_bytes: int = 16 * MIB
    picture_pixels: int = 25_000_000
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    rate: float = 300.0  # requests per second from one address, in the long run
    burst: float = 600.0  # requests at once
    at_once: int = 2  # decoded side by side, of live pictures and of all else
    waiting: int = 64  # requests that wait for that
    painting: int = 2  # pictures drawn pixel after pixel side by side


class Refused(Exception):
    """A request that is not answered: the status, and why in one sentence."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """Stands before an app: hands on what is within the limits, the body whole."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits, self.rates = app, limits, Rates(limits.rate, limits.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            _check_names(headers, scope)
            self.rates.take(scope["client"][0] if scope["client"] else "")
            body = await self._body(scope, headers, receive)
        except Refused as refused:
            await _refuse(send, refused)
            return

        async def whole() -> Message:
            nonlocal body
            if body is None:
                return await receive()
            message, body = {"type": "http.request", "body": body, "more_body": False}, None
            return message

        await self.app(scope, whole, send)

    async def _body(self, scope: Scope, headers: dict[str, str], receive: Receive) -> bytes | None:
        """The whole body; of a method that has none, empty."""
        limit = 0
        if scope["method"] == "POST":
            kind = headers.get("content-type", "").split(";")[0].strip().lower()
            if kind != "application/json" and kind not in PICTURES:
                raise Refused(415, "send application/json, or an image as image/png, jpeg, webp, gif or bmp")
            limit = self.limits.json_bytes if kind == "application/json" else self.limits.picture_bytes
        too_long = Refused(413, f"the body is too long; at most {limit:,} bytes are taken here")
        if (length := headers.get("content-length", "0")).isdecimal() and int(length[:20]) > limit:
            raise too_long
        parts, size = [], 0
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise Refused(400, "the body ended early")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > limit:
                        raise too_long
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise Refused(408, f"the body took longer than {self.limits.body_seconds:g} seconds") from None


class Rates:
    """A bucket of requests for every address, that fills at `rate` per second up to `burst`."""

    def __init__(self, rate: float, burst: float, addresses: int = 1000) -> None:
        self.rate, self.burst, self.addresses = rate, burst, addresses
        self.buckets: dict[str, tuple[float, float]] = {}

    def take(self, address: str, now: float | None = None) -> None:
        now = time.monotonic() if now is None else now
        left, then = self.buckets.get(address, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.rate)
        if left < 1:
            raise Refused(429, f"too many requests; {self.rate:g} a second are answered")
        if len(self.buckets) >= self.addresses:
            self.buckets.clear()
        self.buckets[address] = (left - 1, now)


def _check_names(headers: dict[str, str], scope: Scope) -> None:
    """Refuses requests that were sent to another name, or by another site's page."""
    host = headers.get("host", "")
    if not _is_here(host):
        raise Refused(421, "this server answers to localhost and to addresses, not to other names")
    origin = headers.get("origin")
    if origin is not None and origin != f"{scope['scheme']}://{host}":
        raise Refused(403, "pages of other origins may not use this server")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and scope["path"] != "/":
        raise Refused(403, "pages of other sites may not use this server")


def _is_here(host: str) -> bool:
    """localhost, or an address, with or without a port."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "0"
    if not (port.isascii() and port.isdecimal()):
        return False
    if name.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return name.startswith("[") == (address.version == 6)


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return sent


async def _refuse(send: Send, refused: Refused) -> None:
    body = json.dumps({"error": str(refused)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))  # what is left of the body is not read
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
