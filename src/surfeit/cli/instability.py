"""`surfeit instability`: do two trainings that part at a step end in one basin?"""

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
from surfeit.cli.names import published_recipe
from surfeit.cli.options import Machine, Places, seeds_of
from surfeit.cli.progress import telling
from surfeit.cli.recipes import RecipeOptions
from surfeit.cli.sizes import say_if_large
from surfeit.cli.table import print_table, write_table
from surfeit.cli.values import Whole, WholeNumbers

if TYPE_CHECKING:
    import pyarrow as pa

_PLACES, _MACHINE, _OPTIONS = Places(), Machine(), RecipeOptions()
_INITIALS = InitialOptions()


def instability(
    *,
    model: TrainedModel = "lenet-300-100",
    data: TrainedData = "digits",
    label_noise: LabelNoise = 0.0,
    part_at: WholeNumbers = (0, 100),
    replicates: Whole = 3,
    seed: FirstSeed = 0,
    points: Whole = 30,
    workers: Workers = None,
    on: EngineName = "local",
    out: Out | None = None,
    quiet: Quiet = False,
    options: RecipeOptions = _OPTIONS,
    initials: InitialOptions = _INITIALS,
    places: Places = _PLACES,
    machine: Machine = _MACHINE,
) -> None:
    """Train two networks on from one's weights at a step, and measure the line between their ends.

    Prints the error barrier on the line for each step: how much more the worst point errs than the
    mean of both ends. A training is called stable where the whole 95 % interval over replicates is
    below 2 points, unstable where it is above; Frankle et al. 2020 find tickets by rewinding to
    steps at which it is stable. Writes OUT/lines.parquet, OUT/barriers.parquet and the figure.
    Recipes are those of 'surfeit tickets'.

    Parameters
    ----------
    part_at
        The steps at which the two trainings part, ascending.
    replicates
        Times that everything is done, each with a seed of its own.
    points
        On each line, both ends included.
    out
        Where to write; by default surfeit-instability-MODEL-DATA in this folder.
    quiet
        Say nothing but the table and errors.
    """
    seeds = seeds_of(seed, replicates)
    recipe = options.applied_to(published_recipe(model, data))
    check_names(model, data)
    builder = initials.applied_to(trainable(model))
    from surfeit.procedures.instability import (
        STABLE,
        InstabilityConfig,
        barriers,
        instability_lines,
    )
    from surfeit.tables.figures import line, save
    from surfeit.train import Snapshots
    from surfeit.train.snapshots import bytes_at_most

    config = InstabilityConfig(steps=part_at, points=points)
    dataset = places.data_named(data, label_noise)
    total = recipe.total_steps(len(dataset.train))
    if max(part_at) >= total:
        raise ValueError(
            f"--part-at holds step {max(part_at)}, but the training has {total} steps: give "
            "earlier steps, or more --steps"
        )
    folder = out or folder_of("instability", initials.named(model), data, label_noise)
    with output_folder(folder), telling(quiet) as teller:
        engine = engine_of(model, dataset, workers, teller, on=on)
        trunk, branch = (
            bytes_at_most(builder, dataset, recipe, Snapshots(every_epochs=0, at=steps))
            for steps in (part_at, ())
        )
        size = replicates * (trunk + 2 * len(part_at) * branch)
        say_if_large(size, places.store, "fewer --part-at or --replicates write less", teller)
        lines = instability_lines(
            builder,
            dataset,
            recipe,
            config,
            seeds=seeds,
            store=places.store,
            engine=engine,
            numerics=machine.numerics,
            progress=teller.trainings,
        )
        found = barriers(lines)
    print_table(*barrier_rows(found, STABLE))
    write_table(lines, folder / "lines.parquet")
    write_table(found, folder / "barriers.parquet")
    save(line.figure(lines, found, threshold=STABLE), folder, "lines")
    teller.say(f"tables and figure: {folder}/lines.parquet, barriers.parquet, lines.svg, ...")
    _complain(found)


def barrier_rows(found: "pa.Table", stable: float) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """For each step the barrier on test and training images, and whether it is low."""
    cells: dict[tuple[int, str], list[float]] = {}
    for row in found.to_pylist():
        known = [] if row["barrier"] is None else [row["barrier"]]
        cells.setdefault((row["step"], row["split"]), []).extend(known)
    rows = []
    for step in sorted({step for step, _ in cells}):
        test = cells[step, "test"]
        train = _interval(cells[step, "train"])
        rows.append((f"{step:,}", _interval(test), train, _verdict(test, stable)))
    return ("parted at", "barrier on test images", "on training images", "training"), rows


def _verdict(barriers: list[float], stable: float) -> str:
    """Whether the barrier is low beyond the doubt that replicates leave."""
    from surfeit.tables import over_replicates

    if not barriers:
        return "–"
    over = over_replicates(barriers)
    if over.lower is None or over.upper is None:
        where = "in one replicate" if over.n == 1 else f"in {over.n} equal replicates, too few"
        return f"{'stable' if over.mean < stable else 'unstable'} {where}"
    if over.upper < stable:
        return "stable"
    return "unstable" if over.lower >= stable else "undecided"


def _interval(values: list[float]) -> str:
    """Points of error: the mean, with its interval where there is more than one value."""
    from surfeit.tables import over_replicates

    if not values:
        return "–"
    over = over_replicates(values)
    if over.lower is None or over.upper is None:
        return f"{100 * over.mean:.2f} points" + (f" ({over.doubt})" if over.n > 1 else "")
    return (
        f"{100 * over.mean:.2f} points "
        f"({100 * over.lower:.2f} to {100 * over.upper:.2f}, n = {over.n})"
    )


def _complain(found: "pa.Table") -> None:
    from surfeit.core import SurfeitError
    from surfeit.procedures.tickets import failures

    sentences = failures(found)
    if sentences:
        raise SurfeitError(
            "\n  ".join([f"{len(sentences)} trainings failed:", *sentences.values()])
        )
