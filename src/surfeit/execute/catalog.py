"""The engines by the names that they have in the shell."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surfeit.core import unknown

if TYPE_CHECKING:
    from surfeit.execute.engine import Engine


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An engine of the catalog.

    Args:
        says: what it does tasks on, in a few words.
        make: the engine; called with what follows its name and a colon, None where it stands
            alone. It imports the engine, so that lists of engines do without PyTorch.
        forms: how it is written with a colon, each an example; empty if it is not.
    """

    says: str
    make: "Callable[[str | None], Engine]"
    forms: tuple[str, ...] = ()


def _here(rest: str | None) -> "Engine":
    from surfeit.execute.in_process import InProcess

    return InProcess()


def _local(rest: str | None) -> "Engine":
    from surfeit.execute.local import Local

    if rest is None:
        return Local()
    if not (rest.isascii() and rest.isdecimal() and int(rest)):
        given = f"local:{rest}"
        raise ValueError(f"local:WORKERS needs an integer >= 1, such as local:4, got {given!r}")
    return Local(int(rest))


def _ray(rest: str | None) -> "Engine":
    from surfeit.execute.ray import Ray

    if rest is None:
        return Ray()
    address = f"ray:{rest}"
    if not rest.startswith("//") or not rest[2:]:
        raise ValueError(f"Ray's address is written ray://HOST:PORT, got {address!r}")
    return Ray(address)


def _slurm(rest: str | None) -> "Engine":
    from surfeit.execute.slurm import Slurm

    return Slurm()


ENGINES: dict[str, Entry] = {
    "here": Entry(says="this process, one task after another", make=_here),
    "local": Entry(
        says="a process a core of this machine; local:4 for four", make=_local, forms=("local:4",)
    ),
    "ray": Entry(
        says="the Ray cluster of this machine, or a new one on it; ray://HOST:10001 another",
        make=_ray,
        forms=("ray://HOST:10001",),
    ),
    "slurm": Entry(says="a SLURM job a task", make=_slurm),
}
"""The engines by name."""


def engine_named(text: str) -> "Engine":
    """The engine that a name means.

    >>> engine_named("local:4").workers
    4

    Args:
        text: a name of `ENGINES`, alone or in one of its forms: `here`, `local`, `local:WORKERS`,
            `ray`, `ray://ADDRESS` or `slurm`.

    Raises:
        ValueError: if there is none of that name, the nearest ones are suggested; or if what
            follows its name does not fit.
        ImportError: if it needs an extra that is not installed.
    """
    name, colon, rest = text.partition(":")
    entry = ENGINES.get(name)
    if entry is None or (colon and not entry.forms):
        forms = [form for one, known in ENGINES.items() for form in (one, *known.forms)]
        raise unknown("engine", text, forms)
    return entry.make(rest if colon else None)
