"""Memory that tensors leave, kept for the next ones in place of being given back to the system.

A convolution's outputs are megabytes. The C library of Linux asks the system for each such piece
and gives it back at once, so that every pass writes into pages that the system must first make and
zero: a third of the time of a pass of ResNet-20, a fifth of a step of Conv-2.
"""

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as <malloc.h> has them
_LARGEST_KEPT = (128 * 2**20, 32 * 2**20)  # bytes of one piece; older libraries allow the second
_KEPT = 2**30  # bytes in all: beyond, what lies at the end is given back


@cache
def keep_freed_memory() -> bool:
    """Lets this process keep up to a gigabyte of freed memory, in pieces of up to 128 MiB each.

    No result changes, and larger tensors are given back as before; where the C library is another,
    nothing is done.

    Returns:
        whether anything was changed.

    Cost: once in a process, some microseconds. Measured by `benchmarks/freed_memory.py`.
    """
    try:
        adjust = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl has none, nor have Windows and macOS
        return False
    kept = any(adjust(_MMAP_THRESHOLD, size) == 1 for size in _LARGEST_KEPT)
    return kept and adjust(_TRIM_THRESHOLD, _KEPT) == 1
