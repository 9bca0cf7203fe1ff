"""The nodes of a Ray cluster: how this process joins them, and what each must show first."""

# pyright: reportMissingImports=false
# The extra need not be installed where types are checked.

import math
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import torch

from surfeit.core import SurfeitError
from surfeit.execute.local import cores
from surfeit.execute.processes import ONE_THREAD
from surfeit.execute.reporting import SECONDS
from surfeit.execute.shared import Call, environment, meet, unshared

_MEETING_SECONDS = 60.0
_LOST_SECONDS = 60.0
_TRIES = 3
_OBJECT_BYTES = 100_000_000  # Ray's own memory; nothing but run keys goes through it
_SILENT: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # what becomes of a task is said by its outcome
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or Ray warns of a change to come
    # On a busy machine Ray's own 30 s are too few for a node to start, and to be found.
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_raylet_start_wait_time_s": "120",
}


def connect(address: str | None) -> None:
    """Connects this process to a cluster, unless it is; see `Ray` for which.

    Raises:
        SurfeitError: if no cluster answers at the address, or none can be started.
    """
    with environment({name: os.environ.get(name, value) for name, value in QUIET.items()}):
        import ray

        if ray.is_initialized():
            return
        given = address or os.environ.get("RAY_ADDRESS")
        if given:
            _join(given)
        elif not _joined_here():
            _start()


def _join(address: str) -> None:
    import ray

    try:
        ray.init(address, runtime_env=_surroundings(), **_SILENT)
    except Exception as error:  # Ray has no class for it: what does not answer raises anything
        raise SurfeitError(
            f"no Ray cluster answers at {address}: start one with 'ray start --head', and if it "
            f"has a token set RAY_AUTH_MODE=token here too ({first_line(error)})"
        ) from error


def _joined_here() -> bool:
    """Joins the cluster that runs on this machine, if one does."""
    import ray

    try:
        ray.init("auto", runtime_env=_surroundings(), **_SILENT)
    except ConnectionError:
        return False
    return True


def _start() -> None:
    """Starts a cluster of this machine; its workers inherit the environment, so nothing is sent."""
    import ray

    size = {"num_cpus": cores(), "object_store_memory": _OBJECT_BYTES}
    with environment(_surroundings()["env_vars"]):
        for left in reversed(range(_TRIES)):
            try:
                ray.init("local", include_dashboard=False, **size, **_SILENT)
                return
            except Exception as error:  # Ray raises nothing finer when a node starts too late
                ray.shutdown()
                if not left:
                    why = first_line(error)
                    raise SurfeitError(f"Ray cannot be started here: {why}") from error


def _surroundings() -> dict[str, Any]:
    """What workers are started with: this process's code and folders, and one thread.

    Surfeit itself is sent; other modules are looked for where this process finds them.
    """
    import surfeit

    own = {name: value for name, value in os.environ.items() if name.startswith("SURFEIT_")}
    installed = (sys.prefix, sys.base_prefix)
    paths = [os.path.abspath(path) for path in sys.path if path]
    # Folders after what is installed go along with each task: from here they would come before it.
    last = max((n for n, path in enumerate(paths) if path.startswith(installed)), default=0)
    home = os.path.dirname(surfeit.__path__[0])
    paths = [path for n, path in enumerate(paths) if n < last or path == home]
    paths = [path for path in paths if not path.startswith(installed)]
    environment = {**own, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)}
    return {"py_modules": [surfeit.__path__[0]], "env_vars": environment}


class Cluster:
    """The nodes of the cluster that can do a task.

    Args:
        takes: what a task takes, by Ray's name of the resource.
    """

    def __init__(self, takes: Mapping[str, float]) -> None:
        self.takes = takes
        self._counted, self._seen = -math.inf, time.monotonic()
        self._slots = 0

    @property
    def slots(self) -> int:
        """How many tasks can be done at once; nodes come and go.

        Raises:
            SurfeitError: if no node could do any for a minute.
        """
        now = time.monotonic()
        if now - self._counted > SECONDS:
            self._slots = sum(self._fits(node) for node in self._nodes())
            self._counted = now
        if self._slots:
            self._seen = now
        elif now - self._seen > _LOST_SECONDS:
            raise SurfeitError(
                f"the cluster has lost every node with {self._words()}, for a minute by now: "
                "start some and give the same command again, it goes on from there"
            )
        return self._slots

    def check(self, call: Call) -> None:
        """Looks that every node which could do a task sees the store.

        Raises:
            SurfeitError: if none could do one, or one does not see the store or has another torch.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        nodes = [node for node in self._nodes() if self._fits(node)]
        if not nodes:
            raise SurfeitError(f"no node of the cluster has {self._words()}: {self._inventory()}")
        meeting = ray.remote(meet)
        replies = {
            meeting.options(
                num_cpus=0,
                max_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            ).remote(call.greeting()): node
            for node in nodes
        }
        _, silent = ray.wait(list(replies), num_returns=len(replies), timeout=_MEETING_SECONDS)
        problems = []
        for reply, node in replies.items():
            machine = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            if reply in silent:
                problems.append(f"node {machine} did not answer within {_MEETING_SECONDS:.0f} s")
                continue
            try:
                problems.append(_problem(machine, ray.get(reply), call))
            except ray.exceptions.RayError as error:
                problems.append(f"node {machine} cannot run surfeit: {first_line(error)}")
        if any(problems):
            raise SurfeitError("\n  ".join(filter(None, problems)))

    def _nodes(self) -> list[dict[str, Any]]:
        import ray

        return [node for node in ray.nodes() if node["Alive"]]

    def _fits(self, node: Mapping[str, Any]) -> int:
        """How many tasks a node can do at once."""
        has = node["Resources"]
        return min(int(has.get(n, 0) / taken + 1e-9) for n, taken in self.takes.items() if taken)

    def _words(self) -> str:
        return " and ".join(f"{taken:g} {name}" for name, taken in self.takes.items() if taken)

    def _inventory(self) -> str:
        return ", ".join(
            f"{node['NodeManagerHostname']} has {node['Resources'].get('CPU', 0):g} CPU and "
            f"{node['Resources'].get('GPU', 0):g} GPU"
            for node in self._nodes()
        )


def _problem(machine: str, reply: Mapping[str, str], call: Call) -> str:
    if why := reply["problem"] or call.why_unseen(reply["token"]):
        return unshared(machine, call.store, why)
    if reply["torch"] != torch.__version__:
        return (
            f"node {machine} has torch {reply['torch']}, this process {torch.__version__}: "
            "install the same version, or their numbers differ"
        )
    return ""


def first_line(error: BaseException) -> str:
    """The first line of what an error says; its class if it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
