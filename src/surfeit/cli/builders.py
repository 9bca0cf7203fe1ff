"""Networks to train by the name that users type: the library's, or a function of their own."""

from pathlib import Path
from typing import TYPE_CHECKING

from surfeit.cli.names import names_a_function
from surfeit.cli.noise import noisy_name
from surfeit.cli.progress import Teller

if TYPE_CHECKING:
    from surfeit.data import Dataset
    from surfeit.execute import Engine
    from surfeit.models import Builder


def trainable(text: str) -> "Builder":
    """The builder that a name stands for: one of `models.MODELS`, or a function of the user's own.

    How such a function is called, `OwnBuilder` says.

    Args:
        text: as of `builder_named`, or `package.module:function` as of `network_of`.

    Raises:
        ValueError: as these; of a function of the user's own when it is called.
    """
    if not names_a_function(text):
        from surfeit.models import builder_named

        return builder_named(text)

    from surfeit.models import OwnBuilder

    return OwnBuilder(text)


def check_names(model: str, data: str) -> None:
    """Says at once, before anything large is imported, that there is no such network or data set.

    Raises:
        ValueError: if there is none; the nearest names are suggested.
    """
    from surfeit.data.catalog import source
    from surfeit.models import MODELS, builder_named

    if not names_a_function(data):
        source(data)
    if not names_a_function(model) and model not in MODELS:
        builder_named(model)


def short_name(text: str) -> str:
    """A model's name in files: of a function of the user's own the function's alone."""
    return text.rpartition(":")[2].replace(".", "-") if names_a_function(text) else text


def folder_of(command: str, model: str, data: str, label_noise: float = 0.0) -> Path:
    """Where a command writes if nobody says: surfeit-COMMAND-MODEL-DATA in this folder."""
    names = short_name(model), noisy_name(short_name(data), label_noise)
    return Path("-".join(("surfeit", command, *names)))


def engine_of(
    text: str,
    dataset: "Dataset",
    workers: int | None,
    teller: Teller | None = None,
    *,
    on: str = "local",
) -> "Engine":
    """The engine that is asked for, or this process for what no other process could build.

    Args:
        text: the network's name.
        dataset: which it is built for.
        workers: trainings side by side; as many as cores if None.
        teller: says that it is done one after another.
        on: as of `engine_on`.

    Raises:
        ValueError: as `network_of` and `engine_on`; if `workers` is given beside an engine that
            has a number of its own; or if no other process could build the network and `on` asks
            for others.
    """
    from surfeit.execute import InProcess, Local

    if workers is not None and on != "local":
        raise ValueError(
            f"--workers is of --on local, got --on {on}: write --on local:{workers}, or leave "
            "--workers out"
        )
    engine = Local(workers) if on == "local" else engine_on(on)
    if not names_a_function(text) or isinstance(engine, InProcess):
        return engine
    from torch import nn

    from surfeit.core.importing import named_object
    from surfeit.models import describe, foreign_part, is_rebuildable

    # A function builds the network anew in any process; of one that is ready there is just this.
    if not isinstance(found := named_object(text), nn.Module):
        return engine
    architecture = describe(found)
    if is_rebuildable(architecture):
        return engine
    unbuildable = f"{text} is a {foreign_part(architecture)}, which no other process could build"
    if not isinstance(engine, Local):
        raise ValueError(f"{unbuildable}: name a function that builds it, or leave out --on {on}")
    if teller is not None:
        teller.say(
            f"{unbuildable}: trained here, one after another; name a function that builds it"
        )
    return InProcess()


def engine_on(text: str) -> "Engine":
    """The engine that `--on` names; see `surfeit.execute.engine_named`.

    Raises:
        ValueError: if there is none of that name, or the extra that it needs is not installed.
    """
    from surfeit.execute import engine_named

    try:
        return engine_named(text)
    except ImportError as error:  # it needs an extra that is not installed
        raise ValueError(str(error)) from error
