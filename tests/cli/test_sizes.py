"""The word before trainings write more than 1 GB."""

import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from surfeit.cli.sizes import in_words, say_if_large
from surfeit.store import Store

from .conftest import call

SHORT = ["--model", "mlp-6", "--data", "digits"]


class Said:
    """A teller that notes what it is told."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def untrained(monkeypatch) -> None:
    """Trainings end before they begin."""

    def ended(*arguments: object, **options: object) -> None:
        raise ValueError("no training here")

    monkeypatch.setattr("surfeit.train.train", ended)
    monkeypatch.setattr("surfeit.procedures.tickets.find_tickets", ended)
    monkeypatch.setattr("surfeit.procedures.instability.instability_lines", ended)
    monkeypatch.setattr("surfeit.procedures.supermasks.supermask_table", ended)


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (["train", "--epochs", "600000"], "--snapshot-epochs 3 writes about 1.0 GB, --snapshot-e"),
        (["train", "--epochs", "600000", "--snapshot-epochs", "2"], "--snapshot-epochs 3 writes"),
        (["demo", "--epochs", "300000"], "'surfeit train --snapshot-epochs'"),
        (["tickets", "--replicates", "9000"], "fewer --levels, --controls or --replicates"),
        (
            ["instability", "--replicates", "10000", "--epochs", "100"],
            "fewer --part-at or --replicates",
        ),
        (["supermasks", "--replicates", "9000"], "fewer --densities or --replicates"),
    ],
)
def test_the_size_is_said_before_the_training(command, advice, root, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(*command, *SHORT, "--root", root) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "surfeit: no training here"
    assert told[0].startswith("this may write up to ")
    assert f"GB to {root}" in told[0]
    assert advice in told[0]
    assert call(*command, *SHORT, "--root", root, "--quiet") == 1
    assert capsys.readouterr().err == "surfeit: no training here\n"


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("command", ["train", "demo", "tickets", "instability", "supermasks"])
def test_small_trainings_begin_without_a_word(command, root, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(command, *SHORT, "--root", root) == 1
    assert capsys.readouterr().err == "surfeit: no training here\n"


def test_a_training_that_is_done_writes_nothing_more(root, capsys, monkeypatch):
    assert call("train", *SHORT, "--epochs", "1", "--root", root) == 0
    monkeypatch.setattr("surfeit.cli.sizes.LARGE", 1000)
    monkeypatch.setattr("surfeit.cli.training.LARGE", 1000)
    capsys.readouterr()
    assert call("train", *SHORT, "--epochs", "1", "--root", root) == 0
    assert "this may write" not in capsys.readouterr().err
    assert call("train", *SHORT, "--epochs", "2", "--root", root) == 0
    assert "this may write" in capsys.readouterr().err


def _usage(free: int, path: Path) -> SimpleNamespace:
    assert path.exists()
    return SimpleNamespace(free=free)


def test_what_the_disk_has_is_said_where_it_may_not_suffice(tmp_path, monkeypatch):
    store = Store(tmp_path / "not" / "there")
    for free, told in ((10**13, ""), (3 * 10**9, f", where {in_words(3 * 10**9)} are free")):
        monkeypatch.setattr(shutil, "disk_usage", partial(_usage, free))
        teller = Said()
        say_if_large(2 * 10**9, store, "take less", teller)  # pyright: ignore[reportArgumentType]
        assert teller.sentences == [f"this may write up to 2.0 GB to {store.root}{told}: take less"]
