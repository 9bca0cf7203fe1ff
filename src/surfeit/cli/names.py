"""The names that users type, and what they stand for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from surfeit.core import Objective
    from surfeit.data import Dataset
    from surfeit.prune import Criterion
    from surfeit.store import Run
    from surfeit.train import Recipe
    from surfeit.train.probes import Probe


def names_a_function(text: str) -> bool:
    """Whether a text is of the form `package.module:function` or `path/to/file.py:function`."""
    module, colon, function = text.rpartition(":")
    return bool(colon and module) and all(part.isidentifier() for part in function.split("."))


def network_of(text: str, **options: object) -> "nn.Module":
    """The network that a function of the user's own builds; see `surfeit.models.own_network`.

    Raises:
        ValueError: as `own_network`, or if the text names no function.
    """
    from surfeit.models import own_network

    if not names_a_function(text):
        raise ValueError(
            f"{text!r} names no function that builds a network: write package.module:function or "
            "path/to/file.py:function"
        )
    return own_network(text, **options)


def dataset_of(text: str) -> "Dataset":
    """The data set that a function of the user's own makes.

    Args:
        text: `package.module:function` or `path/to/file.py:function`, as in `network_of`.

    Raises:
        ValueError: if there is no such module or name, the function needs arguments, fails, or
            makes no data set.
    """
    from surfeit.core.importing import call_named, named_object
    from surfeit.data import Dataset

    dataset = call_named(text, named_object(text))
    if not isinstance(dataset, Dataset):
        raise ValueError(
            f"{text} must return a surfeit.data.Dataset, such as surfeit.data.from_tensors makes, "
            f"and returned an object of type {type(dataset).__name__}"
        )
    return dataset


def objective_of(name: str | None, run: "Run", dataset: "Dataset") -> "Objective":
    """The objective of this name, or what a run is judged by where none is given.

    Raises:
        ValueError: if there is none of the name, or the run's own cannot be made again.
    """
    from surfeit.core import objective_named
    from surfeit.report.network import objective_of as own_of

    return own_of(run, dataset, None) if name is None else objective_named(name)


def probe_of(text: str) -> "Probe":
    """The library's probe of a name, or the one of a function of the user's own.

    Raises:
        ValueError: if there is none; the nearest are suggested.
    """
    from surfeit.train.probes import own_probe, probe_named

    if not names_a_function(text):
        return probe_named(text)
    from surfeit.core.importing import named_object

    return own_probe(named_object(text))


def criteria_of(names: Iterable[str] | None) -> "dict[str, Criterion]":
    """The criteria by the names that tables and figures show; the usual ones for None.

    Raises:
        ValueError: if there is none of a name; the nearest are suggested.
    """
    from surfeit.prune import CRITERIA, criterion_named, usual_criteria

    if names is None:
        return usual_criteria()
    given = list(names)
    if given == ["all"]:
        return dict(CRITERIA)
    chosen = [criterion_named(name) for name in given]
    return {criterion.name: criterion for criterion in chosen}


def published_recipe(model: str, data: str) -> "Recipe":
    """How tickets of a network were trained where they were published.

    A network without published tickets is trained as the report does, or as LeNet; on digits 2,000
    steps are enough.
    """
    from dataclasses import replace

    from surfeit.procedures.tickets import PUBLISHED
    from surfeit.train import REPORT_RECIPES

    if model in PUBLISHED:
        base = PUBLISHED[model].recipe
    else:
        base = REPORT_RECIPES.get(model, PUBLISHED["lenet-300-100"].recipe)
    return replace(base, steps=2_000) if data == "digits" else base
