"""Sources that never end, drip, lie about sizes or lead elsewhere: each is left for the next."""

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.error import URLError

import pytest

from surfeit.core import DownloadError
from surfeit.data import download as module
from surfeit.data.catalog import SOURCES
from surfeit.data.download import Patience, download
from surfeit.data.web import _led

CONTENT = b"0123456789" * 100
SUMS = {"md5": hashlib.md5(CONTENT).hexdigest(), "sha256": hashlib.sha256(CONTENT).hexdigest()}
QUICK = Patience(timeout=2.0, retries=1, wait=0.0)
IMPATIENT = Patience(timeout=2.0, retries=3, wait=0.0, least_speed=1000.0, window=0.4)
Answer = Callable[[socket.socket], None]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A server that says on each connection what `answer` sends, once the request was read."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            heard = b""
            while b"\r\n\r\n" not in heard:
                heard += connection.recv(4096)
            answer(connection)

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/file"
    over.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def whole(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + CONTENT)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(400):
        connection.sendall(b"0" * (1 << 20))


def get(address, tmp_path, patience=QUICK, **options):
    target = tmp_path / "file"
    download([address], target, patience=patience, **{**SUMS, "size": len(CONTENT), **options})
    return target.read_bytes()


@pytest.mark.parametrize(("options", "most"), [({}, 1 << 20), ({"size": None}, 1 << 22)])
def test_a_source_that_never_ends_is_left_at_the_files_size(tmp_path, monkeypatch, options, most):
    monkeypatch.setattr(module, "_MOST", 1 << 21)
    largest = []
    part = tmp_path / "file.part"

    def look(name, done, total):
        largest.append(max(done, part.stat().st_size if part.exists() else 0))

    with serving(endless) as address, pytest.raises(DownloadError, match="sent more than"):
        get(address, tmp_path, progress=look, **options)
    assert max(largest) <= most
    assert not part.exists() or part.stat().st_size == 0
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("length", "size", "words"),
    [
        (b"314572800", 1000, "offers 314,572,800 bytes, but the file has 1,000"),
        (b"999", 1000, "offers 999 bytes, but the file has 1,000"),
        (b"1" * 18, None, "offers 111,111,111,111,111,111 bytes, expected at most 134,217,728"),
    ],
)
def test_a_length_that_is_not_the_files_is_refused_before_a_byte_is_taken(
    tmp_path, length, size, words
):
    def answer(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n")
        connection.sendall(b"0" * (1 << 20))

    with serving(answer) as address, pytest.raises(DownloadError, match=words):
        get(address, tmp_path, size=size)
    assert not (tmp_path / "file.part").exists()


@pytest.mark.parametrize("length", [b"9" * 5000, "١٢".encode(), b"-5", b"0x10"])
def test_a_length_that_is_no_number_is_passed_over(tmp_path, length):
    def answer(connection):
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: " + length + b"\r\n\r\n" + CONTENT)

    with serving(answer) as address:
        assert get(address, tmp_path) == CONTENT


def test_a_file_that_ends_before_its_size_is_asked_for_again(tmp_path):
    def answer(connection):
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + CONTENT[:500])

    with serving(answer) as address, pytest.raises(DownloadError, match="ended at 500 of 1000"):
        get(address, tmp_path)


def test_a_part_that_is_longer_than_the_file_is_dropped(tmp_path):
    (tmp_path / "file.part").write_bytes(b"x" * 5000)
    with serving(whole) as address:
        assert get(address, tmp_path) == CONTENT


def body_drips(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    drip(connection, CONTENT)


def headers_drip(connection):
    drip(connection, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000)


def chunk_sizes_drip(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    drip(connection, b"5;" + b"x" * 1000)


def drip(connection, content):
    for byte in content:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [body_drips, headers_drip, chunk_sizes_drip])
def test_a_source_that_drips_is_left_for_the_next(tmp_path, answer):
    began = time.monotonic()
    with serving(answer) as slow, serving(whole) as good:
        target = tmp_path / "file"
        download([slow, good], target, size=1000, patience=IMPATIENT, **SUMS)
    assert target.read_bytes() == CONTENT
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("answer", [body_drips, headers_drip])
def test_a_source_that_drips_is_told_of_with_the_least_speed(tmp_path, answer):
    words = r"slower than 1,000 bytes a second over 0\.4 s"
    with serving(answer) as address, pytest.raises(DownloadError, match=words):
        get(address, tmp_path, patience=IMPATIENT)


def test_a_source_that_cuts_after_each_byte_is_slow_too(tmp_path):
    """Each cut brings a new byte, so that tries alone would never end."""
    sent = []

    def answer(connection):
        at = len(sent)
        sent.append(at)
        time.sleep(0.05)
        head = f"HTTP/1.1 206 Partial\r\nContent-Range: bytes {at}-999/1000\r\n"
        if not at:
            head = "HTTP/1.1 200 OK\r\n"
        connection.sendall(f"{head}Content-Length: {1000 - at}\r\n\r\n0".encode())

    words = r"slower than 1,000 bytes a second over 0\.4 s"
    with serving(answer) as address, pytest.raises(DownloadError, match=words):
        get(address, tmp_path, patience=IMPATIENT)
    assert len(sent) < 100


def test_a_source_that_is_slow_but_not_too_slow_is_borne(tmp_path):
    def answer(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for start in range(0, 1000, 100):
            connection.sendall(CONTENT[start : start + 100])
            time.sleep(0.1)

    patience = Patience(timeout=2.0, retries=0, wait=0.0, least_speed=300.0, window=0.4)
    with serving(answer) as address:
        assert get(address, tmp_path, patience=patience) == CONTENT


def test_the_sha256_is_asked_for_beside_the_md5(tmp_path):
    with serving(whole) as address:
        with pytest.raises(DownloadError, match=rf"wrong checksum: sha256 {SUMS['sha256']}, exp"):
            get(address, tmp_path, sha256="0" * 64)
        with pytest.raises(DownloadError, match=rf"wrong checksum: md5 {SUMS['md5']}, expected 0"):
            get(address, tmp_path, md5="0" * 32)
        with pytest.raises(DownloadError, match=r"get the file \(sha256 0{64}\) by hand"):
            get(address, tmp_path, sha256="0" * 64)


def leading(location: str, body: bytes = b"") -> Answer:
    def answer(connection):
        head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n"
        connection.sendall(head.encode() + body)
        for _ in range(400 if body else 0):
            connection.sendall(b"0" * (1 << 20))

    return answer


def test_a_redirect_to_the_same_scheme_is_followed_and_its_own_content_left(tmp_path):
    with serving(whole) as good, serving(leading(good, b"0")) as first:
        assert get(first, tmp_path) == CONTENT


@pytest.mark.parametrize(
    "location", ["ftp://127.0.0.1/file", "file:///etc/hostname", "data:,0", "", "http://[::1/"]
)
def test_a_redirect_to_anything_but_the_web_is_refused(tmp_path, location):
    with serving(leading(location)) as address, pytest.raises(DownloadError, match="it redirects"):
        get(address, tmp_path)


def test_redirects_that_go_round_are_left(tmp_path):
    round_and_round = pytest.raises(DownloadError, match="more than 5 redirects")
    with serving(leading("/again")) as address, round_and_round:
        get(address, tmp_path)


@pytest.mark.parametrize("location", ["http://a.example/x", "//b.example/x", "/y", "https://c/x"])
def test_https_leads_to_https_alone(location):
    if location.startswith("http:"):
        with pytest.raises(URLError, match=r"expected an address of https>$"):
            _led("https://a.example/x", location)
    else:
        assert _led("https://a.example/x", location).startswith("https://")
        assert _led("http://a.example/x", location).startswith("http")


def test_a_part_that_is_no_file_is_in_the_way(tmp_path):
    (tmp_path / "file.part").mkdir()
    with serving(whole) as address, pytest.raises(DownloadError, match="what is there is no file"):
        get(address, tmp_path)


def test_every_known_file_has_its_size_and_both_sums():
    files = [file for source in SOURCES for file in source.files]
    assert len(files) == 9
    for file in files:
        assert file.size
        assert len(file.md5) == 32
        assert len(file.sha256 or "") == 64
