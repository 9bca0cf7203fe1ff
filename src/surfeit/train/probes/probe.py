"""A probe: a function that looks at a training at chosen steps, and the steps that it looks at."""

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from surfeit.core.importing import SOURCE, named_object, reference
from surfeit.store.names import probe_file

if TYPE_CHECKING:
    from surfeit.train.probes.step import ProbedStep

Row = Mapping[str, Any]
Look = Callable[["ProbedStep"], Row | Iterable[Row]]
"""`look(step)`: a row, or several; values are numbers, texts or None."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What looks at a training, and when. Nothing of the training depends on it.

    The library's are values of it, see `PROBES`; `own_probe` makes one of a function.

    >>> train(model, data, recipe, probes=(gradient_norms.every(10), sharpness.at(0, 500)))

    Args:
        name: of its table.
        look: gives the rows of a step.
        words: what it gives, for lists.
        source: sha256 (hex) of the file that a user's own function stands in.
        period: it looks at each step that is a multiple of it; None for none of them.
        steps: at which it looks as well: how many updates were made before.
        looks_back: whether it reads `ProbedStep.previous`, for which a copy of the weights is kept
            from one step to the next.

    Raises:
        ValueError: if the name or a step is none.
    """

    name: str
    look: Look
    words: str = ""
    source: str | None = None
    period: int | None = 1
    steps: tuple[int, ...] = ()
    looks_back: bool = False

    def __post_init__(self) -> None:
        probe_file(self.name)
        if not callable(self.look):
            raise ValueError(f"a probe is a function of a step, got {self.look!r}")
        if self.period is not None and not _is_whole(self.period, least=1):
            raise ValueError(
                f"probe {self.name} must look at every n-th step, n >= 1, got {self.period!r}"
            )
        if not all(_is_whole(step, least=0) for step in self.steps):
            raise ValueError(f"probe {self.name} must look at steps >= 0, got {self.steps!r}")
        object.__setattr__(self, "steps", tuple(sorted({int(step) for step in self.steps})))

    def every(self, period: int) -> "Probe":
        """The same at every `period`-th step, from step 0 on."""
        return replace(self, period=period, steps=())

    def at(self, *steps: int) -> "Probe":
        """The same at these steps alone; those that the training does not come to are left out."""
        return replace(self, period=None, steps=steps)

    def is_due(self, step: int) -> bool:
        """Whether it looks at the update after `step` updates."""
        return step in self.steps or (self.period is not None and step % self.period == 0)

    @property
    def form(self) -> dict[str, Any]:
        """What its table depends on beside the run, as JSON."""
        own = {} if self.source is None else {"source": self.source}
        return {"probe": self.name, **own, "every": self.period, "at": list(self.steps)}


def own_probe(function: Look, name: str | None = None, *, looks_back: bool = False) -> Probe:
    """The probe of a function of the user's own.

    >>> def weight_norms(step):
    ...     return {name: float(value.norm()) for name, value in step.weights.items()}
    >>> train(model, data, recipe, probes=(own_probe(weight_norms).every(100),))

    A finished run that has its table is trained again once the file of the function has changed.

    Args:
        function: of a `ProbedStep`, see there; returns or yields rows.
        name: of the table; the function's own by default.
        looks_back: whether it reads `step.previous`.

    Raises:
        ValueError: if it is a lambda or captures variables, which no text of a file stands for, its
            source cannot be read, or the library has a probe of the name.
    """
    from surfeit.train.probes.catalog import PROBES

    called = name or getattr(function, "__name__", type(function).__name__)
    if not isinstance(function, FunctionType) or called == "<lambda>" or function.__closure__:
        raise ValueError(
            f"{called} is no plain function, is a lambda or captures variables, so that nobody can "
            "say whether it is the same the next time: write it as a function of a module, "
            "def probe(step)"
        )
    if called in PROBES:
        raise ValueError(f"the library has a probe {called!r}: give yours another name")
    return Probe(name=called, look=function, source=_source_of(function), looks_back=looks_back)


def check_probes(probes: object) -> tuple[Probe, ...]:
    """The probes of a job, if they are such, each of a name of its own.

    Raises:
        ValueError: if they are not.
    """
    given = probes if isinstance(probes, Sequence) and not isinstance(probes, str) else (probes,)
    checked: list[Probe] = []
    for probe in given:
        if not isinstance(probe, Probe) or (probe.source is None and not _is_librarys(probe)):
            raise ValueError(
                f"probes must be the library's, such as gradient_norms.every(10), or made by "
                f"own_probe(function), got {probe!r:.200}"
            )
        checked.append(probe)
    names = [probe.name for probe in checked]
    if len(set(names)) < len(names):
        raise ValueError(f"two probes of one name would write one table: {', '.join(names)}")
    return tuple(checked)


def probe_to_json(probe: Probe) -> dict[str, Any]:
    """A probe as it is sent to other processes: its form, and its function's name.

    Raises:
        ValueError: if another process cannot import the function.
    """
    if probe.source is None:
        return {"form": probe.form}
    own = {"form": probe.form, "looks_back": probe.looks_back}
    try:
        return own | {"function": reference(probe.look)}
    except ValueError as error:
        raise ValueError(
            f"another process cannot have the probe {probe.name}: {error}. Or train in this "
            "process, engine=InProcess()"
        ) from error


def probe_from_json(record: Mapping[str, Any]) -> Probe:
    """The probe that `probe_to_json` sent.

    Raises:
        ValueError: if its function cannot be imported here, or is another one.
    """
    form = record["form"]
    steps = {"period": form["every"], "steps": tuple(form["at"])}
    if "function" not in record:
        from surfeit.train.probes.catalog import probe_named

        return replace(probe_named(form["probe"]), **steps)
    function = named_object(record["function"])
    own = own_probe(function, form["probe"], looks_back=record["looks_back"])
    found = replace(own, **steps)
    if found.form != form:
        raise ValueError(
            f"the probe {record['function']} reads otherwise here than where it was sent: have the "
            "same code in both places"
        )
    return found


def _is_librarys(probe: Probe) -> bool:
    from surfeit.train.probes.catalog import PROBES

    return probe.name in PROBES and PROBES[probe.name].look is probe.look


def _source_of(function: FunctionType) -> str:
    """sha256 of the text of the file that a function stands in, as it was imported."""
    loaded = function.__globals__.get(SOURCE)
    if isinstance(loaded, bytes):
        return hashlib.sha256(loaded).hexdigest()
    try:
        path = inspect.getsourcefile(function)
        if path is not None and Path(path).is_file():
            return hashlib.sha256(Path(path).read_bytes()).hexdigest()
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()  # of a notebook
    except (OSError, TypeError) as error:
        raise ValueError(
            f"the source of {function.__qualname__} cannot be read: write it as a function of a "
            "module"
        ) from error


def _is_whole(value: object, *, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least
