"""What `Recorder` wrote, read again from the shell as its user would."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from surfeit.data import from_tensors, load
from surfeit.train import Recorder

from .conftest import call

NETWORK = """
from functools import partial

from torch import nn


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 9), nn.Linear(9, 2)

    def forward(self, x):
        return self.fc2(self.fc1(x).relu())


def build(width):
    return Wide()
"""

DATA = """
import torch

from surfeit.data import from_tensors


def halves():
    x = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
    pair = x, (x[:, 0] > 0).long()
    return from_tensors("halves", train=pair, validation=pair, test=pair)
"""


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 9), nn.Linear(9, 2)

    def forward(self, x):
        return self.fc2(self.fc1(x).relu())


def halves():
    x = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
    pair = x, (x[:, 0] > 0).long()
    return from_tensors("halves", train=pair, validation=pair, test=pair)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A user's folder, with a package of networks and a module of data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wide_nets").mkdir()
    (tmp_path / "wide_nets" / "__init__.py").touch()
    (tmp_path / "wide_nets" / "small.py").write_text(NETWORK)
    (tmp_path / "wide_data.py").write_text(DATA)
    yield
    for name in [name for name in sys.modules if name.startswith("wide_")]:
        del sys.modules[name]


def recorded(name, *, kept, model=None):
    return Recorder(model or Wide(), f"runs/{name}", data=halves(), keep_data=kept).finish()


MODEL = ("--model", "wide_nets.small:Wide")
QUIET = ("--quiet", "--no-open")


def test_a_run_whose_data_were_kept_is_inspected_pruned_and_exported(tmp_path, capsys):
    run = recorded("mine", kept=True, model=nn.Sequential(nn.Linear(6, 9), nn.Linear(9, 2)))
    assert call("inspect", "runs/mine", *QUIET) == 0
    assert (tmp_path / f"surfeit-inspect-{run.key[:8]}" / "report.html").is_file()
    assert call("prune", "runs/mine", "--layer", "0", "--quiet") == 0
    assert call("structure", "runs/mine") == 0
    assert call("export", "runs/mine", "--layer", "0", "--no-open") == 0
    assert "removals are not measured" not in capsys.readouterr().err


def test_a_network_of_ones_own_is_built_by_its_module_or_file(tmp_path):
    run = recorded("mine", kept=True)
    for model in ("wide_nets.small:Wide", "wide_nets/small.py:Wide"):
        assert call("inspect", "runs/mine", "--model", model, *QUIET) == 0
    page = (tmp_path / f"surfeit-inspect-{run.key[:8]}" / "report.html").read_text()
    assert "fc1" in page
    assert call("structure", "runs/mine", *MODEL) == 0


def test_data_are_given_by_module_or_file_where_none_were_kept(capsys):
    recorded("mine", kept=False)
    assert call("inspect", "runs/mine", *MODEL, *QUIET) == 1
    words = capsys.readouterr().err
    assert "give --data package.module:function or --data path/to/file.py:function" in words
    assert "Recorder(..., keep_data=True)" in words
    assert words.count("\n") == 1
    for data in ("wide_data:halves", "wide_data.py:halves"):
        assert call("inspect", "runs/mine", *MODEL, "--data", data, *QUIET) == 0
    Recorder(Wide(), "runs/nameless").finish()
    assert call("inspect", "runs/nameless", *MODEL, *QUIET) == 1
    assert "does not say what data it saw: give --data NAME, --data" in capsys.readouterr().err


def test_a_data_set_of_the_library_is_found_by_its_name():
    Recorder(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), "runs/d", data=load("digits")).finish()
    assert call("inspect", "runs/d", *QUIET) == 0


def test_data_that_were_kept_and_are_damaged_are_not_measured_on(capsys):
    run = recorded("mine", kept=True)
    path = run.path / "data" / "splits.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")
    assert call("inspect", "runs/mine", *MODEL, *QUIET) == 1
    assert "splits.safetensors is damaged" in capsys.readouterr().err
    assert call("inspect", "runs/mine", *MODEL, "--data", "wide_data:halves", *QUIET) == 0


def test_a_refusal_names_the_networks_own_class(capsys, monkeypatch):
    monkeypatch.syspath_prepend(".")
    from wide_nets.small import Wide as Theirs  # pyright: ignore[reportMissingImports]

    recorded("mine", kept=True, model=Theirs())
    assert call("inspect", "runs/mine", *QUIET) == 1
    words = capsys.readouterr().err
    assert "a Wide cannot be built from its description alone: its class is code of your" in words
    assert "--model wide_nets.small:Wide (where that needs no arguments)" in words
    assert call("inspect", "runs/mine", "--model", "wide_nets.small:build", *QUIET) == 1
    assert "needs 'width', which nobody can give it" in capsys.readouterr().err
    assert call("inspect", "runs/mine", "--model", "wide_nets.small:Wid", *QUIET) == 1
    words = capsys.readouterr().err
    assert "did you mean 'wide_nets.small:Wide'" in words
    assert "partial" not in words  # imported there, not its own


def test_printed_keys_of_recorded_runs_are_found(capsys):
    run = recorded("mine", kept=True)
    recorded("other", kept=True)
    assert call("runs", "list", "--root", "runs") == 0
    listed = capsys.readouterr().out
    key = next(line.split("\t")[0] for line in listed.splitlines() if run.key[:12] in line)
    assert len(listed.splitlines()) == 3
    assert call("inspect", key, "--root", "runs", *MODEL, *QUIET) == 0
    assert call("runs", "verify", "--root", "runs") == 0
    assert call("runs", "delete", key[:6], "--root", "runs", "--yes") == 0
    assert {path.name for path in Path("runs").iterdir()} == {"other", "index.json"}


@pytest.mark.parametrize(
    ("given", "near"), [("lenet-300-10", "lenet-300-100"), ("conv2", "conv-2")]
)
def test_a_network_that_was_mistyped_gets_the_nearest_suggested(given, near, capsys):
    assert call("structure", given) == 1
    assert f"Did you mean the network {near!r}? Networks that can be" in capsys.readouterr().err
    assert call("structure", "0123456789") == 1
    assert "Did you mean" not in capsys.readouterr().err
