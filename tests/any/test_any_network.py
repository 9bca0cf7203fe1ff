"""Every job on every kind of network works, or refuses in one sentence: the documentation's table.

`SURFEIT_WRITE_TABLE=1 pytest tests/any` writes docs/networks.md anew; without it the table there
must be what is found.
"""

import os
from pathlib import Path

import pytest

from .jobs import JOBS, Bench, outcome
from .networks import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
BEGIN, END = "<!-- the table, written by tests/any -->\n", "<!-- end of the table -->\n"


def cells(kind, folder):
    """What came of each job, in their order."""
    bench = Bench(kind, folder)
    return [outcome(job, bench) for job in JOBS.values()]


def table(found):
    """The Markdown table with its footnotes."""
    notes = {}
    lines = ["| network | " + " | ".join(JOBS) + " |", "| --- " * (len(JOBS) + 1) + "|"]
    for title, outcomes in found.items():
        marks = []
        for words in outcomes:
            note = notes.setdefault(words, len(notes) + 1) if words != "works" else None
            marks.append("works" if note is None else f"[{note}](#note-{note})")
        lines.append(f"| {title} | " + " | ".join(marks) + " |")
    lines += ["", *(f'{n}. <a id="note-{n}"></a>{words}' for words, n in notes.items())]
    return "\n".join(lines) + "\n"


def written():
    """The page's table by network: the outcomes in their order."""
    body = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    notes = {}
    for line in body.splitlines():
        if line[:1].isdigit():
            number, words = line.split(". ", 1)
            notes[number] = words.split("</a>", 1)[1]
    rows = [line for line in body.splitlines() if line.startswith("| ")][2:]
    found = {}
    for row in rows:
        title, *marks = (cell.strip() for cell in row.strip("| ").split(" | "))
        found[title] = [
            mark if mark == "works" else notes[mark[1 : mark.index("]")]] for mark in marks
        ]
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
def test_every_job_does_what_the_documentation_says(kind, tmp_path):
    found = cells(kind, tmp_path)
    if not os.environ.get("SURFEIT_WRITE_TABLE"):
        assert found == written()[kind.title]


@pytest.mark.skipif(not os.environ.get("SURFEIT_WRITE_TABLE"), reason="writes the table")
def test_the_table_is_written(tmp_path):
    found = {kind.title: cells(kind, tmp_path / kind.title) for kind in KINDS}
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(before + BEGIN + table(found) + END + after, encoding="utf-8")
