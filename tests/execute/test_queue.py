"""Order, second tries and what is given up, without any process."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surfeit.execute import Failure, TaskQueue

from .conftest import task

PASSING = Failure("the disk is full", passing=True)


def test_board_gives_tasks_in_order_once_their_parents_are_done():
    queue = TaskQueue([task("c", parents=("a",)), task("a"), task("b")])
    assert [queue.take().name, queue.take().name, queue.take()] == ["a", "b", None]
    queue.end("a", "key a")
    found = queue.take()
    assert (found.name, queue.parents(found)) == ("c", ("key a",))


def test_board_tries_once_more_after_a_passing_failure_and_tells_of_both():
    queue = TaskQueue([task("a"), task("b")])
    queue.take()
    queue.end("a", PASSING)
    assert queue.take().name == "a"  # before b: its place in the order is its own
    queue.end("a", PASSING)
    assert queue.failures == {"a": "a: the disk is full; it was tried twice"}


def test_board_gives_up_what_builds_on_a_failure_and_nothing_else():
    heirs = [task(f"b{n}", parents=("a",)) for n in range(5)]
    queue = TaskQueue([task("a"), *heirs, task("c", parents=("b3",)), task("d")])
    queue.take()
    queue.end("a", Failure("no layer 'fc9'"))
    assert queue.failures["c"] == "c: not run, because it builds on a, which failed"
    assert list(queue.failures) == ["a", "b0", "b1", "b2", "b3", "b4", "c"]
    assert queue.take().name == "d"


@settings(deadline=None, max_examples=60)
@given(
    edges=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=14),
    bad=st.sets(st.integers(0, 7)),
    processes=st.integers(1, 4),
    data=st.data(),
)
def test_board_runs_exactly_what_has_no_failed_ancestor(edges, bad, processes, data):
    parents = {n: {a for a, b in edges if b == n and a < n} for n in range(8)}
    order = data.draw(st.permutations(range(8)))
    queue = TaskQueue([task(str(n), parents=tuple(map(str, sorted(parents[n])))) for n in order])
    while queue.open:
        while len(queue.active) < processes and queue.take() is not None:
            pass
        name = data.draw(st.sampled_from(sorted(queue.active)))
        assert all(str(parent) in queue.keys for parent in parents[int(name)])
        queue.end(name, Failure("bad") if int(name) in bad else f"key {name}")
    lost = set(bad)
    for n in range(8):
        lost |= {n} if parents[n] & lost else set()
    assert {int(name) for name in queue.failures} == lost
    assert {int(name) for name in queue.outcome().keys} == set(range(8)) - lost


def test_board_of_no_tasks_is_done():
    assert not TaskQueue([]).open
    with pytest.raises(KeyError):
        TaskQueue([]).end("a", "key")
