"""`surfeit prune`: accuracy against the number of units removed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from surfeit.cli.names import criteria_of
from surfeit.cli.options import Machine, Places, Whole
from surfeit.cli.progress import say_if_unfinished, telling
from surfeit.cli.table import print_table, write_table

if TYPE_CHECKING:
    import pyarrow as pa

_PLACES, _MACHINE = Places(), Machine()
_CRITERIA = ("magnitude", "frame-potential", "inner-product", "raw-frame-potential", "random")


def prune(
    run: str,
    *,
    layer: str,
    criteria: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = _CRITERIA,
    repeats: Whole = 5,
    split: Literal["validation", "test"] = "test",
    step: Whole | None = None,
    keep_bias: Annotated[bool, Parameter(negative=())] = False,
    loss: float = 0.01,
    seed: Whole = 0,
    out: Path | None = None,
    data: str | None = None,
    quiet: Annotated[bool, Parameter(negative=())] = False,
    places: Places = _PLACES,
    machine: Machine = _MACHINE,
) -> None:
    """Remove a layer's units one by one, by every criterion and at random; no retraining.

    Prints how many units can go before accuracy has fallen by more than --loss, and writes the
    curves: OUT/removal-LAYER.parquet and the figure as SVG, PNG and PDF.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, or its folder.
    layer
        A layer's name, such as fc1 or conv2.
    criteria
        magnitude, frame-potential, inner-product, raw-frame-potential, random: one or more.
    repeats
        Random orders, for their mean and standard deviation.
    split
        The images to measure on. A choice made by test curves is no longer tested by them.
    step
        The snapshot to prune; the last if not given.
    keep_bias
        Zero the units' weights but keep their biases, as the program of the report did.
    loss
        The accepted fall of accuracy, a fraction: 0.01 is one point.
    seed
        Of the random orders.
    out
        Where to write; by default surfeit-prune-KEY in this folder.
    data
        The data set to measure on, where the run does not say.
    quiet
        Say nothing but the table and errors.
    """
    chosen = criteria_of(criteria)
    if not 0 <= loss <= 1:
        raise ValueError(f"loss must be a fraction in [0, 1], got {loss:g}: 0.01 is one point")
    found = places.store.find(run)
    dataset = places.data_of(found, data)
    folder = out or Path(f"surfeit-prune-{found.key[:8]}")

    from surfeit.core import Streams
    from surfeit.prune import removal_table
    from surfeit.store import make_folder
    from surfeit.study.figures import removal, save

    make_folder(folder)
    with telling(quiet) as teller, machine.numerics.in_force():
        if step is None:
            say_if_unfinished(found, teller)
        table = removal_table(
            found.model(step).to(machine.device),
            layer,
            {split: dataset.splits[split].to(machine.device)},
            criteria=chosen,
            repeats=repeats,
            streams=Streams(seed),
            keep_bias=keep_bias,
            progress=lambda done, total: teller.stage(f"removing units of {layer}", done, total),
        )
        write_table(table, folder / f"removal-{layer}.parquet")
        chance = 1 / dataset.classes
        save(removal.figure(table, loss=loss, chance=chance), folder, f"removal-{layer}")
        teller.say(f"curves and figure: {folder}/removal-{layer}.parquet, .svg, .png, .pdf")
    print_table(*_answer(table, loss, split))


def _answer(
    table: "pa.Table", loss: float, split: str
) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """For each criterion and direction: how many units can go, mean and deviation over repeats."""
    import statistics

    import torch

    from surfeit.prune import removable

    curves: dict[tuple[str, str], dict[int, list[float]]] = {}
    for row in table.to_pylist():
        kind = (row["criterion"], row["remove"] or "")
        curves.setdefault(kind, {}).setdefault(row["repeat"], []).append(row["accuracy"])
    rows: list[tuple[object, ...]] = []
    for (criterion, remove), repeats in curves.items():
        counts = [removable(torch.tensor(curve), loss=loss) for curve in repeats.values()]
        units = len(next(iter(repeats.values()))) - 1
        spread = f" ± {statistics.stdev(counts):.1f}" if len(counts) > 1 else ""
        first = f"{remove} first" if remove else "random order"
        rows.append(
            (criterion.replace("_", "-"), first, f"{statistics.mean(counts):g}{spread} of {units}")
        )
    points = "1 point" if loss == 0.01 else f"{100 * loss:g} points"
    return ("criterion", "removed", f"units that can go for {points} of {split} accuracy"), rows
