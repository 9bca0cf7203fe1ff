"""Commands that are refused: one sentence, one exit code, and nothing left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer import assets

from .conftest import call

SAVED = Path(__file__).parents[1] / "viewer" / "saved_view.json"


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """A store with one small run."""
    root = tmp_path_factory.mktemp("store")
    network = mlp((6,), input_shape=(1, 8, 8), classes=10)
    train(network, load("digits"), Recipe(epochs=1), store=Store(root))
    return root


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(assets, "viewer_script", lambda: "")
    return folder


def tree(*roots: Path) -> dict[str, int | None]:
    """All folders, and all files with their times of change."""
    paths = [path for root in roots for path in (root, *root.rglob("*"))]
    return {str(path): None if path.is_dir() else path.stat().st_mtime_ns for path in paths}


def arguments(command: str, store: Path) -> list[str]:
    """The words of a command: short trainings, a run of the store, a store where none is."""
    name, *words = command.split()
    stands_for = {"RUN": Store(store).runs()[0].key, "SAVED": str(SAVED)}
    words = [stands_for.get(word, word) for word in words]
    if name == "figure":
        return [name, *words]
    if name in ("export", "view", "inspect", "prune"):
        return [name, *words, "--root", str(store)]
    short = [] if "--model" in words else ["--model", "mlp-6"]
    short += [] if {"--steps", "--epochs"} & {*words} else ["--steps", "20"]
    return [name, *short, *words, "--root", "new-store"]


REFUSED = {
    "train": [
        "--lr -1",
        "--lr nan",
        "--lr inf",
        "--epochs 0",
        "--steps 0",
        "--epochs -3",
        "--batch-size 0",
        "--momentum nan",
        "--weight-decay nan",
        "--clip-norm nan",
        "--seed -4",
        "--device tpu",
        "--threads 0",
        "--checkpoint-seconds nan",
        "--snapshot-epochs -1",
        "--snapshots-per-decade -1",
        "--objective squares",
        "--objective binary-cross-entropy",
        "--optimizer sdg",
        "--augmentation shuft",
        "--schedule steps --milestones 5,3",
        "--data minst",
        "--data mnist",
        "--data nowhere.py:data",
        "--epochs 99999999999999",
        "--model mlp-99999999999999999999",
        "--model mlp-9999999999999999",
        "--model lenet",
        "--model nowhere.py:network",
        "--model os:getcwd",
        "--recipe repot",
    ],
    "demo": [
        "--epochs 0",
        "--lr nan",
        "--critical-share 2",
        "--input-noise -1",
        "--batch-label-noise 2",
        "--drop-connect 1",
        "--max-norm 0",
        "--targeted-dropout 0.5",
        "--targeted-dropout 0.5 --targeted-share 0.5 --targeted-granularity filter",
        "--model lenet",
        "--data mnist",
        "--seed -1",
        "--out a-file",
    ],
    "tickets": [
        "--rate 2",
        "--rate nan",
        "--levels 0",
        "--levels 200",
        "--levels 99999 --quiet",
        "--replicates 0",
        "--replicates 99999999",
        "--rewind-to 100000",
        "--rewind-to -1",
        "--controls bogus",
        "--controls reinit,reinit",
        "--score bogus",
        "--granularity bogus",
        "--allocation bogus",
        "--retrain bogus",
        "--workers 0",
        "--workers -1",
        "--evaluate-every 0",
        "--seed -1",
        "--device tpu",
        "--levels 200 --out new/folder/deep",
        "--out a-file",
        "--out a-file/folder",
        "--data minst",
    ],
    "instability": [
        "--part-at 5,1",
        "--part-at -5",
        "--part-at 99999999",
        "--points 1",
        "--replicates 0",
        "--replicates 99999999",
        "--workers 0",
        "--seed -1",
        "--points 1 --out new/folder",
        "--lr nan",
        "--out a-file",
    ],
    "supermasks": [
        "--densities 2",
        "--densities nan",
        "--densities 0",
        "--levels 0",
        "--epochs 3 --steps 3",
        "--replicates 0",
        "--replicates 99999999",
        "--workers 0",
        "--seed -1",
        "--out new/folder --levels 500",
        "--out a-file",
    ],
    "export": [
        "RUN --layer fc9",
        "RUN --layer fc9 --out new/folder/page.html",
        "RUN --layer fc1 --links -1 --out new/page.html",
        "RUN --layer fc1 --merged nothing",
        "RUN --layer fc1 --data minst --out new/page.html",
        "RUN --layer fc1 --model nowhere:network",
        "RUN",
        "RUN --layer fc1 --out a-file/page.html",
        "RUN --layer fc1 --out ..",
        "nothing --layer fc1 --out new/page.html",
    ],
    "inspect": [
        "RUN --layer fc9 --out new/folder",
        "RUN --data minst --out new",
        "RUN --out a-file",
        "nothing --out new",
    ],
    "prune": [
        "RUN --layer fc9 --out new/folder",
        "RUN --layer fc1 --criteria magnitud --out new",
        "RUN --layer fc1 --loss nan --out new",
        "RUN --layer fc1 --repeats -1 --out new",
        "RUN --layer fc1 --repeats 100000000000000000000 --out new",
        "RUN --layer fc1 --step 7 --out new",
        "RUN --layer fc1 --model nowhere:network --out new",
        "RUN --layer fc1 --out a-file",
        "nothing --layer fc1 --out new",
    ],
    "view": ["RUN --port 65536", "RUN --port -1", "nothing", "RUN --model nowhere:network"],
    "figure": [".", "nothing.json", "nothing.json --out new/f.svg", "SAVED --out new/f.gif"],
}
COMMANDS = [f"{command} {more}" for command, others in REFUSED.items() for more in others]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_refused_leaves_nothing_behind(command, store, folder, tmp_path, capsys):
    (folder / "a-file").write_text("in the way")
    before = tree(tmp_path, store)
    assert call(*arguments(command, store)) == 1
    printed = capsys.readouterr()
    assert tree(tmp_path, store) == before
    assert printed.err.startswith("surfeit: ")
    assert (printed.err.count("\n"), printed.out) == (1, "")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("trian", "unknown command 'trian': did you mean 'train'? 'surfeit --help' tells more"),
        ("--bogus", "unknown command '--bogus'; 'surfeit --help' tells more"),
        ("train digits", "unknown word 'digits' after 'surfeit train'; 'surfeit train --help'"),
        ("train epochs", "unknown word 'epochs' after 'surfeit train': did you mean '--epochs'?"),
        ("runs lst", "unknown word 'lst' after 'surfeit runs': did you mean 'list'?"),
        ("train --epoch 3", "unknown flag '--epoch' of 'surfeit train': did you mean '--epochs'?"),
        ("train --epoch=3", "unknown flag '--epoch' of 'surfeit train': did you mean '--epochs'?"),
        ("train -x", "unknown flag '-x' of 'surfeit train'; 'surfeit train --help' tells more"),
        ("train --no-quiet", "unknown flag '--no-quiet' of 'surfeit train'"),
        ("train --lr abc", "--lr must be a number, got 'abc'; 'surfeit train --help' tells more"),
        ("train --epochs 1.5", "--epochs must be a whole number, got '1.5'"),
        ("train --epochs", "--epochs needs a value; 'surfeit train --help' tells more"),
        ("train --seed 1 --seed 2", "--seed is given more than once"),
        ("train --quiet=perhaps", "--quiet must be true or false, got 'perhaps'"),
        ("train --milestones 1,x", "--milestones must be whole numbers, got 'x'"),
        ("train --milestones 1,,2", "--milestones must not have an empty item, got '1,,2'"),
        ("train --milestones", "--milestones needs at least one item"),
        ("supermasks --densities x", "--densities must be numbers, got 'x'"),
        ("prune", "'surfeit prune' needs RUN; 'surfeit prune --help' tells more"),
        ("prune abcd", "'surfeit prune' needs --layer; 'surfeit prune --help' tells more"),
        ("prune abcd --layr fc1", "'surfeit prune' needs --layer, and '--layr' is unknown"),
        ("runs list --format xml", "--format must be one of table, json, got 'xml'"),
        ("data fetch", "'surfeit data fetch' needs NAME"),
        ("completion tcsh", "SHELL must be one of bash, zsh, fish, got 'tcsh'"),
    ],
)
def test_what_is_not_understood_is_one_sentence(command, words, capsys):
    assert call(*command.split()) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"surfeit: {words}")
    assert (printed.err.count("\n"), printed.out) == (1, "")


@pytest.mark.parametrize("given", ["", "\x1b[31m", "\udcff", "ä"])
@pytest.mark.parametrize(
    "command", ["{}", "train --data={}", "runs show {}", "train {}", "train --{}"]
)
def test_no_word_that_is_given_breaks_a_sentence(given, command, tmp_path, capsys):
    words = [word.format(given) for word in command.split()]
    assert call(*words, *(["--root", tmp_path] if len(words) > 1 else [])) == 1
    told = capsys.readouterr().err
    assert told.startswith("surfeit: ")
    assert told.count("\n") == 1
    assert "\x1b" not in told


def test_a_refusal_takes_no_pytorch():
    code = (
        "import sys\n"
        "from surfeit.cli import main\n"
        "try:\n    main(['train', '--epoch', '3'])\n"
        "except SystemExit as ended:\n    sys.exit(ended.code + 2 * ('torch' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "there is not enough memory for this: close other programs"),
        (RuntimeError("CUDA out of memory.\nframe #0"), "for this (CUDA out of memory.): close"),
        (
            FileNotFoundError(2, "No such file or directory", "a/b"),
            "a/b: No such file or directory",
        ),
        (ValueError(), "ValueError"),
    ],
)
def test_errors_that_say_little_get_a_sentence(error, words, monkeypatch, capsys):
    def failing(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("surfeit.data.status", failing)
    assert call("data") == 1
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


def test_a_name_that_no_text_can_hold_is_printed(folder):
    """A file whose name is no UTF-8, as other programs make them."""
    out = folder / os.fsdecode(b"p\xffge.svg")
    command = [sys.executable, "-m", "surfeit", "figure", SAVED, "--out", out]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.endswith(b"p\\udcffge.svg\n")
    assert out.stat().st_size > 1000


@pytest.mark.parametrize("flag", ["--out", "--root", "--data-dir"])
@pytest.mark.parametrize("form", ["{0} ", "{0}="])
def test_an_empty_path_is_no_path(flag, form, folder, capsys):
    words = form.format(flag).split(" ")
    assert call("demo", "--model", "mlp-4", *words) == 1
    assert f"{flag} must be a path, got an empty text" in capsys.readouterr().err
    assert not list(folder.iterdir())
