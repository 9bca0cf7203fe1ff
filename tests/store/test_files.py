"""What is read is a file, of a size that was asked for; anything else is said in words, at once."""

import os
import signal
import socket

import pytest

from surfeit.core import StoreError
from surfeit.store.files import FileSum, open_regular, read_bytes, read_json


@pytest.fixture(autouse=True)
def at_once():
    """A read that waits for ever fails instead."""

    def tell(*_):
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, tell)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


READERS = [
    open_regular,
    lambda path: read_bytes(path, most=100),
    read_json,
    FileSum.read,
]


def pipe(path):
    os.mkfifo(path)


def listener(path):
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path may have 100 characters only
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "is missing"),
        (pipe, "cannot be read: it is a pipe, not a file"),
        (listener, "cannot be read: it is a socket, not a file"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
    ],
)
def test_what_is_no_file_is_a_sentence(tmp_path, read, make, words):
    path = tmp_path / "x"
    make(path)
    with pytest.raises(StoreError, match=rf"x {words}"):
        read(path)


@pytest.mark.parametrize("read", READERS[:3])
@pytest.mark.parametrize("target", ["/dev/zero", "/dev/random", "/dev/tty"])
def test_a_device_is_not_read_through_a_link_either(tmp_path, read, target):
    if not os.path.exists(target):
        pytest.skip(f"no {target} here")
    (tmp_path / "x").symlink_to(target)
    with pytest.raises(StoreError, match="x cannot be read: it is a device"):
        read(tmp_path / "x")


def test_links_are_followed_where_they_may_be_and_never_in_a_circle(tmp_path):
    (tmp_path / "file").write_bytes(b"{}")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert read_json(tmp_path / "link") == {}
    with pytest.raises(StoreError, match="loop cannot be read: its links lead in a circle"):
        read_json(tmp_path / "loop")
    for name in ("link", "loop"):
        with pytest.raises(StoreError, match=f"{name} is a link: in a run's folder no link"):
            read_json(tmp_path / name, follow=False)
        assert "is a link" in str(FileSum(2, "").differs(tmp_path / name))


def test_a_file_larger_than_asked_for_is_not_read(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert read_bytes(path, most=3) == b"abc"
    with pytest.raises(StoreError, match="x is too large to be what it should: more than 2 bytes"):
        read_bytes(path, most=2)
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no space
    with pytest.raises(StoreError, match="too large"):
        read_json(path)
    assert FileSum(3, "").differs(path) == (
        f"{path} is damaged: it has {1 << 40} bytes instead of 3"
    )


def test_a_file_that_does_not_say_its_size_is_read_as_far_as_asked_for():
    if not os.path.exists("/proc/self/maps"):
        pytest.skip("no such files here")
    from pathlib import Path

    with pytest.raises(StoreError, match="too large"):
        read_bytes(Path("/proc/self/maps"), most=10)
    assert len(read_bytes(Path("/proc/self/maps"), most=1 << 24)) > 10


def test_a_file_that_may_not_be_read_says_what_to_do(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(StoreError, match="you may not read it: change its rights"):
        read_bytes(path, most=1)
