"""The tidy table of tickets: one row a training."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from surfeit.core import SurfeitError
from surfeit.execute import Outcome, failed_in_words
from surfeit.store import Run, Store, density_of

SCHEMA = pa.schema(
    [
        ("replicate", pa.int64()),
        ("level", pa.int64()),
        ("arm", pa.string()),
        ("density", pa.float64()),
        ("overall_density", pa.float64()),
        ("test_accuracy", pa.float64()),
        ("validation_accuracy", pa.float64()),
        ("early_stop_step", pa.int64()),
        ("early_stop_accuracy", pa.float64()),
        ("early_stop_test_accuracy", pa.float64()),
        ("test_loss", pa.float64()),
        ("validation_loss", pa.float64()),
        ("early_stop_loss", pa.float64()),
        ("early_stop_test_loss", pa.float64()),
        ("steps", pa.int64()),
        ("run", pa.string()),
    ]
)


@dataclass(frozen=True)
class Row:
    """One training: which replicate (its seed), level and arm."""

    replicate: int
    level: int
    arm: str

    @property
    def name(self) -> str:
        """What the training's task is called."""
        return f"replicate {self.replicate}, level {self.level}, {self.arm}"


def ticket_table(
    rows: Sequence[Row], outcome: Outcome, store: Store, *, parameters: int
) -> pa.Table:
    """The table of these trainings, in this order; null figures where one failed.

    Args:
        rows: which trainings.
        outcome: keys and failures by the rows' names.
        store: where the runs are.
        parameters: entries of all parameters of the network, masked or not.
    """
    found = []
    for row in rows:
        place = {"replicate": row.replicate, "level": row.level, "arm": row.arm}
        key = outcome.keys.get(row.name)
        measured = {} if key is None else figures(Run(store.path_of(key)), parameters=parameters)
        found.append(place | measured)
    failures = json.dumps(outcome.failures)
    return pa.Table.from_pylist(found, schema=SCHEMA.with_metadata({"failures": failures}))


def check_found(found: pa.Table) -> None:
    """Checks that a table is one of trainings by replicate, level and arm.

    Raises:
        ValueError: if it is no table, or lacks a column, naming it.
    """
    if not isinstance(found, pa.Table):
        raise ValueError(
            "found must be a table of tickets as from find_tickets, got a "
            f"{type(found).__name__}: pass find_tickets(...), or some of its rows"
        )
    lacking = {"replicate", "level", "arm", "run"} - set(found.column_names)
    if lacking:
        raise ValueError(
            "found must be a table of tickets as from find_tickets, it has no "
            f"{', '.join(sorted(lacking))}"
        )


def dense_of(ticket: Run, store: Store) -> Run:
    """The dense run that a ticket was found from; a dense run itself.

    Raises:
        ValueError: if the ticket was transferred, so that it comes from a ticket.
        StoreError: if the dense run is not in the store.
    """
    parents = ticket.identity["parents"]
    dense = store.find(parents[0]) if parents else ticket
    if dense.identity["parents"]:
        raise ValueError(
            f"run {ticket.key[:12]} was transferred itself: give the table that its ticket was "
            "found in"
        )
    return dense


def failures(table: pa.Table) -> dict[str, str]:
    """Why trainings of a table of tickets failed: a sentence by the training's name.

    They are kept as JSON in the table's metadata, `table.schema.metadata[b"failures"]`, which
    Parquet files keep too.
    """
    return json.loads((table.schema.metadata or {}).get(b"failures", b"{}"))


def complete(table: pa.Table) -> pa.Table:
    """The same table, of tickets or of lines between runs, in which no training has failed.

    A failed training has no density either, so that choosing rows by density would leave it out
    unsaid.

    Raises:
        SurfeitError: if one failed: a sentence for each.
    """
    failed = failures(table)
    if failed:
        raise SurfeitError(failed_in_words(failed, "training"))
    return table


def figures(run: Run, *, parameters: int) -> dict[str, Any]:
    """What the table says of a run of a network with so many parameters' entries."""
    removed = sum(int((~kept).sum()) for kept in run.mask.values())
    end, best = run.metrics().to_pylist()[-1], _best(run)
    return {
        "density": density_of(run),
        "overall_density": 1 - removed / parameters,
        "test_accuracy": end.get("test_accuracy"),
        "validation_accuracy": end.get("validation_accuracy"),
        "early_stop_step": best["step"],
        "early_stop_accuracy": best.get("validation_accuracy"),
        "early_stop_test_accuracy": best.get("test_accuracy"),
        "test_loss": end["test_loss"],
        "validation_loss": end["validation_loss"],
        "early_stop_loss": best["validation_loss"],
        "early_stop_test_loss": best.get("test_loss"),
        "steps": end["step"],
        "run": run.key,
    }


def _best(run: Run) -> dict[str, Any]:
    """The moment of the least validation loss; runs of earlier versions have it in their rows."""
    if "best" in run.done:
        return run.done["best"]
    return min(run.metrics().to_pylist(), key=lambda row: row["validation_loss"])
