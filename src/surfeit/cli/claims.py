"""`surfeit claims`: the scoreboard of claims and verdicts."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from surfeit.cli.options import Places
from surfeit.cli.paragraphs import paragraph
from surfeit.cli.table import print_table
from surfeit.cli.values import SomePath

if TYPE_CHECKING:
    from surfeit.lab.scoreboard import Line

_PLACES = Places()
# Those that programs know come first, as they always have.
_COLUMNS = (
    *("claim", "study", "says", "published", "ours", "verdict", "budget", "n", "runs"),
    "instead",
)


def claims(
    *,
    format: Literal["text", "markdown"] = "text",
    page: SomePath | None = None,
    out: SomePath | None = None,
    best: Annotated[bool, Parameter(negative=())] = False,
    places: Places = _PLACES,
) -> None:
    """Show what each claim of the literature says, and what was found here.

    Published figures with their source, ours with interval, verdict, budget, seeds and runs; the
    largest budget first. What has not been run says so.

    Parameters
    ----------
    format
        text, or markdown, from which docs/claims.md is made. In a pipe, text is separated by tabs.
    page
        Write PAGE/claims.html instead: every claim with its figure and the command that gives it
        again, in one file.
    out
        The folder of results, as of 'surfeit study'; by default 'results' in the store.
    best
        Each claim once, by its largest budget.
    """
    from surfeit.lab import all_results, library_studies, results_root
    from surfeit.lab import scoreboard as board

    results, problems = all_results(out or results_root(places.store))
    lines = board.scoreboard(library_studies(), results)
    lines = board.best(lines) if best else lines
    if page is not None:
        print(_written(lines, page))
    elif format == "markdown":
        from surfeit.lab.markdown import as_markdown

        print(as_markdown(lines), end="")
    else:
        _print(lines)
    for problem in problems:
        print(problem, file=sys.stderr)


def _written(lines: "list[Line]", folder: Path) -> Path:
    from surfeit.cli.folders import output_folder
    from surfeit.lab.page import as_page
    from surfeit.store import write_atomically

    with output_folder(folder):
        write_atomically(folder / "claims.html", as_page(lines).encode(), sync=False)
    return folder / "claims.html"


def _print(lines: "list[Line]") -> None:
    if not sys.stdout.isatty():
        print_table(_COLUMNS, [_row(line) for line in lines])
        return
    for line in lines:
        heading = f"{line.claim.id}  {line.ruling}" + (f"  ({line.size})" if line.size else "")
        about = {"published": line.published, "ours": line.ours, "instead": line.substitutes}
        about["runs"] = _runs(line)
        about["again" if line.result else "run it"] = line.command
        print(paragraph(heading, line.claim.says, about), end="\n\n")


def _row(line: "Line") -> tuple[str, ...]:
    found = line.result is not None and line.verdict is not None
    return (
        line.claim.id,
        line.study,
        line.claim.says,
        line.published,
        line.ours,
        line.ruling,
        line.result.budget if line.result is not None else "",
        str(line.verdict.n) if found and line.verdict is not None else "",
        " ".join(line.result.runs) if line.result is not None else "",
        line.substitutes,
    )


def _runs(line: "Line") -> str:
    if line.result is None or not line.result.runs:
        return ""
    first, *others = line.result.runs
    return first[:12] + (f" and {len(others)} more" if others else "")
