from dataclasses import replace

import pytest

from surfeit.execute import InProcess
from surfeit.procedures.tickets import transfer_tickets
from surfeit.procedures.tickets.anatomy import ticket_anatomy
from surfeit.prune import densities
from surfeit.prune.anatomy import QUANTITIES, anatomy_table
from surfeit.tables.tables import where

from .conftest import LEVELS, RECIPE, REWIND


@pytest.fixture(scope="module")
def table(found):
    return ticket_anatomy(found.table, store=found.store)


def test_every_pruned_training_is_measured_and_the_dense_one_is_not(found, table):
    rows = {(r["level"], r["arm"]) for r in found.table.to_pylist() if r["level"]}
    assert {(r["level"], r["arm"]) for r in table.to_pylist()} == rows
    tickets = where(table, arm="ticket")
    assert set(tickets["quantity"].to_pylist()) == set(QUANTITIES)
    assert set(tickets["level"].to_pylist()) == set(range(1, LEVELS + 1))


def test_a_tickets_rows_are_those_of_its_own_runs(found, table):
    run, dense = found.run(2), found.run(0)
    expected = anatomy_table(
        run.mask, dense.tensors(REWIND), dense=dense.tensors(), ticket=run.tensors()
    )
    rows = where(table, level=2, arm="ticket").drop_columns(["replicate", "level", "arm"])
    assert rows.equals(expected)
    kept = {f"{r['layer']}.weight": r["value"] for r in where(rows, quantity="density").to_pylist()}
    assert kept == densities(run.mask)


def test_controls_are_measured_by_their_places_alone(table):
    controls = [r for r in table.to_pylist() if r["arm"] != "ticket"]
    assert not {r["quantity"] for r in controls} & {"travel", "ticket_travel", "sign_changes"}
    # The re-initialised control has its ticket's mask, and so its spread.
    reinit = where(table, level=1, arm="reinit", quantity="inputs_dispersion")
    ticket = where(table, level=1, arm="ticket", quantity="inputs_dispersion")
    assert reinit["value"].equals(ticket["value"])


def test_drawn_nulls_repeat_and_progress_is_told(found):
    few, told = where(found.table, level=3), []
    tables = [
        ticket_anatomy(few, store=found.store, draws=99, progress=lambda *p: told.append(p))
        for _ in range(2)
    ]
    assert tables[0].equals(tables[1])
    assert told[:2] == [(0, 1), (1, 1)]


def test_anatomy_error_says_what_is_wrong(found):
    with pytest.raises(ValueError, match="no ticket in the table: its rows are all of level 0"):
        ticket_anatomy(where(found.table, level=0), store=found.store)
    with pytest.raises(ValueError, match="draws must be >= 0, got -1"):
        ticket_anatomy(found.table, store=found.store, draws=-1)
    with pytest.raises(ValueError, match="as from find_tickets, it has no arm, run"):
        ticket_anatomy(found.table.drop_columns(["run", "arm"]), store=found.store)


def test_transferred_tickets_have_no_dense_way_to_be_measured_against(found, blobs):
    """Their parent is a ticket: in its run the weights that are not kept never move."""
    few = where(found.table, level=1, arm="ticket")
    recipe = replace(RECIPE, optimizer="sgd")
    options = {"controls": (), "store": found.store, "engine": InProcess()}
    moved = transfer_tickets(few, blobs, recipe, **options)
    with pytest.raises(ValueError, match="was transferred itself: give the table"):
        ticket_anatomy(moved, store=found.store)
