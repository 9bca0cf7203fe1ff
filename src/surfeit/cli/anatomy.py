"""`surfeit anatomy`: what the tickets of a search look like."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from surfeit.cli.flags import Quiet
from surfeit.cli.options import Places
from surfeit.cli.placing import placed_together
from surfeit.cli.progress import telling
from surfeit.cli.table import print_table, write_table
from surfeit.cli.values import SomePath, Whole

if TYPE_CHECKING:
    import pyarrow as pa

_PLACES = Places()
_COLUMNS = {
    "density": "kept",
    "units_dispersion": "spread over units",
    "inputs_dispersion": "spread over inputs",
    "travel": "travelled (others)",
    "sign_changes": "signs changed (others)",
}


def anatomy(
    folder: SomePath,
    *,
    level: Whole | None = None,
    over: Literal["units", "inputs"] = "units",
    draws: Whole = 0,
    quiet: Quiet = False,
    places: Places = _PLACES,
) -> None:
    """Look at tickets: where their weights lie, how far they travel, which signs they change.

    Prints, for each layer of one level's tickets, the variance of kept weights over units and over
    inputs as a multiple of chance, and how far the ticket's weights travelled in the dense network
    against all others. Writes FOLDER/anatomy.parquet, all levels and replicates with p-values, and
    the figure of one ticket.

    Parameters
    ----------
    folder
        What 'surfeit tickets' wrote.
    level
        The level to print and draw; the last if not given.
    over
        Whether the figure counts kept weights over units or over inputs.
    draws
        Random masks that the spread is compared with; 0 for a formula instead, which is faster.
    quiet
        Say nothing but the table and errors.
    """
    from surfeit.procedures.tickets import ticket_anatomy
    from surfeit.tables.tables import where

    path = folder / "tickets.parquet" if folder.is_dir() else folder
    found = _read(path)
    shown = _level(found, level)
    with telling(quiet) as teller:
        table = ticket_anatomy(
            found,
            store=places.store,
            draws=draws,
            progress=lambda done, total: teller.stage("looking at tickets", done, total),
        )
        teller.say(
            f"tickets of level {shown}; spread is the variance of kept weights, 1 by chance; "
            "travelled in initial standard deviations; means of replicates, their largest p"
        )
    print_table(*_answer(where(table, level=shown, arm="ticket")))
    with placed_together(path.parent) as building:
        _draw(where(found, level=shown, arm="ticket"), table, over, building, places)
        write_table(table, building / "anatomy.parquet")
    teller.say(f"table and figure: {path.parent}/anatomy.parquet, .svg, .png, .pdf")


def _read(path: Path) -> "pa.Table":
    """The table of a search, of which all columns are as the search wrote them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from surfeit.core import DataError

    folder = path.parent if path.suffix else path
    writes = f"'surfeit tickets --out {folder}' writes it"
    if not path.is_file():
        raise DataError(f"{path} is not there: {writes}")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is damaged or no Parquet file: {writes} anew") from error
    texts = (pa.types.is_string, pa.types.is_large_string)
    kinds = {"replicate": (pa.types.is_integer,), "level": (pa.types.is_integer,)}
    for name, kind in (kinds | {"arm": texts, "run": texts}).items():
        held = table.column_names.count(name) == 1
        if not (held and any(fits(table.field(name).type) for fits in kind)):
            raise DataError(f"{path} is no table of tickets, see its column {name}: {writes} anew")
    return table


def _level(found: "pa.Table", level: int | None) -> int:
    there = sorted(
        {
            row["level"]
            for row in found.to_pylist()
            if row["level"] and row["arm"] == "ticket" and row["run"] is not None
        }
    )
    if not there:
        raise ValueError("the table has no ticket: its rows are all of level 0 or failed")
    if level is not None and level not in there:
        raise ValueError(f"level must be one of {there[0]} to {there[-1]}, got {level}")
    return there[-1] if level is None else level


def _draw(tickets: "pa.Table", table: "pa.Table", over: str, folder: Path, places: Places) -> None:
    """Draws the first replicate's ticket."""
    from surfeit.procedures.tickets.anatomy import origins, units_in_front
    from surfeit.prune.anatomy import count_table, distance_table
    from surfeit.tables.figures import anatomy as figures
    from surfeit.tables.figures import save
    from surfeit.tables.tables import where

    row = next(row for row in tickets.to_pylist() if row["run"] is not None)
    run = places.store.find(row["run"])
    mask, begun, dense = origins(run, places.store)
    mine = where(table, replicate=row["replicate"], level=row["level"], arm=row["arm"])
    distances = distance_table(mask, begun, units_in_front(run, dense.tensors()))
    save(figures.figure(count_table(mask), distances, anatomy=mine, over=over), folder, "anatomy")


def _answer(table: "pa.Table") -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """For each layer the quantities' means over replicates, and the largest p of the spreads."""
    cells: dict[tuple[str, str], list[dict]] = {}
    for row in table.to_pylist():
        cells.setdefault((row["layer"], row["quantity"]), []).append(row)
    layers = list(dict.fromkeys(layer for layer, _ in cells))
    rows = [
        (layer, *(_cell(quantity, cells.get((layer, quantity), [])) for quantity in _COLUMNS))
        for layer in layers
    ]
    return ("layer", *_COLUMNS.values()), rows


def _cell(quantity: str, rows: list[dict]) -> str:
    from statistics import mean

    known = [row for row in rows if row["value"] is not None]
    if not known:
        return "–"
    value = mean(row["value"] for row in known)
    if quantity == "density":
        return f"{100 * value:.3g} %"
    if quantity.endswith("dispersion"):
        largest = max(row["p_value"] for row in known)
        return f"{value:.2f}, {'p < 0.001' if largest < 0.001 else f'p ≤ {largest:.2g}'}"
    others = [row["null"] for row in known if row["null"] is not None]
    scale, form = (100, ".1f") if quantity == "sign_changes" else (1, ".2f")
    percent = " %" if quantity == "sign_changes" else ""
    against = f"{scale * mean(others):{form}}{percent}" if others else "–"
    return f"{scale * value:{form}}{percent} ({against})"
