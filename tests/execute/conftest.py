"""Tasks, and a look at what processes are left after each test."""

import os
import sys
import time
from multiprocessing import forkserver
from pathlib import Path

import pytest

from surfeit.execute import Task

HERE = str(Path(__file__).parent)


def task(name, kind="answer", parents=(), **config):
    return Task(name=name, kind=f"works:{kind}", config=config, parents=parents)


def workers():
    """The workers of this process's forkserver, whoever's; the dead too, until they are reaped."""
    server = forkserver._forkserver._forkserver_pid
    if server is None:
        return []
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == server:
            found.append(int(folder.name))
    return found


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.fixture(autouse=True, scope="session")
def _works_can_be_imported():
    sys.path.append(HERE)
    yield
    sys.path.remove(HERE)


@pytest.fixture(autouse=True)
def _no_process_is_left():
    before = os.environ.copy()
    yield
    assert workers() == []
    assert {k: v for k, v in os.environ.items() if "THREADS" in k} == {
        k: v for k, v in before.items() if "THREADS" in k
    }
