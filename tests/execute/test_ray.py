"""Ray, with a cluster of two nodes on this machine that loses a worker and then a node.

Starting Ray costs some twenty seconds of one core, so one cluster serves all tests here, and they
stay in one process; the test that kills a node is the last.
"""

import json
import os
import signal
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from surfeit.core import SurfeitError
from surfeit.data import load, write_dataset
from surfeit.execute import InProcess, Ray
from surfeit.execute.ray_cluster import QUIET
from surfeit.execute.shared import environment
from surfeit.models import mlp
from surfeit.procedures.tickets import TicketConfig, failures, find_tickets
from surfeit.store import Store
from surfeit.train import Recipe

from .conftest import task

pytestmark = [
    pytest.mark.ray,
    pytest.mark.xdist_group("ray"),
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'surfeit[ray]'"),
]
FAST = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}


@contextmanager
def patient():
    """Gives a node two minutes to start: Ray's own 30 s are fixed, and few on a busy machine."""
    from ray._private import services

    def find(*arguments, look=services.get_node):
        end = time.monotonic() + 120
        while True:
            try:
                return look(*arguments)
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "get_node", find)
        yield


class TwoNodes:
    """A cluster of two nodes with a core each."""

    def __init__(self):
        from ray.cluster_utils import Cluster

        size = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000}
        head = {**size, "_system_config": FAST}
        with environment(QUIET), patient():
            self._cluster = Cluster(initialize_head=True, head_node_args=head)
            self._second = self._cluster.add_node(**size)
        self.address = self._cluster.address

    def kill_worker(self):
        """Kills a worker that does a task, on whichever node; whether there was one."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                title = (folder / "cmdline").read_bytes()
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if title.startswith(b"ray::answer") and parent in self._raylets():
                os.kill(int(folder.name), signal.SIGKILL)
                return True
        return False

    def kill_node(self):
        self._cluster.remove_node(self._second, allow_graceful=False)

    def close(self):
        import ray

        ray.shutdown()
        self._cluster.shutdown()

    def _raylets(self):
        nodes = self._cluster.list_all_nodes()
        return [node.all_processes["raylet"][0].process.pid for node in nodes]


@pytest.fixture(scope="module")
def cluster():
    nodes = TwoNodes()
    yield nodes
    nodes.close()


def test_ray_does_tasks_in_order_and_says_why_others_failed(cluster, tmp_path):
    tasks = [
        task("c", parents=("b", "a"), x="c"),
        task("a", x="a"),
        task("b", x="b"),
        task("memory", "raises", error="MemoryError"),
        task("value", "raises", error="ValueError"),
        task("heir", parents=("value",), x="heir"),
        task("dies", "dies", times=9, x="dies"),
        task("threads", "surroundings"),
    ]
    outcome = Ray(cluster.address, retries=0).run(tasks, store=tmp_path)
    assert json.loads(outcome.keys["c"])[1] == [outcome.keys["b"], outcome.keys["a"]]
    assert json.loads(outcome.keys["a"]) == [{"x": "a"}, [], str(tmp_path)]
    surroundings = json.loads(outcome.keys["threads"])
    assert (surroundings["threads"], surroundings["openmp"]) == (1, "1")
    assert outcome.failures == {
        "memory": outcome.failures["memory"],
        "value": "value: density must be in (0, 1], got 7",
        "heir": "heir: not run, because it builds on value, which failed",
        "dies": "dies: its worker or its node died, as it does when memory runs out",
    }
    assert outcome.failures["memory"].endswith("; it was tried twice")
    assert list((tmp_path / "calls").iterdir()) == []


def test_ray_interrupted_lets_trainings_save_and_goes_on(cluster, tmp_path):
    data = tmp_path / "digits.safetensors"
    write_dataset(load("digits"), data)
    tasks = [task(f"seed {n}", "train_digits", seed=n, data=str(data)) for n in range(2)]
    slow, alone = tmp_path / "ray", tmp_path / "alone"
    slow.mkdir()
    (slow / "slow").touch()
    told = []

    def interrupt(status):
        if not told and sum(active.step > 0 for active in status.active) == 2:
            told.append(time.monotonic())
            signal.raise_signal(signal.SIGINT)

    engine = Ray(cluster.address)
    with pytest.raises(KeyboardInterrupt):
        engine.run(tasks, store=slow, progress=interrupt)
    assert time.monotonic() - told[0] < 5
    assert len(list(slow.rglob("checkpoint.safetensors"))) == 2
    (slow / "slow").unlink()
    outcome = engine.run(tasks, store=slow)
    assert sums(slow, outcome.keys.values()) == sums(
        alone, InProcess().run(tasks, store=alone).keys.values()
    )


def test_ray_refuses_a_store_that_a_node_does_not_see(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # which is not where the nodes were started
    store = Path("/proc/self/cwd/store")
    why = r"node \S+ \(\S+\) does not see the store /proc/self/cwd/store: there is no such folder"
    with pytest.raises(SurfeitError, match=why) as refused:
        Ray(cluster.address).run([task("a")], store=store)
    assert len(str(refused.value).splitlines()) == 2  # a sentence a node
    assert not (store / "log").exists()


def test_ray_refuses_what_no_node_has(cluster, tmp_path):
    with pytest.raises(
        SurfeitError, match=r"no node of the cluster has 1 CPU and 0.5 GPU: \S+ has"
    ):
        Ray(cluster.address, gpus=0.5).run([task("a")], store=tmp_path)


def test_ray_finds_the_same_tickets_though_a_worker_and_a_node_die(cluster, tmp_path):
    done = []

    def kill(status):
        training = any(active.step for active in status.active)
        if not done and training and cluster.kill_worker():
            done.append("worker")
        elif len(done) == 1 and training and status.done >= 2:
            cluster.kill_node()
            done.append("node")

    def search(store, engine, progress=None):
        return find_tickets(
            mlp((32,), input_shape=(1, 8, 8), classes=10),
            load("digits"),
            Recipe(optimizer="adam", lr=0.003, steps=1500, batch_size=50, evaluate_every=100),
            TicketConfig(levels=2, rewind_to=10, controls=("reinit",)),
            seeds=(0, 1),
            store=Store(store),
            engine=engine,
            progress=progress,
        )

    table = search(tmp_path / "ray", Ray(cluster.address), kill)
    assert done == ["worker", "node"]
    assert not failures(table)
    alone = search(tmp_path / "alone", InProcess())
    assert table.equals(alone)
    keys = table["run"].to_pylist()
    assert sums(tmp_path / "ray", keys) == sums(tmp_path / "alone", keys)


def sums(store, keys):
    """The digests of the runs' files, but for what says when and where they were trained."""
    runs = [Store(store).path_of(key) for key in keys]
    files = [json.loads((run / "DONE.json").read_text())["files"] for run in runs]
    return [{n: found for n, found in run.items() if n != "run.json"} for run in files]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cpus": -1}, "cpus must be a number >= 0, got -1"),
        ({"gpus": float("nan")}, "gpus must be a number >= 0, got nan"),
        ({"gpus": 1.5}, "gpus above 1 must be a whole number"),
        ({"cpus": 0}, "must take some of a CPU or of a GPU"),
        ({"retries": -1}, "retries must be an integer >= 0, got -1"),
        ({"retries": 1.5}, "retries must be an integer >= 0, got 1.5"),
    ],
)
def test_ray_refuses_numbers_out_of_range(wrong, words):
    with pytest.raises(ValueError, match=words):
        Ray(**wrong)


def test_ray_says_so_if_no_cluster_answers(tmp_path, monkeypatch):
    import ray

    def refuse(*arguments, **options):
        raise ConnectionError("nobody there")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(SurfeitError, match="no Ray cluster answers at ray://head:10001: start one"):
        Ray("ray://head:10001").run([task("a")], store=tmp_path)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with pytest.raises(SurfeitError, match="Ray cannot be started here: nobody there"):
        Ray().run([task("a")], store=tmp_path)
    assert "RAY_DEDUP_LOGS_SKIP_REGEX" not in os.environ
