"""`surfeit connect`: are two minima joined by a path on which the loss stays low?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from surfeit.cli.builders import engine_on
from surfeit.cli.flags import DataName, EngineName, ModelName, Out, Quiet
from surfeit.cli.folders import output_folder
from surfeit.cli.options import Machine, Places
from surfeit.cli.progress import Teller, telling
from surfeit.cli.table import print_table, write_table
from surfeit.cli.values import Seed, Whole, Words

if TYPE_CHECKING:
    import pyarrow as pa

_PLACES, _MACHINE = Places(), Machine()
_COLUMNS = (
    *("path", "barrier of the training loss", "mean on the way", "barrier of the test loss"),
    *("worst test error", "barrier of the test error"),
)


def connect(
    first: str,
    second: str,
    *,
    paths: Words = ("segment", "matched", "repaired", "curve"),
    points: Whole = 25,
    images: Whole = 5_000,
    match_by: Literal["weights", "outputs"] = "weights",
    curve: Literal["bezier", "chain"] = "bezier",
    bends: Whole = 3,
    epochs: Whole = 30,
    lr: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    batch_size: Whole = 128,
    seed: Seed = 0,
    on: EngineName = "local",
    out: Out | None = None,
    data: DataName = None,
    model: ModelName = None,
    quiet: Quiet = False,
    places: Places = _PLACES,
    machine: Machine = _MACHINE,
) -> None:
    """Measure paths between two runs: straight, with units matched, repaired, and curved.

    Prints for each path how much higher the loss rises on the way than at its ends: the barrier.
    'matched' puts the second network's units in the first one's order, which changes nothing of
    what it computes; 'repaired' also restores each unit's mean and spread between the two; 'curve'
    trains a curve; if its training diverges that is said, and its numbers are left out. Writes
    OUT/paths.parquet, OUT/barriers.parquet and the figure.

    Parameters
    ----------
    first
        A run: its key, a unique beginning of it, its name, or its folder.
    second
        Another run of the same network on the same data.
    paths
        Which of segment, matched, repaired and curve.
    points
        On each path, both ends included.
    images
        At most so many examples of each split are measured on.
    match_by
        Units are alike by their weights, or by what they answer (outputs).
    curve
        bezier, or chain: straight from each bend to the next.
    bends
        Of the curve, the two ends included.
    epochs
        Of the curve's training.
    lr
        Its learning rate, by SGD; it falls to 1 % from the middle on.
    momentum
        Of its SGD.
    weight_decay
        Of the curve's networks.
    batch_size
        Examples a step.
    seed
        Of the chosen examples, the matching and the curve.
    out
        Where to write; by default surfeit-connect-FIRST-SECOND in this folder.
    quiet
        Say nothing but the table and errors.
    """
    runs = [places.store.find(run) for run in (first, second)]
    if runs[0].key == runs[1].key:
        raise ValueError(
            f"a path needs two runs, got run {runs[0].key[:12]} twice: give another one"
        )
    from surfeit.core import SurfeitError
    from surfeit.procedures.connections import (
        ConnectionConfig,
        check_connectable,
        connections,
    )
    from surfeit.procedures.curves import CURVE_DIVERGED, CurveConfig

    config = ConnectionConfig(
        points=points,
        images=images,
        criterion=match_by,
        curve=CurveConfig(
            kind=curve,
            bends=bends,
            epochs=epochs,
            lr=lr,
            momentum=momentum,
            weight_decay=weight_decay,
            batch_size=batch_size,
        ),
        seed=seed,
    )
    dataset = places.data_of(runs[0], data)
    check_connectable(runs[0], runs[1], dataset)
    into = places.network_of(model, dataset)
    folder = out or Path(f"surfeit-connect-{runs[0].key[:8]}-{runs[1].key[:8]}")
    # What a curve's training did is told by the line that it began as.
    measured = (*paths, "segment") if "curve" in paths and "segment" not in paths else paths
    with output_folder(folder), telling(quiet) as teller:

        def table_of(paths: Sequence[str]) -> "pa.Table":
            return connections(
                runs[0],
                runs[1],
                dataset,
                config,
                paths=tuple(paths),  # pyright: ignore[reportArgumentType]
                into=into,
                store=places.store,
                engine=engine_on(on),
                numerics=machine.numerics,
                progress=lambda status: teller.stage("measuring paths", status.done, status.total),
            )

        try:
            table = table_of(measured)
        except SurfeitError as error:
            others = [path for path in paths if path != "curve"]
            said = [line for line in str(error).splitlines() if CURVE_DIVERGED in line]
            if not said or not others:
                raise
            teller.say(f"{said[0].strip()}; it is left out")
            table = table_of(others)  # measured by now
        found = _write(table, paths, lr, folder, teller)
    print_table(_COLUMNS, _cells(found, paths))


def _write(
    table: "pa.Table", paths: Sequence[str], lr: float, folder: Path, teller: Teller
) -> "pa.Table":
    """Writes what was asked for and gives the barriers: none of a curve that diverged."""
    from surfeit.procedures.connections import path_barriers, raised_curve, without_barrier
    from surfeit.tables.figures import paths as figures
    from surfeit.tables.figures import save

    raised = raised_curve(table)
    judged = _only(table, [path for path in paths if raised is None or path != "curve"])
    if raised is not None:
        words = _diverged(*raised, lr)
        if not judged.num_rows:
            raise ValueError(words)
        teller.say(f"{words}; its numbers are left out of all but paths.parquet")
    found = path_barriers(judged)
    save(figures.figure(judged), folder, "paths")
    write_table(_only(table, paths), folder / "paths.parquet")
    write_table(found, folder / "barriers.parquet")
    teller.say(f"tables and figure: {folder}/paths.parquet, barriers.parquet, paths.svg, ...")
    for path in without_barrier(judged):
        teller.say(
            f"{path}: nothing on the way is worse than the worse end, by training loss; the "
            "barrier is half of the ends' difference"
        )
    return found


def _only(table: "pa.Table", paths: Sequence[str]) -> "pa.Table":
    return table.filter([name in paths for name in table["path"].to_pylist()])


def _diverged(curve: float, line: float, lr: float) -> str:
    return (
        f"curve: its training diverged, raising the mean training loss from {line:.4g}, on the "
        f"straight line that it began as, to {curve:.4g}: a lower --lr than {lr:g} may help"
    )


def _cells(found: "pa.Table", paths: Sequence[str]) -> list[tuple[str, ...]]:
    rows = {(row["path"], row["split"]): row for row in found.to_pylist()}
    cells = []
    for path in paths:
        if (path, "train") not in rows:
            cells.append((path, *["–"] * (len(_COLUMNS) - 1)))
            continue
        train, test = rows[path, "train"], rows[path, "test"]
        errors = ("–", "–")
        if test["error_barrier"] is not None:
            errors = (
                f"{100 * test['error_largest']:.2f} %",
                f"{100 * test['error_barrier']:.2f} points",
            )
        losses = (train["loss_barrier"], train["loss_mean"], test["loss_barrier"])
        cells.append((path, *(f"{value:.4g}" for value in losses), *errors))
    return cells
