"""Tickets trained where they were not found."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from torch import nn

from surfeit.core import StoreError, Streams, digest
from surfeit.execute import InProcess
from surfeit.models import Structure, initialise_, mlp
from surfeit.procedures.tickets import CONTROLS, TicketConfig, failures, transfer_tickets
from surfeit.procedures.tickets.transfer import exchange_head_
from surfeit.procedures.tickets.transferred import fitting, granularity_of
from surfeit.prune.units import unit_mask
from surfeit.store import Store
from surfeit.tables.tables import where

from .conftest import CONFIG, LEVELS, RECIPE, REWIND, make_blobs, search

OTHER = make_blobs(name="others")
FEWER = make_blobs(name="fewer", classes=2)
SGD = replace(RECIPE, optimizer="sgd", lr=0.1)


def _transfer(found, dataset=OTHER, recipe=RECIPE, table=None, **options) -> pa.Table:
    table = found.table if table is None else table
    options = {"engine": InProcess(), "store": found.store} | options
    return transfer_tickets(table, dataset, recipe, **options)


@pytest.mark.parametrize(("dataset", "recipe"), [(OTHER, RECIPE), (None, SGD)])
def test_tickets_begin_elsewhere_as_they_began_where_they_were_found(dataset, recipe, found, blobs):
    table = _transfer(found, dataset or blobs, recipe)
    assert failures(table) == {}
    rows = table.to_pylist()
    levels = range(1, LEVELS + 1)
    assert [(row["level"], row["arm"]) for row in rows] == [
        (0, "ticket"),
        *((level, arm) for level in levels for arm in ("ticket", "reinit")),
    ]
    dense = found.store.find(rows[0]["run"])
    assert digest(dense.tensors(0)) == digest(found.run(0).tensors(REWIND))
    for row in rows[1:]:
        run, source = found.store.find(row["run"]), found.run(row["level"])
        assert run.steps() == [0, recipe.steps]
        assert run.identity["parents"] == [source.key]
        assert digest(run.mask) == digest(source.mask)
        same = digest(run.tensors(0)) == digest(source.tensors(REWIND))
        assert same == (row["arm"] == "ticket")


def test_the_head_is_drawn_anew_and_dense_where_the_classes_differ(found):
    table = _transfer(found, FEWER, controls=("reinit", "shuffle"))
    assert failures(table) == {}
    expected = initialise_(nn.Linear(7, 2), Streams(0).get("head")).weight
    heads = {}
    for row in table.to_pylist():
        run = found.store.find(row["run"])
        heads[row["level"], row["arm"]] = run.tensors(0)["fc3.weight"]
        if row["arm"] == "ticket":
            assert torch.equal(run.tensors(0)["fc3.weight"], expected)
        if row["level"]:
            assert bool(run.mask["fc3.weight"].all())
            source = found.run(row["level"])
            same = torch.equal(run.mask["fc1.weight"], source.mask["fc1.weight"])
            assert same == (row["arm"] != "shuffle")
    assert torch.equal(heads[1, "shuffle"], expected)
    assert not torch.equal(heads[1, "reinit"], expected)


def test_every_control_can_be_made_of_a_transferred_ticket(found):
    table = where(found.table, level=2)
    made = _transfer(found, FEWER, table=table, controls=tuple(CONTROLS))
    assert failures(made) == {}
    assert made["arm"].to_pylist() == ["ticket", *CONTROLS]
    assert len(set(made["run"].to_pylist())) == len(CONTROLS) + 1


def test_structured_tickets_stay_structured(blobs, store):
    config = TicketConfig(levels=1, granularity="unit", score="filter_norm", rate=0.4, controls=())
    table = search(store, blobs, config)
    moved = transfer_tickets(
        table, FEWER, RECIPE, controls=("random",), store=store, engine=InProcess()
    )
    assert failures(moved) == {}
    for row in moved.to_pylist()[1:]:
        rows = store.find(row["run"]).mask["fc1.weight"]
        assert torch.equal(rows.any(1), rows.all(1))
        assert int(rows.any(1).sum()) == 5


def test_transferring_again_trains_nothing(found):
    first = _transfer(found, table=where(found.table, level=1, arm="ticket"))
    count = len(found.store.runs())
    assert _transfer(found, table=where(found.table, level=1, arm="ticket")).equals(first)
    assert len(found.store.runs()) == count


def test_bad_transfers_are_refused_before_any_training(found, tmp_path):
    before = len(found.store.runs())
    wide = make_blobs(name="wide")
    stretched = replace(
        wide,
        **{
            name: replace(split, inputs=split.inputs.repeat(1, 1, 2, 2))
            for name, split in wide.splits.items()
        },
    )
    with pytest.raises(ValueError, match=r"take images of shape \[1, 8, 8\] as \w+ has them$"):
        _transfer(found, stretched)
    with pytest.raises(ValueError, match="no control 'rienit': did you mean 'reinit'"):
        _transfer(found, controls=("rienit",))
    with pytest.raises(ValueError, match="scratch-b, which is not among the controls"):
        _transfer(found, scratch_cap=2.0)
    with pytest.raises(ValueError, match="there is no ticket in the table"):
        _transfer(found, table=where(found.table, arm="reinit"))
    with pytest.raises(ValueError, match="it has no run"):
        _transfer(found, table=found.table.drop_columns("run"))
    with pytest.raises(
        ValueError, match=r"as from find_tickets, got a NoneType: pass find_tickets"
    ):
        transfer_tickets(None, OTHER, RECIPE, store=found.store)
    with pytest.raises(ValueError, match="tickets are of another architecture"):
        _transfer(found, into=mlp((9, 6), input_shape=(1, 4, 4), classes=3))
    with pytest.raises(StoreError, match="no run"):
        _transfer(found, store=Store(tmp_path / "empty"))
    assert len(found.store.runs()) == before


def test_tickets_of_ones_own_network_ask_for_it_before_any_training(blobs, store):
    class Squash(nn.Softplus):
        """What no description can build."""

    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3), Squash())
    table = search(store, blobs, replace(CONFIG, levels=1), model=model)
    before = len(store.runs())
    options = {"engine": InProcess(), "store": store, "controls": ()}
    with pytest.raises(
        ValueError, match=r"a Squash '2' cannot be built .* transfer_tickets\(..., into=model\)$"
    ):
        transfer_tickets(table, OTHER, RECIPE, **options)
    assert len(store.runs()) == before
    assert failures(transfer_tickets(table, OTHER, RECIPE, into=model, **options)) == {}


def test_a_transferred_ticket_is_not_transferred_again(found):
    moved = _transfer(found, table=where(found.table, level=1, arm="ticket"), controls=())
    with pytest.raises(ValueError, match="was transferred itself"):
        _transfer(found, FEWER, table=moved)


def test_a_mask_of_another_architecture_does_not_fit():
    model = mlp((9, 7), input_shape=(1, 4, 4), classes=2)
    wider = mlp((9, 8), input_shape=(1, 4, 4), classes=2)
    mask = {n: torch.ones_like(v).bool() for n, v in wider.named_parameters() if v.dim() > 1}
    with pytest.raises(ValueError, match=r"the mask is of another architecture: 'fc2.weight'"):
        fitting(mask, model, Structure.of(model))


def test_only_a_linear_head_can_be_exchanged():
    convolution = nn.Sequential(nn.Conv2d(1, 3, 4), nn.Flatten())
    with pytest.raises(ValueError, match=r"outputs are '0' \(Conv2d\): build the net"):
        exchange_head_(convolution, 2, Streams(0).get("head"))


def test_masks_tell_whether_units_or_weights_were_removed(found):
    model = mlp((9, 7), input_shape=(1, 4, 4), classes=3)
    structure = Structure.of(model)
    assert granularity_of(found.run(1).mask, model, structure) == "weight"
    assert granularity_of(unit_mask(model, {"fc1": [0, 3]}), model, structure) == "unit"
    without = nn.Sequential(nn.Linear(4, 5, bias=False), nn.ReLU(), nn.Linear(5, 3, bias=False))
    mask = unit_mask(without, {"0": [1, 2]})
    assert granularity_of(mask, without, Structure.of(without)) == "unit"
    mask["0.weight"][3, 1] = False
    assert granularity_of(mask, without, Structure.of(without)) == "weight"
