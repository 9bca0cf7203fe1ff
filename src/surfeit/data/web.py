"""One request over HTTP: of no weaker scheme than it began with, and cut where nothing comes."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from types import TracebackType
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
    build_opener,
)

_MOST_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_ALLOWED = {"https": {"https"}, "http": {"http", "https"}}  # what each scheme may lead to


class Watch:
    """Cuts connections that bring too little, be it in an answer's headers or its content.

    A thread looks once a window how many bytes came in it. Used as a context; several requests,
    one after another, may share one watch.

    Args:
        least: bytes a second.
        window: seconds over which they are counted.
    """

    def __init__(self, least: float, window: float) -> None:
        self.least, self.window = least, window
        self.cut = False
        self._came, self._over = 0, threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def came(self, count: int) -> None:
        """Notes so many bytes of content."""
        self._came += count

    def follow(self, connection: socket.socket | None) -> None:
        """From now on, this connection is the one that is cut."""
        self._socket = connection

    def _look(self) -> None:
        before = self._came
        while not self._over.wait(self.window):
            if self._came - before < self.least * self.window:
                self.cut = True
                if self._socket is not None:
                    with suppress(OSError):  # it has been closed meanwhile
                        self._socket.shutdown(socket.SHUT_RDWR)
                return
            before = self._came


@contextmanager
def opened(
    address: str, headers: Mapping[str, str], *, timeout: float, watch: Watch
) -> Iterator[HTTPResponse]:
    """The answer to a GET request, its content not yet read.

    Up to five redirects are followed: from https to https alone, from http to either.

    Args:
        address: of http or https.
        timeout: seconds without a byte after which the connection counts as cut.
        watch: what else cuts it.

    Raises:
        HTTPError: if the answer's code is no success.
        URLError: if there is no answer, or a redirect leads to a weaker scheme or round and round.
        OSError, HTTPException: if the connection is cut before its headers are there.
    """
    opener = _opener(watch)
    for _ in range(_MOST_REDIRECTS + 1):
        try:
            with opener.open(Request(address, headers=dict(headers)), timeout=timeout) as response:
                yield response
            return
        except HTTPError as error:
            if error.code not in _REDIRECTS:
                raise
            # Closed, not read: its content may have no end.
            error.close()
            address = _led(address, error.headers.get("Location", ""))
    raise URLError(f"more than {_MOST_REDIRECTS} redirects, the last to {address}")


def _led(address: str, location: str) -> str:
    """The address that a redirect leads to."""
    try:
        target = urljoin(address, location)
        scheme, found = urlsplit(address).scheme, urlsplit(target).scheme
    except ValueError as error:
        raise URLError(f"it redirects to {location!r:.200}, which is no address") from error
    if not location or found not in _ALLOWED[scheme]:
        allowed = " or ".join(sorted(_ALLOWED[scheme]))
        raise URLError(f"it redirects to {target!r:.200}, expected an address of {allowed}")
    return target


def _opener(watch: Watch) -> OpenerDirector:
    """Opens http and https, by a proxy where the environment names one; follows no redirect."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            watch.follow(self.sock)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            watch.follow(self.sock)

    class Http(HTTPHandler):
        def http_open(self, req: Request) -> HTTPResponse:
            return self.do_open(Plain, req)

    class Https(HTTPSHandler):
        def https_open(self, req: Request) -> HTTPResponse:
            return self.do_open(Secure, req)

    class Stay(HTTPRedirectHandler):
        def http_error_302(self, *args: Any, **kwargs: Any) -> None:
            """Leaves a redirect to `opened`: followed here, its whole content would be read."""

        http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    return build_opener(Http, Https, Stay)
