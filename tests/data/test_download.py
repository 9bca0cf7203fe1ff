"""One file from servers on loopback that cut, lie, stall or are dead."""

import time
import urllib.error

import pytest

from surfeit.core import DownloadError
from surfeit.data.download import Patience, download

QUICK = Patience(timeout=5.0, retries=2, wait=0.0)


@pytest.fixture
def get(tmp_path, md5):
    """Downloads to `tmp_path/file` and gives the path."""

    def run(*addresses, patience=QUICK, progress=None):
        target = tmp_path / "file"
        download(
            [f"{address}/file" for address in addresses],
            target,
            md5=md5,
            patience=patience,
            progress=progress,
        )
        return target

    return run


@pytest.fixture
def part(tmp_path):
    return tmp_path / "file.part"


@pytest.fixture(autouse=True)
def served(server, other_server, content):
    server.files["/file"] = other_server.files["/file"] = content


def test_download_brings_the_whole_file_and_leaves_no_part(get, server, content, part):
    assert get(server.address).read_bytes() == content
    assert server.requests == [("/file", None)]
    assert not part.exists()


def test_download_goes_on_behind_a_part_and_fetches_nothing_twice(get, server, content, part):
    part.write_bytes(content[:120_000])
    assert get(server.address).read_bytes() == content
    assert server.requests == [("/file", "bytes=120000-")]
    assert server.sent == len(content) - 120_000


def test_download_goes_on_after_each_cut(get, server, content):
    server.cut_after += [100_000, 50_000]
    assert get(server.address).read_bytes() == content
    assert [wanted for _, wanted in server.requests] == [None, "bytes=100000-", "bytes=150000-"]
    assert server.sent == len(content)


def test_download_bears_any_number_of_cuts_while_bytes_come(get, server, content):
    server.cut_after += [20_000] * 14
    assert get(server.address).read_bytes() == content
    assert server.sent == len(content)


def test_download_gives_up_after_cuts_without_a_new_byte(get, server, other_server, content):
    server.cut_after += [1_000] + [0] * 50
    assert get(server.address, other_server.address).read_bytes() == content
    assert len(server.requests) == 1 + 1 + QUICK.retries - 1
    assert other_server.requests == [("/file", "bytes=1000-")]


def test_download_starts_anew_where_a_server_ignores_ranges(get, server, content, part):
    server.ranges = False
    part.write_bytes(content[:120_000])
    assert get(server.address).read_bytes() == content
    assert server.requests == [("/file", "bytes=120000-")]
    assert server.sent == len(content)


def test_download_takes_a_part_that_is_whole_already(get, server, content, part):
    part.write_bytes(content)
    assert get(server.address).read_bytes() == content
    assert server.sent == 0


def test_download_drops_a_part_that_is_too_long(get, server, content, part):
    part.write_bytes(content + b"more")
    assert get(server.address).read_bytes() == content


def test_download_drops_a_part_of_something_else(get, server, content, part):
    part.write_bytes(b"x" * 1000)
    assert get(server.address).read_bytes() == content
    assert [wanted for _, wanted in server.requests] == ["bytes=1000-", None]


def test_download_passes_over_a_dead_address(get, dead_address, server, content):
    assert get(dead_address, server.address).read_bytes() == content


def test_download_passes_over_a_wrong_checksum(get, server, other_server, content, part):
    server.files["/file"] = b"another file"
    assert get(server.address, other_server.address).read_bytes() == content
    assert other_server.requests == [("/file", None)]
    assert not part.exists()


def test_download_passes_over_a_source_without_the_file(get, server, other_server, content):
    del server.files["/file"]
    assert get(server.address, other_server.address).read_bytes() == content
    assert len(server.requests) == 1


def test_download_asks_again_where_a_server_is_busy(get, server, content):
    server.codes += [503, 429]
    assert get(server.address).read_bytes() == content
    assert len(server.requests) == 3


def test_download_does_not_wait_for_a_silent_server_forever(get, server, other_server, content):
    server.stall = True
    began = time.monotonic()
    patience = Patience(timeout=0.1, retries=1, wait=0.0)
    assert get(server.address, other_server.address, patience=patience).read_bytes() == content
    assert time.monotonic() - began < 3


def test_download_waits_twice_as_long_before_each_further_attempt(get, server, monkeypatch):
    server.codes += [503] * 4
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    get(server.address, patience=Patience(retries=4, wait=1.0))
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_download_reports_progress_from_the_part_to_the_end(get, server, content, part):
    part.write_bytes(content[:120_000])
    calls = []
    get(server.address, progress=lambda *call: calls.append(call))
    assert calls[0] == ("file", 120_000, 300_000)
    assert calls[-1] == ("file", 300_000, 300_000)
    assert calls == sorted(calls)


def test_download_broken_off_by_ctrl_c_is_gone_on_with(get, server, content, part):
    def stop(name, done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server.address, progress=stop)
    kept = part.stat().st_size
    assert 0 < kept < len(content)
    assert part.read_bytes() == content[:kept]
    assert get(server.address).read_bytes() == content
    assert server.requests[-1] == ("/file", f"bytes={kept}-")


def test_download_error_lists_each_source_and_what_to_do(
    get, dead_address, server, other_server, md5, tmp_path
):
    server.files["/file"] = b"another file"
    del other_server.files["/file"]
    with pytest.raises(DownloadError) as caught:
        get(dead_address, server.address, other_server.address)
    text = str(caught.value)
    assert text.startswith("no source gave file as it should be:\n")
    assert f"{dead_address}/file: " in text
    assert "refused" in text
    assert f"{server.address}/file: wrong checksum: md5 " in text
    assert f"expected {md5}" in text
    assert f"{other_server.address}/file: HTTP 404 Not Found" in text
    assert "SURFEIT_MIRROR=ADDRESS" in text
    assert f"put it at {tmp_path / 'file'}" in text
    assert ".part keeps" not in text
    assert not (tmp_path / "file").exists()


def test_download_error_says_that_the_part_is_kept(get, server, content, part):
    server.cut_after += [1_000] + [0] * 50
    with pytest.raises(DownloadError, match=f"{part} keeps what came.*goes on from there"):
        get(server.address)
    assert part.read_bytes() == content[:1_000]


def test_download_error_tells_that_the_disk_refused(tmp_path, server, md5):
    target = tmp_path / "no-such-folder" / "file"
    with pytest.raises(DownloadError, match=r"cannot write .*file\.part: No such file"):
        download([f"{server.address}/file"], target, md5=md5, patience=QUICK)


def test_servers_of_these_tests_do_misbehave(server, dead_address):
    """The tests above would prove nothing against servers that are always fine."""
    from urllib.request import urlopen

    server.cut_after += [10]
    with urlopen(f"{server.address}/file") as response:
        assert len(response.read1(1 << 20)) == 10
    with pytest.raises(urllib.error.URLError):
        urlopen(dead_address)
