"""Results on the disk: whole or not seen, checked when read, whatever lies there."""

import errno
import json
import os
import re
import shutil
from types import SimpleNamespace

import pytest

from surfeit.core import DiskError, StoreError
from surfeit.lab import all_results, read_result, run_study, writing
from surfeit.lab.results import FILES, RECORD

from .files import TINY


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A store with one result, made once; each test has a copy."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def result(mine, lab, kept):
    path = mine(*TINY)
    if not (kept / "store").exists():
        run_study(path, lab=lab)
        shutil.copytree(lab.store.root, kept / "store")
        shutil.rmtree(lab.store.root)
    shutil.copytree(kept / "store", lab.store.root)
    (found,), _ = all_results(lab.store.root / "results")
    return found


def changed(result, **values):
    record = json.loads((result.folder / RECORD).read_text())
    (result.folder / RECORD).write_text(json.dumps(record | values))


def test_words_in_the_figure_are_text(result):
    drawn = result.file("figure.svg").decode()
    assert "length of the weights" in re.sub(r"<!--.*?-->", "", drawn)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_told_and_the_result_is_made_again(result, mine, lab, name):
    path = result.folder / name
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(StoreError, match=f"{name} is damaged: its sha256 .* command again"):
        read_result(result.folder)
    again = run_study(mine(*TINY), lab=lab)
    assert again.key == result.key
    assert read_result(result.folder) == again


@pytest.mark.parametrize("name", [*FILES, RECORD])
def test_a_missing_file_is_told_and_made_again(result, mine, lab, name):
    (result.folder / name).unlink()
    with pytest.raises(StoreError, match="missing"):
        read_result(result.folder)
    run_study(mine(*TINY), lab=lab)
    assert read_result(result.folder).key == result.key


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_only_files_are_read(result, kind):
    path = result.folder / "figure.svg"
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/etc/hostname")
    else:
        os.mkfifo(path)
    with pytest.raises(StoreError, match=r"figure\.svg"):
        read_result(result.folder)
    with pytest.raises(StoreError, match=r"figure\.svg"):
        result.file("figure.svg")


@pytest.mark.parametrize(
    "values",
    [
        {"format": 2},
        {"budget": "huge"},
        {"study": 3},
        {"claims": [{"id": ["D6"]}]},
        {"claims": 3},
        {"claims": [3]},
        {"verdicts": [{"claim": "M1"}]},
        {"verdicts": [["M1"]]},
        {"verdicts": None},
        {"runs": [3]},
        {"seconds": "long"},
        {"files": {}},
        {"files": {name: {"size": "1", "sha256": ""} for name in FILES}},
        {"files": dict.fromkeys(FILES, 3)},
    ],
)
def test_a_record_of_another_shape_is_damaged(result, values):
    changed(result, **values)
    with pytest.raises(StoreError, match="is damaged"):
        read_result(result.folder)


@pytest.mark.parametrize(
    "change",
    [
        {"ruling": "proved"},
        {"effect": "large"},
        {"n": 1.5},
        {"unit": None},
        {"lower": "low"},
        {"claim": 3},
    ],
)
def test_a_verdict_of_another_shape_is_damaged(result, change):
    (verdict,) = json.loads((result.folder / RECORD).read_text())["verdicts"]
    changed(result, verdicts=[verdict | change])
    with pytest.raises(StoreError, match="is damaged"):
        read_result(result.folder)


def test_what_a_later_version_adds_to_a_verdict_is_left(result):
    (verdict,) = json.loads((result.folder / RECORD).read_text())["verdicts"]
    changed(result, verdicts=[verdict | {"mood": "good"}])
    assert read_result(result.folder) == result


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "{" * 2000, '{"a": NaN}', "\xff"])
def test_a_record_that_is_no_json_is_damaged(result, text):
    (result.folder / RECORD).write_text(text, encoding="latin-1")
    with pytest.raises(StoreError):
        read_result(result.folder)


def test_results_that_cannot_be_read_are_named_and_the_others_listed(result, lab):
    other = result.folder.parent / "broken"
    other.mkdir()
    (other / RECORD).write_text("{}")
    found, problems = all_results(lab.store.root / "results")
    assert found == [result]
    assert len(problems) == 1
    assert "broken" in problems[0]


def test_no_results_are_an_empty_list(tmp_path):
    assert all_results(tmp_path / "nowhere") == ([], [])


def test_a_full_disk_is_told_and_nothing_half_written_is_seen(mine, lab, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writing, "os", SimpleNamespace(replace=full))
        with pytest.raises(DiskError, match="the disk is full: free some space"):
            run_study(mine(*TINY), lab=lab)
    assert all_results(lab.store.root / "results") == ([], [])
    assert run_study(mine(*TINY), lab=lab).verdicts


def test_a_result_that_another_process_wrote_meanwhile_is_taken(mine, lab, monkeypatch):
    placed = writing._placed
    seen = []

    def after_another(building, folder):
        if not seen:
            seen.append(True)
            seen.append(run_study(mine(*TINY), lab=lab))
        return placed(building, folder)

    monkeypatch.setattr(writing, "_placed", after_another)
    result = run_study(mine(*TINY), lab=lab)
    assert result == seen[1]
