"""What every engine does; the local one is asked once for many things: a worker costs a second."""

import inspect
import json
import os
import signal
import threading
import time
from multiprocessing import forkserver
from pathlib import Path

import pytest

from surfeit.core import SurfeitError
from surfeit.execute import InProcess, Local

from . import works
from .conftest import task, workers
from .works import log

TASKS = [
    task("c", parents=("b", "a"), x="c", widths=(3, 2)),
    task("a", x="a"),
    task("b", x="b"),
    task("value", "raises", error="ValueError"),
    task("collapse", "raises", error="CollapseError"),
    task("key", "raises", error="KeyError"),
    task("memory", "raises", error="MemoryError"),
    task("disk", "raises", error="DiskError"),
    task("exit", "raises", error="SystemExit"),
    task("none", "returns_none"),
    task("heir", parents=("a", "key"), x="heir"),
    task("grandchild", parents=("heir",), x="grandchild"),
]


@pytest.fixture(params=[InProcess(), Local(1), Local(3)], ids=["in process", "1", "3"])
def outcome(request, tmp_path):
    return request.param.run(TASKS, store=tmp_path)


def test_engine_does_tasks_in_order_and_passes_their_parents_keys(outcome, tmp_path):
    assert list(outcome.keys) == ["c", "a", "b"]
    assert json.loads(outcome.keys["a"]) == [{"x": "a"}, [], str(tmp_path)]
    config, parents, _ = json.loads(outcome.keys["c"])
    assert config == {"x": "c", "widths": [3, 2]}
    assert parents == [outcome.keys["b"], outcome.keys["a"]]
    assert log(tmp_path).index("c") > max(log(tmp_path).index(x) for x in "ab")

    failures = outcome.failures
    assert failures["value"] == "value: density must be in (0, 1], got 7"
    assert failures["collapse"] == "collapse: layer fc1 would lose all its weights"
    line = "(works.py, line {}, in raises)"
    at = inspect.getsource(works).split("raise ERRORS")[0].count("\n") + 1
    assert failures["key"] == f"key: KeyError: 'fc9' {line.format(at)}"
    assert failures["memory"] == f"memory: MemoryError {line.format(at)}; it was tried twice"
    assert failures["disk"] == "disk: the disk is full: free some space; it was tried twice"
    assert failures["exit"] == f"exit: SystemExit: 3 {line.format(at)}"
    assert failures["none"] == "none: works:returns_none must return a run key, got None"
    assert failures["heir"] == "heir: not run, because it builds on key, which failed"
    assert failures["grandchild"] == "grandchild: not run, because it builds on key, which failed"
    counts = {name: log(tmp_path).count(name) for name in ("MemoryError", "DiskError", "KeyError")}
    assert counts == {"MemoryError": 2, "DiskError": 2, "KeyError": 1}


def test_engine_in_process_and_local_with_one_worker_begin_tasks_in_the_order_given(tmp_path):
    tasks = [task(x, x=x) for x in "dacbe"] + [task("z", parents=("b",), x="z")]
    for engine in (InProcess(), Local(1)):
        folder = tmp_path / type(engine).__name__
        engine.run(tasks, store=folder)
        assert log(folder) == list("dacbez")


def test_local_replaces_workers_that_die_and_tries_their_task_once_more(tmp_path):
    tasks = [
        task("once", "dies", times=1, x="once"),
        task("twice", "dies", times=2, x="twice"),
        task("ended", "dies", times=2, x="ended", signal=int(signal.SIGTERM)),
        task("heir", parents=("once",), x="heir"),
        task("lost", parents=("twice",), x="lost"),
        *[task(f"other {n}", x=n) for n in range(4)],
    ]
    outcome = Local(2).run(tasks, store=tmp_path)
    assert outcome.keys["once"] == "survived"
    assert set(outcome.keys) == {"once", "heir", *(f"other {n}" for n in range(4))}
    assert outcome.failures["twice"] == (
        "twice: its process was killed by SIGKILL, as the system does when memory runs out; "
        "it was tried twice"
    )
    assert outcome.failures["ended"].startswith("ended: its process ended with exit code 143")
    assert outcome.failures["lost"].endswith("because it builds on twice, which failed")


def test_local_replaces_a_forkserver_that_is_killed_while_it_starts_a_worker(tmp_path):
    Local(1).run([task("first")], store=tmp_path)
    server = forkserver._forkserver._forkserver_pid
    os.kill(server, signal.SIGSTOP)
    killing = threading.Timer(0.3, os.kill, (server, signal.SIGKILL))
    killing.start()
    assert set(Local(1).run([task("a")], store=tmp_path).keys) == {"a"}
    assert forkserver._forkserver._forkserver_pid != server


def lives(pid):
    """Whether a process runs; one that has ended is listed until whoever adopted it looks."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def test_local_replaces_a_forkserver_that_is_killed_while_workers_work(tmp_path):
    killed = []

    def progress(status):
        if not killed and any(active.key == "stubborn" for active in status.active):
            killed.extend(workers())
            os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)

    tasks = [task("a", "stubborn", times=1), task("b")]
    assert set(Local(1).run(tasks, store=tmp_path, progress=progress).keys) == {"a", "b"}
    assert not any(lives(worker) for worker in killed)


def test_local_says_so_if_no_worker_can_be_started(tmp_path, monkeypatch):
    def refuse(self):
        raise EOFError

    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refuse)
    monkeypatch.setattr("surfeit.execute.processes._LAST_SECONDS", 0)
    with pytest.raises(SurfeitError, match="the process that forks them ended each time"):
        Local(1).run([task("a")], store=tmp_path)


def test_local_workers_have_one_thread_this_environment_and_nothing_of_the_script(
    tmp_path, monkeypatch
):
    Local(1).run([task("first")], store=tmp_path)  # the forkserver has started
    monkeypatch.setenv("SURFEIT_DATA", "/changed/after/the/forkserver/started")
    tasks = [task(str(n), "surroundings") for n in range(5)]
    outcome = Local(2).run(tasks, store=tmp_path)
    found = [json.loads(key) for key in outcome.keys.values()]
    assert {seen["threads"] for seen in found} == {1}
    assert {seen["openmp"] for seen in found} == {"1"}
    assert {seen["variable"] for seen in found} == {"/changed/after/the/forkserver/started"}
    assert not any("pytest" in name for seen in found for name in seen["main"])
    processes = {seen["process"] for seen in found}
    assert len(processes) <= 2
    assert os.getpid() not in processes


def test_local_has_no_more_workers_than_cores_and_refuses_none(tmp_path):
    assert Local().workers == len(os.sched_getaffinity(0))
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="workers must be an integer >= 1, got"):
            Local(wrong)
    assert Local(2).run([], store=tmp_path).keys == {}


def test_local_ends_its_workers_when_the_callers_progress_fails(tmp_path):
    def progress(status):
        if status.active:
            raise RuntimeError("the caller's own mistake")

    began = time.monotonic()
    with pytest.raises(RuntimeError, match="own mistake"):
        Local(2).run([task("a", "stubborn"), task("b")], store=tmp_path, progress=progress)
    assert time.monotonic() - began < 4
