"""Ctrl-C, SIGTERM, SIGHUP and kill -9 of the parent, with real trainings that lose nothing.

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
def whole(data, tmp_path_factory):
    """The files of the same trainings, uninterrupted, in this process."""
    store = tmp_path_factory.mktemp("whole")
    return sums(store, InProcess().run(trainings(data), store=store))


def trainings(data, **config):
    return [task(f"seed {n}", "train_digits", seed=n, data=data, **config) for n in range(3)]


def sums(store, outcome):
    assert outcome.failures == {}
    runs = [Store(store).path_of(key) for key in outcome.keys.values()]
    files = [json.loads((run / "DONE.json").read_text())["files"] for run in runs]
    return [{n: found for n, found in run.items() if n != "run.json"} for run in files]


def start(tasks, store):
    """A process group of its own that runs the tasks, once both of its workers are at work."""
    if forkserver._forkserver._forkserver_pid is None:
        Local(1).run([task("first")], store=store / "first")
    both = store / "both"
    both.unlink(missing_ok=True)
    process = CONTEXT.Process(target=_parent, args=(tasks, store, both))
    process.start()
    wait_for(both.exists)
    return process


def _parent(tasks, store, both):
    os.setpgid(0, 0)
    # A fork may use the server of the process it was forked from, if it does not wait for it.
    forkserver.ensure_running = forkserver._forkserver.ensure_running = lambda: None

    def progress(status):
        if sum(active.step > 0 or active.key == "stubborn" for active in status.active) == 2:
            both.touch()

    try:
        Local(2).run(tasks, store=store, progress=progress)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
    os._exit(ENDED)


def interrupt_all(process, number):
    """Sends a signal to parent and workers, as to a terminal's foreground group."""
    for worker in workers():
        os.kill(worker, number)
    os.killpg(process.pid, number)


def test_trainings_interrupted_again_and_again_end_as_if_they_had_not_been(
    tmp_path, capfd, data, whole
):
    (tmp_path / "slow").touch()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process = start(trainings(data), tmp_path)
        assert len(workers()) == 2
        began = time.monotonic()
        interrupt_all(process, number)
        process.join(5)
        assert time.monotonic() - began < 2
        assert process.exitcode == INTERRUPTED
        assert workers() == []
        assert _saved(tmp_path, began) == 2
    process = start(trainings(data), tmp_path)
    began = time.monotonic()
    process.kill()
    wait_for(lambda: workers() == [], 2)
    process.join()
    assert _saved(tmp_path, began) == 2

    assert not list(tmp_path.rglob("DONE.json"))
    (tmp_path / "slow").unlink()
    assert sums(tmp_path, Local(2).run(trainings(data), store=tmp_path)) == whole
    assert capfd.readouterr().err == ""


def _saved(store, since):
    """How many trainings have saved where they stand since then."""
    age = time.monotonic() - since
    checkpoints = store.rglob("checkpoint.safetensors")
    return sum(time.time() - path.stat().st_mtime <= age for path in checkpoints)


def test_training_of_a_killed_worker_goes_on_from_its_checkpoint(tmp_path, data, whole):
    (tmp_path / "slow").touch()
    killed = []

    def progress(status):
        if not killed and len(list(tmp_path.rglob("checkpoint.safetensors"))) == 2:
            killed.extend(workers())
            for worker in killed:
                os.kill(worker, signal.SIGKILL)
            (tmp_path / "slow").unlink()

    tasks = trainings(data, checkpoint=0.3)
    outcome = Local(2).run(tasks, store=tmp_path, progress=progress)
    assert len(killed) == 2
    assert sums(tmp_path, outcome) == whole


def test_workers_that_do_not_listen_end_with_their_parent(tmp_path):
    tasks = [task("a", "stubborn"), task("b", "stubborn")]
    stores = [tmp_path / "interrupted", tmp_path / "killed"]
    for store in stores:
        store.mkdir()
    interrupted, killed = (start(tasks, store) for store in stores)
    assert len(workers()) == 4
    began = time.monotonic()
    os.kill(interrupted.pid, signal.SIGINT)  # the parent alone
    killed.kill()
    interrupted.join(5)
    assert time.monotonic() - began < 2
    assert interrupted.exitcode == INTERRUPTED
    killed.join()
    wait_for(lambda: workers() == [], 2)
