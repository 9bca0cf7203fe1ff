import pytest

from surfeit.least_squares import free_memory as module
from surfeit.least_squares.free_memory import check_memory, free_memory


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A machine with 8 GiB free, in whose folder a control group's files can be written."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n")
    monkeypatch.setattr(module, "_MEMORY", meminfo)
    monkeypatch.setattr(module, "_GROUP", tmp_path)
    return tmp_path


def group(folder, most, used=0, cached=0):
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")


def test_the_machine_says_what_is_free(system):
    assert free_memory() == 8 * 2**30


def test_a_control_groups_limit_counts_where_it_is_less(system):
    group(system, 3 * 2**30, used=2 * 2**30, cached=2**29)
    assert free_memory() == 2**30 + 2**29
    group(system, 2**40)
    assert free_memory() == 8 * 2**30
    group(system, "max")
    assert free_memory() == 8 * 2**30


def test_a_system_that_does_not_say_is_not_guessed_at(system):
    (system / "meminfo").write_text("nothing")
    assert free_memory() is None
    check_memory("features", lambda n: 10**30, 5, None)


def test_the_words_say_how_many_would_fit():
    check_memory("features", lambda n: n * 10**9, 5, 5 * 10**9)
    words = "features of 6 examples need 6 GB of memory, and 5 GB are free: 5 examples would fit"
    with pytest.raises(ValueError, match=words):
        check_memory("features", lambda n: n * 10**9, 6, 5 * 10**9)
