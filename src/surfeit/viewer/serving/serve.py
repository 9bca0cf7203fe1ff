"""Runs the local server on this machine's loopback, for as long as somebody looks."""

import errno
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from surfeit.core import SurfeitError

LOOPBACK = "127.0.0.1"
_LARGEST_PORT = 65_535
_BACKLOG = 128
_SECONDS_TO_START = 10.0
_SECONDS_TO_END = 0.5


class PortError(SurfeitError):
    """The port cannot be listened on."""


@dataclass(frozen=True)
class Serving:
    """A server that answers.

    Args:
        port: the port it listens on.
        thread: ends when the server does.
    """

    port: int
    thread: threading.Thread

    @property
    def address(self) -> str:
        """Where it answers, without a path: `http://127.0.0.1:PORT`."""
        return f"http://{LOOPBACK}:{self.port}"

    def wait(self) -> None:
        """Returns when the server ends; `KeyboardInterrupt` gets through at once."""
        while self.thread.is_alive():
            self.thread.join(timeout=1.0)


def listening(port: int = 0) -> socket.socket:
    """A socket on the loopback that connections already queue at.

    Args:
        port: in [0, 65535]; 0: a free one is chosen.

    Raises:
        ValueError: if there is no such port.
        PortError: if it is taken, or the system keeps it for itself.
    """
    if not 0 <= port <= _LARGEST_PORT:
        raise ValueError(f"port must be in [0, {_LARGEST_PORT}], got {port}; 0 chooses a free one")
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((LOOPBACK, port))
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise PortError(_why_not(port, error)) from error
    return found


@contextmanager
def serving(application: ASGIApp, port: int = 0) -> Iterator[Serving]:
    """Serves in a thread while the block runs.

    Args:
        application: as `surfeit.viewer.serving.server.application` makes it.
        port: as for `listening`.

    Raises:
        ValueError, PortError: as `listening`.
    """
    door = listening(port)
    server = uvicorn.Server(_configuration(application))
    # The thread closes the socket: taken from under a server that still ends, it is an error.
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [door]}, name="viewer", daemon=True
    )
    found = Serving(port=door.getsockname()[1], thread=thread)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield found
    finally:
        server.should_exit = server.force_exit = True
        thread.join(timeout=_SECONDS_TO_END)


def _configuration(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
    )


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.005)


def _why_not(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is taken by another program: give another one with --port, "
            "or none and a free one is chosen"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is kept for the system: give --port a number from 1024 on"
    return f"cannot listen on {LOOPBACK}, port {port}: {error.strerror}"
