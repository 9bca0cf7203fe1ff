"""`surfeit prune`: accuracy or loss against the number of units removed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from surfeit.cli.names import criteria_of, objective_of
from surfeit.cli.options import DataName, Machine, ModelName, ObjectiveName, Places
from surfeit.cli.progress import say_if_other_data, say_if_unfinished, telling
from surfeit.cli.table import print_table, write_table
from surfeit.cli.values import Whole, Words

if TYPE_CHECKING:
    import pyarrow as pa

    from surfeit.core import Objective, Split

_PLACES, _MACHINE = Places(), Machine()
_CRITERIA = ("magnitude", "frame-potential", "inner-product", "raw-frame-potential", "random")


def prune(
    run: str,
    *,
    layer: str,
    criteria: Words = _CRITERIA,
    repeats: Whole = 5,
    split: Literal["validation", "test"] = "test",
    step: Whole | None = None,
    keep_bias: Annotated[bool, Parameter(negative=())] = False,
    loss: float = 0.01,
    seed: Whole = 0,
    out: Path | None = None,
    data: DataName = None,
    model: ModelName = None,
    objective: ObjectiveName = None,
    quiet: Annotated[bool, Parameter(negative=())] = False,
    places: Places = _PLACES,
    machine: Machine = _MACHINE,
) -> None:
    """Remove a layer's units one by one, by every criterion and at random; no retraining.

    Prints how many units can go before more than --loss is lost, and writes the curves:
    OUT/removal-LAYER.parquet and the figure as SVG, PNG and PDF. In LAYER, what a file name cannot
    hold is written as in an address. Units that can only go together with those of other layers, as
    in a residual stream, go together.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, or its folder.
    layer
        A layer's name, such as fc1 or conv2; "" for a network that is one layer.
    criteria
        magnitude, frame-potential, inner-product, raw-frame-potential, random: one or more.
    repeats
        Random orders, for their mean and standard deviation.
    split
        The examples to measure on. A choice made by test curves is no longer tested by them.
    step
        The snapshot to prune; the last if not given.
    keep_bias
        Zero the units' weights but keep their biases, as the program of the report did.
    loss
        The accepted loss of accuracy, a fraction: 0.01 is one point. Of a network trained on real
        numbers by their squared error, of R²; of any other loss, its rise as a share of itself.
    seed
        Of the random orders.
    out
        Where to write; by default surfeit-prune-KEY in this folder.
    quiet
        Say nothing but the table and errors.
    """
    chosen = criteria_of(criteria)
    if not 0 <= loss <= 1:
        raise ValueError(f"loss must be a fraction in [0, 1], got {loss:g}: 0.01 is one point")
    found = places.store.find(run)
    dataset = places.data_of(found, data)
    judge = objective_of(objective, found, dataset)
    into = places.network_of(model, dataset)
    folder = out or Path(f"surfeit-prune-{found.key[:8]}")

    from surfeit.core import Streams
    from surfeit.prune import explained_variance, removal_table
    from surfeit.store import file_name, make_folder
    from surfeit.study.figures import removal, save

    make_folder(folder)
    with telling(quiet) as teller, machine.numerics.in_force():
        if step is None:
            say_if_unfinished(found, teller)
        say_if_other_data(found, dataset, teller)
        measured = dataset.splits[split].to(machine.device)
        shown = layer or "the network"
        table = removal_table(
            found.model(step, into=into).to(machine.device),
            layer,
            {split: measured},
            criteria=chosen,
            repeats=repeats,
            streams=Streams(seed),
            objective=judge,
            keep_bias=keep_bias,
            progress=lambda done, total: teller.stage(f"removing units of {shown}", done, total),
        )
        name = file_name("removal", layer)
        write_table(table, folder / f"{name}.parquet")
        drawing = removal.figure(
            table,
            loss=loss,
            chance=1 / dataset.classes if dataset.task == "classes" else None,
            variance=explained_variance(measured.targets, judge),
        )
        save(drawing, folder, name)
        teller.say(f"curves and figure: {folder}/{name}.parquet, .svg, .png, .pdf")
    print_table(*_answer(table, loss, split, measured, judge))


def _answer(
    table: "pa.Table", loss: float, name: str, split: "Split", objective: "Objective"
) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """For each criterion and direction: how many units can go, mean and deviation over repeats."""
    import statistics

    curves: dict[tuple[str, str], dict[int, list[float]]] = {}
    what = "loss" if table["accuracy"].null_count else "accuracy"
    for row in table.to_pylist():
        kind = (row["criterion"], row["remove"] or "")
        curves.setdefault(kind, {}).setdefault(row["repeat"], []).append(row[what])
    rows: list[tuple[object, ...]] = []
    for (criterion, remove), repeats in curves.items():
        counts = [_removable(curve, what, loss, split, objective) for curve in repeats.values()]
        units = len(next(iter(repeats.values()))) - 1
        spread = f" ± {statistics.stdev(counts):.1f}" if len(counts) > 1 else ""
        first = f"{remove} first" if remove else "random order"
        rows.append(
            (criterion.replace("_", "-"), first, f"{statistics.mean(counts):g}{spread} of {units}")
        )
    price = _price(what, loss, name, split, objective)
    return ("criterion", "removed", f"units that can go for {price}"), rows


def _removable(
    curve: list[float], what: str, loss: float, split: "Split", objective: "Objective"
) -> int:
    import torch

    from surfeit.prune import accepted_rise, removable, removable_by_loss

    points = torch.tensor(curve, dtype=torch.float64)
    if what == "accuracy":
        return removable(points, loss=loss)
    rise = accepted_rise(curve[0], split.targets, objective, loss=loss)
    return removable_by_loss(points, rise=rise)


def _price(what: str, loss: float, name: str, split: "Split", objective: "Objective") -> str:
    from surfeit.prune import explained_variance

    points = "1 point" if loss == 0.01 else f"{100 * loss:g} points"
    if what == "accuracy":
        return f"{points} of {name} accuracy"
    if explained_variance(split.targets, objective) is not None:
        return f"{points} of {name} R²"
    return f"{100 * loss:g} % more {name} loss"
