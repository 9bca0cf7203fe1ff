"""What a user can cause, by name; a plain `ValueError` says that an argument is out of range."""

from collections.abc import Iterable
from difflib import get_close_matches


class SurfeitError(Exception):
    """The root of every named error; its message is one a user can act on."""


class DataError(SurfeitError):
    """A data set's file is missing, damaged or holds what it should not."""


class DownloadError(SurfeitError):
    """No source gave a file with the expected checksum."""


class StoreError(SurfeitError):
    """A run is missing, damaged, of a newer schema, or cannot be written."""


class DiskError(StoreError):
    """The disk refused to be written; what was written before is there."""


class BusyError(StoreError):
    """Another process is writing the run at this moment."""


class NumericsError(SurfeitError):
    """A run would go on with other arithmetic than it began with."""


class ProtocolError(SurfeitError):
    """An invariant that an experiment rests on was broken."""


class CollapseError(SurfeitError):
    """Pruning would leave a layer without a single weight."""


class DivergedError(SurfeitError):
    """The loss or the weights stopped being finite numbers."""


def lacks_memory(error: Exception) -> bool:
    """Whether the system refused memory; torch has no class of its own for that."""
    refused = isinstance(error, RuntimeError) and "memory" in str(error)
    return refused or isinstance(error, MemoryError)


def unknown(kind: str, given: object, allowed: Iterable[str]) -> ValueError:
    """The error for a name that is not among `allowed`, with the nearest ones suggested.

    >>> unknown("data set", "minst", ["mnist", "digits"])
    ValueError("no data set 'minst': did you mean 'mnist'? (one of: mnist, digits)")
    """
    names = [name or '""' for name in allowed]  # "" is a network that is one layer
    begun = [name for name in names if len(str(given)) > 2 and name.startswith(f"{given}-")]
    close = get_close_matches(str(given), names, n=3, cutoff=0.5)
    near = list(dict.fromkeys([*begun, *close]))[:3]  # who types too little means the beginning
    hint = f": did you mean {' or '.join(repr(name) for name in near)}?" if near else ":"
    choices = f"(one of: {', '.join(names)})" if near else f"one of {', '.join(names) or 'none'}"
    return ValueError(f"no {kind} {str(given)!r}{hint} {choices}")
