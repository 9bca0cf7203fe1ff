"""`surfeit connect`: are two minima joined by a path on which the loss stays low?"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from surfeit.cli.builders import engine_on
from surfeit.cli.flags import DataName, EngineName, ModelName, Out, Quiet
from surfeit.cli.folders import output_folder
from surfeit.cli.options import Machine, Places
from surfeit.cli.progress import telling
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
    trains a curve. Writes OUT/paths.parquet, OUT/barriers.parquet and the figure.

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
    from surfeit.procedures.connections import (
        ConnectionConfig,
        check_connectable,
        connections,
        path_barriers,
        without_barrier,
    )
    from surfeit.procedures.curves import CurveConfig
    from surfeit.tables.figures import paths as figures
    from surfeit.tables.figures import save

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
    with output_folder(folder), telling(quiet) as teller:
        table = connections(
            runs[0],
            runs[1],
            dataset,
            config,
            paths=paths,  # pyright: ignore[reportArgumentType]
            into=into,
            store=places.store,
            engine=engine_on(on),
            numerics=machine.numerics,
            progress=lambda status: teller.stage("measuring paths", status.done, status.total),
        )
        found = path_barriers(table)
        save(figures.figure(table), folder, "paths")
        write_table(table, folder / "paths.parquet")
        write_table(found, folder / "barriers.parquet")
        teller.say(f"tables and figure: {folder}/paths.parquet, barriers.parquet, paths.svg, ...")
        for path in without_barrier(table):
            teller.say(
                f"{path}: nothing on the way is worse than the worse end, by training loss; the "
                "barrier is half of the ends' difference"
            )
    print_table(_COLUMNS, _cells(found))


def _cells(found: "pa.Table") -> list[tuple[str, ...]]:
    rows = {(row["path"], row["split"]): row for row in found.to_pylist()}
    cells = []
    for path in dict.fromkeys(path for path, _ in rows):
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
