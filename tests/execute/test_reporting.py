"""Progress: from the runs' own metrics, twice a second at most, and at each end."""

import itertools
import json
import os
from types import SimpleNamespace

import pytest

from surfeit.execute import Failure, InProcess, Local, Status, TaskQueue, reporting
from surfeit.execute.reporting import Reporter, last_row
from surfeit.store import Store

from .conftest import task


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("", {}),
        ('{"step": 1', {}),
        ('{"step": 1}\n', {"step": 1}),
        ('{"step": 1}\n{"step": 2}\n{"st', {"step": 2}),
        ('{"step": 1}\nnonsense\n', {}),
        ('{"a": "' + 5000 * "x" + '"}\n{"step": 3, "b": "' + 5000 * "y" + '"}\n', None),
    ],
)
def test_last_row_is_the_last_whole_line(tmp_path, text, row):
    path = tmp_path / "metrics.jsonl"
    path.write_text(text)
    found = last_row(path)
    assert found == row if row is not None else found["step"] == 3


def test_last_row_of_a_run_without_metrics_is_empty(tmp_path):
    assert last_row(tmp_path / "none") == {}


def test_last_row_waits_for_no_pipe_and_follows_no_depth(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("[" * 5000 + "\n")
    assert last_row(path) == {}
    path.unlink()
    os.mkfifo(path)
    assert last_row(path) == {}


@pytest.mark.parametrize("step", ["Infinity", "NaN", "1e400", "true", '"7"', "1" + 400 * "0"])
def test_glance_passes_over_what_is_no_number_of_steps(tmp_path, step):
    told: list[Status] = []
    queue = TaskQueue([task("a")])
    queue.take()
    folder = Store(tmp_path).path_of("ab12")
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text(f'{{"step": {step}, "loss": 1.5}}\n')
    queue.began("a", "ab12", 9)
    Reporter(queue, tmp_path, told.append).tell()
    assert told[0].active[0].step == 0
    assert told[0].active[0].metrics == {"loss": 1.5}


def test_glances_tell_twice_a_second_at_most_and_at_each_end(tmp_path, monkeypatch):
    clock = itertools.count(0, 0.125)
    monkeypatch.setattr(reporting, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    told: list[Status] = []
    queue = TaskQueue([task("a"), task("b"), task("c", parents=("a",))])
    teller = Reporter(queue, tmp_path, told.append)
    queue.take(), queue.take()
    for _ in range(9):  # at 0, 0.5 and 1 s
        teller.tell()
    assert len(told) == 3
    queue.end("a", "key")
    teller.tell()
    assert [told[-1].done, told[-1].failed, told[-1].total] == [1, 0, 3]
    assert [active.name for active in told[-1].active] == ["b"]
    teller.tell()
    assert len(told) == 4


def test_glance_shows_the_last_metrics_of_an_active_run(tmp_path):
    told: list[Status] = []
    queue = TaskQueue([task("a")])
    queue.take()
    folder = Store(tmp_path).path_of("ab12")
    folder.mkdir(parents=True)
    rows = [{"step": 7, "validation_accuracy": 0.5, "test_accuracy": None}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    queue.began("a", "ab12", 40)
    Reporter(queue, tmp_path, told.append).tell()
    (active,) = told[0].active
    assert (active.key, active.step, active.steps) == ("ab12", 7, 40)
    assert active.metrics == {"step": 7, "validation_accuracy": 0.5}


def test_glance_shows_the_last_metrics_of_what_has_ended_and_what_was_stored(tmp_path):
    told: list[Status] = []
    queue = TaskQueue([task(name) for name in "abcd"])
    reporter = Reporter(queue, tmp_path, told.append)
    path = Store(tmp_path).path_of("ab12")
    path.mkdir(parents=True)
    (path / "metrics.jsonl").write_text('{"step": 0, "validation_accuracy": 0.1}\n')
    for _ in range(3):
        queue.take()
    queue.began("a", "ab12", 40), queue.began("b", "cd34", 40)
    reporter.tell()
    with open(path / "metrics.jsonl", "a") as file:
        file.write('{"step": 40, "validation_accuracy": 0.9}\n')
    queue.end("a", "ab12"), queue.end("b", Failure("bad")), queue.end("c", "ab12")
    reporter.tell()
    a, b, c = told[-1].ended
    assert (a.name, a.step, a.steps, a.metrics["validation_accuracy"]) == ("a", 40, 40, 0.9)
    assert (b.name, b.key, b.steps) == ("b", "", 40)
    assert (c.name, c.key, c.steps, c.metrics) == ("c", "ab12", 0, {})
    queue.take()
    queue.end("d", "ab12")
    reporter.tell()
    assert [one.name for one in told[-1].ended] == ["d"]


@pytest.mark.parametrize("engine", [InProcess(), Local(2)], ids=["in process", "local"])
def test_engine_tells_of_every_end(tmp_path, engine):
    told: list[Status] = []
    tasks = [task("a"), task("b", "raises", error="KeyError"), task("c", parents=("b",)), task("d")]
    engine.run(tasks, store=tmp_path, progress=told.append)
    assert told[0].total == 4
    assert told[0].done == 0
    assert (told[-1].done, told[-1].failed, told[-1].active) == (2, 2, ())


def test_metrics_that_are_no_file_or_too_deep_are_no_row(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "deep").write_text("[" * 8000 + "\n")
    (tmp_path / "link").symlink_to("/dev/zero")
    assert [last_row(tmp_path / name) for name in ("pipe", "deep", "link")] == [{}, {}, {}]
