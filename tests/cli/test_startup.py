"""What a command imports before its work: modules, not seconds, which a busy machine stretches."""

import subprocess
import sys
from pathlib import Path

import pytest

from surfeit.cli.commands import COMMANDS, GROUPS

SLOW = {"matplotlib", "networkx", "scipy.stats", "sklearn", "sympy", "torch._dynamo"}
LIGHT = SLOW | {"numpy", "pyarrow", "scipy", "torch"}
TRAIN = ["train", "--model", "mlp-6", "--epochs", "1", "--quiet", "--root", "store"]


def imported(folder: Path, *arguments: str, code: int = 0) -> set[str]:
    """The modules that one command imported, which ends with this code."""
    script = (
        "import sys\n"
        "from surfeit.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as ended:\n    assert (ended.code or 0) == CODE\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script.replace("CODE", str(code)), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ended.stderr.split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a store of one run."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def training(folder) -> set[str]:
    return imported(folder, *TRAIN)


def test_training_imports_no_statistics_compiler_or_figures(training):
    assert "torch" in training
    assert not SLOW & training


@pytest.mark.usefixtures("training")
def test_writing_a_graph_imports_no_statistics_compiler_or_figures(folder):
    key = next(folder.glob("store/runs/*/*")).name
    loaded = imported(folder, "export", key, "--layer", "fc1", "--root", "store", "--quiet")
    assert not SLOW & loaded


@pytest.mark.usefixtures("training")
def test_pruning_imports_no_statistics_or_compiler(folder):
    key = next(folder.glob("store/runs/*/*")).name
    arguments = ["--layer", "fc1", "--criteria", "magnitude", "--repeats", "1", "--root", "store"]
    assert not (SLOW - {"matplotlib"}) & imported(folder, "prune", key, *arguments, "--quiet")


@pytest.mark.parametrize("command", [[], *([name] for name in (*COMMANDS, *GROUPS))])
def test_help_imports_nothing_heavy(command, tmp_path):
    assert not LIGHT & imported(tmp_path, *command, "--help")


@pytest.mark.parametrize(
    "command",
    ["--version", "completion bash", "data", "data list", "runs list --root nowhere"],
)
def test_what_needs_no_tensors_imports_nothing_heavy(command, tmp_path):
    assert not LIGHT & imported(tmp_path, *command.split())


@pytest.mark.usefixtures("training")
@pytest.mark.parametrize(
    "command",
    [
        "list",
        "list --filter state=done --sort size",
        "list --format json",
        "verify",
        "name {} mine",
        "tag {} good",
        "thin {} --keep 5 --yes",
    ],
)
def test_runs_are_listed_and_kept_in_order_without_torch(command, folder):
    key = next(folder.glob("store/runs/*/*")).name
    loaded = imported(folder, "runs", *command.format(key).split(), "--root", "store")
    assert not LIGHT & loaded


@pytest.mark.usefixtures("training")
def test_a_run_is_shown_without_torch(folder):
    key = next(folder.glob("store/runs/*/*")).name
    assert "torch" not in imported(folder, "runs", "show", key, "--root", "store")


@pytest.mark.parametrize(
    "command",
    [
        "trian",
        "train --epoch 3",
        "train --epochs 1.5",
        "runs list --filter bogus=1",
        "runs list --limit 0",
        "runs show nothing --root nowhere",
        "runs thin nothing --root nowhere",
        "data fetch minst",
        "train --data minst",
        "train --model lenet",
        "train --objective squares",
        "train --lr -1",
        "train --recipe repot",
        "train --seed -1",
        "train --optimizer sdg",
        "demo --model lenet",
        "tickets --rate 2",
        "tickets --score bogus",
        "tickets --controls bogus",
        "tickets --replicates 0",
        "instability --data minst",
        "supermasks --model lenet",
        "study ticket_sise",
        "prune nothing --layer fc1 --root nowhere",
        "curvature nothing --root nowhere",
        "curvature nothing --probes 1",
        "connect nothing nobody --root nowhere",
    ],
)
def test_a_refusal_imports_nothing_heavy(command, tmp_path):
    assert not LIGHT & imported(tmp_path, *command.split(), code=1)


def test_a_command_imports_no_other_command(tmp_path):
    loaded = imported(tmp_path, "train", "--help")
    assert "surfeit.cli.training" in loaded
    assert not {"surfeit.cli.tickets", "surfeit.cli.viewing", "surfeit.cli.runs"} & loaded
