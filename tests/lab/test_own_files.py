"""Workers measure with the file that the driver loaded, whatever else has its name."""

import subprocess
import sys

import pytest

from surfeit.execute import Local
from surfeit.lab import Lab, run_study, study_named

from .files import TINY


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """This folder, which is another one than the study's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_worker_measures_with_the_file_that_was_given(mine, lab, elsewhere):
    (elsewhere / "mine.py").write_text("def measured(run):\n    yield {'length': 1000.0}\n")
    path = mine(*TINY)
    there = run_study(path, lab=Lab(lab.store, engine=Local(2)))
    here = run_study(path, lab=lab, out=elsewhere / "results")
    assert there.table.equals(here.table)
    assert len(list((lab.store.root / "measurements").rglob("*.json"))) == 6


def test_a_worker_measures_with_what_lies_beside_the_file(mine, lab, elsewhere, tmp_path):
    (elsewhere / "lengths.py").write_text("raise AssertionError\n")
    (elsewhere / "statistics.py").write_text("raise AssertionError\n")
    (tmp_path / "statistics.py").write_text("raise AssertionError\n")
    (tmp_path / "lengths.py").write_text("def length(run):\n    yield {'length': 2.5}\n")
    path = mine(
        *TINY,
        ("from surfeit.train", "from lengths import length\nfrom surfeit.train"),
        ("lab.measure(measured, runs)", "lab.measure(length, runs)"),
    )
    table = run_study(path, lab=Lab(lab.store, engine=Local(2))).table
    assert set(table["length"].to_pylist()) == {2.5}


def test_a_name_beside_the_file_that_is_another_modules_is_told(mine, tmp_path):
    (tmp_path / "statistics.py").touch()
    path = mine(("from surfeit.train", "import statistics\nfrom surfeit.train"))
    with pytest.raises(ValueError, match=r"the module 'statistics' from .*, not from .*/stat"):
        study_named(path)


def test_a_module_of_this_folder_is_not_taken_from_elsewhere(mine, elsewhere):
    (elsewhere / "xml").mkdir()
    (elsewhere / "xml" / "__init__.py").touch()
    with pytest.raises(ValueError, match=r"the module 'xml' from .*: rename xml/"):
        study_named("xml.mine")


def test_rows_are_kept_under_the_text_that_runs(mine, lab):
    """A file that is edited while its study runs."""
    study = study_named(mine(*TINY))
    config = study.budgets["quick"]
    first = list(study.rows(config, lab))
    mine(*TINY, ("** 0.5", "* 0"))
    assert list(study.rows(config, lab)) == first
    again = study_named(mine(*TINY, ("** 0.5", "* 0")))
    assert [row["length"] for row in again.rows(config, lab)] == [0.0] * 6


def test_as_a_module_of_python_the_command_does_not_take_this_folders_modules(elsewhere):
    (elsewhere / "statistics.py").write_text("raise AssertionError\n")
    code = [sys.executable, "-m", "surfeit", "study", "distance_from_start", "--dry-run"]
    done = subprocess.run([*code, "--root", "store"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
