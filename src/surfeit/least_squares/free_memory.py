"""Whether memory holds what is about to be computed."""

from collections.abc import Callable
from pathlib import Path

_MEMORY = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Bytes that this process can still take: of the machine, and of its control group.

    Returns:
        None where the system does not say (it is Linux that does).
    """
    found = [one for one in (_of_machine(), _of_group()) if one is not None]
    return min(found, default=None)


def check_memory(what: str, needed: Callable[[int], int], examples: int, free: int | None) -> None:
    """Says so, before anything is computed, if memory would not hold it, and what it would hold.

    Args:
        what: what takes it, in words that go on with "of 10,000 examples".
        needed: bytes by the number of examples, rising.
        examples: how many there are.
        free: bytes; None where that is not known, and nothing is checked.

    Raises:
        ValueError: if more is needed.
    """
    if free is None or needed(examples) <= free:
        return
    low, high = 0, examples
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needed(middle) <= free else (low, middle)
    fits = f"{low:,} examples would fit" if low else "not even one example would fit"
    raise ValueError(
        f"{what} of {examples:,} examples need {needed(examples) / 1e9:.2g} GB of memory, and "
        f"{free / 1e9:.2g} GB are free: {fits}"
    )


def _of_machine() -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in _MEMORY.read_text().splitlines())
        return 1024 * int(lines["MemAvailable"].split()[0])
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _of_group() -> int | None:
    """What a container's limit leaves; pages that are only cached count as free."""
    try:
        most = int((_GROUP / "memory.max").read_text())
        used = int((_GROUP / "memory.current").read_text())
        lines = (_GROUP / "memory.stat").read_text().splitlines()
        cached = int(dict(line.split() for line in lines)["inactive_file"])
    except (OSError, ValueError, KeyError):
        return None
    return max(0, most - used + cached)
