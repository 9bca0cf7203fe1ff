"""Order, second tries and what is given up, without any process."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surfeit.execute import Board, Failure

from .conftest import task

PASSING = Failure("the disk is full", passing=True)


def test_board_gives_tasks_in_order_once_their_parents_are_done():
    board = Board([task("c", parents=("a",)), task("a"), task("b")])
    assert [board.take().name, board.take().name, board.take()] == ["a", "b", None]
    board.end("a", "key a")
    found = board.take()
    assert (found.name, board.parents(found)) == ("c", ("key a",))


def test_board_tries_once_more_after_a_passing_failure_and_tells_of_both():
    board = Board([task("a"), task("b")])
    board.take()
    board.end("a", PASSING)
    assert board.take().name == "a"  # before b: its place in the order is its own
    board.end("a", PASSING)
    assert board.failures == {"a": "a: the disk is full; it was tried twice"}


def test_board_gives_up_what_builds_on_a_failure_and_nothing_else():
    heirs = [task(f"b{n}", parents=("a",)) for n in range(5)]
    board = Board([task("a"), *heirs, task("c", parents=("b3",)), task("d")])
    board.take()
    board.end("a", Failure("no layer 'fc9'"))
    assert board.failures["c"] == "c: not run, because it builds on a, which failed"
    assert list(board.failures) == ["a", "b0", "b1", "b2", "b3", "b4", "c"]
    assert board.take().name == "d"


@settings(deadline=None, max_examples=60)
@given(
    edges=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=14),
    bad=st.sets(st.integers(0, 7)),
    hands=st.integers(1, 4),
    data=st.data(),
)
def test_board_runs_exactly_what_has_no_failed_ancestor(edges, bad, hands, data):
    parents = {n: {a for a, b in edges if b == n and a < n} for n in range(8)}
    order = data.draw(st.permutations(range(8)))
    board = Board([task(str(n), parents=tuple(map(str, sorted(parents[n])))) for n in order])
    while board.open:
        while len(board.active) < hands and board.take() is not None:
            pass
        name = data.draw(st.sampled_from(sorted(board.active)))
        assert all(str(parent) in board.keys for parent in parents[int(name)])
        board.end(name, Failure("bad") if int(name) in bad else f"key {name}")
    lost = set(bad)
    for n in range(8):
        lost |= {n} if parents[n] & lost else set()
    assert {int(name) for name in board.failures} == lost
    assert {int(name) for name in board.outcome().keys} == set(range(8)) - lost


def test_board_of_no_tasks_is_done():
    assert not Board([]).open
    with pytest.raises(KeyError):
        Board([]).end("a", "key")
