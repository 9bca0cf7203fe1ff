"""What a command imports before its work: modules, not seconds, which a busy machine stretches."""

import subprocess
import sys
from pathlib import Path

import pytest

SLOW = {"matplotlib", "networkx", "scipy.stats", "sklearn", "sympy", "torch._dynamo"}
LIGHT = SLOW | {"numpy", "pyarrow", "scipy", "torch"}
TRAIN = ["train", "--model", "mlp-6", "--epochs", "1", "--quiet", "--root", "store"]


def imported(folder: Path, *arguments: str) -> set[str]:
    """The modules that one command imported."""
    code = (
        "import sys\n"
        "from surfeit.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as ended:\n    assert not ended.code\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
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


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["view", "--help"]])
def test_help_and_version_import_nothing_heavy(arguments, tmp_path):
    assert not LIGHT & imported(tmp_path, *arguments)
