"""The live page: `explore`."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from stratiform.cli.options import Answer, Options
from stratiform.errors import Failed, UserError

PORT = 8008


@dataclass(frozen=True, kw_only=True)
class Explore(Options):
    """The live page of one run or several: see, steer and edit every level in the browser. Ends with Ctrl-C."""

    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN...")]
    """Folders that `stratiform train` made; one that is still training is read again whenever its weights change."""
    source: str | None = None
    """Images to place on the pads instead of the run's own: a name, a folder, an .npz."""
    host: str = "127.0.0.1"
    """The address to listen at. Whoever reaches it may use the page."""
    port: int = PORT
    """The port; 0: any that is free."""

    def work(self) -> Answer:
        import torch

        from stratiform.explorer.app import application
        from stratiform.explorer.attached import attached
        from stratiform.explorer.server import server

        torch.set_num_threads(1)  # requests run side by side; a small picture gains nothing by a second thread
        runs = attached(self.runs, self.source)
        listening = _listening(self.host, self.port)
        address = f"http://{self.host if ':' not in self.host else f'[{self.host}]'}:{listening.getsockname()[1]}/"
        print(f"explorer: {address}   (Ctrl-C ends it)", file=sys.stderr if self.json else sys.stdout, flush=True)
        server(application(runs)).run([listening])
        return Answer({"address": address}, ())


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        UserError: there is no such address or port here.
        Failed: somebody else listens there.
    """
    if not 0 <= port < 2**16:
        raise UserError(f"--port is {port}; give 0 to {2**16 - 1}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # whoever reads the address may connect at once
    except socket.gaierror as error:
        raise UserError(f"--host is {host}, which is no address of this machine; give 127.0.0.1") from error
    except OSError as error:
        reason = error.strerror or error
        raise Failed(f"cannot listen at {host}, port {port} ({reason}); choose another --port") from error
    return listening
