"""Runs that somebody else made: named, shown as they can be, and not followed out of a folder."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from surfeit.cli import table
from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Index, Run, Store, Summary
from surfeit.train import Recipe, train

from .conftest import call

TRAIN = ("train", "--model", "mlp-6", "--data", "digits", "--epochs", "1", "--quiet")
ESCAPES = "\x1b]0;owned\x07\x1b[2J\u202e"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def runs(root: Path) -> list[Run]:
    """Two small runs, the first of seed 0."""
    for seed in (0, 1):
        recipe = Recipe(epochs=1)
        train(partial(mlp, (6,)), load("digits"), recipe, seed=seed, store=Store(root))
    return sorted(Store(root).runs(), key=lambda run: run.config["seed"])


def changed(path: Path, *keys: str, to: object) -> None:
    found = json.loads(path.read_text())
    inner = found
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = to
    path.write_text(json.dumps(found))


def test_training_again_deletes_nothing_that_a_foreign_folder_names(root, runs, tmp_path, capsys):
    precious = tmp_path / "precious.txt"
    precious.write_text("do not delete")
    for name in ("../../../../precious.txt", str(precious)):
        done = runs[0].path / "DONE.json"
        before = done.read_text()
        changed(done, "files", name, to={"size": 1, "sha256": "0" * 64})
        assert call(*TRAIN, "--root", root) == 1
        assert "which is no file of a run" in capsys.readouterr().err
        assert precious.read_text() == "do not delete"
        done.write_text(before)


def test_verify_of_a_device_ends(root, runs, capsys):
    for name in ("/dev/zero", "../../../../../../../../../dev/zero"):
        changed(runs[0].path / "DONE.json", "files", name, to={"size": 0, "sha256": "0" * 64})
        assert call("runs", "verify", "--root", root) == 1
        assert "DONE.json is damaged" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"files": {}}'])
def test_a_run_whose_end_is_damaged_is_not_shown_as_done(root, runs, capsys, text):
    (runs[0].path / "DONE.json").write_text(text)
    assert call("runs", "show", runs[0].key, "--root", root) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert f"{runs[0].path}/DONE.json is damaged" in printed.err
    assert call("runs", "show", runs[1].key, "--root", root) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "done"


def test_a_key_that_is_a_path_names_no_output(root, runs, tmp_path, monkeypatch, capsys):
    changed(runs[0].path / "run.json", "key", to="a/../../x")
    inner = tmp_path / "one" / "two"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    for command in (("prune", "--layer", "fc1", "--quiet"), ("export",), ("inspect",)):
        assert call(command[0], runs[0].path, *command[1:], "--root", root) == 1
        assert "its key is not 64 hexadecimal digits" in capsys.readouterr().err
    assert list((tmp_path / "one").iterdir()) == [inner]
    assert list(inner.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda run: (run.path / "metrics.jsonl").write_bytes(b'{"step": \xac}\n'),
        lambda run: (run.path / "metrics.jsonl").write_bytes(b"[1]\n"),
        lambda run: changed(run.path / "run.json", "about", to=[]),
        lambda run: changed(run.path / "run.json", "identity", "config", to=3),
        lambda run: (run.path / "run.json").write_text("[" * 100_000),
        lambda run: [(run.path / "run.json").unlink(), os.mkfifo(run.path / "run.json")],
    ],
)
@pytest.mark.parametrize("command", [("runs",), ("runs", "verify")])
def test_a_damaged_run_is_named_and_the_others_are_shown(root, runs, capsys, damage, command):
    damage(runs[0])
    ended = call(*command, "--root", root)
    printed = capsys.readouterr()
    assert str(runs[0].path) in printed.err + printed.out
    assert "Traceback" not in printed.err
    if command == ("runs",):
        assert ended == 0
        assert runs[1].key[:12] in printed.out
    else:
        assert ended == 1


def test_what_is_printed_of_a_run_is_printable(root, runs, capsys):
    for name in ("model", "data", "created"):
        changed(runs[0].path / "run.json", "about", name, to=ESCAPES)
    assert call("runs", "--root", root) == 0
    assert call("runs", "show", runs[0].key, "--root", root) == 0
    assert call("prune", runs[0].key, "--layer", "fc1", "--root", root) == 1
    assert call("runs", "show", "\x1b[2J", "--root", root) == 1
    folder = root / "runs" / "ab" / "\x1b[2J"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{")
    assert call("runs", "--root", root) == 0
    assert call("runs", "verify", "--root", root) == 1
    assert call("runs", "show", folder, "--root", root) == 1
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert r"\x1b]0;owned\x07\x1b[2J\u202e" in printed.out


def test_a_cell_stays_in_its_cell(capsys, monkeypatch):
    for terminal in (False, True):
        monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal, raising=False)
        table.print_table(("a", "b"), [("1\t2\n3", "\x1b[2J")])
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2
        assert r"1\t2\n3" in lines[1]
        assert r"\x1b[2J" in lines[1]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "there is not enough memory for this: close other programs, or ask for"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 bytes\ntrace"),
            r"for this (DefaultCPUAllocator: can't allocate memory: you tried 8 bytes): close",
        ),
    ],
)
def test_memory_that_runs_out_is_a_sentence(root, monkeypatch, capsys, error, words):
    def fail(self: Index) -> list[Summary]:
        raise error

    monkeypatch.setattr(Index, "summaries", fail)
    assert call("runs", "--root", root) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", ["zero", "random"])
def test_figure_of_a_device_is_refused_at_once(tmp_path, capsys, name):
    assert call("figure", f"/dev/{name}", "--out", tmp_path / "x.svg") == 1
    assert f"/dev/{name} cannot be read: it is a device" in capsys.readouterr().err


def test_a_mask_that_claims_billions_of_entries_is_listed_without_them(root, runs):
    import safetensors.torch

    packed = {"fc1.weight": torch.zeros(3, dtype=torch.uint8)}
    data = safetensors.torch.save(packed, metadata={"fc1.weight": "[50000,50000]"})
    (runs[0].path / "mask.safetensors").write_bytes(data)
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 << 30,) * 2)\n"
        "from surfeit.store import Store\n"
        "from surfeit.viewer.timelines.library import Library\n"
        "library = Library(Store(sys.argv[1]))\n"
        "print(len(library.reload()), *library.problems)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, root], capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("1 ")
    assert "it is no mask" in ended.stdout
