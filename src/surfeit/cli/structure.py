"""`surfeit structure`: what a network is, at a glance."""

import json
import shutil
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from surfeit.cli.flags import DATA_NAMES, OWN, SIZED, flag, listed, open_text
from surfeit.cli.names import names_a_function
from surfeit.cli.options import Places
from surfeit.cli.table import print_table
from surfeit.models import EXAMPLES, MODELS

if TYPE_CHECKING:
    from torch import nn

_PLACES = Places()

if TYPE_CHECKING:
    Target = str
    ExampleData = str | None
else:
    Target = flag(
        open_text([*MODELS, *EXAMPLES]),
        help="A run (its key, a unique beginning of it, or its folder), a built-in network "
        f"({', '.join(MODELS)}, {SIZED}), or a function that builds one: {OWN}.",
    )
    ExampleData = flag(
        open_text(DATA_NAMES) | None,
        help=f"The data set whose examples the network takes: {listed(DATA_NAMES)}, or a function "
        f"that makes it, {OWN}; digits for a built-in network. Without it the data that were kept "
        "with a run are taken, else inputs that fit the layers are tried.",
    )


def structure(
    target: Target,
    *,
    data: ExampleData = None,
    model: str | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative=())] = False,
    places: Places = _PLACES,
) -> None:
    """Print a network at a glance: layers, units, weights, who reads whose units, groups.

    Found by running the network once. In a terminal the table is as wide as that; in a pipe its
    columns are separated by tabs, and remarks go to stderr.

    Parameters
    ----------
    model
        The function that builds a run's network, where the run cannot. The weights are the run's.
    json_
        Print the rows as JSON: also whether units are outputs, and why they cannot be removed.
    """
    from surfeit.core import printable
    from surfeit.models import Structure
    from surfeit.models.structure import overview

    network, example = _network(target, data, model, places)
    found = Structure.of(network, example)
    if json_:
        print(json.dumps(overview.rows(found), indent=2))
        return
    said = [printable(words) for words in (*overview.notes(found), *overview.remarks(found))]
    if sys.stdout.isatty():
        print(printable(overview.table(found, shutil.get_terminal_size().columns), lines=True))
        if said:
            print("", *said, sep="\n")
    else:
        print_table(overview.COLUMNS, overview.cells(found))
        print(*said, sep="\n", file=sys.stderr)


def _network(
    target: str, data: str | None, model: str | None, places: Places
) -> "tuple[nn.Module, Any]":
    """The network that a target names, and an example for it; None if none is known."""
    from surfeit.core import StoreError
    from surfeit.data import kept_data, load
    from surfeit.models import builder_named, has_form

    builder = has_form(target)
    function = names_a_function(target)
    if model is not None and (builder or function):
        raise ValueError(f"--model builds a run's network, and {target!r} is no run: leave it out")
    dataset = None
    if data is not None or builder:
        dataset = places.data_named(data or "digits")
    example = None if dataset is None else dataset.train.inputs[:1]
    if function:
        network = places.network_of(target, dataset or load("digits", places.data_dir))
        assert network is not None, "there is one of every name"
        return network, example
    if builder and dataset is not None:
        build = builder_named(target)
        return build(input_shape=dataset.input_shape, classes=dataset.outputs), example
    try:
        run = places.store.find(target)
    except StoreError as error:
        near = get_close_matches(target, [*MODELS, *EXAMPLES], n=1)
        hint = f". Did you mean the network {near[0]!r}?" if near else "."
        raise StoreError(
            f"{error}{hint} Networks that can be named are {', '.join(MODELS)}, {SIZED}, and "
            "functions that build one: package.module:function"
        ) from error
    dataset = dataset or kept_data(run)
    example = None if dataset is None else dataset.train.inputs[:1]
    if model is None:
        return run.model(), example
    shapes = dataset or load("digits", places.data_dir)
    return run.model(into=places.network_of(model, shapes)), example
