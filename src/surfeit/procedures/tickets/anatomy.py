"""What the tickets of a search look like, as one table over all of them."""

from collections.abc import Callable

import pyarrow as pa
import torch
from torch import Tensor

from surfeit.core import Params, Streams
from surfeit.models.structure import Part
from surfeit.procedures.tickets.arms import TICKET
from surfeit.procedures.tickets.table import check_found, dense_of
from surfeit.prune.anatomy import anatomy_table
from surfeit.prune.anatomy.spread import units_first
from surfeit.prune.anatomy.table import layer_name
from surfeit.store import Run, Store

_PLACES = [("replicate", pa.int64()), ("level", pa.int64()), ("arm", pa.string())]


def ticket_anatomy(
    found: pa.Table,
    *,
    store: Store | None = None,
    draws: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> pa.Table:
    """How each ticket's weights lie over units, how far they travel, which signs they change.

    >>> table = ticket_anatomy(find_tickets(lenet_300_100, load("digits"), Recipe(epochs=20)))
    >>> where(table, layer="fc1", quantity="units_dispersion")

    Args:
        found: as from `find_tickets`, or some of its rows: tickets and controls of level 1
            and above are measured, the controls by where their weights lie alone.
        store: where the runs are; `Store()` by default.
        draws: of the null that the spread over units is compared with; 0 for a scaled chi-square,
            which is faster and, where a unit may keep many weights, as good.
        progress: called with the tickets done and their number.

    Returns:
        rows `replicate, level, arm` and those of `surfeit.prune.anatomy.anatomy_table`, whose
        `QUANTITIES` says what each quantity is and what its null.

    Raises:
        ValueError: if there is no row of level 1 or above, draws is negative, a column is missing,
            or a ticket was transferred: nothing dense was trained to the weights that it keeps.
        StoreError: if a run is not in the store.

    Source: claims on where tickets' weights lie and how far they go: Zhou, Lan, Liu and Yosinski
    2019; Frankle and Carbin 2019, appendix F. Cost: reads four snapshots a ticket; 0.2 s for one
    of LeNet-300-100 without draws.
    """
    if draws < 0:
        raise ValueError(f"draws must be >= 0, got {draws}")
    check_found(found)
    store = store or Store()
    rows = [row for row in found.to_pylist() if row["level"] > 0 and row["run"] is not None]
    if not rows:
        raise ValueError("there is no ticket in the table: its rows are all of level 0 or failed")
    parts = []
    for done, row in enumerate(rows):
        if progress:
            progress(done, len(rows))
        parts.append(_placed(row, _anatomy(row, store, draws)))
    if progress:
        progress(len(rows), len(rows))
    return pa.concat_tables(parts)


def anatomy_of(
    run: Run,
    dense: Run,
    *,
    mine: bool = True,
    draws: int = 0,
    generator: torch.Generator | None = None,
) -> pa.Table:
    """What one ticket looks like; `ticket_anatomy` is this over all of them.

    Args:
        run: the ticket's, or a control's.
        dense: the dense run that it was found from.
        mine: whether the run is a ticket, whose weights' way is that of the dense network's.
        draws, generator: of the null of the spread over units, see `anatomy_table`.

    Returns:
        as `anatomy_table`.
    """
    mask, begun = _origins(run, dense)
    ends = {one.key: units_in_front(run, one.tensors()) for one in (dense, run)}
    return anatomy_table(
        mask,
        begun,
        # A control's own places and weights have no way in the dense network to be compared with.
        dense=ends[dense.key] if mine else None,
        ticket=ends[run.key] if mine else None,
        generator=generator,
        draws=draws or 1,
    )


def _anatomy(row: dict, store: Store, draws: int) -> pa.Table:
    run = store.find(row["run"])
    generator = Streams(row["replicate"]).get("anatomy", row["level"], row["arm"])
    return anatomy_of(
        run,
        dense_of(run, store),
        mine=row["arm"] == TICKET,
        draws=draws,
        generator=generator if draws else None,
    )


def origins(run: Run, store: Store) -> tuple[Params, Params, Run]:
    """The mask of a ticket's weights, what they all were when it began, and its dense run.

    The mask is of weights alone: biases go with their units and have no places to lie in. Removed
    weights are those of the dense network at the step that the ticket was rewound to. Both have one
    row a unit, see `units_in_front`.
    """
    dense = dense_of(run, store)
    return *_origins(run, dense), dense


def _origins(run: Run, dense: Run) -> tuple[Params, Params]:
    mask = {name: kept for name, kept in run.mask.items() if kept.dim() > 1}
    begun = dense.tensors(run.steps()[0])
    return units_in_front(run, mask), units_in_front(run, begun)


def units_in_front(run: Run, tensors: Params) -> Params:
    """Weights or masks by parameter name with one row a unit, as the run's record describes them.

    What the record says nothing of is left as it is: a plain weight has its units in front.
    """
    parts = {
        part["stored"]: Part.from_json({n: v for n, v in part.items() if n != "stored"})
        for row in run.about["layers"]
        for part in row.get("weights", ())
        if isinstance(part["stored"], str)
    }
    return {
        name: units_first(value, parts[name]) if name in parts else value
        for name, value in tensors.items()
    }


def _placed(row: dict, table: pa.Table) -> pa.Table:
    columns = [pa.array([row[name]] * table.num_rows, kind) for name, kind in _PLACES]
    names = [name for name, _ in _PLACES]
    return pa.table([*columns, *table.columns], [*names, *table.column_names])


def moved_weights(run: Run, dense: Run) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """By layer: the ticket's mask, and the dense network's weights where it began and ended.

    Args:
        run: the ticket's.
        dense: the dense run that it was found from.
    """
    mask, begun = _origins(run, dense)
    ended = units_in_front(run, dense.tensors())
    return {layer_name(name): (kept, begun[name], ended[name]) for name, kept in mask.items()}
