"""Pictures kept on the disk: computed once, and again where that went wrong."""

import os

import pytest

from surfeit.store import Store
from surfeit.viewer.frames.cache import Cache, cache_folder


@pytest.fixture
def making():
    """A function that makes a result and counts how often."""

    def make():
        make.calls += 1
        return b"the result"

    make.calls = 0
    return make


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_result_is_made_once(tmp_path, making):
    for cache in (Cache(tmp_path), Cache(tmp_path)):
        assert [cache.get("name", making) for _ in range(2)] == [b"the result"] * 2
    assert making.calls == 1
    assert Cache(tmp_path).get("other", lambda: b"x") == b"x"


def test_without_a_folder_nothing_is_kept(making):
    cache = Cache(None)
    assert [cache.get("name", making) for _ in range(2)] == [b"the result"] * 2
    assert making.calls == 2


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_file_is_made_again(tmp_path, making, damage):
    cache = Cache(tmp_path)
    cache.get("name", making)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?" if damage is None else damage)
    assert cache.get("name", making) == b"the result"
    assert making.calls == 2
    assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_written_takes_nothing_away(tmp_path, making):
    (tmp_path / "file").write_text("in the way")
    assert Cache(tmp_path / "file" / "cache").get("name", making) == b"the result"
    assert making.calls == 1


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    cache = Cache(tmp_path, limit=10_000)
    for number in range(9):
        cache.get(str(number), lambda: bytes(1_000))
        for age, path in enumerate(sorted(files(tmp_path), key=lambda one: one.stat().st_mtime_ns)):
            os.utime(path, ns=(age, age))
    before = set(files(tmp_path))
    oldest = min(before, key=lambda one: one.stat().st_mtime_ns)
    cache.get("large", lambda: bytes(2_000))
    left = set(files(tmp_path))
    assert oldest not in left
    assert 4_000 < sum(path.stat().st_size for path in left) <= 7_500
    assert cache.get("large", lambda: b"made again") == bytes(2_000)


def test_what_is_used_stays(tmp_path):
    cache = Cache(tmp_path, limit=5_000)
    cache.get("used", lambda: bytes(1_000))
    for number in range(20):
        for path in files(tmp_path):
            os.utime(path, ns=(number, number))
        cache.get("used", lambda: b"made again")
        cache.get(str(number), lambda: bytes(1_000))
    assert cache.get("used", lambda: b"made again") == bytes(1_000)


def test_an_error_is_not_kept(tmp_path, making):
    def fail():
        raise ValueError("not now")

    cache = Cache(tmp_path)
    with pytest.raises(ValueError, match="not now"):
        cache.get("name", fail)
    assert cache.get("name", making) == b"the result"


def test_pictures_are_kept_in_the_store_or_in_the_users_own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    (tmp_path / "store").mkdir()
    store = Store(tmp_path / "store")
    assert cache_folder(store) == tmp_path / "store" / "cache" / "viewer"
    elsewhere = cache_folder(Store(tmp_path / "missing"))
    assert elsewhere.name == "viewer"
    assert not elsewhere.is_relative_to(tmp_path / "missing")
    assert store.runs() == []
