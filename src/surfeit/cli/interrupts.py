"""What is said where a command is stopped of which nothing is kept."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_INTERRUPTED = 130


@contextmanager
def measured_anew() -> Iterator[None]:
    """For a command that measures: stopped, it has kept nothing to go on from, and says so."""
    try:
        yield
    except KeyboardInterrupt:
        print(
            "surfeit: stopped; measurements are kept once they are complete: the same command "
            "begins them anew",
            file=sys.stderr,
        )
        sys.exit(_INTERRUPTED)
