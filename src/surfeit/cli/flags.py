"""Flags that several commands share, each a type, and the names that they take.

What a catalog lists is told in the help and completed by the shell: what is added to one needs no
edit here. Listing names imports nothing of what they stand for.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from surfeit.cli.values import LIST, Flag, Seed, SomePath, Whole, words
from surfeit.core import OBJECTIVES
from surfeit.data import SOURCES
from surfeit.execute import ENGINES
from surfeit.models import EXAMPLES, FORMS, MODELS
from surfeit.train.probes.catalog import PROBES

OWN = "package.module:function or path/to/file.py:function"
"""How a function of the user's own is named."""


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: "a, b or c"."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def dashed(names: Iterable[str]) -> list[str]:
    """Names as the command line has them."""
    return [name.replace("_", "-") for name in names]


def open_text(names: Iterable[str]) -> Any:
    """A text of which a shell completes these names; any other is allowed too."""
    return Literal[tuple(names)] | str


def flag(kind: Any, *, help: str, name: str | None = None, **options: Any) -> Any:
    """The type of a flag whose names stand in its help."""
    return Annotated[kind, Parameter(name=name, help=help, show_choices=False, **options)]


SIZED = ", ".join(form.partition("[")[0] for form in FORMS)
"""How networks of any size are named, without their options."""

DATA_NAMES = [source.name for source in SOURCES]
_DATA = [f"{one.name} (installed)" if one.embedded else one.name for one in SOURCES]
_OBJECTIVES = dashed(OBJECTIVES)
_ENGINES = [f"{name} ({entry.says})" for name, entry in ENGINES.items()]

if TYPE_CHECKING:
    TrainedModel = str
    TrainedData = str
    TrainedObjective = str
    EngineName = str
    ProbeNames = tuple[str, ...] | None
    DataName = str | None
    ModelName = str | None
    ObjectiveName = str | None
else:
    TrainedModel = flag(
        open_text([*MODELS, *EXAMPLES]),
        name="--model",
        help=f"{', '.join(MODELS)}; by size {SIZED} (options: docs/networks.md); or {OWN}, a "
        "function of your own that builds the network; it may take input_shape, classes and "
        "generator.",
    )
    TrainedData = flag(
        open_text(DATA_NAMES),
        name="--data",
        help=f"{listed(_DATA)} (see 'surfeit data'), or a function of yours that makes a data set: "
        f"{OWN}.",
    )
    TrainedObjective = flag(
        open_text(_OBJECTIVES),
        name="--objective",
        help=f"What is minimised: {listed(_OBJECTIVES)}.",
    )
    EngineName = flag(
        open_text(ENGINES),
        name="--on",
        help=f"What trains and measures: {listed(_ENGINES)}; see docs/clusters.md.",
    )
    ProbeNames = Annotated[
        tuple[open_text(dashed(PROBES)), ...] | None,
        LIST,
        Parameter(
            name="--probe",
            converter=words,
            show_choices=False,
            help=f"What looks at the training and writes a table: {', '.join(dashed(PROBES))}, or "
            f"a function of your own, {OWN}; 'surfeit runs probe' prints it. The training stays "
            "the same.",
        ),
    ]
    # Of a run that was recorded: what it cannot say of itself.
    DataName = flag(
        open_text(DATA_NAMES) | None,
        help=f"The data set to measure on, where the run does not say: {listed(DATA_NAMES)}, or a "
        f"function that makes it, {OWN}.",
    )
    ModelName = flag(
        str | None,
        help=f"The function that builds the network, where the run cannot: {OWN}. The weights are "
        "the run's.",
    )
    ObjectiveName = flag(
        open_text(_OBJECTIVES) | None, help=f"{listed(_OBJECTIVES)}, where the run does not say."
    )

Quiet = Flag
"""The flag that leaves nothing but the answer and errors; each command's help says what that is."""

Out = SomePath
"""The flag that says where to write; each command's help says what is written by default."""

FirstSeed = Annotated[
    Seed,
    Parameter(name="--seed", help="Of the first replicate; the others have the next ones."),
]
"""The flag for the seeds of replicates; see `surfeit.cli.options.seeds_of`."""

Workers = Annotated[
    Whole | None,
    Parameter(help="Trainings side by side, one thread each; as many as cores if not given."),
]
"""The flag for the processes of `--on local`."""

LabelNoise = Annotated[
    float,
    Parameter(
        help="The share of training labels, in [0, 1], that are replaced by other classes, drawn "
        "once for all seeds."
    ),
]
"""The flag that spoils training labels; see `surfeit.cli.noise`."""

OpenPage = Annotated[bool | None, Parameter(name="--open")]
"""The flag that shows a page in the browser; by default where there is a screen."""
