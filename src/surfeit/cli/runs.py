"""`surfeit runs`: list, show, verify and delete."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from surfeit.cli.options import Places
from surfeit.cli.table import print_table

if TYPE_CHECKING:
    from surfeit.store import Run

app = App(name="runs", help="List, show, verify and delete runs.", help_format="markdown")
_PLACES = Places()


@app.command(name="list")
@app.default
def list_(*, places: Places = _PLACES) -> None:
    """All runs in the store, the oldest first."""
    store = places.store
    rows = [_row(run) for run in store.runs()]
    if rows:
        columns = ("key", "state", "model", "data", "seed", "steps", "test accuracy", "created")
        print_table(columns, rows)
    else:
        there = "no runs in" if store.root.is_dir() else "there is no folder"
        print(f"{there} {store.root}: 'surfeit train' makes a run", file=sys.stderr)
    for problem in store.problems():
        print(f"surfeit: {problem}", file=sys.stderr)


@app.command
def show(run: str, *, places: Places = _PLACES) -> None:
    """Everything about a run, as JSON.

    Parameters
    ----------
    run
        Its key, a unique beginning of it, or its folder.
    """
    found = places.store.find(run)
    record = {
        "key": found.key,
        "folder": str(found.path),
        "state": found.status,
        "identity": found.identity,
        "about": found.about,
        "snapshots": found.steps(),
        "metrics": found.metrics().to_pylist()[-1:],
    }
    print(json.dumps(record, indent=2))


@app.command
def verify(*runs: str, places: Places = _PLACES) -> None:
    """Check every file against what was written; exits with 1 if anything is wrong.

    Parameters
    ----------
    runs
        Keys, unique beginnings of them or folders; all runs of the store if none is given.
    """
    store = places.store
    if not store.root.is_dir() and not runs:
        raise ValueError(f"there is no folder {store.root}: give --root")
    found = [store.find(text) for text in runs] or store.runs()
    problems = [problem for run in found for problem in run.verify()]
    if not runs:
        problems += store.problems()
    for problem in problems:
        print(problem)
    if problems:
        from surfeit.store.run import REPAIR

        print(REPAIR, file=sys.stderr)
        sys.exit(1)
    print(f"{len(found)} runs, nothing wrong", file=sys.stderr)


@app.command
def delete(
    *runs: str,
    yes: Annotated[bool, Parameter(negative=())] = False,
    places: Places = _PLACES,
) -> None:
    """Delete runs for good; asks first.

    Parameters
    ----------
    runs
        Keys, unique beginnings of them or folders.
    yes
        Do not ask.
    """
    store = places.store
    found = [store.find(text) for text in runs]
    if not found:
        raise ValueError("which run? 'surfeit runs' lists them")
    if not yes:
        if not sys.stdin.isatty():
            raise ValueError("no terminal to ask in: give --yes to delete for good")
        names = ", ".join(run.key[:12] for run in found)
        if input(f"delete {names} for good? [y/N] ").strip().lower() not in ("y", "yes"):
            return
    for run in found:
        store.delete(run)


def _row(run: "Run") -> tuple[object, ...]:
    from surfeit.core.errors import StoreError

    try:
        rows = run.metrics().to_pylist()
    except StoreError as error:
        print(f"surfeit: {error}", file=sys.stderr)
        rows = []
    last = rows[-1] if rows else {}
    accuracy = last.get("test_accuracy")
    return (
        run.key[:12],
        run.status,
        run.about.get("model"),
        run.about.get("data") or "",
        run.config.get("seed", ""),
        last.get("step", ""),
        "" if accuracy is None else f"{100 * accuracy:.2f} %",
        run.about.get("created", ""),
    )
