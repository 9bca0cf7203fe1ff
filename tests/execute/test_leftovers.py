"""The folder of the forkserver's socket, which a killed process leaves behind."""

import multiprocessing
import os
import tempfile
from multiprocessing import connection, process

from surfeit.execute import processes

CONTEXT = multiprocessing.get_context("fork")


def work(folder, there, go_on):
    """A process that needs a forkserver, and is killed when it may go on."""
    tempfile.tempdir = str(folder)
    process.current_process()._config["tempdir"] = None  # as if it were no fork
    kept = processes._claim_temporary_folder.__wrapped__()
    assert kept is not None
    connection.Listener(family="AF_UNIX")
    there.set()
    go_on.wait()
    os.kill(os.getpid(), 9)


def started(folder):
    there, go_on = CONTEXT.Event(), CONTEXT.Event()
    child = CONTEXT.Process(target=work, args=(folder, there, go_on))
    child.start()
    assert there.wait(60)
    return child, go_on


def killed(child, go_on):
    go_on.set()
    child.join(60)
    assert child.exitcode == -9


def test_what_a_killed_process_left_goes_with_the_next(tmp_path):
    (tmp_path / "pymp-anothers").mkdir()  # of a program that claims nothing
    killed(*started(tmp_path))
    (dead,) = {path.name for path in tmp_path.iterdir()} - {"pymp-anothers"}
    living = started(tmp_path)
    (alive,) = {path.name for path in tmp_path.iterdir()} - {"pymp-anothers"}
    assert alive != dead
    killed(*started(tmp_path))
    assert {alive, "pymp-anothers"} < {path.name for path in tmp_path.iterdir()}
    killed(*living)
