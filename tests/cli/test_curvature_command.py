"""`surfeit curvature`: what it prints and writes, and how it ends."""

import json
import math
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from surfeit.core import Streams, cross_entropy
from surfeit.curvature import LossSurface, dense, hessian
from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.train import Recipe, train

from .conftest import call


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A store with a small run, whose Hessian can be formed."""
    root = tmp_path_factory.mktemp("store")
    recipe = Recipe(lr=0.1, epochs=2)
    train(partial(mlp, (6,)), load("digits"), recipe, seed=0, store=Store(root))
    return root


@pytest.fixture(scope="module")
def truth(root) -> torch.Tensor:
    """Its eigenvalues on 50 training images, in descending order."""
    (run,) = Store(root).runs()
    examples = load("digits").train.some(50, Streams(0).get("landscape", "examples"))
    matrix = dense(hessian(LossSurface.of(run.model().double(), examples, cross_entropy)))
    return torch.linalg.eigvalsh(matrix).flip(0)


def test_a_pipe_gets_tabs_and_remarks_beside(root, truth, capsys):
    (run,) = Store(root).runs()
    arguments = ["--examples", "50", "--k", "3", "--smallest", "1", "--root", root]
    assert call("curvature", run.key[:8], *arguments) == 0
    printed = capsys.readouterr()
    rows = [line.split("\t") for line in printed.out.splitlines()]
    assert rows[0] == ["end", "rank", "eigenvalue", "residual", "converged"]
    assert [row[:2] for row in rows[1:]] == [["largest", c] for c in "123"] + [["smallest", "1"]]
    found = torch.tensor([float(row[2]) for row in rows[1:]], dtype=torch.float64)
    expected = torch.cat([truth[:3], truth[-1:]])
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)
    assert {row[4] for row in rows[1:]} == {"yes"}
    assert "of 50 train examples, as a function of 460 parameters" in printed.err
    assert "sum of all eigenvalues" in printed.err
    assert "equal eigenvalues are seen once" in printed.err


def test_json_has_all_numbers(root, truth, capsys):
    (run,) = Store(root).runs()
    arguments = ["--examples", "50", "--k", "2", "--json", "--quiet", "--root", root]
    assert call("curvature", run.key, *arguments) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    record = json.loads(printed.out)
    assert record["matrix"] == "hessian"
    assert (record["parameters"], record["examples"], record["split"]) == (460, 50, "train")
    trace, norm = record["trace"], record["frobenius"]
    assert abs(trace["value"] - float(truth.sum())) < 5 * trace["standard_error"]
    root_of_squares = math.sqrt(float(truth.square().sum()))
    assert abs(norm["value"] - root_of_squares) < 5 * norm["standard_error"]
    assert record["products"] == record["products_for_eigenvalues"] + 20
    assert record["eigenvalues"][0]["converged"] is True


def test_out_has_a_figure_and_tables(root, tmp_path, capsys):
    (run,) = Store(root).runs()
    out = tmp_path / "out"
    arguments = ["--examples", "50", "--probes", "2", "--matrix", "gauss-newton", "--block", "2"]
    options = ["--split", "validation", "--step", "0", "--k", "1", "--smallest", "0"]
    assert call("curvature", run.key, *arguments, *options, "--out", out, "--root", root) == 0
    assert {path.name for path in out.iterdir()} == {
        "curvature.svg",
        "curvature.png",
        "curvature.pdf",
        "eigenvalues.parquet",
        "density.parquet",
    }
    assert "eigenvalue of the Gauss-Newton matrix" in (out / "curvature.svg").read_text()
    assert pq.read_table(out / "eigenvalues.parquet").num_rows == 1
    said = capsys.readouterr().err
    assert "of 50 validation examples" in said
    assert "equal eigenvalues are seen at most 2 times" in said


def test_frozen_parameters_are_left_out_and_named(tmp_path, capsys):
    model = mlp((6,), input_shape=(1, 8, 8))
    model.fc1.requires_grad_(False)
    run = train(model, load("digits"), Recipe(lr=0.1, epochs=1), store=Store(tmp_path))
    assert not run.model().fc1.weight.requires_grad
    assert run.model().fc2.weight.requires_grad
    options = ["--examples", "20", "--k", "1", "--json", "--root", tmp_path]
    assert call("curvature", run.key, *options) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["parameters"] == 6 * 10 + 10
    assert record["frozen"] == ["fc1.weight", "fc1.bias"]


def test_weights_that_a_mask_removed_are_left_out(tmp_path, capsys):
    kept = torch.rand(6, 64, generator=Streams(0).get("mask")) < 0.5
    recipe = Recipe(lr=0.1, epochs=1)
    run = train(
        partial(mlp, (6,)),
        load("digits"),
        recipe,
        mask={"fc1.weight": kept},
        store=Store(tmp_path),
    )
    options = ["--examples", "20", "--k", "1", "--json", "--root", tmp_path]
    assert call("curvature", run.key, *options) == 0
    record = json.loads(capsys.readouterr().out)
    removed = int((~kept).sum())
    assert record["parameters"] == 460 - removed
    assert record["remarks"][0] == f"left out, as a mask removes them: {removed} weights"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--examples", "0"], "examples must be at least 1, got 0"),
        (["--probes", "1"], "probes must be at least 2, for there to be an error, got 1"),
        (["--k", "-1"], "largest must be a whole number of at least 0, got -1"),
        (["--k", "461"], "between 1 and 460 eigenvalues can be asked for"),
        (["--block", "0"], "block must be a whole number of at least 1, got 0"),
        (["--tolerance", "2"], "tolerance must be between 0 and 1, got 2"),
        (["--step", "7"], "has no snapshot at step 7"),
        (["--split", "test"], "--split"),
        (["--matrix", "fisher"], "--matrix"),
        (["--objective", "hnge"], "did you mean 'hinge'"),
        (["--objective", "binary-cross-entropy"], "binary_cross_entropy needs"),
        (["--data", "nowhere.py:make"], "there is no file nowhere.py"),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(arguments, message, root, capsys):
    (run,) = Store(root).runs()
    assert call("curvature", run.key, *arguments, "--root", root) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_an_unknown_run_is_refused(root, capsys):
    assert call("curvature", "abcdef", "--root", root) == 1
    assert "'surfeit runs' lists" in capsys.readouterr().err


def test_ctrl_c_leaves_nothing_and_says_so(root, tmp_path):
    (run,) = Store(root).runs()
    out = tmp_path / "out"
    options = ["--root", root, "--out", out, "--probes", "100000", "--examples", "50"]
    command = [sys.executable, "-m", "surfeit", "curvature", run.key, *map(str, options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = process.stderr.readline()  # the eigenvalues are found, the probes have begun
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert "eigenvalues: done" in first
    assert process.returncode == 130
    assert printed == ""
    assert "stopped; measurements are kept once they are complete" in said
    assert not out.exists()
