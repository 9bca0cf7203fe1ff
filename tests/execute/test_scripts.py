"""Plain scripts without `if __name__ == "__main__"`: from a file, `python -c` and stdin."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from surfeit.execute import Local

from .conftest import HERE, task, wait_for

SCRIPT = f"""
import os, sys
print("the script is run by", os.getpid(), flush=True)
sys.path.append({HERE!r})
from surfeit.execute import Local, Task
tasks = [Task(name=str(n), kind="works:answer", config={{"x": n}}) for n in range(3)]
outcome = Local(2).run(tasks, store="store")
print(len(outcome.keys), outcome.failures, sys.modules["__main__"].tasks is tasks)
"""


def test_script_without_a_guard_runs_once_and_leaves_no_process(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    out, err = process.communicate(timeout=100)
    assert out == f"the script is run by {process.pid}\n3 {{}} True\n"
    assert err == ""
    wait_for(lambda: not _session(process.pid), 3)


@pytest.mark.parametrize("file", ["script.py", "<stdin>", "a notebook's cell", None])
def test_main_module_is_not_imported_by_workers_whatever_it_is(tmp_path, monkeypatch, capfd, file):
    """`python -c` has a main module without a file, stdin and notebooks one without a real one."""
    (tmp_path / "script.py").write_text("print('imported again')")
    main = ModuleType("__main__")
    if file is not None:
        main.__file__ = str(tmp_path / file) if file.endswith(".py") else file
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert set(Local(1).run([task("a")], store=tmp_path).keys) == {"a"}
    assert sys.modules["__main__"] is main
    assert capfd.readouterr() == ("", "")


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
