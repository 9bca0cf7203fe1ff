"""Ctrl-C, SIGTERM and kill -9 of the parent, with real trainings that lose nothing.

The parents are forks of this process that use its forkserver: torch is loaded once for all.
"""

import json
import multiprocessing
import os
import signal
import time
from multiprocessing import forkserver

import pytest

from surfeit.data import load, write_dataset
from surfeit.execute import InProcess, Local
from surfeit.store import Store

from .conftest import task, wait_for, workers

CONTEXT = multiprocessing.get_context("fork")
INTERRUPTED, ENDED = 7, 0


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "digits.safetensors"
    write_dataset(load("digits"), path)
    return str(path)


@pytest.fixture(scope="module")
def trainings(data):
    return [task(f"seed {seed}", "train_digits", seed=seed, data=data) for seed in range(3)]


@pytest.fixture(scope="module")
def whole(trainings, tmp_path_factory):
    """The same trainings, uninterrupted, in this process."""
    store = tmp_path_factory.mktemp("whole")
    outcome = InProcess().run(trainings, store=store)
    return sums(store, outcome)


def sums(store, outcome):
    assert outcome.failures == {}
    runs = [Store(store).path_of(key) for key in outcome.keys.values()]
    files = [json.loads((run / "DONE.json").read_text())["files"] for run in runs]
    return [{n: found for n, found in run.items() if n != "run.json"} for run in files]


def start(tasks, store):
    """A process group of its own that runs the tasks, once both of its workers are training."""
    Local(1).run([task("first")], store=store / "warm")  # this process's forkserver
    (store / "slow").touch()
    process = CONTEXT.Process(target=_parent, args=(tasks, store))
    process.start()
    wait_for((store / "both").exists)
    return process


def _parent(tasks, store):
    os.setpgid(0, 0)
    # A fork may use the server of the process it was forked from, if it does not wait for it.
    forkserver.ensure_running = forkserver._forkserver.ensure_running = lambda: None

    def progress(glance):
        if sum(active.step > 0 or active.key == "stubborn" for active in glance.active) == 2:
            (store / "both").touch()

    try:
        Local(2).run(tasks, store=store, progress=progress)
    except KeyboardInterrupt:
        status = INTERRUPTED if not workers() else 1
        os._exit(status)
    os._exit(ENDED)


@pytest.mark.parametrize(
    ("number", "group"),
    [
        (signal.SIGINT, False),
        (signal.SIGINT, True),
        (signal.SIGTERM, False),
        (signal.SIGTERM, True),
    ],
    ids=["Ctrl-C to the parent", "Ctrl-C to the group", "SIGTERM", "SIGTERM to the group"],
)
def test_interrupted_trainings_save_stop_within_two_seconds_and_go_on(
    tmp_path, capfd, trainings, whole, number, group
):
    process = start(trainings, tmp_path)
    began = time.monotonic()
    workers_then = workers()
    if group:
        os.killpg(process.pid, number)
        for worker in workers_then:  # a terminal's foreground group has them all
            os.kill(worker, number)
    else:
        os.kill(process.pid, number)
    process.join(5)
    assert time.monotonic() - began < 2
    assert process.exitcode == INTERRUPTED
    assert len(workers_then) == 2
    assert len(list(tmp_path.rglob("checkpoint.safetensors"))) == 2
    assert capfd.readouterr().err == ""
    (tmp_path / "slow").unlink()
    assert sums(tmp_path, Local(2).run(trainings, store=tmp_path)) == whole


def test_workers_of_a_killed_parent_save_and_end(tmp_path, capfd, trainings, whole):
    process = start(trainings, tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: workers() == [], 2)
    process.join(1)
    assert len(list(tmp_path.rglob("checkpoint.safetensors"))) == 2
    assert capfd.readouterr().err == ""
    (tmp_path / "slow").unlink()
    assert sums(tmp_path, Local(2).run(trainings, store=tmp_path)) == whole


def test_killed_worker_s_training_goes_on_from_its_checkpoint(tmp_path, data, whole):
    (tmp_path / "slow").touch()
    killed = []

    def progress(glance):
        steps = [active.step for active in glance.active]
        if not killed and steps and min(steps) > 0:
            killed.append(workers()[0])
            os.kill(killed[0], signal.SIGKILL)
            (tmp_path / "slow").unlink()

    tasks = [
        task(f"seed {seed}", "train_digits", seed=seed, data=data, checkpoint=0.05)
        for seed in range(3)
    ]
    outcome = Local(2).run(tasks, store=tmp_path, progress=progress)
    assert killed
    assert sums(tmp_path, outcome) == whole


def test_interrupt_ends_workers_that_do_not_listen(tmp_path):
    process = start([task("a", "stubborn"), task("b", "stubborn")], tmp_path)
    began = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    process.join(5)
    assert time.monotonic() - began < 2
    assert process.exitcode == INTERRUPTED
    assert workers() == []


def test_workers_that_do_not_listen_end_after_their_parent_was_killed(tmp_path):
    process = start([task("a", "stubborn"), task("b", "stubborn")], tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.join(1)
    wait_for(lambda: workers() == [], 2.5)
