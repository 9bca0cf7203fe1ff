"""The scoreboard as Markdown: a section a study, a row a claim and result."""

from collections.abc import Iterable
from itertools import groupby

from surfeit.core import printable
from surfeit.lab.scoreboard import Line

_INTRODUCTION = """# Claims

What the literature says of redundancy in neural networks, and what Surfeit finds. A verdict is
*supported*, *contradicted* or *inconclusive*, with the measured effect, its interval over seeds and
the number of seeds; what has not been run says so. Published figures carry their source, ours the
keys of the runs that they rest on. A verdict holds for the budget that it was found with: `quick`
is a check that the study works, on small networks and small images, and no evidence for a claim.

This page is made by `surfeit claims --format markdown`.
"""

_HEAD = (
    "| claim | published | ours | verdict | budget | runs |\n| --- | --- | --- | --- | --- | --- |"
)
_SHOWN = 2


def as_markdown(lines: Iterable[Line]) -> str:
    """The page's text; no line of it depends on the machine."""
    sections = [_INTRODUCTION]
    for name, group in groupby(lines, key=lambda line: line.study):
        own = list(group)
        commands = dict.fromkeys(line.command for line in own)
        given = ", ".join(f"`{_plain(command)}`" for command in commands)
        rows = "\n".join(_row(line) for line in own)
        notes = "".join(f"\nNot as published: {note}.\n" for note in _substitutes(own))
        sections.append(
            f"## {_cell(name)}\n\n{_cell(own[0].question)} {given}\n\n{_HEAD}\n{rows}\n{notes}"
        )
    return "\n".join(sections)


def _row(line: Line) -> str:
    cells = (
        f"**{_cell(line.claim.id)}** {_cell(line.claim.says)}",
        _cell(line.published),
        _cell(line.ours),
        _cell(line.ruling),
        _cell(line.size),
        _runs(line),
    )
    return f"| {' | '.join(cells)} |"


def _substitutes(lines: Iterable[Line]) -> list[str]:
    """Which budgets were trained by what else, each once."""
    notes = (
        f"{line.result.budget} budget, {_cell(line.substitutes)}"
        for line in lines
        if line.result is not None and line.substitutes
    )
    return list(dict.fromkeys(notes))


def _runs(line: Line) -> str:
    """How many runs, and the keys of the first: all are in the result's `environment.json`."""
    if line.result is None:
        return ""
    keys = line.result.runs
    shown = ", ".join(f"`{_plain(key[:12])}`" for key in keys[:_SHOWN])
    more = len(keys) - _SHOWN
    return shown + (f" and {more} more" if more > 0 else "")


def _cell(text: str) -> str:
    """Text that stays in its cell and is no markup: results may come from anywhere."""
    plain = _plain(text)
    for sign in ("\\", "|", "*", "_", "`", "[", "]", "<", ">"):
        plain = plain.replace(sign, f"\\{sign}")
    return plain


def _plain(text: str) -> str:
    return printable(" ".join(text.split())).replace("`", "'")
