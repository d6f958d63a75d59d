"""What is refused before the application sees it."""

import asyncio
import json
import threading
from collections.abc import Iterable

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from stratiform.explorer.hands import Hands
from stratiform.explorer.limits import Guard, Limits, Rates, Refused


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    await PlainTextResponse(message["body"])(scope, receive, send)


def asked(
    parts: Iterable[bytes | float] = (),
    *,
    method: str = "POST",
    path: str = "/api",
    limits: Limits | None = None,
    **headers: str,
) -> tuple[int, str, dict[str, str]]:
    """The answer of a guarded echo: a number among the parts of the body is a pause in seconds, None its end."""
    told = {"host": "localhost:8008", "content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "scheme": "http",
        "client": ("127.0.0.1", 5),
        "headers": [(name.encode(), value.encode()) for name, value in told.items() if value],
    }
    coming = iter(parts)
    sent: list[Message] = []

    async def receive() -> Message:
        for part in coming:
            if isinstance(part, float):
                await asyncio.sleep(part)
            elif part is None:
                return {"type": "http.disconnect"}
            else:
                return {"type": "http.request", "body": part, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Guard(echo, limits or Limits())(scope, receive, send))
    text = b"".join(message.get("body", b"") for message in sent).decode()
    return sent[0]["status"], text, {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8008", "192.168.0.7:80", "[::1]:9", "[::1]"])
def test_addresses_and_localhost_are_answered_with_the_body_whole(host: str) -> None:
    status, text, headers = asked([b"a", b"b"], host=host, origin=f"http://{host}")
    assert (status, text) == (200, "ab")
    assert (
        "default-src 'none'" in headers["content-security-policy"] and headers["x-content-type-options"] == "nosniff"
    )


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8008", "localhost.evil.example", "::1", "[1.2.3.4]"]
)
def test_other_names_are_refused(host: str) -> None:
    assert asked(host=host)[0] == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://localhost:8008", "http://localhost:8009"])
def test_pages_of_other_origins_are_refused(origin: str) -> None:
    status, text, _ = asked(origin=origin)
    assert status == 403 and json.loads(text) == {"error": "pages of other origins may not use this server"}


def test_a_link_elsewhere_may_lead_to_the_page_but_not_to_the_api() -> None:
    assert asked(method="GET", path="/", sec_fetch_site="cross-site")[0] == 200
    assert asked(method="GET", sec_fetch_site="cross-site")[0] == 403
    assert asked(method="GET", sec_fetch_site="same-origin")[0] == 200


def test_a_body_is_json_or_an_image_and_not_too_long() -> None:
    small = Limits(json_bytes=3, picture_bytes=5)
    assert asked([b"abc"], limits=small)[0] == 200
    assert asked([b"ab", b"cd"], limits=small)[0] == 413
    assert asked([], limits=small, content_length="4")[0] == 413
    assert asked([], limits=small, content_length="9" * 50)[0] == 413
    assert asked([b"abcd"], limits=small, content_type="image/png")[0] == 200
    assert asked([b"a"], content_type="text/plain")[0] == 415
    assert asked([b"a"], content_type="")[0] == 415
    assert asked([b"a"], method="GET")[0] == 413


def test_a_slow_body_and_one_that_breaks_off_are_refused() -> None:
    status, text, headers = asked([b"a", 1.0, b"b"], limits=Limits(body_seconds=0.05))
    assert status == 408 and "longer than 0.05 seconds" in text and headers["connection"] == "close"
    assert asked([b"a", None])[0] == 400  # type: ignore[list-item]


def test_requests_are_counted_by_address_and_time() -> None:
    rates = Rates(rate=2.0, burst=3.0)
    for _ in range(3):
        rates.take("a", now=0.0)
    with pytest.raises(Refused, match="too many requests"):
        rates.take("a", now=0.0)
    rates.take("b", now=0.0)
    rates.take("a", now=0.5)
    with pytest.raises(Refused):
        rates.take("a", now=0.5)


def test_addresses_are_not_remembered_without_end() -> None:
    rates = Rates(1.0, 2.0, addresses=10)
    for address in range(100):
        rates.take(str(address), now=0.0)
    assert len(rates.buckets) <= 10


class Waits:
    """A request whose client is still there."""

    async def is_disconnected(self) -> bool:
        return False


def test_the_live_picture_does_not_stand_behind_other_work() -> None:
    async def ask() -> None:
        hands, done = Hands(Limits(at_once=1)), threading.Event()
        codes = asyncio.create_task(hands.do(Waits(), lambda: done.wait(20)))  # type: ignore[arg-type]
        strip = asyncio.create_task(hands.do(Waits(), lambda: "strip"))  # type: ignore[arg-type]
        live = hands.follow(Waits(), lambda: "picture")  # type: ignore[arg-type]
        assert await asyncio.wait_for(live, 10) == "picture" and not strip.done()
        done.set()
        assert await codes and await strip == "strip"

    asyncio.run(ask())
