"""Which runs are meant to lose something for good, and the question before it."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from surfeit.cli.run_filters import condition_of
from surfeit.cli.run_table import size_words

if TYPE_CHECKING:
    from surfeit.store import Run, Store
    from surfeit.store.thinning import Thinning

_NAMED = 20

T = TypeVar("T")


def thin_wishes(wishes: "list[Thinning]", yes: bool) -> None:
    """Says what stays and what goes, asks unless `yes`, and takes the snapshots out."""
    from surfeit.store import thin as thin_out

    for wish in wishes:
        if wish.needed:
            print(
                f"run {wish.run.key[:12]} keeps {_steps(wish.needed)} as well: other runs began "
                "with its weights there",
                file=sys.stderr,
            )
    wishes = [wish for wish in wishes if wish.removed]
    if not wishes:
        print("no snapshot is to go", file=sys.stderr)
        return
    count, size = sum(len(wish.removed) for wish in wishes), sum(wish.size for wish in wishes)
    again = "; a loop of your own cannot make them again" if _own_loops(wishes) else ""
    snapshots = f"{count:,} snapshot{'s' if count > 1 else ''}"
    question = (
        f"take {snapshots} ({size_words(size)}) out of "
        f"{listed([wish.run for wish in wishes])} for good{again}?"
    )
    if agreed(question, "take them out" if count > 1 else "take it out", yes):
        each(wishes, thin_out)
        gone = "are gone" if count > 1 else "is gone"
        print(f"{snapshots}, {size_words(size)}, {gone}", file=sys.stderr)


def _own_loops(wishes: "list[Thinning]") -> bool:
    return any(wish.run.identity.get("kind") == "recorded" for wish in wishes)


def chosen(store: "Store", runs: tuple[str, ...], filters: tuple[str, ...]) -> "list[Run]":
    """The runs that are meant; each is read anew, so that no stale list decides what goes.

    Raises:
        ValueError: if neither runs nor filters are given, or a filter is none.
        StoreError: if a run that is given is not there.
    """
    from surfeit.store import Index, Run, summary_of

    if not runs and not filters:
        raise ValueError("which run? 'surfeit runs' lists them; or give --filter")
    holds = condition_of(filters)
    if runs:
        found = list({run.path.resolve(): run for run in map(store.find, runs)}.values())
    else:
        rows = (row for row in Index(store).summaries() if row.state != "damaged" and holds(row))
        found = [Run(store.root / row.folder) for row in rows]
    meant = [run for run in found if holds(summary_of(run.path, run.path.parent))]
    if not meant:
        print("no run is meant by that", file=sys.stderr)
    return meant


def agreed(question: str, what: str, yes: bool) -> bool:
    """Whether the user agrees to what is for good.

    Raises:
        ValueError: if there is no terminal to ask in.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise ValueError(f"no terminal to ask in: give --yes to {what} for good")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def each(items: Sequence[T], work: Callable[[T], None]) -> None:
    """Does the work for each; what cannot be done does not keep the others from it."""
    from surfeit.core import StoreError

    failed = False
    for item in items:
        try:
            work(item)
        except StoreError as error:
            print(f"surfeit: {error}", file=sys.stderr)
            failed = True
    if failed:
        sys.exit(1)


def listed(runs: "Sequence[Run]") -> str:
    """The runs by the beginnings of their keys, the first 20 of many."""
    keys = [run.key[:12] for run in runs]
    if len(keys) <= _NAMED:
        return ", ".join(keys)
    return f"{len(keys):,} runs ({', '.join(keys[:_NAMED])}, ...)"


def _steps(steps: Sequence[int]) -> str:
    shown = ", ".join(map(str, steps[:8])) + (", ..." if len(steps) > 8 else "")
    return f"step{'s' if len(steps) > 1 else ''} {shown}"
