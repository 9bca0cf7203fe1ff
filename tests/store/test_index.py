"""The index: what lists show, and that nothing in its file is ever trusted."""

import json
import multiprocessing
import os
import shutil
import threading
import time

import pytest
import torch

from surfeit.core import StoreError
from surfeit.store import Index, Labels, Lease, Run, Store, density_of, summary_of, write_labels
from surfeit.store.index import FILE
from surfeit.store.labels import named


def by_key(index):
    return {summary.key: summary for summary in index.summaries()}


def test_a_summary_says_what_the_run_is(store, finished):
    mask = {"fc1.weight": torch.tensor([[True, False, True, False]] * 3)}
    run, masked = finished(3), finished(4, mask)
    write_labels(run.path, Labels(name="mine", tags=("b", "a", "b")))
    found = by_key(Index(store))
    one = found[run.key]
    assert (one.state, one.model, one.seed, one.steps) == ("done", "mlp", 3, 10)
    assert (one.created, one.snapshots, one.density) == ("2026-01-04", 3, None)
    assert (one.name, one.tags, one.problem) == ("mine", ("a", "b"), "")
    assert [(row.name, row.shape) for row in one.layers] == [("fc1", (3, 4)), ("fc2", (2, 3))]
    files = [path for path in run.path.rglob("*") if path.is_file() and path.name != "labels.json"]
    assert one.size == sum(path.stat().st_size for path in files)
    assert found[masked.key].density == pytest.approx(density_of(masked)) == 12 / 18
    assert found[masked.key].role == "masked"


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ({"arm": "ticket", "level": 0}, "dense"),
        ({"arm": "ticket", "level": 3}, "ticket 3"),
        ({"arm": "reinit", "level": 2}, "reinit 2"),
        ({"arm": "trunk"}, "trunk"),
        ("nonsense", ""),
        ({"arm": 3, "level": "x"}, ""),
    ],
)
def test_a_role_is_what_the_record_says_of_it(store, finished, role, words):
    run = finished()
    record = json.loads((run.path / "run.json").read_text())
    record["about"]["role"] = role
    (run.path / "run.json").write_text(json.dumps(record))
    assert summary_of(run.path, store.root).role == words


def test_the_second_list_reads_no_run(store, finished, monkeypatch):
    keys = [finished(seed).key for seed in range(3)]
    first = Index(store).summaries()
    assert [summary.key for summary in first] == keys
    monkeypatch.setattr("surfeit.store.index.summary_of", lambda *_: pytest.fail("read a run"))
    assert Index(store).summaries() == first


def test_new_deleted_and_changed_runs_are_seen(store, finished):
    index = Index(store)
    assert index.summaries() == []
    first, second = finished(0), finished(1)
    assert set(by_key(index)) == {first.key, second.key}
    shutil.rmtree(first.path)
    write_labels(second.path, Labels(name="kept"))
    assert {key: one.name for key, one in by_key(index).items()} == {second.key: "kept"}
    with open(second.path / "metrics.jsonl", "a") as file:
        file.write(json.dumps({"step": 11, "test_accuracy": 0.5}) + "\n")
    assert by_key(index)[second.key].test_accuracy == 0.5
    assert by_key(Index(store))[second.key].steps == 11


def test_a_run_that_is_written_is_followed(store, writer):
    index, writing = Index(store), writer()
    key = writing.folder.name
    (one,) = index.summaries()
    assert (one.key, one.state, one.steps, one.snapshots) == (key, "interrupted", None, 0)
    writing.record({"step": 1, "epoch": 0.5})
    with Lease(writing.folder):
        (one,) = index.summaries()
        assert (one.steps, one.epochs) == (1, 0.5)
    writing.finish({"steps": 1})
    assert by_key(index)[key].state == "done"


def test_a_folder_that_a_writer_has_just_made_is_no_run(store):
    folder = store.path_of("ab" + "0" * 62)
    with Lease(folder):
        (folder / "snapshots").mkdir()
        assert Index(store).summaries() == []


def damages():
    return {
        "no JSON": lambda run: (run / "run.json").write_text("{"),
        "a list": lambda run: (run / "run.json").write_text("[]"),
        "no record": lambda run: (run / "run.json").write_text('{"schema": 1}'),
        "identity": lambda run: rewritten(run, identity=None),
        "about": lambda run: rewritten(run, about=[1]),
        "layers": lambda run: rewritten(run, about={"layers": 3}),
        "newer": lambda run: rewritten(run, schema=99),
        "missing": lambda run: (run / "run.json").unlink(),
    }


def rewritten(folder, **values):
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | values))


@pytest.mark.parametrize("damage", damages())
def test_a_damaged_run_is_named_and_the_others_are_shown(store, finished, damage):
    good, bad = finished(0), finished(1)
    index = Index(store)
    index.summaries()
    damages()[damage](bad.path)
    for found in (by_key(index), by_key(Index(store))):
        assert found[good.key].state == "done"
        assert found[bad.key].state == "damaged"
        assert bad.key in found[bad.key].problem


def test_a_record_of_another_run_is_named(store, finished):
    run = finished()
    other = store.path_of(run.key[:-4] + "0000")
    shutil.copytree(run.path, other)
    found = by_key(Index(store))
    assert found[run.key].state == "done"
    assert "the record of another run" in found[other.name].problem


def test_damaged_metrics_and_labels_are_named_beside_what_is_known(store, finished):
    run, other = finished(0), finished(1)
    (run.path / "metrics.jsonl").write_text('{"step": 1}\n{"step": \n')
    (other.path / "labels.json").write_text('{"name": "a b", "tags": []}')
    found = by_key(Index(store))
    assert found[run.key].state == "done"
    assert "metrics.jsonl is damaged: its last row" in found[run.key].problem
    assert "labels.json is damaged" in found[other.key].problem
    assert found[other.key].model == "mlp"


def test_metrics_that_are_a_pipe_do_not_hang_the_list(store, finished):
    run = finished()
    (run.path / "metrics.jsonl").unlink()
    os.mkfifo(run.path / "metrics.jsonl")
    (one,) = Index(store).summaries()
    assert "is a pipe, not a file" in one.problem


def replaced(data, *path, by):
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = by
    return data


def foreign(kind, text):
    """An index that somebody else left."""
    data = json.loads(text)
    folder = next(iter(data["runs"]))
    row = data["runs"][folder]
    match kind:
        case "torn":
            return text[: len(text) // 2]
        case "empty":
            return ""
        case "deep":
            return "[" * 200_000
        case "other version":
            return json.dumps(data | {"version": 99})
        case "other fields":
            return json.dumps(replaced(data, "fields", 0, by="x"))
        case "layer out of range":
            return json.dumps(replaced(data, "runs", folder, 1, by=7))
        case "negative layer":
            return json.dumps(replaced(data, "runs", folder, 1, by=-1))
        case "another type":
            return json.dumps(replaced(data, "runs", folder, row.index("mlp"), by=3))
        case "another key":
            return text.replace(f'"{folder.rpartition("/")[2]}"', '"../../etc"')
        case "short row":
            return json.dumps(replaced(data, "runs", folder, by=row[:-2]))
        case "no rows":
            return json.dumps(data | {"runs": 3})
    raise AssertionError(kind)


KINDS = ("torn", "empty", "deep", "other version", "other fields", "layer out of range")
KINDS += ("negative layer", "another type", "another key", "short row", "no rows")


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_that_is_off_is_built_anew(store, finished, kind):
    finished(0), finished(1)
    right = Index(store).summaries()
    path = store.root / FILE
    path.write_text(foreign(kind, path.read_text()))
    assert Index(store).summaries() == right
    assert json.loads(path.read_text())["version"] == 1


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_an_index_that_is_no_file_is_done_without(store, finished, make):
    finished()
    make(store.root / FILE)
    assert len(Index(store).summaries()) == 1


def test_rows_of_runs_that_are_not_there_are_never_shown(store, finished):
    finished(0), finished(1)
    Index(store).summaries()
    shutil.rmtree(Store(store.root).runs()[0].path)
    assert len(Index(store).summaries()) == 1


def test_a_store_that_cannot_be_written_keeps_its_index_in_the_users_cache(
    store, finished, tmp_path, monkeypatch
):
    finished()
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert len(Index(store).summaries()) == 1
    assert not (store.root / FILE).exists()
    assert len(list((tmp_path / "cache" / "index").iterdir())) == 1
    monkeypatch.setattr("surfeit.store.index.summary_of", lambda *_: pytest.fail("read a run"))
    assert len(Index(store).summaries()) == 1


def test_without_a_cache_nothing_is_written(store, finished):
    finished()
    assert len(Index(store, cached=False).summaries()) == 1
    assert not (store.root / FILE).exists()


def test_a_store_that_is_not_there_has_no_runs_and_is_not_made(tmp_path):
    assert Index(Store(tmp_path / "none")).summaries() == []
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("no store")
    with pytest.raises(StoreError, match="is a file, not a folder of runs"):
        Index(Store(tmp_path / "file")).summaries()


def _list_often(root, answers):
    for _ in range(20):
        answers.put(len(Index(Store(root)).summaries()))


def test_two_processes_and_threads_may_ask_at_once(store, finished):
    for seed in range(4):
        finished(seed)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [context.Process(target=_list_often, args=(store.root, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    index, seen = Index(store), []
    threads = [
        threading.Thread(target=lambda: seen.append(len(index.summaries()))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert [answers.get(timeout=30) for _ in range(40)] == [4] * 40
    for worker in (*processes, *threads):
        worker.join(30)
    assert seen == [4] * 8


def test_labels_are_no_part_of_the_run(store, finished):
    run = finished()
    write_labels(run.path, Labels(name="mine"))
    assert run.verify() == []
    assert run.lacks() == []


def test_labels_given_before_the_end_are_no_file_of_the_finished_run(writer):
    writing = writer()
    write_labels(writing.folder, Labels(name="early"))
    assert "labels.json" not in writing.finish({"steps": 0}).done["files"]


def test_a_run_is_found_by_its_name(store, finished):
    first, second = finished(0), finished(1)
    write_labels(first.path, Labels(name="mine"))
    assert store.find("mine").key == first.key
    with pytest.raises(StoreError, match="no run 'min'"):
        store.find("min")
    write_labels(second.path, Labels(name="mine"))
    with pytest.raises(StoreError, match=r"2 runs are called 'mine': .*; give a key"):
        store.find("mine")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("abcd12", "could be the beginning of a key"),
        ("two words", "is a word of 1 to 64 letters"),
        ("-x", "is a word of"),
        ("../up", "is a word of"),
        ("x" * 65, "is a word of"),
        ("a\x1b[31m", "is a word of"),
    ],
)
def test_names_that_would_mislead_are_refused(name, words):
    with pytest.raises(ValueError, match=words):
        Labels(name=name)


def test_tags_are_few_words():
    with pytest.raises(ValueError, match="a tag is a word"):
        Labels(tags=("",))
    with pytest.raises(ValueError, match="at most 100 tags, got 101"):
        Labels(tags=tuple(f"t{number}" for number in range(101)))
    assert not Labels()
    assert Labels(name="größe").name == "größe"


def test_no_run_is_called_nothing(store, finished, monkeypatch):
    run = finished()
    write_labels(run.path, Labels(tags=("keep",)))
    assert named([run.path], "") == []
    monkeypatch.chdir(run.path)  # whose path is "" here
    for text in ("", " "):
        with pytest.raises(StoreError, match=r"which run\? '\s?' names none: give a key"):
            store.find(text)


@pytest.mark.parametrize("place", ["runs/loop", "runs/{shelf}/loop", "loop", "runs/zz"])
def test_a_link_to_itself_hides_no_run(store, finished, place):
    first, second = finished(0), finished(1)
    where = place.format(shelf=first.key[:2])
    (store.root / where).symlink_to((store.root / where).name)
    for _ in range(2):  # read, and from the cache
        found = {summary.folder: summary for summary in Index(store).summaries()}
        link = found.pop(where)
        assert {summary.key for summary in found.values()} == {first.key, second.key}
        assert link.state == "damaged"
        assert f"{store.root / where} cannot be followed" in link.problem
        assert "delete it" in link.problem
    assert store.find(first.key).key == first.key
    assert len(store.runs()) == 2


def test_a_link_to_itself_in_place_of_all_runs_is_named(store):
    store.root.mkdir(parents=True)
    (store.root / "runs").symlink_to("runs")
    (link,) = Index(store).summaries()
    assert (link.folder, link.state) == ("runs", "damaged")


@pytest.mark.parametrize("text", ["{", "[]", '{"files": {"../x": {}}}'])
def test_a_run_whose_end_is_damaged_is_not_done(store, finished, text):
    good, bad, labelled = finished(0), finished(1), finished(2)
    Index(store).summaries()
    (bad.path / "DONE.json").write_text(text)
    (labelled.path / "labels.json").write_text("{")
    found = by_key(Index(store))
    states = [found[run.key].state for run in (good, bad, labelled)]
    assert states == ["done", "damaged", "done"]
    assert "DONE.json is damaged" in found[bad.key].problem


def test_a_name_in_another_writing_is_the_same_name(store, finished):
    run = finished()
    write_labels(run.path, Labels(name="gro\u0308sse"))
    for text in ("gr\u00f6sse", "gro\u0308sse"):
        assert store.find(text).key == run.key


def test_what_is_known_costs_next_to_nothing(store, finished):
    run = finished()
    for number in range(300):
        key = f"{number:04x}" + run.key[4:]
        folder = store.path_of(key)
        shutil.copytree(run.path, folder)
        rewritten(folder, key=key)
    assert len(Index(store).summaries()) == 301
    begun = time.process_time()
    Index(store).summaries()
    assert time.process_time() - begun < 0.1  # 0.02; reading the runs takes 0.3
    assert Run(run.path).status == "done"


def test_runs_right_below_the_root_are_summed_up_and_kept(store, finished, monkeypatch):
    below, beside = finished(0), finished(1)
    shutil.move(beside.path, store.root / "mine")
    first = Index(store).summaries()
    assert {summary.key: summary.folder for summary in first} == {
        below.key: below.path.relative_to(store.root).as_posix(),
        beside.key: "mine",
    }
    monkeypatch.setattr("surfeit.store.index.summary_of", lambda *_: pytest.fail("read a run"))
    assert Index(store).summaries() == first
