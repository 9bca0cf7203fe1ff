"""`surfeit prune`: accuracy or loss against the number of units removed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from surfeit.cli.flags import (
    DataName,
    ModelName,
    ObjectiveName,
    Out,
    Quiet,
    dashed,
    flag,
    open_text,
)
from surfeit.cli.interrupts import measured_anew
from surfeit.cli.names import criteria_of, objective_of
from surfeit.cli.options import Machine, Places
from surfeit.cli.placing import placed_together
from surfeit.cli.progress import Teller, say_if_other_data, say_if_unfinished, telling
from surfeit.cli.removal_answer import Judge, answers, heading, headline
from surfeit.cli.table import print_table, write_table
from surfeit.cli.values import LIST, Flag, Seed, Whole, words
from surfeit.prune import CRITERIA

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from matplotlib.figure import Figure

    from surfeit.core import Split
    from surfeit.data import Dataset
    from surfeit.prune import CanGo, Criterion

_PLACES, _MACHINE = Places(), Machine()
_CRITERIA = dashed(CRITERIA)
_MOST_REPEATS = 10_000  # random orders: their mean is known to a hundredth of their spread

if TYPE_CHECKING:
    CriterionNames = tuple[str, ...]
else:
    CriterionNames = Annotated[
        flag(
            tuple[open_text([*_CRITERIA, "all"]), ...],
            help=f"One or more: {', '.join(_CRITERIA)}; or all. If not given, those of the report.",
            converter=words,
        ),
        LIST,
    ]


def prune(
    run: str,
    *,
    layer: str,
    criteria: CriterionNames | None = None,
    scores_on: Literal["train", "validation"] = "train",
    score_examples: Whole = 1000,
    repeats: Whole = 5,
    step: Whole | None = None,
    keep_bias: Flag = False,
    loss: float = 0.01,
    seed: Seed = 0,
    out: Out | None = None,
    data: DataName = None,
    model: ModelName = None,
    objective: ObjectiveName = None,
    quiet: Quiet = False,
    places: Places = _PLACES,
    machine: Machine = _MACHINE,
) -> None:
    """Remove a layer's units one by one, by every criterion and at random; no retraining.

    Prints for each criterion an estimate of how many units go before more than --loss is lost, by
    the validation examples, and what that costs on the test examples. The largest estimate chooses
    a criterion; at least and at most how many units can go in its order, with 95 % confidence, is
    then said by the test examples, on stderr. Writes the curves of both splits,
    OUT/removal-LAYER.parquet, and their figure as SVG, PNG and PDF. In LAYER, what a file
    name cannot hold is written as in an address. Units that can only go together with those of
    other layers, as in a residual stream, go together.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, or its folder.
    layer
        A layer's name, such as fc1 or conv2; "" for a network that is one layer.
    scores_on
        The examples that criteria look at that need more than weights: train or validation.
    score_examples
        At most so many of them, drawn at random; more tell units apart better and take longer.
    repeats
        Random orders, for their mean and standard deviation.
    step
        The snapshot to prune; the last if not given.
    keep_bias
        Zero the units' weights but keep their biases, as the program of the report did.
    loss
        The accepted loss of accuracy, a fraction: 0.01 is one point. Of a network trained on real
        numbers by their squared error, of R²; of any other loss, its rise as a share of itself.
    seed
        Of the random orders, and of the examples that criteria look at.
    out
        Where to write; by default surfeit-prune-KEY in this folder.
    quiet
        Say nothing but the table and errors.
    """
    if not 0 <= loss <= 1:
        raise ValueError(f"loss must be a fraction in [0, 1], got {loss:g}: 0.01 is one point")
    if not 1 <= repeats <= _MOST_REPEATS:
        at_most = "at least 1" if repeats < 1 else f"at most {_MOST_REPEATS:,}"
        raise ValueError(f"repeats must be {at_most}, got {repeats}")
    found, wanted = places.store.find(run), criteria_of(criteria)
    dataset = places.data_of(found, data)
    judge = objective_of(objective, found, dataset)
    into = places.network_of(model, dataset)
    folder = out or Path(f"surfeit-prune-{found.key[:8]}")

    from surfeit.core import Streams
    from surfeit.prune import removal_table, scoring_examples
    from surfeit.store import file_name
    from surfeit.store.writable import check_writable

    check_writable(folder)
    with measured_anew(), telling(quiet) as teller, machine.numerics.in_force():
        if step is None:
            say_if_unfinished(found, teller)
        say_if_other_data(found, dataset, teller)
        splits = {name: dataset.splits[name].to(machine.device) for name in ("validation", "test")}
        looked_at = scoring_examples(
            scores_on,
            dataset.splits[scores_on].to(machine.device),
            score_examples,
            streams=Streams(seed),
        )
        _say_what_is_looked_at(wanted, looked_at, teller)
        table = removal_table(
            found.model(step, into=into).to(machine.device),
            layer,
            splits,
            criteria=wanted,
            scores_on=looked_at,
            repeats=repeats,
            streams=Streams(seed),
            objective=judge,
            keep_bias=keep_bias,
            progress=_by_split(teller, layer or "the network", list(splits)),
        )
        classes = table["accuracy"].null_count == 0
        reading = Judge(splits=splits, objective=judge, loss=loss, classes=classes)
        can_go = reading.can_go(table)
        drawing = _drawn(table, reading, can_go, dataset)
        _write(table, drawing, folder, file_name("removal", layer), teller)
        if can_go is not None:
            noun = "images" if dataset.test.holds_images else "examples"
            teller.say(headline(can_go, table, reading, layer=layer, noun=noun))
    print_table(heading(reading), [found.cells for found in answers(table, reading)])


def _drawn(table: "pa.Table", judge: Judge, can_go: "CanGo | None", dataset: "Dataset") -> "Figure":
    from surfeit.prune import explained_variance
    from surfeit.tables.figures import removal

    answer = None
    if can_go is not None:
        found = can_go.bounds
        answer = removal.Answer(
            criterion=can_go.criterion,
            estimate=can_go.estimate,
            bounds=None if found is None else (found.lower, found.upper),
        )
    return removal.figure(
        table,
        loss=judge.loss,
        chance=1 / dataset.classes if dataset.task == "classes" else None,
        answer=answer,
        variance={
            name: explained_variance(split.targets, judge.objective)
            for name, split in judge.splits.items()
        },
    )


def _say_what_is_looked_at(
    criteria: "dict[str, Criterion]", looked_at: "tuple[str, Split]", teller: Teller
) -> None:
    names = [name for name, criterion in criteria.items() if criterion.needs_examples]
    if names:
        split, examples = looked_at
        shown = ", ".join(name.replace("_", "-") for name in names)
        teller.say(f"scores by {shown}: of {len(examples):,} {split} examples")


def _by_split(teller: Teller, layer: str, splits: list[str]) -> "Callable[[int, int], None]":
    """Tells how far the curves are, a stage a split: in a pipe each leaves a line when it ends."""

    def tell(done: int, total: int) -> None:
        each = total // len(splits)
        for place, name in enumerate(splits):
            so_far = done - place * each
            if so_far >= 0:
                teller.stage(f"removing units of {layer}, {name}", min(so_far, each), each)

    return tell


def _write(table: "pa.Table", drawing: "Figure", folder: Path, name: str, teller: Teller) -> None:
    from surfeit.tables.figures import save

    with placed_together(folder) as building:
        save(drawing, building, name)
        write_table(table, building / f"{name}.parquet")
    teller.say(f"curves and figure: {folder}/{name}.parquet, .svg, .png, .pdf")
