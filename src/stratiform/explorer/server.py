"""The server before the application: a request's head has to be HTTP, and to come within seconds."""

from __future__ import annotations

import asyncio
import json
import socket

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from stratiform.explorer.limits import Limits


def server(app: ASGIApp) -> uvicorn.Server:
    """One that is run with the sockets to listen at."""
    config = uvicorn.Config(
        app, http=Heads, ws="none", lifespan="off", log_level="warning", timeout_graceful_shutdown=1
    )
    return uvicorn.Server(config)


class Heads(H11Protocol):
    """HTTP/1.1 whose heads come in time.

    uvicorn's own limit ends with the first byte of a head; an application is only asked when the last one is there.
    """

    seconds = Limits.head_seconds
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # An answer's head and body are written apart. Otherwise the body waits until the head is acknowledged, 40 ms;
        # asyncio sees to it for sockets that name their protocol only, which those that were accepted seldom do.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watch()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "this is not HTTP/1.1 as this server takes it")

    def _watch(self) -> None:
        """Runs a clock while a head is on its way: from the connection, later from its first byte."""
        coming = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if coming and self._deadline is None:
            self._deadline = self.loop.call_later(self.seconds, self._late)
        elif not coming and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        if self.conn.trailing_data[0]:
            self._refuse(408, f"the head of the request took longer than {self.seconds:g} seconds")
        else:
            self.transport.close()

    def _refuse(self, status: int, why: str) -> None:
        body = json.dumps({"error": why}).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
        for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
