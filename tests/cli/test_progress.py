"""Progress of trainings side by side: fed with reports, in a terminal, in a pipe and quiet."""

import io
import sys
import time
from dataclasses import dataclass, field, replace

import pytest
from rich.console import Console

from surfeit.cli.progress import telling
from surfeit.cli.side_by_side import Screen, Watch, tally


@dataclass
class Active:
    name: str
    step: int = 0
    steps: int = 0
    metrics: dict = field(default_factory=dict)
    key: str = "abcd"


@dataclass
class Status:
    done: int
    total: int
    active: tuple = ()
    failed: int = 0
    ended: tuple = ()


FIRST = Active("replicate 0, level 3, ticket", 1200, 4000, {"validation_accuracy": 0.979})
SECOND = Active("replicate 1, level 3, ticket", 900, 4000)


def drawn(screen, width=80):
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    for part in screen.drawing():
        console.print(part)
    return out.getvalue().splitlines()


def screen():
    return Screen(Console(file=io.StringIO(), width=80))


def end(one, step=0, **more):
    return replace(one, step=step, metrics={"validation_accuracy": 0.98} if step else {}, **more)


def test_watch_tells_each_training_once_when_it_has_ended_with_its_last_figures():
    watch = Watch()
    assert watch.look(Status(0, 9, (FIRST, SECOND)), 10.0) == []
    assert watch.look(Status(0, 9, (FIRST, SECOND)), 20.0) == []
    assert watch.look(Status(1, 9, (SECOND,), ended=(end(FIRST, 4000),)), 41.0) == [
        "replicate 0, level 3, ticket: 31 s, validation 98.0 % at step 4,000 (1 of 9 done)"
    ]
    assert watch.look(Status(1, 9, (SECOND,)), 42.0) == []
    assert watch.look(Status(1, 9, (), failed=1, ended=(end(SECOND, key=""),)), 50.0) == [
        "replicate 1, level 3, ticket: failed after 40 s (1 of 9 done, 1 failed)"
    ]


def test_watch_says_nothing_of_a_training_whose_worker_died_until_it_is_over():
    watch = Watch()
    watch.look(Status(0, 2, (FIRST, SECOND)), 0.0)
    assert watch.look(Status(0, 2, (SECOND,)), 5.0) == []
    assert watch.look(Status(0, 2, (FIRST, SECOND)), 6.0) == []
    (sentence,) = watch.look(Status(1, 2, (SECOND,), ended=(end(FIRST, 4000),)), 9.0)
    assert sentence.startswith("replicate 0, level 3, ticket: 9 s")


def test_watch_sums_up_what_was_in_the_store_once_a_training_begins_or_all_are_over():
    stored, beginning = Active("stored"), Active("beginning", key="")
    watch = Watch()
    assert watch.look(Status(1, 9, (beginning,), ended=(stored,)), 1.0) == []
    assert watch.look(Status(3, 9, (beginning,), ended=(stored, stored)), 2.0) == []
    assert watch.look(Status(3, 9, (FIRST,)), 3.0) == ["in the store already: 3 (3 of 9 done)"]
    assert watch.look(Status(3, 9, (FIRST,)), 4.0) == []
    (_, last) = watch.look(Status(9, 9, (), ended=(*[stored] * 5, end(FIRST, 4000))), 5.0)
    assert last.startswith("replicate 0, level 3, ticket: 2 s")
    again = Watch().look(Status(9, 9, (), ended=(stored,) * 9), 0.0)
    assert again == ["in the store already: 9 (9 of 9 done)"]


def test_watch_counts_up_where_several_end_at_once():
    watch = Watch()
    watch.look(Status(0, 9, (FIRST, SECOND)), 0.0)
    third, stored, heir = replace(FIRST, name="third"), Active("stored"), Active("heir", key="")
    ended = (end(FIRST, 4000), stored, end(SECOND, key=""), heir, end(third, 4000))
    told = watch.look(Status(3, 9, (), failed=2, ended=ended), 9.0)
    assert [one.rpartition("(")[2] for one in told] == [
        "1 of 9 done, 1 failed)",
        "2 of 9 done, 1 failed)",
        "2 of 9 done, 2 failed)",
        "3 of 9 done, 2 failed)",
    ]


def test_watch_counts_what_was_never_begun_and_what_an_engine_does_not_name():
    watch = Watch()
    assert watch.look(Status(80, 147, (FIRST,)), 1.0) == ["80 of 147 done"]
    assert watch.look(Status(80, 147, (FIRST,)), 2.0) == []
    heirs = (Active("heir", key=""),) * 2
    assert watch.look(Status(80, 147, (FIRST,), failed=2, ended=heirs), 3.0) == [
        "80 of 147 done, 2 failed"
    ]


def test_screen_is_one_bar_and_a_line_each_active_training():
    lines = screen()
    assert drawn(lines) == []
    lines.look(Status(12, 147, (FIRST, SECOND, Active("replicate 2, level 2, reinit")), failed=1))
    overall, first, second, third = drawn(lines)
    assert "12 of 147 done, 1 failed" in overall
    assert "to go" in overall
    assert first.split("   ") == [
        "  replicate 0, level 3, ticket",
        "step 1,200 of 4,000",
        "validation 97.9 %",
    ]
    assert second.rstrip().endswith("step 900 of 4,000")
    assert third.rstrip().endswith("beginning")


def test_screen_redraws_what_is_active_now_and_at_the_end_the_bar_alone():
    lines = screen()
    lines.look(Status(0, 2, (FIRST, SECOND)))
    lines.look(Status(1, 2, (SECOND,)))
    assert "replicate 0" not in "".join(drawn(lines))
    lines.end()
    assert [line for line in drawn(lines) if line.strip()] == [drawn(lines)[0]]


def test_screen_moves_with_the_share_of_begun_trainings():
    half = Active("a", 2000, 4000)
    lines = screen()
    lines.look(Status(1, 4, (half, half)))
    (task,) = lines._overall.tasks
    assert (task.completed, task.total) == (2.0, 4)


def test_screen_fits_a_terminal_of_eighty_columns():
    lines = screen()
    long = Active("replicate 12, level 16, scratch-b", 60000, 100000, {"validation_accuracy": 0.9})
    lines.look(Status(1147, 1147, (long,) * 2, failed=99))
    assert max(map(len, drawn(lines))) <= 80
    assert "…" not in "".join(drawn(lines))


def test_tally_names_failures_only_where_there_are_any():
    assert tally(Status(3, 9)) == "3 of 9 done"
    assert tally(Status(3, 9, failed=2)) == "3 of 9 done, 2 failed"


def test_without_a_terminal_a_line_each_training_and_quiet_none(capsys):
    for quiet in (False, True):
        with telling(quiet) as teller:
            teller.trainings(Status(0, 1, (FIRST,)))
            teller.trainings(Status(1, 1, ended=(end(FIRST, 4000),)))
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("replicate 0, level 3, ticket") == (0 if quiet else 1)


@pytest.mark.parametrize("colour", [True, False])
def test_in_a_terminal_stages_trainings_and_sentences_share_the_screen(monkeypatch, colour):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    with telling(False) as teller:
        teller.stage("loading", 1, 1)
        teller.trainings(Status(0, 1, (FIRST,)))
        teller.say("a sentence")
        teller.trainings(Status(1, 1))
    written = terminal.getvalue()
    for words in ("loading", "a sentence", "1 of 1 done"):
        assert words in written
    assert written.rstrip().rsplit("1 of 1 done", 1)[1].count("replicate") == 0
    assert ("\x1b[3" in written.replace("\x1b[?25", "")) == colour


def test_in_a_terminal_nothing_scrolls_before_there_is_something_to_draw(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with telling(False) as teller:
        time.sleep(0.25)
        teller.say("a sentence")
        time.sleep(0.25)
    assert terminal.getvalue().splitlines() == ["a sentence"]
