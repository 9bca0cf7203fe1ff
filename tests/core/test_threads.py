"""Threads as they are chosen, as they are by themselves, and as they were afterwards."""

from collections.abc import Iterator

import pytest
import torch

from surfeit.core import one_thread, threads


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_one_thread_holds_inside_and_is_undone_behind():
    with one_thread():
        assert torch.get_num_threads() == 1
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_threads_that_were_chosen_hold_where_one_would_be_taken():
    with threads(3):
        assert torch.get_num_threads() == 3
        with one_thread():
            assert torch.get_num_threads() == 3
        with threads(1):
            assert torch.get_num_threads() == 1
        with one_thread():
            assert torch.get_num_threads() == 3
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("setting", [lambda: threads(1), one_thread])
def test_an_exception_leaves_threads_as_they_were(setting):
    with pytest.raises(KeyboardInterrupt), setting():
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2
    with one_thread():  # what was chosen is forgotten too
        assert torch.get_num_threads() == 1


def test_as_a_decorator_it_holds_for_every_call():
    @one_thread()
    def count(fails: bool) -> int:
        if fails:
            raise ValueError("no")
        return torch.get_num_threads()

    assert count(False) == count(False) == 1
    with pytest.raises(ValueError, match="no"):
        count(True)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("count", [0, -1, 1.0, True, "2"])
def test_threads_are_whole_and_at_least_one(count):
    with (
        pytest.raises(ValueError, match="threads must be a whole number, at least 1, got"),
        threads(count),
    ):
        pass
