"""The store: finding, listing and deleting runs."""

import json
import multiprocessing
import os
import shutil

import pytest

from surfeit.core import BusyError, StoreError
from surfeit.store import Lease, Run, Store, default_root, make_folder


def test_find_by_key_beginning_and_folder(store, finished):
    run = finished()
    for text in (run.key, run.key[:4], run.path, str(run.path)):
        assert store.find(text).key == run.key


def test_find_tells_what_is_wrong(store, finished):
    with pytest.raises(StoreError, match=r"no run 'abcd': there is no folder .*; give --root"):
        Store(store.root / "nowhere").find("abcd")
    run = finished()
    with pytest.raises(StoreError, match=r"no run 'xyzw' in .*store: 'surfeit runs' lists"):
        store.find("xyzw")
    with pytest.raises(StoreError, match="give at least four digits"):
        store.find(run.key[:3])
    other = run.key[:5] + "0" * 59
    shutil.copytree(run.path, store.path_of(other))
    with pytest.raises(
        StoreError, match=rf"'{run.key[:4]}' begins the keys of 2 runs: {run.key[:4]}"
    ):
        store.find(run.key[:4])
    assert store.find(run.key).key == run.key


def test_runs_are_listed_the_oldest_first(store, finished):
    runs = [finished(seed) for seed in (2, 0, 1)]
    assert [run.key for run in store.runs()] == [runs[1].key, runs[2].key, runs[0].key]
    assert store.problems() == []
    assert Store(store.root / "none").runs() == []


def test_runs_that_cannot_be_read_are_problems_and_hide_no_others(store, finished):
    good, bad, newer = (finished(seed) for seed in range(3))
    (bad.path / "run.json").write_text("{")
    record = json.loads((newer.path / "run.json").read_text())
    (newer.path / "run.json").write_text(json.dumps(record | {"schema": 99}))
    assert [run.key for run in store.runs()] == [good.key]
    problems = " ".join(store.problems())
    assert "is damaged" in problems
    assert "schema 99" in problems


def test_a_run_that_is_just_being_begun_is_no_problem(store):
    folder = store.path_of("ab" + "0" * 62)
    with Lease(folder):
        (folder / "snapshots").mkdir()
        assert store.runs() == []
        assert store.problems() == []


def test_delete_takes_one_run_away(store, finished):
    run, other = finished(0), finished(1)
    store.delete(run)
    assert not run.path.exists()
    assert [found.key for found in store.runs()] == [other.key]


def hold(folder, ready, end):
    with Lease(folder):
        ready.set()
        end.wait(20)


def test_a_run_being_written_is_not_deleted_and_is_shown_as_running(store, writer):
    folder = writer().folder
    context = multiprocessing.get_context("fork")
    ready, end = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(folder, ready, end))
    holder.start()
    assert ready.wait(20)
    assert Run(folder).status == "running"
    with pytest.raises(BusyError, match=rf"being written by process {holder.pid} on "):
        store.delete(Run(folder))
    end.set()
    holder.join(20)
    assert Run(folder).status == "interrupted"
    store.delete(Run(folder))
    assert not folder.exists()


def test_default_root_is_the_variable_or_the_users_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SURFEIT_STORE", str(tmp_path))
    assert default_root() == Store().root == tmp_path
    monkeypatch.delenv("SURFEIT_STORE")
    assert default_root().name == "store"
    assert os.fspath(tmp_path) not in repr(Store())


def test_twins_are_told_apart_by_as_many_digits_as_it_takes(store, finished):
    run = finished()
    twin = run.key[:-1] + ("0" if run.key[-1] != "0" else "1")
    shutil.copytree(run.path, store.path_of(twin))
    with pytest.raises(StoreError) as error:
        store.find(run.key[:6])
    assert run.key in str(error.value)
    assert twin in str(error.value)


def test_a_root_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("no store")
    with pytest.raises(StoreError, match="is a file, not a folder of runs"):
        Store(tmp_path / "file").runs()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"a file of that name is in the way.*is lost\.$"):
        make_folder(tmp_path / "file")


@pytest.mark.parametrize("key", ["", "..", "../../x", "/etc/passwd", "..x", "ab/../../x", "\0"])
def test_no_key_leads_out_of_the_store(store, key):
    with pytest.raises(ValueError, match="a run's key is 64 hexadecimal digits"):
        store.path_of(key)


def test_a_text_too_long_for_a_path_names_no_run(store, finished):
    finished()
    with pytest.raises(StoreError, match="no run 'xxxx"):
        store.find("x" * 5000)


def test_a_run_that_may_not_be_listed_hides_no_others(store, finished):
    good, bad = finished(0), finished(1)
    bad.path.chmod(0)
    try:
        if os.access(bad.path, os.R_OK):
            pytest.skip("this user may read everything")
        assert [run.key for run in store.runs()] == [good.key]
        assert len(store.problems()) == 1
    finally:
        bad.path.chmod(0o755)


def test_every_kind_of_damage_is_named_and_hides_no_others(store, finished):
    good, *bad = (finished(seed) for seed in range(6))
    record = json.loads((good.path / "run.json").read_text())
    damage = [
        json.dumps(record | {"about": []}),
        json.dumps(record | {"key": "a/../../x"}),
        json.dumps(record),  # the good one's, in another's folder
        "[" * 100_000,
    ]
    for run, text in zip(bad, damage, strict=False):
        (run.path / "run.json").write_text(text)
    (bad[4].path / "run.json").unlink()
    os.mkfifo(bad[4].path / "run.json")
    assert [run.key for run in store.runs()] == [good.key]
    problems = store.problems()
    assert len(problems) == 5
    for run in bad:
        assert sum(str(run.path) in problem for problem in problems) == 1


def test_problems_are_printable(store, finished):
    folder = finished().path.parent / "\x1b[2J"
    folder.mkdir()
    (folder / "run.json").write_text("{")
    (problem,) = store.problems()
    assert r"\x1b[2J" in problem
    assert "\x1b" not in problem


def test_a_run_that_is_a_link_is_not_deleted(store, finished, tmp_path):
    run = finished()
    shutil.move(run.path, tmp_path / "elsewhere")
    run.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link: delete what it leads to"):
        store.delete(store.find(run.key))
    assert (tmp_path / "elsewhere" / "run.json").exists()


@pytest.fixture
def recorded(store, finished):
    """Moves a run to a folder of its own right below the store's root, as recorders write."""

    def make(name, seed=0):
        shutil.move(finished(seed).path, store.root / name)
        return Run(store.root / name)

    return make


def test_runs_right_below_the_root_are_listed_and_found_by_their_keys(store, finished, recorded):
    trained, mine, other = finished(0), recorded("mine", 1), recorded("other", 2)
    assert {run.key for run in store.runs()} == {trained.key, mine.key, other.key}
    for text in (mine.key, mine.key[:6], mine.path):
        assert store.find(text).path == mine.path
    assert store.find(trained.key).path == trained.path
    assert Store(store.root / "runs").runs() == []
    store.delete(mine)
    assert {run.key for run in store.runs()} == {trained.key, other.key}


def test_a_damaged_run_below_the_root_hides_no_other(store, recorded):
    good, bad = recorded("good", 0), recorded("bad", 1)
    (bad.path / "run.json").write_text("{")
    (store.root / "notes").mkdir()
    (store.root / "notes" / "a.txt").write_text("no run")
    (store.root / "run.json").mkdir()
    assert [run.path for run in store.runs()] == [good.path]
    assert store.find(good.key).path == good.path
    (problem,) = store.problems()
    assert "bad/run.json is damaged" in problem
    with pytest.raises(StoreError, match="no run"):
        store.find(bad.key)


def test_the_same_key_twice_is_told_apart_by_folder_alone(store, finished):
    run = finished()
    shutil.copytree(run.path, store.root / "copy")
    with pytest.raises(StoreError, match=f"{run.key[:6]}.* stands in 2 folders, name one: .*copy"):
        store.find(run.key[:6])
    assert store.find(store.root / "copy").key == run.key
