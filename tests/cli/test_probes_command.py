"""`surfeit train --probe` and `surfeit runs probe`, as their user meets them."""

import csv

import pyarrow.parquet as pq
import pytest

from .conftest import call

TRAIN = ("train", "--model", "mlp-4", "--epochs", "1", "--batch-size", "128", "--quiet")


@pytest.fixture
def key(tmp_path, capsys):
    """A run of nine steps at which two probes and one of the user's own looked."""
    own = tmp_path / "mine.py"
    own.write_text("def largest(step):\n    return {'rate': step.rate, 'of': 'all'}\n")
    probes = ("--probe", "movement,gradient-norms", "--probe", f"{own}:largest")
    assert call(*TRAIN, "--root", tmp_path, *probes, "--probe-every", "4") == 0
    return capsys.readouterr().out.strip()


def lines(capsys):
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]


def test_what_probes_saw_is_printed(tmp_path, key, capsys):
    assert call("runs", "probe", key[:8], "--root", tmp_path) == 0
    head, *rows = lines(capsys)
    assert head == ["probe", "steps", "columns"]
    assert [row[:2] for row in rows] == [
        ["gradient_norms", "3"],
        ["largest", "3"],
        ["movement", "3"],
    ]
    assert rows[1][2] == "rate, of"
    assert call("runs", "probe", key, "gradient-norms", "--root", tmp_path) == 0
    head, *rows = lines(capsys)
    assert head == ["step", "layer", "gradient", "weights"]
    assert [row[:2] for row in rows[:3]] == [["0", ""], ["0", "fc1"], ["0", "fc2"]]
    assert len(rows) == 9


def test_tables_go_into_files(tmp_path, key, capsys):
    for name in ("x.csv", "x.parquet"):
        place = ("--root", tmp_path, "--out", tmp_path / name)
        assert call("runs", "probe", key, "largest", *place) == 0
        assert capsys.readouterr().out == f"{tmp_path / name}\n"
    with open(tmp_path / "x.csv") as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "x.parquet")
    assert [int(row["step"]) for row in rows] == table["step"].to_pylist() == [0, 4, 8]
    assert table["of"].to_pylist() == ["all"] * 3


def test_a_run_without_probes_says_how_it_gets_them(tmp_path, capsys):
    assert call(*TRAIN, "--root", tmp_path) == 0
    key = capsys.readouterr().out.strip()
    assert call("runs", "probe", key, "--root", tmp_path) == 0
    assert "'surfeit train --probe ...' adds tables to a run" in capsys.readouterr().err
    assert call("runs", "probe", key, "movement", "--root", tmp_path) == 1
    said = "give the command that trained it again, with --probe movement"
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*TRAIN, "--probe", "movment"), "did you mean 'movement'"),
        ((*TRAIN, "--probe", "nowhere.py:look"), "there is no file nowhere.py"),
        ((*TRAIN, "--probe", "movement", "--probe-every", "0"), "n >= 1, got 0"),
        ((*TRAIN, "--probe-every", "5"), "--probe-every is of probes: name one by --probe"),
        ((*TRAIN, "--batch-label-noise", "1.5"), "batch_label_noise must be in [0, 1]"),
        (("runs", "probe", "KEY", "sharpness"), "no probe of run"),
        (("runs", "probe", "KEY", "movement", "--out", "x.txt"), "ends in .csv or .parquet"),
        (("runs", "probe", "KEY", "--out", "x.csv"), "--out is of one probe's table"),
    ],
)
def test_what_cannot_be_is_refused_in_words(arguments, words, tmp_path, key, capsys):
    given = [key if text == "KEY" else text for text in arguments]
    assert call(*given, "--root", tmp_path) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
