"""`surfeit landscape`: the loss around a network's weights, as figures and as a page."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from surfeit.cli.builders import engine_on
from surfeit.cli.flags import DataName, EngineName, ModelName, ObjectiveName, Out, Quiet
from surfeit.cli.names import objective_of
from surfeit.cli.options import Machine, Places
from surfeit.cli.placing import placed_together
from surfeit.cli.progress import Teller, say_if_other_data, say_if_unfinished, telling
from surfeit.cli.table import print_table, write_table
from surfeit.cli.values import Seed, Whole

if TYPE_CHECKING:
    from surfeit.execute import Status
    from surfeit.procedures.landscape import Landscape, LandscapeConfig
    from surfeit.report.landscape import Numbers
    from surfeit.store import Run

_PLACES, _MACHINE = Places(), Machine()
_COLUMNS = (
    "network",
    "loss at the origin",
    "least loss",
    "largest loss",
    "points not finite",
    "picture not convex",
    "convexity lost",
    "convexity lost in the picture",
)


def landscape(
    run: str,
    run2: str | None = None,
    run3: str | None = None,
    /,
    *,
    step: Whole | None = None,
    directions: Literal["filter", "layer", "gaussian", "trajectory", "between"] = "filter",
    line: Annotated[bool, Parameter(negative=())] = False,
    points: Whole = 25,
    extent: float | None = None,
    split: Literal["train", "validation", "test"] = "train",
    examples: Whole = 1000,
    seed: Seed = 0,
    statistics: Literal["recomputed", "running"] | None = None,
    curvature: Whole = 0,
    curvature_examples: Whole = 200,
    on: EngineName = "local",
    out: Out | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative=())] = False,
    data: DataName = None,
    model: ModelName = None,
    objective: ObjectiveName = None,
    quiet: Quiet = False,
    places: Places = _PLACES,
    machine: Machine = _MACHINE,
) -> None:
    """Draw the loss around a network's weights, along its training, or between networks.

    Writes OUT/landscape.svg, .png, .pdf, a page with surfaces that turn (OUT/landscape.html) and
    tables; prints what is seen in numbers. Points are kept a few at a time: stopped with
    Ctrl-C, the same command goes on. Masked weights and frozen parameters do not move.

    Printed, a row a network: the loss at the origin, the least and the largest of the picture, and
    at how many points it is not finite; the share of the inner points at which the picture itself
    is not convex; and with --curvature the median, over its points, of the convexity lost,
    |smallest| / largest eigenvalue: in all directions, and in the picture's own.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, or its folder.
    run2
        A second one, drawn beside it in one scale; with --directions between the line's other end.
    run3
        With --directions between: the plane through all three.
    step
        The snapshot to measure; the last if not given.
    directions
        filter, layer or gaussian: random, rescaled filter by filter, layer by layer, or to length
        one; trajectory: the plane in which the training moved most; between: through the runs.
    line
        Along one direction alone.
    points
        Along each axis.
    extent
        How far the grid reaches: in lengths of a random direction (1; of gaussian as far as the
        weights are long), else the share of the range that is added at both ends (0.5 on a line,
        0.25 on a plane).
    split
        The examples that the loss is the mean of: train, validation or test.
    examples
        At most so many of them, drawn at random.
    seed
        Of the directions and the examples.
    statistics
        Of batch normalisation, where there is one: recomputed at each point, or running, as they
        were trained.
    curvature
        Also measure the Hessian's largest and smallest eigenvalue at so many points along each
        axis: how much convexity is lost, and how much of that the picture hides.
    curvature_examples
        At most so many examples for it.
    out
        Where to write; by default surfeit-landscape-KEY in this folder.
    json_
        Print all numbers as JSON.
    quiet
        Say nothing but the table and errors.
    """
    keys = [one for one in (run, run2, run3) if one is not None]
    from surfeit.procedures.landscape import LandscapeConfig
    from surfeit.procedures.landscape import landscape as measured

    between = directions == "between"
    config = LandscapeConfig(
        directions=directions,
        dimensions=1 if line or (between and len(keys) < 3) else 2,
        points=points,
        extent=extent,
        split=split,
        examples=examples,
        seed=seed,
        statistics="recomputed" if between and statistics is None else statistics,
        curvature=curvature,
        curvature_examples=curvature_examples,
    )
    config.checked(len(keys))
    found = [places.store.find(key) for key in keys]
    dataset = places.data_of(found[0], data)
    judge = objective_of(objective, found[0], dataset)
    into = places.network_of(model, dataset)
    engine = engine_on(on)
    folder = out or Path(f"surfeit-landscape-{found[0].key[:12]}")
    from surfeit.store.writable import check_writable

    check_writable(folder)
    with telling(quiet) as teller:
        for one in found:
            if step is None:
                say_if_unfinished(one, teller)
            say_if_other_data(one, dataset, teller)

        def told(status: "Status") -> None:
            teller.stage("measuring", status.done, status.total)

        answer = measured(
            found,
            dataset,
            config,
            objective=judge,
            step=step,
            into=into,
            store=places.store,
            engine=engine,
            numerics=machine.numerics,
            progress=told,
        )
        names = _names(found, config)
        _write(answer, names, dataset.name, folder, teller)
        for words in answer.remarks:
            teller.say(words)
    from surfeit.report.landscape import numbers_of

    numbers = [numbers_of(answer, place) for place in range(len(names))]
    if json_:
        print(json.dumps(_record(answer, names, numbers), indent=2))
    else:
        rows = [_cells(name, one) for name, one in zip(names, numbers, strict=True)]
        print_table(_COLUMNS, rows)


def _names(runs: "list[Run]", config: "LandscapeConfig") -> list[str]:
    """What each picture is called: a run, or all that it leads through."""
    named = [f"{run.about.get('model') or 'run'} {run.key[:8]}" for run in runs]
    return [" – ".join(named)] if config.directions == "between" else named


def _cells(name: str, one: "Numbers") -> tuple[str, ...]:
    def share(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.1f} %"

    losses = (one.origin_loss, one.least_loss, one.largest_loss)
    return (
        name,
        *(f"{loss:.4g}" for loss in losses),
        f"{one.not_finite} of {one.points}",
        share(one.nonconvex_share),
        share(one.convexity_lost),
        share(one.plane_convexity_lost),
    )


def _record(answer: "Landscape", names: list[str], numbers: "list[Numbers]") -> dict:
    from dataclasses import asdict

    def rows(table: object) -> list[dict]:
        return [
            {name: _plain(value) for name, value in row.items()}
            for row in table.to_pylist()  # pyright: ignore[reportAttributeAccessIssue]
        ]

    return {
        "settings": asdict(answer.config),
        "networks": [
            {"name": name, **{key: _plain(value) for key, value in asdict(one).items()}}
            for name, one in zip(names, numbers, strict=True)
        ],
        "heights": rows(answer.heights),
        "convexity": rows(answer.convexity),
        "path": rows(answer.path),
        "remarks": list(answer.remarks),
    }


def _plain(value: object) -> object:
    """What JSON has: of a number that is not finite its name."""
    from math import isfinite

    return str(value) if isinstance(value, float) and not isfinite(value) else value


def _write(answer: "Landscape", names: list[str], data: str, folder: Path, teller: Teller) -> None:
    from surfeit.report.landscape import Drawing, drawings, render
    from surfeit.store import write_atomically
    from surfeit.tables.figures import save
    from surfeit.tables.figures.readout import pieces

    tables = {"heights": answer.heights, "path": answer.path}
    if answer.convexity.num_rows:
        tables["convexity"] = answer.convexity
    with placed_together(folder) as building:
        drawn = {}
        for name, drawing in drawings(answer, names).items():
            svg = save(drawing, building, name)["svg"].read_text(encoding="utf-8")
            drawn[name] = Drawing(svg=svg, pieces=pieces(drawing))
        page = render(answer, names, drawn, data=data)
        write_atomically(building / "landscape.html", page.encode(), sync=False)
        for name, table in tables.items():
            write_table(table, building / f"{name}.parquet")
    files = ", ".join(f"{name}.parquet" for name in tables)
    figures = ", ".join(f"{name}.svg" for name in drawn)
    teller.say(f"page, figures and tables: {folder}/landscape.html, {figures}, ..., {files}")
