"""The word where a run is measured on other data than it was trained on."""

from pathlib import Path

import pytest

from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.train import Recipe, Recorder, train
from surfeit.viewer import assets

from .conftest import call

OTHER = """
from surfeit.data import load, subset

def other():
    return subset(load("digits"), 500)

def own():
    return load("digits")
"""
WORDS = "was trained on digits, other data than these of digits-subset-500"


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    store = Store(tmp_path_factory.mktemp("store"))
    network = mlp((6,), input_shape=(1, 8, 8), classes=10)
    train(network, load("digits"), Recipe(epochs=1), store=store)
    return store


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "sets.py").write_text(OTHER)
    (tmp_path / "viewer.js").write_text("export {};")
    monkeypatch.setattr(assets, "_STATIC", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMANDS = [
    ["prune", "--layer", "fc1", "--criteria", "magnitude"],
    ["export", "--layer", "fc1"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=[command[0] for command in COMMANDS])
def test_other_data_are_said_and_the_runs_own_are_not(command, store, capsys):
    name, *more = command
    base = [name, store.runs()[0].key, *more, "--root", store.root]
    assert call(*base, "--data", "sets.py:other") == 0
    assert capsys.readouterr().err.count(WORDS) == 1
    assert call(*base, "--data", "sets.py:other", "--quiet") == 0
    assert capsys.readouterr().err == ""
    assert call(*base, "--data", "sets.py:own") == 0
    assert "was trained on" not in capsys.readouterr().err


def test_a_run_that_does_not_say_what_it_saw_is_no_contradiction(folder, capsys):
    recorder = Recorder(mlp((6,), input_shape=(1, 8, 8), classes=10), folder / "mine")
    recorder.record(1)
    recorder.finish()
    arguments = ["--layer", "fc1", "--criteria", "magnitude", "--data", "digits"]
    assert call("prune", next((folder / "mine").rglob("run.json")).parent, *arguments) == 0
    assert "was trained on" not in capsys.readouterr().err


def test_a_report_on_other_data_is_refused(store, capsys):
    arguments = [store.runs()[0].key, "--root", store.root, "--data", "sets.py:other"]
    assert call("inspect", *arguments) == 1
    assert "give the data it was trained on" in capsys.readouterr().err
