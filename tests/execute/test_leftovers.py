"""The folder of the forkserver's socket, which a killed process leaves behind."""

import multiprocessing
import os
import tempfile
from multiprocessing import connection, process

import pytest

from surfeit.execute import crew

claim_temporary_folder = crew._claim_temporary_folder.__wrapped__


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files, and a process that has made none yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setitem(process.current_process()._config, "tempdir", None)
    return tmp_path


def killed():
    process.current_process()._config["tempdir"] = None
    kept = claim_temporary_folder()
    assert kept is not None
    listener = connection.Listener(family="AF_UNIX")
    assert listener.address
    os.kill(os.getpid(), 9)


def left(folder):
    return {path.name for path in folder.glob("pymp-*")}


def test_what_a_killed_process_left_goes_with_the_next(temporary):
    (temporary / "pymp-anothers").mkdir()  # of a program that claims nothing
    child = multiprocessing.get_context("fork").Process(target=killed)
    child.start()
    child.join()
    dead = left(temporary) - {"pymp-anothers"}
    assert len(dead) == 1
    kept = claim_temporary_folder()
    living = left(temporary) - {"pymp-anothers"}
    assert len(living) == 1
    assert not living & dead
    claim_temporary_folder()  # another process would find this one alive
    assert living < left(temporary)
    kept.close()
