"""`surfeit tickets`: the search for lottery tickets, with the controls that it is judged by."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

from cyclopts import Group, Parameter

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
    dashed,
    flag,
    listed,
    open_text,
)
from surfeit.cli.folders import output_folder
from surfeit.cli.initials import InitialOptions
from surfeit.cli.names import published_recipe
from surfeit.cli.options import Machine, Places, seeds_of
from surfeit.cli.progress import Teller, telling
from surfeit.cli.recipes import RecipeOptions
from surfeit.cli.sizes import say_if_large
from surfeit.cli.table import print_table, write_table
from surfeit.cli.values import LIST, Flag, Whole, words
from surfeit.procedures.tickets import CONTROLS, config
from surfeit.prune import CRITERIA, SCORES

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import nn

    from surfeit.data import Dataset
    from surfeit.procedures.tickets import TicketConfig
    from surfeit.train import Recipe

SEARCH = Group("Search (rates not given are as published for the network)", sort_key=1)
_SCORES, _CRITERIA = dashed(SCORES), dashed(CRITERIA)

if TYPE_CHECKING:
    ScoreName = str
    GranularityName = config.Granularity
    AllocationName = config.Allocation
    RetrainName = config.Retrain
    ControlNames = tuple[str, ...]
else:
    ScoreName = flag(
        open_text([*_SCORES, *_CRITERIA]),
        help=f"The least goes first: {listed(_SCORES)}; of units {listed(_CRITERIA)}, or "
        "greedy-NAME of one that compares units in pairs. By default large-final, of units "
        "magnitude.",
    )
    GranularityName = flag(config.Granularity, help="weight, or unit for structured tickets.")
    AllocationName = flag(config.Allocation, help=f"{listed(get_args(config.Allocation))}.")
    RetrainName = flag(config.Retrain, help=f"{listed(get_args(config.Retrain))}.")
    ControlNames = Annotated[
        flag(
            tuple[open_text([*CONTROLS, "none"]), ...],
            help=f"Trained at every level: {', '.join(CONTROLS)}; or none.",
            converter=words,
        ),
        LIST,
    ]


@Parameter(name="*", group=SEARCH)
@dataclass(frozen=True, kw_only=True)
class Search:
    """What is removed, and what is trained from where."""

    rate: float | None = None
    "Removed at each level, a fraction of what is left; 0.2 where none is published."
    output_rate: float | None = None
    "The same of the output layer; layerwise, half of --rate where none is published."
    conv_rate: float | None = None
    "The same of convolutions."
    score: ScoreName | None = None
    granularity: GranularityName = "weight"
    allocation: AllocationName = "layerwise"
    rewind_to: Whole = 0
    "The step of the dense network's training whose weights a ticket begins with."
    retrain: RetrainName = "rewind"
    fine_tune_rate: float | None = None
    "Of fine-tune: the one rate; by default the last of the schedule."
    scratch_cap: float | None = None
    "Of scratch-b, which trains 1 / density times as long as the ticket: at most so many times."
    one_shot: Flag = False
    "Every level from the dense network alone, not from the level before."

    def config(self, model: str, *, levels: int, controls: tuple[str, ...]) -> "TicketConfig":
        """The configuration of the search: what is not given is as published.

        Args:
            model: the network's name.
            levels: pruned levels.
            controls: their names, or "none" alone.

        Raises:
            ValueError: as `TicketConfig`.
        """
        from surfeit.procedures.tickets import TicketConfig

        unit = self.granularity == "unit"
        given = {name: getattr(self, name) for name in ("rate", "output_rate", "conv_rate")}
        rates = self._published(model) | {k: v for k, v in given.items() if v is not None}
        return TicketConfig(
            levels=levels,
            **rates,
            score=(self.score or ("filter-norm" if unit else "large-final")).replace("-", "_"),
            granularity=self.granularity,  # pyright: ignore[reportArgumentType]  # it checks names
            allocation=self.allocation,  # pyright: ignore[reportArgumentType]
            rewind_to=self.rewind_to,
            retrain=self.retrain,  # pyright: ignore[reportArgumentType]
            fine_tune_rate=self.fine_tune_rate,
            scratch_cap=self.scratch_cap,
            schedule="one-shot" if self.one_shot else "iterative",
            controls=() if controls == ("none",) else controls,
        )

    def _published(self, model: str) -> dict[str, float]:
        """The published rates that this search reads: they are those of weights, by layer."""
        from surfeit.procedures.tickets import PUBLISHED

        layerwise = (self.granularity, self.allocation) == ("weight", "layerwise")
        if model not in PUBLISHED or not layerwise:
            return {}
        found = PUBLISHED[model]
        rates = {"rate": found.rate, "output_rate": found.output_rate}
        return rates | ({} if found.conv_rate is None else {"conv_rate": found.conv_rate})


_EVALUATE_EVERY = 100  # steps
_DEEPEST = 100  # level: those below it are as large
_PLACES, _MACHINE, _OPTIONS, _SEARCH = Places(), Machine(), RecipeOptions(), Search()
_INITIALS = InitialOptions()


def tickets(
    *,
    model: TrainedModel = "lenet-300-100",
    data: TrainedData = "digits",
    label_noise: LabelNoise = 0.0,
    levels: Whole = 16,
    replicates: Whole = 3,
    controls: ControlNames = ("reinit", "random"),
    seed: FirstSeed = 0,
    workers: Workers = None,
    on: EngineName = "local",
    out: Out | None = None,
    quiet: Quiet = False,
    search: Search = _SEARCH,
    options: RecipeOptions = _OPTIONS,
    initials: InitialOptions = _INITIALS,
    places: Places = _PLACES,
    machine: Machine = _MACHINE,
) -> None:
    """Find lottery tickets, level by level, and train the controls that they are judged by.

    Each level removes the least of the weights that the level before ended with, rewinds what is
    left and trains it again. Prints accuracy by density and writes OUT/tickets.parquet, one row a
    training, and the figure as SVG, PNG and PDF. Recipe and rates are those of Frankle and Carbin
    2019 for lenet-300-100 (50,000 steps a training) and conv-2, -4, -6; on digits they are 2,000
    steps. Early stopping looks at the validation images every 100 steps if --evaluate-every says no
    other. There are LEVELS x (1 + controls) + 1 trainings a replicate, by default 147 in all: give
    --steps for shorter ones. They run side by side; none is done twice, and what was interrupted
    goes on.

    Parameters
    ----------
    levels
        Pruned levels; level 0 is the dense network.
    replicates
        Times that the whole search is done, each with a seed of its own.
    out
        Where to write; by default surfeit-tickets-MODEL-DATA in this folder.
    quiet
        Say nothing but the table and errors.
    """
    seeds = seeds_of(seed, replicates)
    config = search.config(model, levels=levels, controls=controls)
    # Validation losses tell the early-stopping step: they are looked at more often than elsewhere.
    published = replace(published_recipe(model, data), evaluate_every=_EVALUATE_EVERY)
    recipe = options.applied_to(published)
    check_names(model, data)
    builder = initials.applied_to(trainable(model))
    from surfeit.core import Streams
    from surfeit.procedures.tickets import find_tickets
    from surfeit.train.building import built

    store, numerics = places.store, machine.numerics
    dataset = places.data_named(data, label_noise)
    folder = out or folder_of("tickets", initials.named(model), data, label_noise)
    with output_folder(folder), telling(quiet) as teller:
        network = built(builder, dataset, Streams(seed).get("init"))
        size = replicates * _size(network, dataset, recipe, config)
        advice = "fewer --levels, --controls or --replicates write less"
        say_if_large(size, store, advice, teller)
        engine = engine_of(model, dataset, workers, teller, on=on)
        table = find_tickets(
            builder,
            dataset,
            recipe,
            config,
            seeds=seeds,
            store=store,
            engine=engine,
            numerics=numerics,
            progress=teller.trainings,
        )
        _say_answer(table, teller)
        _say_reach(network, teller)
    _print(table)
    _write(table, folder, teller)
    _complain(table)


def _size(
    network: "nn.Module", dataset: "Dataset", recipe: "Recipe", config: "TicketConfig"
) -> int:
    """Bytes that one replicate writes, at most."""
    from surfeit.train import Snapshots
    from surfeit.train.snapshots import bytes_at_most

    kept = Snapshots(every_epochs=0, at=(config.rewind_to,))
    sizes = {0: bytes_at_most(network, dataset, recipe, kept)}
    for level in range(1, min(config.levels, _DEEPEST) + 1):
        density = max((1 - _slowest_rate(config)) ** level, sys.float_info.epsilon)
        sizes[level] = bytes_at_most(network, dataset, recipe, kept, density=density)
    tickets = sum(sizes[min(level, _DEEPEST)] for level in range(1, config.levels + 1))
    return sizes[0] + (1 + len(config.controls)) * tickets


def _slowest_rate(config: "TicketConfig") -> float:
    """The least that is removed of any layer at each level; layers of units may stay whole."""
    if config.granularity == "unit":
        return 0.0
    output = config.output_rate
    if output is None:
        output = config.rate / 2 if config.allocation == "layerwise" else config.rate
    return min(config.rate, output, config.conv_rate or config.rate)


def _say_reach(network: "nn.Module", teller: Teller) -> None:
    """Says what no mask reaches, where that is more than biases and normalisation."""
    from surfeit.prune import coverage

    reach = coverage(network)
    if {"biases", "normalisation"}.issuperset(reach.left_out):
        return
    teller.say(f"densities are of what may be pruned: {reach}")


def _say_answer(table: "pa.Table", teller: Teller) -> None:
    from surfeit.cli.ticket_answer import sentences

    for sentence in sentences(table):
        teller.say(sentence)


def _print(table: "pa.Table") -> None:
    from surfeit.cli.ticket_answer import rows

    print_table(*rows(table))


def _write(table: "pa.Table", folder: Path, teller: Teller) -> None:
    from surfeit.tables import figures

    path = folder / "tickets.parquet"
    kinds = () if _holds(path, table) else ("parquet", "svg", "png", "pdf")
    others = [file for kind in kinds if (file := folder / f"anatomy.{kind}").is_file()]
    write_table(table, path)
    for other in others:
        other.unlink()
    if others:
        teller.say(f"removed {folder}/anatomy.*: it was of other tickets than these")
    if any(value is not None for value in table["test_accuracy"].to_pylist()):
        figures.save(figures.tickets.figure(table), folder, "tickets")
        teller.say(f"table and figure: {folder}/tickets.parquet, .svg, .png, .pdf")


def _holds(path: Path, table: "pa.Table") -> bool:
    """Whether a file holds this very table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path).equals(table)
    except (pa.ArrowException, OSError):  # none is there, or it is damaged
        return False


def _complain(table: "pa.Table") -> None:
    from surfeit.cli.ticket_answer import complaint
    from surfeit.core import SurfeitError

    failed = complaint(table)
    if failed:
        raise SurfeitError(failed)
