"""`surfeit supermasks` as a user types it."""

import pyarrow.parquet as pq
import pytest

from surfeit.procedures.supermasks import METHODS

from .conftest import call

QUICK = ["supermasks", "--model", "mlp-12", "--steps", "3"]


def test_supermasks_prints_a_row_a_method_and_writes_the_table(tmp_path, capsys):
    places = ["--root", tmp_path / "store", "--out", tmp_path / "out"]
    more = ["--replicates", "2", "--seed", "4", "--densities", "0.5", "0.25"]
    assert call(*QUICK, *more, *places) == 0
    printed = capsys.readouterr()
    first, *lines = [line.split("\t") for line in printed.out.splitlines()]
    assert first == ["method", "density %", "validation accuracy %", "test accuracy %"]
    assert [line[0] for line in lines] == [*METHODS[:7], "edge-popup", "trained"]
    popped = [line[1] for line in lines if line[0] == "edge-popup"]
    assert popped == ["50.0", "25.0"]
    assert all(" to " in cell or "2 equal" in cell for line in lines for cell in line[2:])
    table = pq.read_table(tmp_path / "out" / "supermasks.parquet")
    assert sorted(set(table["replicate"].to_pylist())) == [4, 5]
    assert "replicate 5, edge-popup 0.25: " in printed.err


def test_one_replicate_has_no_interval_and_quiet_says_nothing(tmp_path, capsys):
    assert call(*QUICK, "--replicates", "1", "--root", tmp_path, "--out", tmp_path, "--quiet") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "(" not in printed.out


def test_masks_are_of_networks_drawn_from_the_law_save_those_of_edge_popup(tmp_path, capsys):
    run = ["--replicates", "1", "--levels", "1", "--on", "here", "--quiet", "--root", tmp_path]
    tables = []
    for name, law in (("plain", []), ("law", ["--initial", "orthogonal"])):
        assert call(*QUICK, *run, *law, "--out", tmp_path / name) == 0
        found = pq.read_table(tmp_path / name / "supermasks.parquet").to_pylist()
        tables.append({row["method"]: row["run"] for row in found})
    same = [method for method in METHODS if tables[0][method] == tables[1][method]]
    assert same == ["edge-popup"]


def test_a_network_too_small_for_its_levels_is_told_before_anything_is_trained(tmp_path, capsys):
    places = ["--root", tmp_path / "store", "--out", tmp_path / "out"]
    assert call("supermasks", "--model", "mlp-1", "--steps", "3", *places) == 1
    assert "would leave layer 'fc1' without weights" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--model", "lenet"], "did you mean 'lenet-300-100'"),
        (["--replicates", "0"], "replicates must be at least 1, got 0"),
        (["--epochs", "2", "--steps", "9"], "give epochs or steps"),
        (["--densities", "1.5"], "must be in (0, 1], got 1.5"),
        (["--levels", "0"], "levels must be integers >= 0, at least one"),
        (["--data", "minst"], "did you mean 'mnist'"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(more, words, tmp_path, capsys):
    assert call("supermasks", *more, "--root", tmp_path, "--out", tmp_path / "out") == 1
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
