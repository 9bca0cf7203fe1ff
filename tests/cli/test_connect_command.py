"""`surfeit connect`: what it prints and writes, and what it refuses."""

from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from surfeit.core import Streams
from surfeit.data import load, subset
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.train import Recipe, train

from .conftest import call

FEW = ["--points", "3", "--images", "50", "--epochs", "1", "--on", "here"]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A store with two runs of one network, one of another, and one on fewer images."""
    root = tmp_path_factory.mktemp("store")
    store, recipe, digits = Store(root), Recipe(lr=0.3, epochs=1), load("digits")
    for seed in (0, 1):
        train(partial(mlp, (6,)), digits, recipe, seed=seed, store=store)
    train(partial(mlp, (7,)), digits, recipe, store=store)
    fewer = subset(digits, 200, Streams(0).get("subset"))
    train(partial(mlp, (6,)), fewer, recipe, store=store)
    return root


def keys(root: Path) -> dict[tuple[str, int, str], str]:
    return {
        (run.about["model"], run.config["seed"], run.about["data"]): run.key
        for run in Store(root).runs()
    }


def test_a_pipe_gets_a_row_a_path_and_the_folder_tables_and_a_figure(root, tmp_path, capsys):
    first, second = (keys(root)["mlp-6", seed, "digits"] for seed in (0, 1))
    out = tmp_path / "out"
    arguments = [first[:10], second[:10], *FEW, "--root", root, "--out", out]
    assert call("connect", *arguments) == 0
    printed = capsys.readouterr()
    rows = [line.split("\t") for line in printed.out.splitlines()]
    assert [row[0] for row in rows] == ["path", "segment", "matched", "repaired", "curve"]
    assert all(row[5].endswith(" points") for row in rows[1:])
    assert "measuring paths: done" in printed.err
    assert {path.name for path in out.iterdir()} == {
        *("paths.svg", "paths.png", "paths.pdf", "paths.parquet", "barriers.parquet")
    }
    table = pq.read_table(out / "paths.parquet")
    assert table.num_rows == 4 * 3 * 2
    barriers = pq.read_table(out / "barriers.parquet").to_pylist()
    (segment,) = [r for r in barriers if (r["path"], r["split"]) == ("segment", "train")]
    assert float(rows[1][1]) == pytest.approx(segment["loss_barrier"], rel=1e-3)
    assert "straight line" in (out / "paths.svg").read_text()


def test_some_paths_and_nothing_else_are_measured_quietly(root, tmp_path, capsys):
    first, second = (keys(root)["mlp-6", seed, "digits"] for seed in (0, 1))
    arguments = [first, second, "--paths", "segment,matched", "--match-by", "outputs", *FEW]
    assert call("connect", *arguments, "--quiet", "--root", root, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert [line.split("\t")[0] for line in printed.out.splitlines()] == [
        *("path", "segment", "matched")
    ]


def test_a_curve_that_diverged_is_said_and_is_no_finding(root, tmp_path, capsys):
    first, second = (keys(root)["mlp-6", seed, "digits"] for seed in (0, 1))
    out = tmp_path / "out"
    arguments = [first, second, *FEW, "--lr", "100", "--root", root, "--out", out]
    assert call("connect", *arguments, "--paths", "curve,matched") == 0
    printed = capsys.readouterr()
    rows = [line.split("\t") for line in printed.out.splitlines()]
    assert rows[1] == ["curve", *["–"] * 5]
    assert rows[2][0] == "matched"
    assert "curve: its training diverged, raising the mean training loss from" in printed.err
    assert "a lower --lr than 100 may help" in printed.err
    assert "trained curve" not in (out / "paths.svg").read_text()
    assert set(pq.read_table(out / "barriers.parquet")["path"].to_pylist()) == {"matched"}
    assert set(pq.read_table(out / "paths.parquet")["path"].to_pylist()) == {"curve", "matched"}
    assert call("connect", *arguments, "--paths", "curve") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "surfeit: curve: its training diverged" in printed.err


def test_a_curve_whose_loss_is_not_finite_costs_the_others_nothing(root, tmp_path, capsys):
    first, second = (keys(root)["mlp-6", seed, "digits"] for seed in (0, 1))
    arguments = [first, second, *FEW, "--lr", "1e30", "--root", root, "--out", tmp_path / "out"]
    assert call("connect", *arguments, "--paths", "curve,matched") == 0
    printed = capsys.readouterr()
    rows = [line.split("\t") for line in printed.out.splitlines()]
    assert rows[1] == ["curve", *["–"] * 5]
    assert rows[2][0] == "matched"
    assert "curve: the curve's training diverged: the loss is" in printed.err
    assert "a lower lr than 1e+30 may help; it is left out" in printed.err
    assert call("connect", *arguments, "--paths", "curve") == 1


@pytest.mark.parametrize(
    ("second", "arguments", "message"),
    [
        (("mlp-6", 0, "digits"), [], "a path needs two runs, got run"),
        (("mlp-7", 0, "digits"), [], "are of different networks: fc1.bias is [6] in the one"),
        (("mlp-6", 0, "digits-subset-200"), [], "were trained on different data"),
        (("mlp-6", 1, "digits"), ["--points", "1"], "points must be at least 2"),
        (("mlp-6", 1, "digits"), ["--images", "1"], "images must be a whole number of at least 2"),
        (("mlp-6", 1, "digits"), ["--bends", "2"], "bends must be a whole number of at least 3"),
        (("mlp-6", 1, "digits"), ["--lr", "0"], "lr must be above 0"),
        (("mlp-6", 1, "digits"), ["--curve", "spline"], "--curve"),
        (("mlp-6", 1, "digits"), ["--paths", "line"], "no path 'line'"),
        (("mlp-6", 1, "digits"), ["--match-by", "names"], "--match-by"),
        (("mlp-6", 1, "digits"), ["--on", "nowhere"], "no engine 'nowhere'"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(root, tmp_path, second, arguments, message, capsys):
    known, out = keys(root), tmp_path / "out"
    pair = [known["mlp-6", 0, "digits"], known[second]]
    assert call("connect", *pair, *arguments, "--root", root, "--out", out) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not out.exists()


def test_an_unknown_run_is_refused(root, capsys):
    assert call("connect", "abcdef", "fedcba", "--root", root) == 1
    assert "'surfeit runs' lists" in capsys.readouterr().err
