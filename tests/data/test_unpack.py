"""Hostile archives: bombs, lying headers, names that lead out; none is unpacked, none hangs."""

import gzip
import io
import random
import resource
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surfeit.core import DataError
from surfeit.data.unpack import unpack

QUIETLY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def header(name=b"a", *, size=b"00000000000", kind=b"0", linkname=b"") -> bytes:
    """A tar header whose fields are as given, with a right checksum."""
    block = bytearray(512)
    block[0 : len(name)] = name
    block[100:108] = b"0000644\0"
    block[124 : 124 + len(size)] = size
    block[156:157] = kind
    block[157 : 157 + len(linkname)] = linkname
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def binary(size: int) -> bytes:
    """A size in base 256, as GNU's tar writes what eleven octal digits do not hold."""
    return ((1 << 95) + size if size >= 0 else (1 << 96) + size).to_bytes(12, "big")


END = b"\0" * 1024
GOOD = header(size=b"00000000003") + b"abc".ljust(512, b"\0") + END


def unpacked(tmp_path, content, *, members=("a",), most=1 << 20):
    archive = tmp_path / "archive.tar.gz"
    archive.write_bytes(content)
    unpack(archive, tmp_path / "root", members=members, most=most)
    return (tmp_path / "root" / members[0]).read_bytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_plain_and_gzipped_archives_are_unpacked(tmp_path, pack):
    assert unpacked(tmp_path, pack(GOOD)) == b"abc"


def test_an_archive_just_as_large_as_allowed_is_unpacked(tmp_path):
    assert unpacked(tmp_path, gzip.compress(GOOD), most=len(GOOD)) == b"abc"
    with pytest.raises(DataError, match="unpacks to more than 511 bytes"):
        unpacked(tmp_path, gzip.compress(GOOD), most=511)


@pytest.mark.parametrize(
    "content",
    [
        header(b"bomb", size=b"77777777777") + b"\0" * (1 << 22) + END,
        header(b"a", size=b"00017777777") + b"\0" * (1 << 22) + END,  # the member itself
        header(b"x", size=binary(1 << 60), kind=b"x") + END,  # a header of its own, of 1 EB
        header(b"x", size=binary(1 << 40), kind=b"L") + END,
        header(b"x", size=binary(1 << 30), kind=b"g") + b"\0" * (1 << 22),
    ],
    ids=["passed over", "member", "pax", "long name", "global"],
)
def test_a_bomb_is_refused_in_little_memory(tmp_path, content):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="unpacks to more than 1,048,576 bytes"):
        unpacked(tmp_path, gzip.compress(content))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10
    assert not (tmp_path / "root" / "a").exists()
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    "content",
    [
        header(b"x", size=binary(-512)) + GOOD,
        header(b"x", size=binary(-1024), kind=b"5") + GOOD,
        header(b"x", size=binary(-512), kind=b"x") + GOOD,
        header(b"x", size=b"00000000024", kind=b"x")
        + b"20 size=-1024000000\n".ljust(512, b"\0")
        + GOOD,
        header(b"x", size=b"00000000000", kind=b"x") * 3000 + GOOD,
        header(b"x", size=b"00000000001", kind=b"L") + b"a".ljust(512, b"\0"),
        GOOD[:600],
        GOOD[:512],
        gzip.compress(GOOD, mtime=0)[:-5],
        b"",
        b"\x1f\x8b",
        random.Random(0).randbytes(5000),
    ],
    ids=lambda content: f"{len(content)} bytes",
)
def test_a_lying_or_damaged_archive_is_named(tmp_path, content):
    with pytest.raises(DataError, match=r"archive\.tar\.gz: (expected|found)"):
        unpacked(tmp_path, content, members=("missing",))


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"4", b"5", b"6", b"S"])
def test_links_devices_pipes_folders_and_sparse_files_are_no_members(tmp_path, kind):
    (tmp_path / "secret").write_bytes(b"secret")
    content = header(b"a", kind=kind, linkname=b"../secret") + END
    with pytest.raises(DataError, match="found no regular file a in"):
        unpacked(tmp_path, content)
    assert not (tmp_path / "root").exists()


@QUIETLY
@given(data=st.data())
def test_any_change_of_an_archive_gives_the_file_or_a_word(tmp_path, data):
    stream = io.BytesIO()
    shape = data.draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
    with tarfile.open(fileobj=stream, mode="w", format=shape) as tar:
        for name in ("b" * data.draw(st.sampled_from([1, 150])), "a"):
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"abc"))
    content = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 3000))] = data.draw(st.integers(0, 255))
    try:
        unpacked(tmp_path, bytes(content))
    except DataError as error:
        assert "archive.tar.gz" in str(error)  # noqa: PT017
