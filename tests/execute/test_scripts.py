"""Plain scripts without `if __name__ == "__main__"`: from a file, `python -c` and stdin."""

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import HERE, wait_for

SCRIPT = """
import os, sys
print("the script is run by", os.getpid(), flush=True)
sys.path.append({here!r})
from surfeit.execute import Local, Task
tasks = [Task(name=str(n), kind="works:answer", config={{"x": n}}) for n in range(3)]
outcome = Local(2).run(tasks, store={store!r})
print(len(outcome.keys), outcome.failures, sys.modules["__main__"].tasks is tasks)
"""
WAYS = ["file", "-c", "stdin"]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """The three at once, while torch loads in each."""
    started = {}
    for way in WAYS:
        folder = tmp_path_factory.mktemp("script")
        text = SCRIPT.format(here=HERE, store=str(folder))
        (folder / "script.py").write_text(text)
        arguments = {"file": ["script.py"], "-c": ["-c", text], "stdin": []}[way]
        with open(folder / "script.py") as stdin:
            started[way] = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
    return started


@pytest.mark.parametrize("way", WAYS)
def test_script_without_a_guard_runs_once_and_leaves_no_process(scripts, way):
    out, err = scripts[way].communicate(timeout=60)
    process = scripts[way].pid
    assert out == f"the script is run by {process}\n3 {{}} True\n"
    assert err == ""
    wait_for(lambda: not _session(process), 3)


def _session(leader):
    """The living processes of a session: the forkserver ends when the last that used it has."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            found.append(folder.name)
    return found
