"""Writers of tiny data files, a small data set, and a server that can misbehave."""

import gzip
import hashlib
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.data import Dataset, from_tensors


def idx_bytes(array: np.ndarray, *, code: int = 8) -> bytes:
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + shape + array.astype(np.uint8).tobytes()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's own, and no proxy between a test and loopback."""
    monkeypatch.delenv("SURFEIT_DATA", raising=False)
    monkeypatch.delenv("SURFEIT_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def write_idx() -> Callable[[Path, np.ndarray], Path]:
    def write(path: Path, array: np.ndarray) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = idx_bytes(array)
        path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
        return path

    return write


@pytest.fixture
def small() -> Dataset:
    """40 training, 12 validation and 12 test images of 2 x 3 x 3 in 4 classes."""
    generator = Streams(1).get("small")

    def pair(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        images = torch.rand(count, 2, 3, 3, generator=generator)
        return images, torch.arange(count) % 4

    return from_tensors("small", train=pair(40), validation=pair(12), test=pair(12))


@dataclass
class Server:
    """Serves `files` by path on loopback and notes each request's path and Range header."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0  # bytes of content
    cut_after: list[int] = field(default_factory=list)  # bytes until each next answer is cut off
    codes: list[int] = field(default_factory=list)  # HTTP codes of the next answers
    ranges: bool = True
    stall: bool = False


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            server.requests.append((self.path, wanted))
            if server.stall:
                server_stopped.wait(5)
                return
            content = server.files.get(self.path)
            if server.codes or content is None:
                self.send_error(server.codes.pop(0) if server.codes else 404)
                return
            start = int(wanted[6:-1]) if wanted and server.ranges else 0
            if start and start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                span = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self.send_header("Content-Range", span)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            body = body[: server.cut_after.pop(0)] if server.cut_after else body
            server.sent += len(body)
            self.wfile.write(body)  # the connection closes behind it, whole or cut

    server_stopped = threading.Event()
    Handler.stopped = server_stopped  # pyright: ignore
    return Handler


def _serve() -> Iterator[Server]:
    server = Server()
    handler = _handler(server)
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    server.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield server
    handler.stopped.set()  # pyright: ignore
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    yield from _serve()


@pytest.fixture
def other_server() -> Iterator[Server]:
    yield from _serve()


@pytest.fixture
def dead_address() -> str:
    """An address on loopback where nobody listens."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    http.server_close()
    return f"http://127.0.0.1:{http.server_port}"


@pytest.fixture
def content() -> bytes:
    """300,000 bytes without a pattern."""
    return np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes()


@pytest.fixture
def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()
