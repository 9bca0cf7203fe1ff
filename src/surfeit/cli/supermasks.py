"""`surfeit supermasks`: how well untrained networks with a mask classify."""

from typing import TYPE_CHECKING

from surfeit.cli.builders import check_names, engine_of, folder_of, trainable
from surfeit.cli.flags import (
    EngineName,
    FirstSeed,
    LabelNoise,
    Out,
    Quiet,
    TrainedData,
    TrainedModel,
    Workers,
)
from surfeit.cli.folders import output_folder
from surfeit.cli.initials import InitialOptions
from surfeit.cli.options import Carrying, Machine, Places, seeds_of
from surfeit.cli.progress import telling
from surfeit.cli.sizes import say_if_large
from surfeit.cli.table import print_table, write_table
from surfeit.cli.values import Numbers, Whole

if TYPE_CHECKING:
    import pyarrow as pa

    from surfeit.data import Dataset
    from surfeit.models import Builder
    from surfeit.procedures.supermasks import SupermaskConfig

_PLACES, _MACHINE, _CARRYING = Places(), Machine(), Carrying()
_INITIALS = InitialOptions()
_ADVICE = "fewer --densities or --replicates write less"


def supermasks(
    *,
    model: TrainedModel = "lenet-300-100",
    data: TrainedData = "digits",
    label_noise: LabelNoise = 0.0,
    steps: Whole | None = None,
    epochs: Whole | None = None,
    replicates: Whole = 3,
    seed: FirstSeed = 0,
    levels: Whole = 24,
    densities: Numbers = (0.5,),
    workers: Workers = None,
    on: EngineName = "local",
    out: Out | None = None,
    quiet: Quiet = False,
    initials: InitialOptions = _INITIALS,
    places: Places = _PLACES,
    machine: Machine = _MACHINE,
    carrying: Carrying = _CARRYING,
) -> None:
    """Put masks on untrained networks and measure them: from criteria, learned, and edge-popup.

    Prints the accuracy of each method beside that of the trained network, with 95 % intervals over
    the replicates, and writes OUT/supermasks.parquet, one row a replicate and method. What is in
    the store already is not trained again; what was interrupted goes on.

    Methods: mask-... from trained weights, learned-... with trained probabilities, rescaled-... the
    same with weights scaled up by what is removed; each on the initial weights and on constants
    with their signs. Then edge-popup on random constants, and the network trained without a mask.
    Edge-popup draws constants of its own, whatever --initial says.

    Parameters
    ----------
    steps
        Optimiser updates of each training, instead of epochs.
    epochs
        Passes over the training images of each training; by default 15 for masks, 10 for weights.
    replicates
        Networks, each with weights, order and masks drawn from a seed of its own.
    levels
        Of masks by criterion: the best of 1 to so many on validation images; 0.8 of a layer is kept
        at 1, 0.64 at 2, ...
    densities
        Of edge-popup: shares of the weights that are kept, one or more.
    out
        Where to write; by default surfeit-supermasks-MODEL-DATA in this folder.
    quiet
        Say nothing but the table and errors.
    """
    seeds = seeds_of(seed, replicates)
    check_names(model, data)
    builder = initials.applied_to(trainable(model))
    config = _config(steps, epochs, range(1, levels + 1), densities)
    folder = out or folder_of("supermasks", initials.named(model), data, label_noise)

    from surfeit.procedures.supermasks import supermask_table

    dataset = places.data_named(data, label_noise)
    store = places.store
    with output_folder(folder), telling(quiet) as teller:
        engine = engine_of(model, dataset, workers, teller, on=on)
        say_if_large(replicates * _size(builder, dataset, config), store, _ADVICE, teller)
        table = supermask_table(
            builder,
            dataset,
            config,
            seeds=seeds,
            store=store,
            engine=engine,
            numerics=machine.numerics,
            conduct=carrying.conduct(lambda moment: None),
            progress=teller.trainings,
        )
        write_table(table, folder / "supermasks.parquet")
        teller.say(f"table: {folder}/supermasks.parquet")
    print_table(*_answer(table))


def _config(
    steps: int | None, epochs: int | None, levels: range, densities: tuple[float, ...]
) -> "SupermaskConfig":
    """The configuration with every training as long as asked for.

    Raises:
        ValueError: if both lengths are given, or as `SupermaskConfig`.
    """
    from dataclasses import replace

    from surfeit.procedures.supermasks import SupermaskConfig

    config = SupermaskConfig(levels=tuple(levels), densities=densities)
    if steps is None and epochs is None:
        return config
    recipes = {name: getattr(config, name) for name in ("trained", "learned", "rescaled", "popup")}
    changed = {name: replace(r, steps=steps, epochs=epochs) for name, r in recipes.items()}
    return replace(config, **changed)


def _size(builder: "Builder", dataset: "Dataset", config: "SupermaskConfig") -> int:
    """Bytes that one replicate writes, at most: of masked networks a number a weight as well."""
    from surfeit.train import Snapshots
    from surfeit.train.snapshots import bytes_at_most

    kept = Snapshots(every_epochs=0)
    trained = bytes_at_most(builder, dataset, config.trained, kept)
    masked = [config.learned] * 2 + [config.rescaled] * 2 + [config.popup] * len(config.densities)
    return trained + sum(2 * bytes_at_most(builder, dataset, recipe, kept) for recipe in masked)


def _answer(table: "pa.Table") -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """For each method: density, and accuracies with their intervals over the replicates."""
    from statistics import mean

    # Of edge-popup there is a row a density, the same in all replicates.
    found: dict[tuple[str, float | None], list[dict[str, float]]] = {}
    for row in table.to_pylist():
        apart = row["density"] if row["method"] == "edge-popup" else None
        found.setdefault((row["method"], apart), []).append(row)
    rows: list[tuple[object, ...]] = []
    for (method, _), replicates in found.items():
        density = 100 * mean(row["density"] for row in replicates)
        accuracies = (
            _interval([row[f"{split}_accuracy"] for row in replicates])
            for split in ("validation", "test")
        )
        rows.append((method, f"{density:.1f}", *accuracies))
    return ("method", "density %", "validation accuracy %", "test accuracy %"), rows


def _interval(values: list[float]) -> str:
    """The mean in percent, with its interval where the values tell how much they vary."""
    from surfeit.tables import over_replicates

    over = over_replicates(values)
    if over.lower is None or over.upper is None:
        return f"{100 * over.mean:.1f}" + (f" ({over.doubt})" if over.n > 1 else "")
    lower, upper = max(over.lower, 0.0), min(over.upper, 1.0)  # an accuracy is a fraction
    return f"{100 * over.mean:.1f} ({100 * lower:.1f} to {100 * upper:.1f})"
