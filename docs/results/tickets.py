"""Claims on tickets from a search's table: accuracy and early stopping against density.

    python docs/results/tickets.py FOLDER

FOLDER is what `surfeit tickets` wrote. Printed as tables: each level's test accuracy by arm and the
ticket's advantage over each control in points; its early-stopping step and by what factor a control
stops later; where `surfeit anatomy` has looked at them, how tickets' weights lie and travel; and
the keys of the tickets' runs. Means over replicates with Student's 95 % interval,
differences and ratios paired by replicate.
"""

import argparse
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from surfeit.tables import over_replicates
from surfeit.tables.tables import where
from surfeit.tables.tickets import TICKET, arms, differences, levels, percent


def heading(columns: list[str]) -> None:
    """Prints a table's first two lines."""
    print(f"\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")


def cell(row: dict | None, scale: float = 100, digits: int = 2) -> str:
    """Mean and interval; the plain value of a single replicate."""
    if row is None:
        return ""
    mean = f"{scale * row['mean']:.{digits}f}"
    if row["lower"] is None:
        return mean
    lower, upper = (f"{scale * row[end]:.{digits}f}" for end in ("lower", "upper"))
    return f"{mean} ({lower} to {upper})"


def by_place(summary: pa.Table) -> dict[tuple[int, str], dict]:
    """Rows by level and arm."""
    return {(row["level"], row["arm"]): row for row in summary.to_pylist()}


def accuracies(table: pa.Table) -> None:
    """Test accuracy by level and arm, and the advantage over each control."""
    names = arms(table)
    found, over = (by_place(f(table, "test_accuracy")) for f in (levels, differences))
    heading(["level", "density, %", *names, *(f"{TICKET} − {name}" for name in names[1:])])
    for level in sorted({level for level, _ in found}):
        density = percent(next(row["density"] for (at, _), row in found.items() if at == level))
        cells = [cell(found.get((level, name))) for name in names]
        gains = [cell(over.get((level, name))) for name in names[1:]]
        print(f"| {level} | {density} | {' | '.join(cells + gains)} |")


def stops(table: pa.Table) -> None:
    """The step of the least validation loss, and how many times later a control has it."""
    names = arms(table)
    found = by_place(levels(table, "early_stop_step"))
    heading(["level", "density, %", *names, *(f"{name} / {TICKET}" for name in names[1:])])
    for level in sorted({level for level, _ in found}):
        density = percent(next(row["density"] for (at, _), row in found.items() if at == level))
        cells = [cell(found.get((level, name)), 1, 0) for name in names]
        times = [ratio(table, level, name) for name in names[1:]]
        print(f"| {level} | {density} | {' | '.join(cells + times)} |")


def ratio(table: pa.Table, level: int, control: str) -> str:
    """The geometric mean of control / ticket over replicates.

    Without those of which one failed or never got better than before its first step.
    """
    steps = [
        {
            row["replicate"]: row["early_stop_step"]
            for row in where(table, level=level, arm=arm).to_pylist()
            if row["early_stop_step"]
        }
        for arm in (control, TICKET)
    ]
    logs = [math.log(steps[0][one] / steps[1][one]) for one in steps[1] if one in steps[0]]
    if not logs:
        return ""
    found = over_replicates(logs)
    if found.lower is None or found.upper is None:
        return f"{math.exp(found.mean):.2f}"
    mean, lower, upper = (math.exp(part) for part in found[1:])
    return f"{mean:.2f} ({lower:.2f} to {upper:.2f})"


def anatomies(table: pa.Table, shown: tuple[int, ...] = (1, 4, 7, 10, 13, 16)) -> None:
    """Spread over units and inputs, of tickets and random controls, and distances travelled."""
    columns = ["units", "inputs", "units, `random`", "travelled", "others", "signs, %", "others, %"]
    heading(["level", "layer", *columns])
    for level in shown:
        for layer in dict.fromkeys(table["layer"].to_pylist()):
            part = where(table, level=level, layer=layer)
            spreads = [("units", TICKET), ("inputs", TICKET), ("units", "random")]
            cells = [mean_of(part, f"{over}_dispersion", arm=arm) for over, arm in spreads]
            for quantity, scale in (("travel", 1), ("sign_changes", 100)):
                cells += [mean_of(part, quantity, end, scale) for end in ("value", "null")]
            print(f"| {level} | {layer} | {' | '.join(cells)} |")


def mean_of(
    part: pa.Table, quantity: str, end: str = "value", scale: float = 1, arm: str = TICKET
) -> str:
    """Mean and interval over replicates of one quantity of the anatomy."""
    rows = where(part, quantity=quantity, arm=arm).to_pylist()
    values = [row[end] for row in rows if row[end] is not None]
    return cell(over_replicates(values)._asdict(), scale) if values else ""


def keys(table: pa.Table) -> None:
    """The tickets' runs."""
    replicates = sorted(set(table["replicate"].to_pylist()))
    heading(["level", *(f"replicate {one}" for one in replicates)])
    tickets = where(table, arm=TICKET).to_pylist()
    runs = {(row["level"], row["replicate"]): row["run"] for row in tickets}
    for level in sorted({level for level, _ in runs}):
        cells = (f"`{(runs.get((level, one)) or 'failed')[:12]}`" for one in replicates)
        print(f"| {level} | {' | '.join(cells)} |")


def main() -> None:
    """Reads and prints."""
    parser = argparse.ArgumentParser(description="Tables of a search for tickets.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    table = pq.read_table(folder / "tickets.parquet")
    accuracies(table)
    stops(table)
    if (folder / "anatomy.parquet").is_file():
        anatomies(pq.read_table(folder / "anatomy.parquet"))
    keys(table)


if __name__ == "__main__":
    main()
