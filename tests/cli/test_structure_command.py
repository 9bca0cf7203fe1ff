"""`surfeit structure`: runs, built-in networks and functions of the user's own."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from surfeit.cli.names import network_of
from surfeit.store import Store

from .conftest import call

OWN = """
from dataclasses import dataclass

import torch
from torch import nn

import beside


@dataclass
class Width:
    units: int = 5


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(Width().units, 3), nn.Linear(4, Width().units)

    def forward(self, x):
        return self.head(self.body(x).relu())


def build():
    return Net()


def sized(input_shape, classes=2, *, generator=None):
    assert generator is not None
    size = input_shape[0] * input_shape[1] * input_shape[2]
    return nn.Sequential(nn.Flatten(), nn.Linear(size, 6), nn.ReLU(), nn.Linear(6, classes))


def random():
    class Random(Net):
        def forward(self, x):
            return super().forward(x) * torch.rand(1)

    return Random()


def fails():
    raise RuntimeError("no weights here")


def needs(width):
    return nn.Linear(width, width)


def number():
    return 3


ready = nn.Linear(2, 3)
value = 4
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    own = tmp_path / "own"
    (own / "kit").mkdir(parents=True)
    (own / "nets.py").write_text(OWN)
    (own / "beside.py").write_text("")
    (own / "kit" / "__init__.py").write_text("")
    (own / "kit" / "models.py").write_text(
        "from torch import nn\n\nBuild = lambda: nn.Linear(2, 3)"
    )
    (own / "kit" / "broken.py").write_text("import nothing_of_this_name")
    (own / "kit" / "wrong.py").write_text("1 / 0")
    for name in ("nets", "kit", "kit.models", "kit.broken", "kit.wrong", "beside"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.chdir(own)
    return own


def test_a_built_in_network_in_a_pipe_has_tabs_and_remarks_beside(capsys):
    assert call("structure", "mlp-12-8") == 0
    printed = capsys.readouterr()
    rows = [line.split("\t") for line in printed.out.splitlines()]
    assert rows[0] == ["layer", "kind", "units", "inputs", "weights", "share", "read by", "group"]
    assert rows[1] == ["fc1", "linear", "12", "64", "768", "81.4 %", "fc2", ""]
    assert rows[3][6] == "the result"
    assert printed.err == "Outputs: 'fc3'.\n"


def test_json_has_the_rows(capsys):
    assert call("structure", "mlp-12-8", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["layer"] for row in rows] == ["fc1", "fc2", "fc3"]
    assert rows[2]["output"] is True
    assert rows[2]["fixed"] == "they reach the network's result"
    assert rows[0]["weights"] == 768
    assert rows[0]["fixed"] is None


def test_a_run_is_found_by_key_beginning_and_folder(tmp_path, capsys):
    root = tmp_path / "store"
    arguments = ["train", "--model", "mlp-7", "--data", "digits", "--steps", "2"]
    assert call(*arguments, "--root", root, "--quiet") == 0
    key = capsys.readouterr().out.strip()
    for text in (key, key[:8], Store(root).find(key).path):
        assert call("structure", text, "--root", root) == 0
        assert "fc1\tlinear\t7\t64" in capsys.readouterr().out


def test_an_unknown_target_says_what_there_is(tmp_path, capsys):
    assert call("structure", "lenet", "--root", tmp_path) == 1
    said = capsys.readouterr().err
    assert "no run 'lenet' in" in said
    assert "lenet-300-100" in said
    assert "package.module:function" in said
    assert call("structure", "mlp-x", "--root", tmp_path) == 1
    assert "no model 'mlp-x'" in capsys.readouterr().err


def test_functions_of_a_file_or_a_module_build_networks(folder, capsys):
    for target in ("nets.py:build", "nets:build", f"{folder}/nets.py:Net", "kit.models:Build"):
        before = list(sys.path)
        assert call("structure", target) == 0
        assert "linear" in capsys.readouterr().out
        assert sys.path == before


def test_a_function_gets_what_it_takes(folder, capsys):
    assert call("structure", "nets:sized") == 0
    assert "1\tlinear\t6\t64" in capsys.readouterr().out
    assert call("structure", "nets:sized", "--data", "digits") == 0
    assert "3\tlinear\t10\t6" in capsys.readouterr().out


def test_a_network_that_cannot_be_followed_is_shown_all_the_same(folder, capsys):
    assert call("structure", "nets:random") == 0
    printed = capsys.readouterr()
    assert "head\tlinear\t3\t5" in printed.out
    assert "gives other numbers when it is run again" in printed.err


ERRORS = {
    "kit.model:Build": "there is no module 'kit.model' in this folder or among what is installed",
    "nowhere:build": "there is no module 'nowhere'",
    "kit.broken:build": (
        "kit.broken cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name'"
    ),
    "kit.wrong:build": "kit.wrong cannot be imported: ZeroDivisionError: division by zero",
    "missing.py:build": "there is no file missing.py",
    "nets.py:biuld": "no function 'nets.py:biuld': did you mean 'nets.py:build'",
    "nets:fails": "nets:fails failed: RuntimeError: no weights here",
    "nets:needs": "nets:needs needs 'width', which nobody can give it here",
    "nets:number": "must return the network, a torch.nn.Module, and returned an object of type int",
    "nets:value": "nets:value is no function, but of type int",
    "nets:a b": "names no function that builds a network: write package.module:function",
    ":build": "names no function that builds a network",
}


@pytest.mark.parametrize(("text", "message"), ERRORS.items())
def test_a_name_that_builds_no_network_says_why(folder, text, message):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as refused:
        network_of(text)
    assert message in str(refused.value)


def test_an_error_of_a_function_ends_the_command_in_a_sentence(folder, capsys):
    assert call("structure", "nets:fails") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "surfeit: nets:fails failed: RuntimeError: no weights here\n"


def test_a_network_that_is_ready_is_taken(folder):
    assert isinstance(network_of("nets:ready"), nn.Linear)
    generator = torch.Generator()
    assert isinstance(
        network_of("nets:sized", input_shape=(1, 2, 2), generator=generator), nn.Module
    )


def test_a_terminal_shows_an_aligned_table_no_wider_than_itself():
    parent, child = pty.openpty()
    program = [sys.executable, "-m", "surfeit", "structure", "conv-2"]
    environment = {**os.environ, "COLUMNS": "66"}
    subprocess.run(program, stdout=child, check=True, env=environment, timeout=60)
    os.close(child)
    shown = os.read(parent, 10_000).decode().splitlines()
    os.close(parent)
    assert shown[0].split() == [
        "layer",
        "kind",
        "units",
        "inputs",
        "weights",
        "share",
        "read",
        "by",
        "group",
    ]
    assert max(map(len, shown)) <= 66
    assert "…" in shown[1]
    assert shown[-1] == "Outputs: 'fc3'."
