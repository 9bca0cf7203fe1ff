"""How many CPU threads an operation takes: as many as were chosen, one where operations are small.

An operation of a few microseconds that is shared out among threads waits for the slowest of them.
On a busy machine that one stands in a queue, and a measurement made of thousands of such operations
takes tens of times longer than with one thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

# Whether the caller chose: a value of the context, so that choices in other threads do not count.
_chosen: ContextVar[bool] = ContextVar("threads were chosen", default=False)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many CPU threads inside one operation of torch, and as many as before afterwards.

    Measurements that take one thread by themselves take these instead. The setting is torch's own:
    it holds for the thread that sets it, and threads that use torch for the first time meanwhile
    begin with it. NumPy's matrix products keep their own.

    >>> with threads(8):
    ...     curve = removal_curve(model, "conv4", order, dataset.test)

    Args:
        count: at least 1.

    Raises:
        ValueError: if it is not.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"threads must be a whole number, at least 1, got {count!r}")
    mark = _chosen.set(True)
    try:
        with _set(count):
            yield
    finally:
        _chosen.reset(mark)


@contextmanager
def one_thread() -> Iterator[None]:
    """One CPU thread, unless `threads` is in force: for measurements made of small operations.

    As a decorator it holds for each call of the function; of a generator, only for making it.
    """
    if _chosen.get():
        yield
    else:
        with _set(1):
            yield


@contextmanager
def _set(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
