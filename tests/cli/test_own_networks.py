"""`surfeit tickets`, `instability` and `supermasks` of networks of the user's own."""

import pyarrow.parquet as pq
import pytest
import torch

from surfeit.cli.builders import engine_of, short_name, trainable
from surfeit.core import digest, parameters
from surfeit.data import load
from surfeit.execute import InProcess, Local

from .conftest import call

SOURCE = """
import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self, side, classes):
        super().__init__()
        self.head = nn.Linear(16, classes)
        self.stem, self.inner, self.back = nn.Linear(side, 16), nn.Linear(16, 12), nn.Linear(12, 16)

    def forward(self, x):
        x = self.stem(x.flatten(1)).relu()
        return self.head((x + self.back(self.inner(x).relu())).relu())


def residual(input_shape, classes):
    return Residual(input_shape[-1] * input_shape[-2], classes)


def plain():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))


def broken():
    raise KeyError("layers")


ready = Residual(64, 10)
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def options(tmp_path):
    return ["--steps", "12", "--replicates", "1", "--root", tmp_path / "store"]


@pytest.mark.parametrize("granularity", ["weight", "unit"])
def test_tickets_of_a_network_of_ones_own(source, options, tmp_path, granularity, capsys):
    model = f"{source}:residual"
    flags = ["--model", model, "--levels", "1", "--controls", "reinit", "--out", tmp_path / "out"]
    assert call("tickets", *flags, "--granularity", granularity, *options) == 0
    table = pq.read_table(tmp_path / "out" / "tickets.parquet")
    assert table.num_rows == 3
    assert table["run"].null_count == 0
    assert "trained here" not in capsys.readouterr().err
    runs = {run.about["model"] for run in _store(tmp_path).runs()}
    assert runs == {"residual"}
    assert call("anatomy", tmp_path / "out", "--root", tmp_path / "store") == 0


def test_a_network_that_is_ready_is_trained_in_this_process(source, options, tmp_path, capsys):
    flags = ["--levels", "1", "--controls", "reinit", "--out", tmp_path / "out"]
    assert call("tickets", "--model", f"{source}:ready", *flags, *options) == 0
    told = capsys.readouterr().err
    assert "ready is a Residual, which no other process could build: trained here" in told
    assert pq.read_table(tmp_path / "out" / "tickets.parquet")["run"].null_count == 0


def test_the_other_commands_of_a_network_of_ones_own(source, options, tmp_path):
    model = f"{source}:residual"
    flags = ["--model", model, *options]
    assert (
        call("instability", *flags, "--part-at", "0", "--points", "3", "--out", tmp_path / "a") == 0
    )
    assert pq.read_table(tmp_path / "a" / "barriers.parquet")["barrier"].null_count == 0
    assert call("supermasks", *flags, "--levels", "2", "--out", tmp_path / "b") == 0
    assert pq.read_table(tmp_path / "b" / "supermasks.parquet").num_rows > 5


def test_a_network_is_the_same_for_a_seed_and_another_for_the_next(source):
    build = trainable(f"{source}:plain")
    state = torch.random.get_rng_state()

    def drawn(seed):
        return digest(parameters(build(generator=torch.Generator().manual_seed(seed))))

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_a_function_builds_is_trained_side_by_side(source):
    data = load("digits")
    assert isinstance(engine_of(f"{source}:plain", data, 2), Local)
    assert isinstance(engine_of(f"{source}:residual", data, 2), Local)
    assert isinstance(engine_of(f"{source}:ready", data, 2), InProcess)
    assert isinstance(engine_of("lenet-300-100", data, 2), Local)
    assert short_name(f"{source}:plain") == "plain"


def test_the_engine_is_the_one_that_is_named(source):
    data = load("digits")
    named = engine_of("lenet-300-100", data, None, on="local:3")
    assert isinstance(named, Local)
    assert named.workers == 3
    assert isinstance(engine_of(f"{source}:plain", data, None, on="here"), InProcess)
    with pytest.raises(ValueError, match="--workers is of --on local, got --on here"):
        engine_of("lenet-300-100", data, 2, on="here")
    with pytest.raises(ValueError, match="no engine 'lcoal': did you mean 'local'"):
        engine_of("lenet-300-100", data, None, on="lcoal")


@pytest.mark.parametrize("command", ["tickets", "instability", "supermasks"])
def test_a_missing_extra_is_one_sentence(command, tmp_path, monkeypatch, capsys):
    def missing(name):
        raise ImportError(f"the engine {name!r} needs what is not installed")

    monkeypatch.setattr("surfeit.execute.engine_named", missing)
    flags = ["--model", "mlp-6", "--steps", "200", "--on", "ray", "--root", tmp_path / "store"]
    assert call(command, *flags, "--out", tmp_path / "out") == 1
    printed = capsys.readouterr()
    assert printed.err == "surfeit: the engine 'ray' needs what is not installed\n"
    assert not (tmp_path / "out").exists()


def test_functions_that_fail_are_told_in_one_line(source, options, capsys):
    assert call("tickets", "--model", f"{source}:broken", *options) != 0
    assert "broken failed: KeyError: 'layers'" in capsys.readouterr().err
    assert call("tickets", "--model", f"{source}:residul", *options) != 0
    assert "did you mean" in capsys.readouterr().err


def _store(tmp_path):
    from surfeit.store import Store

    return Store(tmp_path / "store")


DATA = """
import torch

from surfeit.data import from_tensors


def curve():
    x = torch.linspace(-1, 1, 40)[:, None]
    return from_tensors("curve", train=(x, x.sin()), validation=(x, x.sin()), test=(x, x.sin()))


def line():
    return torch.nn.Linear(1, 1)
"""


def test_a_network_and_data_of_ones_own_are_trained(source, options, tmp_path, capsys):
    flags = ["--steps", "12", "--root", tmp_path / "store"]
    assert call("train", "--model", f"{source}:residual", *flags) == 0
    told = capsys.readouterr()
    assert "classified right" in told.err
    run = _store(tmp_path).find(told.out.strip())
    assert run.about["model"] == "residual"
    assert call("structure", run.key, *flags[2:]) == 1
    assert "--model package.module:function" in capsys.readouterr().err
    assert call("structure", run.key, "--model", f"{source}:residual", *flags[2:]) == 0
    assert "stem" in capsys.readouterr().out
    assert call("structure", "conv-2", "--model", f"{source}:residual", *flags[2:]) == 1
    assert "'conv-2' is no run" in capsys.readouterr().err
    own = tmp_path / "own.py"
    own.write_text(DATA)
    names = ["--model", f"{own}:line", "--data", f"{own}:curve"]
    assert call("train", *names, "--objective", "squared-error", *flags) == 0
    told = capsys.readouterr()
    assert "validation R² " in told.err
    assert call("structure", told.out.strip(), "--data", f"{own}:curve", *flags[2:]) == 0


def test_tickets_of_data_of_ones_own(source, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source.write_text(
        SOURCE
        + """

def sums():
    from surfeit.data import from_tensors

    x = torch.randn(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    y = (x.sum((1, 2, 3)) > 0).long() * 9
    return from_tensors("sums", train=(x, y), validation=(x, y), test=(x, y))
"""
    )
    flags = ["--levels", "1", "--controls", "reinit"]
    own = ["--model", f"{source}:plain", "--data", f"{source}:sums"]
    assert call("tickets", *own, *flags, *options) == 0
    assert (tmp_path / "surfeit-tickets-plain-sums" / "tickets.parquet").is_file()
