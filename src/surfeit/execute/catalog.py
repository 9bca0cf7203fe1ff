"""The engines by the names that they have in the shell."""

from surfeit.core import unknown
from surfeit.execute.engine import Engine
from surfeit.execute.in_process import InProcess
from surfeit.execute.local import Local
from surfeit.execute.ray import Ray
from surfeit.execute.slurm import Slurm

ENGINES: dict[str, str] = {
    "here": "this process, one task after another",
    "local": "a process a core of this machine; local:4 for four",
    "ray": "the Ray cluster of this machine, or a new one on it; ray://HOST:10001 another",
    "slurm": "a SLURM job a task",
}
"""Each engine's name and what it does tasks on."""


def engine_named(text: str) -> Engine:
    """The engine that a name means.

    >>> engine_named("local:4").workers
    4

    Args:
        text: `here`, `local`, `local:WORKERS`, `ray`, `ray://ADDRESS` or `slurm`.

    Raises:
        ValueError: if there is none of that name, the nearest ones are suggested; or if what
            follows its name does not fit.
        ImportError: if it needs an extra that is not installed.
    """
    name, colon, rest = text.partition(":")
    if name == "local" and colon:
        if not (rest.isascii() and rest.isdecimal() and int(rest)):
            raise ValueError(f"local:WORKERS needs an integer >= 1, such as local:4, got {text!r}")
        return Local(int(rest))
    if name == "ray" and colon:
        if not rest.startswith("//") or not rest[2:]:
            raise ValueError(f"Ray's address is written ray://HOST:PORT, got {text!r}")
        return Ray(text)
    simple = {"here": InProcess, "local": Local, "ray": Ray, "slurm": Slurm}
    if text not in simple:
        raise unknown(
            "engine", text, ["here", "local", "local:4", "ray", "ray://HOST:10001", "slurm"]
        )
    return simple[text]()
