"""Tickets found in one place and trained in another: other data, another optimiser."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
import torch
from torch import nn

from surfeit.core import Objective, Streams, copied, cross_entropy, ties
from surfeit.data import Dataset
from surfeit.execute import Derived, Engine, Progress, train_outcome
from surfeit.models import (
    Initial,
    Structure,
    blank,
    describe,
    foreign_part,
    initialise_,
    is_rebuildable,
    key_form,
    rebuild,
)
from surfeit.procedures.tickets.arms import TICKET
from surfeit.procedures.tickets.config import check_controls, check_scratch_cap
from surfeit.procedures.tickets.table import Row, check_found, dense_of, ticket_table
from surfeit.procedures.tickets.transferred import transferred_job
from surfeit.prune import coverage
from surfeit.store import Run, Store
from surfeit.train import Job, Numerics, Recipe
from surfeit.train.building import with_weights_


def transfer_tickets(
    found: pa.Table,
    dataset: Dataset,
    recipe: Recipe,
    *,
    controls: Iterable[str] = ("reinit",),
    scratch_cap: float | None = None,
    into: nn.Module | None = None,
    store: Store | None = None,
    engine: Engine | None = None,
    numerics: Numerics | None = None,
    objective: Objective = cross_entropy,
    progress: Progress | None = None,
) -> pa.Table:
    """Trains tickets on other data or by another recipe than they were found with.

    Each ticket begins with its own mask and the weights that it began with where it was found, and
    is trained by the whole recipe from step 0 on; so is the dense network, with the weights that
    its tickets were rewound to. Where the number of outputs differs, the output layer is exchanged:
    newly drawn (from the seed's stream `head`, alike for all arms but newly drawn ones) and dense.

    >>> first, second = halves(load("cifar10"))
    >>> found = find_tickets(conv_2, first, recipe)
    >>> transferred = transfer_tickets(found, second, recipe)

    Args:
        found: as from `find_tickets`, or some of its rows: those of tickets are transferred.
        dataset: what to train on; inputs of a shape that the network takes.
        recipe: how to train.
        controls: names of `CONTROLS`, made from each ticket as it begins here.
        scratch_cap: as of `TicketConfig`.
        into: a module of the tickets' architecture, where only its own code can build it.
        store: where the tickets' runs are, and the new ones are kept; `Store()` by default.
        engine, numerics, objective, progress: as of `find_tickets`.

    Returns:
        a table as that of `find_tickets`, with the same replicates and levels.

    Raises:
        ValueError: before any training, if there is no ticket in the table, network and data do
            not fit together, a control is unknown, `scratch_cap` out of range or of no control, the
            number of outputs differs and the network has no single linear output layer, or `into`
            is of another architecture or wanted and not given.
        StoreError: before any training, if a ticket's run is not in the store.

    Source: Morcos, Yu, Paganini and Tian 2019, "One ticket to win them all". They draw
    the control's mask at random; that is the control `random` here.
    Cost: (1 + controls) trainings a ticket.
    """
    arms, store = (TICKET, *controls), store or Store()
    check_controls(arms[1:])
    check_scratch_cap(scratch_cap, arms[1:])
    tickets = _tickets(found, store)
    dense = {row: dense_of(run, store) for row, run in tickets.items()}
    found_in = {run.key: run for run in dense.values()}
    jobs = {
        key: _job(run, dataset, recipe, numerics or Numerics(), into, objective)
        for key, run in found_in.items()
    }
    laws = {key: _law_of(run) or jobs[key].law for key, run in found_in.items()}
    rows = {Row(at.replicate, at.level, arm): at for at in tickets for arm in _arms(at, arms)}
    trainings = {
        row.name: Derived(
            derive=partial(
                transferred_job,
                jobs[dense[at].key],
                ticket=tickets[at],
                dense=dense[at],
                rewound_to=_rewound_to(at, tickets),
                level=row.level,
                arm=row.arm,
                scratch_cap=scratch_cap,
                law=laws[dense[at].key],
            ),
            parents=(),
        )
        for row, at in rows.items()
    }
    outcome = train_outcome(trainings, store=store, engine=engine, progress=progress)
    network = next(iter(jobs.values())).network
    return ticket_table(list(rows), outcome, store, parameters=coverage(network).total)


def _arms(ticket: Row, arms: tuple[str, ...]) -> tuple[str, ...]:
    """The dense network has no controls."""
    return arms if ticket.level else arms[:1]


def _tickets(found: pa.Table, store: Store) -> dict[Row, Run]:
    """The runs of a table's tickets; what failed there is left out."""
    check_found(found)
    tickets = {
        Row(row["replicate"], row["level"], TICKET): store.find(row["run"])
        for row in found.select(["replicate", "level", "arm", "run"]).to_pylist()
        if row["arm"] == TICKET and row["run"]
    }
    if not tickets:
        raise ValueError("there is no ticket in the table: every one failed, or none was chosen")
    return tickets


def _rewound_to(ticket: Row, tickets: Mapping[Row, Run]) -> int:
    """The step whose weights a ticket began with; the dense network's tickets have one as well."""
    steps = {
        run.config.get("first_step", 0)
        for row, run in tickets.items()
        if row.replicate == ticket.replicate and row.level
    }
    return tickets[ticket].config.get("first_step", max(steps, default=0))


def _law_of(dense: Run) -> Initial | None:
    """The law that a run's initial weights were drawn from, if its key says so."""
    return Initial.from_key(dense.config["initial"])


def _job(
    dense: Run,
    dataset: Dataset,
    recipe: Recipe,
    numerics: Numerics,
    into: nn.Module | None,
    objective: Objective,
) -> Job:
    """The dense network with its initial weights, as it is to be trained here."""
    seed = dense.config["seed"]
    model = _network(dense, into)
    for name in dense.config.get("frozen", ()):  # an exchanged head is trained all the same
        model.get_parameter(name).requires_grad_(False)
    structure = Structure.of(model, dataset.train.inputs[:1])
    # Where it takes no such inputs, or cannot be followed, the job says what does not fit.
    if structure.obstacle is None and _width(model, structure.example) != dataset.outputs:
        generator, law = Streams(seed).get("head"), _law_of(dense)
        exchange_head_(model, dataset.outputs, generator, structure=structure, initial=law)
    return Job(
        *(model, dataset, recipe, seed),
        numerics=numerics,
        objective=objective,
        name=dense.about["model"],
    )


@torch.no_grad()
def _width(model: nn.Module, example: Any) -> int | None:
    """How many numbers the network gives for an example or position."""
    training = model.training
    try:
        outputs = model.eval()(example)
    finally:
        model.train(training)
    return outputs.shape[-1] if isinstance(outputs, torch.Tensor) and outputs.dim() else None


def _network(dense: Run, into: nn.Module | None) -> nn.Module:
    architecture = dense.architecture
    if into is not None and key_form(into) != dense.config["architecture"]:
        raise ValueError(
            f"the tickets are of another architecture than the module given: run "
            f"{dense.key[:12]} trained {architecture}, the module is {describe(into)}"
        )
    if into is None and not is_rebuildable(architecture):
        raise ValueError(
            f"a {foreign_part(architecture)} cannot be built from its description alone: build the "
            "network with its own code and pass it, transfer_tickets(..., into=model)"
        )
    model = rebuild(architecture) if into is None else copied(into)
    return with_weights_(model, dense.tensors(0))


def exchange_head_(
    model: nn.Module,
    outputs: int,
    generator: torch.Generator,
    *,
    structure: Structure | None = None,
    initial: Initial | None = None,
) -> nn.Module:
    """Exchanges the output layer for a newly drawn one of so many outputs; returns the model.

    Args:
        model: whose units reach its result from a single `Linear` layer, wherever it is registered.
        outputs: how many units the new one has.
        generator: what its weights are drawn from.
        structure: of the model, if it is at hand.
        initial: the law that they are drawn from, `Initial()` by default.

    Raises:
        ValueError: if the network cannot be followed, or has another output layer or several.
    """
    known = structure or Structure.of(model)
    heads = {name: model.get_submodule(known.layers[name].module) for name in known.outputs}
    (name, old), *others = heads.items() or [("", None)]
    reason = None
    if others or not isinstance(old, nn.Linear):
        kinds = [f"{name!r} ({type(module).__name__})" for name, module in heads.items()]
        reason = f"the network's outputs are {', '.join(kinds) or 'of no layer'}"
    elif not name:
        reason = "the network is a single layer"
    elif not known.plain(name) or known.calls(name) != 1 or _is_tied(model, name):
        reason = f"the output layer {name!r} is tied, used twice or has a forward pass of its own"
    if reason is not None or not isinstance(old, nn.Linear):
        raise ValueError(
            f"only a single linear output layer can be exchanged for one of {outputs} outputs, and "
            f"{reason}: build the network for these data and train it from the start"
        )
    new = blank(nn.Linear, old.in_features, outputs, bias=old.bias is not None)
    new = initialise_(new, generator, initial).to(old.weight.device, old.weight.dtype)
    model.set_submodule(name, new)
    return model


def _is_tied(model: nn.Module, layer: str) -> bool:
    names = {name for name, tie in ties(model).items()}
    names |= {tie.to for tie in ties(model).values()}
    return any(name.rpartition(".")[0] == layer for name in names)
