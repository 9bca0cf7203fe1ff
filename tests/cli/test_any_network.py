"""inspect and prune of networks and data of the user's own, from the command line."""

import json

import pyarrow.parquet as pq
import pytest
import torch

from surfeit.core import squared_error
from surfeit.store import Store
from surfeit.train import Recipe, Recorder, train

from .conftest import call

OWN = """
import torch
from torch import nn
from surfeit.core import Split
from surfeit.data import from_tensors, load


def sine():
    generator = torch.Generator().manual_seed(0)

    def split(n):
        x = torch.rand(n, 1, generator=generator) * 4 - 2
        return Split(x, x.sin())

    return from_tensors("sine", train=split(64), validation=split(40), test=split(40))


class Stream(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 10)
        self.stem, self.back = nn.Linear(64, 6), nn.Linear(6, 6)

    def forward(self, images):
        start = self.stem(images.flatten(1))
        return self.head((start + self.back(start.relu())).relu())


def stream():
    return Stream()


def nothing():
    return 1


def needs(size):
    return Stream()
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own_networks.py"
    path.write_text(OWN)
    return path


def _made(own, name):
    scope = {"__name__": "own_networks"}
    exec(compile(own.read_text(), own, "exec"), scope)
    return scope[name]()


@pytest.fixture
def stream(own, tmp_path):
    """A residual network recorded in a loop of one's own, which its record cannot build."""
    from surfeit.data import load

    torch.manual_seed(0)
    model = _made(own, "stream")
    return Recorder(model, tmp_path / "run", data=load("digits")).finish().path


def test_a_network_that_no_record_can_build_is_built_by_a_function(own, stream, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--model", f"{own}:stream", "--out", out, "--quiet"]
    assert call("inspect", stream, *arguments, "--layers", "stem", "back") == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["layers"]["stem"]["removal"]["group"] == ["stem", "back"]
    capsys.readouterr()
    assert call("prune", stream, "--layer", "back", *arguments, "--repeats", "2") == 0
    assert "estimate for 1 point of validation accuracy" in capsys.readouterr().out
    assert pq.read_table(out / "removal-back.parquet")["units"][0].as_py() == 6


def test_a_run_tells_which_function_built_its_network(own, tmp_path, capsys):
    root = tmp_path / "runs"
    trained = ["--model", f"{own}:stream", "--data", "digits", "--steps", "10", "--root", root]
    assert call("train", *trained, "--quiet") == 0
    key = capsys.readouterr().out.split()[-1]
    assert call("inspect", key, "--root", root, "--quiet") == 1
    assert f"network: --model {own}:stream, as when it was trained, " in capsys.readouterr().err


def test_what_builds_no_network_is_said(own, stream, tmp_path, capsys):
    arguments = ["--layer", "stem", "--out", tmp_path / "out"]
    assert call("prune", stream, *arguments) == 1
    assert "cannot be built from its description alone" in capsys.readouterr().err
    assert call("prune", stream, *arguments, "--model", f"{own}:nothing") == 1
    assert "must return the network" in capsys.readouterr().err
    assert call("prune", stream, *arguments, "--model", f"{own}:sine") == 1
    assert "returned an object of type Dataset" in capsys.readouterr().err


@pytest.fixture
def regression(own, tmp_path):
    from surfeit.models import mlp

    def build(*, input_shape, classes, generator):
        return mlp((8,), input_shape=input_shape, classes=classes, generator=generator)

    store = Store(tmp_path / "store")
    recipe = Recipe(epochs=20, lr=0.02, optimizer="adam", batch_size=32)
    return train(build, _made(own, "sine"), recipe, objective=squared_error, store=store).path


def test_a_regression_is_pruned_by_its_r2(own, regression, tmp_path, capsys):
    data, out = ["--data", f"{own}:sine"], tmp_path / "out"
    arguments = ["--layer", "fc1", "--criteria", "magnitude", "random", "--out", out]
    assert call("prune", regression, *arguments, *data) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("\t")[2] == "estimate for 1 point of validation R²"
    table = pq.read_table(out / "removal-fc1.parquet")
    assert table["accuracy"].null_count == table.num_rows
    for kind in ("svg", "png", "pdf"):
        assert (out / f"removal-fc1.{kind}").stat().st_size > 1000
    assert call("inspect", regression, *data, "--out", out, "--loss", "0.05", "--quiet") == 0
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["quantity"], summary["settings"]["loss"]) == ("r2", 0.05)


def test_data_and_objectives_of_no_name_are_said(own, regression, tmp_path, capsys):
    arguments = ["--layer", "fc1", "--out", tmp_path / "out"]
    assert call("prune", regression, *arguments) == 1
    assert "give --data package.module:function" in capsys.readouterr().err
    assert call("prune", regression, *arguments, "--data", f"{own}:stream") == 1
    assert "must return a surfeit.data.Dataset" in capsys.readouterr().err
    assert call("prune", regression, *arguments, "--data", f"{own}:needs") == 1
    assert "needs 'size'" in capsys.readouterr().err
    named = ["--data", f"{own}:sine", "--objective", "huge"]
    assert call("prune", regression, *arguments, *named) == 1
    assert "no objective 'huge'" in capsys.readouterr().err


def test_names_with_slashes_and_no_name_at_all_have_files(tmp_path, capsys):
    from torch import nn

    from surfeit.data import load

    model = nn.Sequential()
    for name, part in (
        ("flat", nn.Flatten()),
        ("block1/unit_1", nn.Linear(64, 6)),
        ("act", nn.ReLU()),
        ("head", nn.Linear(6, 10)),
    ):
        model.add_module(name, part)
    path = Recorder(model, tmp_path / "run", data=load("digits")).finish().path
    out = tmp_path / "out"
    arguments = ["--layer", "block1/unit_1", "--criteria", "magnitude", "--out", out]
    assert call("prune", path, *arguments) == 0
    assert (out / "removal-block1%2Funit_1.parquet").is_file()
    assert "removal-block1%2Funit_1.parquet" in capsys.readouterr().err
