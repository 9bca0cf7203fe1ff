"""`surfeit runs`: list, show, what probes saw, verify, name, tag, thin and delete."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from surfeit.cli.commands import command_group
from surfeit.cli.options import Places
from surfeit.cli.run_filters import condition_of, ordered
from surfeit.cli.run_removal import agreed, chosen, each, listed, thin_wishes
from surfeit.cli.run_table import print_records, print_runs, size_words
from surfeit.cli.table import print_table, write_csv, write_table
from surfeit.cli.values import Flag, SomePath, Whole, WholeNumbers, pieces, runs_of, words

if TYPE_CHECKING:
    from surfeit.store import Run

app = command_group("runs", "List, show, verify, name, tag, thin and delete runs; what probes saw.")
_PLACES = Places()

Filters = Annotated[
    tuple[str, ...],
    Parameter(name="--filter", consume_multiple=True, negative=(), converter=words),
]


@app.command(name="list")
@app.default
def list_(
    *,
    filter_: Filters = (),
    sort: str | None = None,
    reverse: Flag = False,
    limit: Whole | None = None,
    format_: Annotated[Literal["table", "json"], Parameter(name="--format")] = "table",
    all_columns: Flag = False,
    places: Places = _PLACES,
) -> None:
    """All runs in the store, the oldest first.

    In a terminal the columns are those that fit; in a pipe they are all there, separated by tabs.

    Parameters
    ----------
    filter_
        Only runs for which all of these hold: model=lenet*, data=mnist, state=done, role=ticket,
        level=3, seed=3, name=, tag=, 'accuracy<0.9', 'density<=20%', 'size>100MB',
        'created<2026-01-01', and the like with key, arm, steps, epochs and snapshots. The signs
        are = != < <= > >=; texts may hold * and ?.
    sort
        By one of these fields, ascending; runs without it come first, either way round.
    reverse
        The other way round.
    limit
        Only the last so many of the list: the newest, or the largest of what is sorted by.
    format_
        table, or json: a list of records with whole keys, sizes in bytes, accuracies as fractions.
    all_columns
        All columns, however wide the terminal is.
    """
    from surfeit.core import printable
    from surfeit.store import Index

    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    holds, store = condition_of(filter_), places.store
    known = Index(store).summaries()
    found = ordered([run for run in known if holds(run)], sort, reverse=reverse)
    runs = found[-limit:] if limit is not None else found
    if format_ == "json":
        print_records(runs, store.root)
    elif runs:
        _say_left_out(print_runs(runs, whole=all_columns))
    if not known:
        there = "no runs in" if store.root.is_dir() else "there is no folder"
        print(f"{there} {store.root}: 'surfeit train' makes a run", file=sys.stderr)
    elif len(runs) < len(known):
        print(f"{len(runs):,} of {len(known):,} runs", file=sys.stderr)
    for run in known:
        if run.problem:
            print(f"surfeit: {printable(run.problem)}", file=sys.stderr)


@app.command
def show(run: str, *, places: Places = _PLACES) -> None:
    """Everything about a run, as JSON.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, its name, or its folder.
    """
    from surfeit.store import read_labels, summary_of

    found = places.store.find(run)
    labels = read_labels(found.path)
    summary = summary_of(found.path, found.path.parent)
    record = {
        "key": found.key,
        "name": labels.name,
        "tags": list(labels.tags),
        "role": summary.role,
        "density": summary.density,
        "size": summary.size,
        "folder": str(found.path),
        "state": found.status,
        "identity": found.identity,
        "about": found.about,
        "snapshots": found.steps(),
        "probes": found.probes,
        "metrics": found.metrics().to_pylist()[-1:],
    }
    print(json.dumps(record, indent=2))


@app.command
def probe(
    run: str,
    name: str | None = None,
    *,
    out: SomePath | None = None,
    places: Places = _PLACES,
) -> None:
    """What a probe saw while a run was trained, as a table; without a name, which ones looked.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, its name, or its folder.
    name
        The probe's, as 'surfeit train --probe' takes it; of a function of your own the function's.
    out
        Write the table to this file, .csv or .parquet, instead of printing it, and print where.
    """
    found = places.store.find(run)
    if name is None:
        if out is not None:
            raise ValueError("--out is of one probe's table: name the probe before it")
        _print_probes(found)
        return
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise ValueError(f"--out must be a file that ends in .csv or .parquet, got {out}")
    table = found.probe(name)
    if out is None:
        rows = table.to_pylist()
        print_table(table.column_names, [[_cell(value) for value in row.values()] for row in rows])
        return
    write = write_csv if out.suffix == ".csv" else write_table
    write(table, out)
    print(out)


@app.command
def verify(*runs: str, places: Places = _PLACES) -> None:
    """Check every file against what was written; exits with 1 if anything is wrong.

    Parameters
    ----------
    runs
        Keys, unique beginnings of them, names or folders; all runs of the store if none is given.
    """
    store = places.store
    if not store.root.is_dir() and not runs:
        raise ValueError(f"there is no folder {store.root}: give --root")
    found = [store.find(text) for text in runs_of(runs)] or store.runs()
    problems = [problem for run in found for problem in run.verify()]
    if not runs:
        problems += store.problems()
    for problem in problems:
        print(problem)
    if problems:
        from surfeit.store.run import REPAIR

        print(REPAIR, file=sys.stderr)
        sys.exit(1)
    print(f"{len(found):,} run{'' if len(found) == 1 else 's'}, nothing wrong", file=sys.stderr)


@app.command
def name(
    run: str,
    name: str | None = None,
    *,
    remove: Flag = False,
    places: Places = _PLACES,
) -> None:
    """Name a run: the name then stands for it in every command.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, its name, or its folder.
    name
        Letters, digits and . + - _, and not what could be the beginning of a key.
    remove
        Take its name away.
    """
    from surfeit.store import Index, Labels, read_labels, write_labels

    if (name is None) != remove:
        raise ValueError("which name? give one, or --remove to take the run's name away")
    if name is not None and not name.strip():
        raise ValueError(f"which name? {name!r} is none; --remove takes the run's name away")
    store = places.store
    found, wish = store.find(run), Labels(name=name or "")
    called = [other.key for other in Index(store).summaries() if other.name == wish.name]
    others = [key[:12] for key in called if key != found.key]
    if wish.name and others:
        raise ValueError(f"run {others[0]} is called {wish.name!r} already: choose another name")
    write_labels(found.path, Labels(name=wish.name, tags=read_labels(found.path).tags))


@app.command
def tag(
    run: str,
    *tags: str,
    remove: Flag = False,
    places: Places = _PLACES,
) -> None:
    """Add tags to a run, for 'surfeit runs list --filter tag=...'.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, its name, or its folder.
    tags
        Words of letters, digits and . + - _, one after another or with commas.
    remove
        Take these tags away instead; all of them if none is given.
    """
    from surfeit.store import Labels, read_labels, write_labels

    if not tags and not remove:
        raise ValueError("which tags? give one or more, or --remove to take them away")
    found = places.store.find(run)
    before, given = read_labels(found.path), Labels(tags=_tags(tags)).tags
    kept = {*before.tags} - {*(given or before.tags)} if remove else {*before.tags, *given}
    write_labels(found.path, Labels(name=before.name, tags=tuple(kept)))


@app.command
def thin(
    *runs: str,
    keep: Whole | None = None,
    every: Whole | None = None,
    steps: WholeNumbers | None = None,
    filter_: Filters = (),
    yes: Flag = False,
    places: Places = _PLACES,
) -> None:
    """Take snapshots out of finished runs for good; asks first.

    The first and the last of a run always stay, and those that other runs began with. Training
    again does not miss the others. Give one of --keep, --every and --steps.

    Parameters
    ----------
    runs
        Keys, unique beginnings of them, names or folders.
    keep
        So many snapshots at most, evenly spaced.
    every
        Every n-th snapshot, the first and the last included.
    steps
        Those of these steps.
    filter_
        As of 'surfeit runs list': all runs for which these hold, or those of the given ones.
    yes
        Do not ask.
    """
    from surfeit.store import evenly, rewound_steps, thinning
    from surfeit.store import every as every_so

    if [keep, every, steps].count(None) != 2:
        raise ValueError("which snapshots stay? give one of --keep N, --every K and --steps ...")
    store = places.store
    needed = rewound_steps(store)

    def kept(run: "Run") -> Sequence[int]:
        if steps is not None:
            return steps
        there = run.steps()
        return evenly(there, most=keep) if keep is not None else every_so(there, stride=every or 0)

    found = chosen(store, runs_of(runs), filter_)
    wishes = [thinning(run, kept(run), needed=needed.get(run.key, ())) for run in found]
    thin_wishes([wish for wish in wishes if wish.removed or wish.needed], yes)


@app.command
def delete(*runs: str, filter_: Filters = (), yes: Flag = False, places: Places = _PLACES) -> None:
    """Delete runs for good; asks first.

    Parameters
    ----------
    runs
        Keys, unique beginnings of them, names or folders.
    filter_
        As of 'surfeit runs list': all runs for which these hold, or those of the given ones.
    yes
        Do not ask.
    """
    from surfeit.store import summary_of

    store = places.store
    found = chosen(store, runs_of(runs), filter_)
    if not found:
        return
    size = sum(summary_of(run.path, run.path.parent).size for run in found)
    if agreed(f"delete {listed(found)} ({size_words(size)}) for good?", "delete", yes):
        each(found, store.delete)


def _print_probes(run: "Run") -> None:
    if not run.probes:
        print("no probe looked: 'surfeit train --probe ...' adds tables to a run", file=sys.stderr)
        return
    tables = {name: run.probe(name) for name in run.probes}
    rows = [(n, len(set(t["step"].to_pylist())), ", ".join(t.column_names[1:]))
            for n, t in tables.items() if t.num_rows]  # fmt: skip
    rows += [(name, 0, "") for name, table in tables.items() if not table.num_rows]
    print_table(("probe", "steps", "columns"), rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _tags(texts: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple(pieces(texts))
    except ValueError as error:
        raise ValueError(f"the list of tags {error}") from error


def _say_left_out(titles: Sequence[str]) -> None:
    if titles:
        print(f"not shown: {', '.join(titles)}; --all-columns shows them", file=sys.stderr)
