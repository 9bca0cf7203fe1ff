"""Whole data sets from loopback: mirrors, archives, files put there by hand."""

import hashlib
import io
import os
import tarfile

import pytest

from surfeit.core import DataError, DownloadError
from surfeit.data import fetch
from surfeit.data.download import Patience
from surfeit.data.fetch import fetch_source
from surfeit.data.source import Layout, RemoteFile, Source
from surfeit.data.unpack import unpack

QUICK = Patience(timeout=5.0, retries=1, wait=0.0)
MEMBERS = ("folder/one.bin", "folder/two.bin")


def never(root):
    raise AssertionError("nothing is loaded here")


def plain_source(content, *addresses):
    md5 = hashlib.md5(content).hexdigest()
    return Source(
        name="plain",
        description="two files",
        load=never,
        layouts=(Layout(folder="Plain/raw", files=("a", "b"), packable=True),),
        files=tuple(RemoteFile(path=f"Plain/raw/{name}.gz", md5=md5) for name in "ab"),
        addresses=tuple(f"{address}/" for address in addresses),
    )


def archive_source(archive, *addresses):
    remote = RemoteFile(
        path="archive.tar.gz", md5=hashlib.md5(archive).hexdigest(), members=MEMBERS
    )
    return Source(
        name="packed",
        description="one archive",
        load=never,
        layouts=(
            Layout(folder="folder", files=("one.bin", "two.bin")),
            Layout(folder="other", files=("one",)),
        ),
        files=(remote,),
        addresses=tuple(f"{address}/" for address in addresses),
    )


def tar(members, *, links=()):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return stream.getvalue()


GOOD = {"folder/readme.html": b"words", MEMBERS[0]: b"11", MEMBERS[1]: b"222"}


def get(entry, root, **options):
    return fetch_source(entry, root, patience=QUICK, **options)


def files_below(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_fetch_brings_all_files_and_then_nothing_more(tmp_path, server, content):
    server.files |= {"/a.gz": content, "/b.gz": content}
    entry = plain_source(content, server.address)
    assert get(entry, tmp_path) == tmp_path / "Plain/raw"
    assert files_below(tmp_path) == ["Plain/raw/a.gz", "Plain/raw/b.gz"]
    server.requests.clear()
    assert get(entry, tmp_path) == tmp_path / "Plain/raw"
    assert server.requests == []


def test_fetch_brings_only_what_is_missing(tmp_path, server, content):
    server.files["/b.gz"] = content
    (tmp_path / "Plain/raw").mkdir(parents=True)
    (tmp_path / "Plain/raw/a").write_bytes(b"unpacked by another program")
    get(plain_source(content, server.address), tmp_path)
    assert [path for path, _ in server.requests] == ["/b.gz"]


def test_fetch_uses_the_next_source_when_the_first_is_dead(tmp_path, dead_address, server, content):
    server.files |= {"/a.gz": content, "/b.gz": content}
    get(plain_source(content, dead_address, server.address), tmp_path)
    assert files_below(tmp_path) == ["Plain/raw/a.gz", "Plain/raw/b.gz"]


def test_fetch_tries_the_mirror_first_in_both_of_its_forms(tmp_path, server, other_server, content):
    server.files |= {"/data/Plain/raw/a.gz": content, "/data/b.gz": content}
    entry = plain_source(content, other_server.address)
    get(entry, tmp_path, mirror=f"{server.address}/data/")
    assert [path for path, _ in server.requests] == [
        "/data/Plain/raw/a.gz",
        "/data/Plain/raw/b.gz",
        "/data/b.gz",
    ]
    assert other_server.requests == []


def test_fetch_reads_the_mirror_from_the_environment(
    tmp_path, server, other_server, content, monkeypatch
):
    server.files |= {"/a.gz": content, "/b.gz": content}
    monkeypatch.setenv("SURFEIT_MIRROR", server.address)
    get(plain_source(content, other_server.address), tmp_path)
    assert other_server.requests == []


def test_fetch_survives_a_mirror_that_is_dead_or_lies(
    tmp_path, dead_address, server, other_server, content
):
    other_server.files |= {"/a.gz": content, "/b.gz": content}
    entry = plain_source(content, other_server.address)
    get(entry, tmp_path / "one", mirror=dead_address)
    server.files |= {"/a.gz": b"lies", "/b.gz": b"lies"}
    get(entry, tmp_path / "two", mirror=server.address)
    for name in ("one", "two"):
        assert (tmp_path / name / "Plain/raw/b.gz").read_bytes() == content


@pytest.mark.parametrize("mirror", ["example.org/data", "ftp://example.org", "/data"])
def test_fetch_refuses_a_mirror_that_is_no_web_address(tmp_path, mirror):
    with pytest.raises(ValueError, match=f"must begin with http.*got '{mirror}'"):
        fetch("mnist", tmp_path, mirror=mirror)


def test_fetch_reports_each_files_progress(tmp_path, server, content):
    server.files |= {"/a.gz": content, "/b.gz": content}
    calls = []
    get(plain_source(content, server.address), tmp_path, progress=lambda *call: calls.append(call))
    assert {call for call in calls if call[1] == call[2]} == {
        ("a.gz", 300_000, 300_000),
        ("b.gz", 300_000, 300_000),
    }


def test_fetch_of_the_embedded_set_does_nothing(tmp_path):
    assert fetch("digits", tmp_path) == tmp_path
    assert files_below(tmp_path) == []


def test_fetch_suggests_the_nearest_name(tmp_path):
    with pytest.raises(ValueError, match="no data set 'cifar': did you mean 'cifar10'"):
        fetch("cifar", tmp_path)


def test_fetch_unpacks_the_named_files_and_drops_the_archive(tmp_path, server):
    archive = tar(GOOD)
    server.files["/archive.tar.gz"] = archive
    entry = archive_source(archive, server.address)
    assert get(entry, tmp_path) == tmp_path / "folder"
    assert files_below(tmp_path) == list(MEMBERS)
    assert (tmp_path / MEMBERS[1]).read_bytes() == b"222"
    server.requests.clear()
    get(entry, tmp_path)
    assert server.requests == []


def test_fetch_is_content_with_another_complete_layout(tmp_path, server):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/one").write_bytes(b"1")
    assert get(archive_source(tar(GOOD), server.address), tmp_path) == tmp_path / "other"
    assert server.requests == []


def test_fetch_unpacks_an_archive_put_there_by_hand_and_keeps_it(tmp_path, server):
    """No checksum is asked of it: checksums guard downloads."""
    (tmp_path / "archive.tar.gz").write_bytes(tar({**GOOD, "own": b"addition"}))
    get(archive_source(tar(GOOD), server.address), tmp_path)
    assert files_below(tmp_path) == ["archive.tar.gz", *MEMBERS]
    assert server.requests == []


def test_fetch_names_an_archive_put_there_by_hand_that_is_cut_short(tmp_path, server):
    noise = os.urandom(100_000)
    (tmp_path / "archive.tar.gz").write_bytes(tar({MEMBERS[0]: noise, MEMBERS[1]: noise})[:150_000])
    with pytest.raises(DataError, match=r"archive\.tar\.gz: expected a whole tar archive"):
        get(archive_source(tar(GOOD), server.address), tmp_path)
    assert MEMBERS[1] not in files_below(tmp_path)
    assert not list(tmp_path.rglob("*.part"))


def test_unpack_writes_nothing_outside_and_nothing_unasked(tmp_path):
    root = tmp_path / "deep" / "root"
    root.mkdir(parents=True)
    hostile = {"../escaped": b"x", f"{tmp_path}/absolute": b"x", "folder/../../up": b"x", **GOOD}
    archive = root / "archive.tar.gz"
    archive.write_bytes(tar(hostile))
    unpack(archive, root, members=MEMBERS)
    assert files_below(tmp_path) == [
        f"deep/root/{name}" for name in ("archive.tar.gz", *sorted(MEMBERS))
    ]


def test_unpack_follows_no_link_that_bears_a_members_name(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    archive = tmp_path / "archive.tar.gz"
    archive.write_bytes(tar({MEMBERS[1]: b"2"}, links=[(MEMBERS[0], str(secret))]))
    with pytest.raises(DataError, match=f"found no regular file {MEMBERS[0]}"):
        unpack(archive, tmp_path, members=MEMBERS)
    assert not (tmp_path / MEMBERS[0]).exists()


def test_unpack_of_no_archive_names_it(tmp_path):
    archive = tmp_path / "archive.tar.gz"
    archive.write_bytes(b"<html>Not here</html>")
    with pytest.raises(DataError, match=f"^{archive}: expected a whole tar archive"):
        unpack(archive, tmp_path, members=MEMBERS)


def test_fetch_says_that_another_process_is_at_it(tmp_path, server, content):
    fcntl = pytest.importorskip("fcntl")
    folder = tmp_path / "Plain/raw"
    folder.mkdir(parents=True)
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    server.files |= {"/a.gz": content, "/b.gz": content}
    entry = plain_source(content, server.address)
    with pytest.raises(DownloadError, match=f"another process is downloading into {folder}"):
        get(entry, tmp_path)
    os.close(handle)
    get(entry, tmp_path)


def test_fetch_says_that_the_root_cannot_be_made(tmp_path, server, content):
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(DownloadError, match=r"cannot make the folder .*Not a directory"):
        get(plain_source(content, server.address), tmp_path / "file")


def test_fetch_error_names_the_file_and_where_to_put_it(tmp_path, dead_address, content):
    with pytest.raises(
        DownloadError, match=f"no source gave a.gz.*(\n.*)*{tmp_path}/Plain/raw/a.gz"
    ):
        get(plain_source(content, dead_address), tmp_path)


def test_fetch_that_gets_nothing_leaves_no_empty_folder(tmp_path, dead_address, content):
    for root in (tmp_path, tmp_path / "new"):
        with pytest.raises(DownloadError, match="no source gave"):
            get(plain_source(content, dead_address), root)
    assert not list(tmp_path.iterdir())
