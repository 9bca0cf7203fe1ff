"""What can be opened, by which name, and what nobody can make the viewer read."""

import hashlib
import json
import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from surfeit.core import DataError, StoreError
from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Labels, Run, Store, write_labels
from surfeit.train import Recorder
from surfeit.viewer.bundles.bundle import bundle
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.timelines.library import Library, UnknownTimelineError, some_examples
from surfeit.viewer.timelines.rows import row_of


def tickets(path, rows):
    columns = ("replicate", "level", "arm", "density", "test_accuracy", "run")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows]), path
    )
    return path


@pytest.fixture
def levels(written, handmade):
    """Three runs as the levels of a search: each keeps half of the one before."""
    keep = [torch.arange(24).reshape(6, 4) % (2**level) == 0 for level in range(3)]
    return [
        written(0, steps=(0, 10)),
        *(written(level, steps=(0, 10), mask={"fc1.weight": keep[level]}) for level in (1, 2)),
    ]


def test_all_runs_of_the_store_can_be_opened_and_new_ones_appear(store, written):
    first = written(0)
    library = Library(store)
    assert [timeline.id for timeline in library.reload()] == [first.key]
    second = written(1)
    assert library.get(second.key).id == second.key
    assert [timeline.id for timeline in library.reload()] == [first.key, second.key]
    assert library.problems == []


def test_only_what_is_given_can_be_opened(store, written):
    first, second = written(0), written(1)
    for given in (first, first.key, first.key[:6], first.path):
        library = Library(store, [given])
        assert [timeline.id for timeline in library.reload()] == [first.key]
        with pytest.raises(UnknownTimelineError, match="no run"):
            library.get(second.key)


def test_a_folder_of_recorded_runs_opens_all_of_them(store, tmp_path):
    runs = [Recorder(mlp((3,)), tmp_path / "runs" / name).finish() for name in ("a", "b")]
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "run.json").write_text("{")
    library = Library(store, [tmp_path / "runs"])
    assert {timeline.id for timeline in library.reload()} == {run.key for run in runs}
    assert "broken/run.json is damaged" in " ".join(library.problems)
    assert library.get(runs[0].key).id == runs[0].key
    assert len(Library(Store(tmp_path / "runs")).reload()) == 2
    with pytest.raises(StoreError, match="no run"):
        Library(store, [tmp_path])


@pytest.mark.parametrize("name", ["", "..", "../../etc", "/etc/passwd", "a" * 64, "run.json"])
def test_names_that_stand_for_nothing_are_refused(store, written, name):
    written()
    with pytest.raises(UnknownTimelineError, match="no run"):
        Library(store).get(name)


def test_runs_that_lead_out_of_the_store_are_not_opened(store, written, tmp_path):
    run = written()
    elsewhere = tmp_path / "elsewhere" / run.key
    shutil.move(run.path, elsewhere)
    run.path.symlink_to(elsewhere)
    library = Library(store)
    assert library.reload() == []
    assert "leads outside" in library.problems[0]
    (table,) = [tickets(tmp_path / "t.parquet", [(0, 0, "ticket", 1.0, 0.9, run.key)])]
    with pytest.raises(StoreError, match="leads outside"):
        Library(store, [table])


def test_what_cannot_be_read_is_a_problem_and_the_rest_is_there(store, written):
    first, second = written(0), written(1)
    (second.path / "run.json").write_text("{")
    library = Library(store)
    assert [timeline.id for timeline in library.reload()] == [first.key]
    assert "run.json" in library.problems[0]


def test_what_is_given_must_be_there_at_first_and_may_go_later(store, written):
    with pytest.raises(StoreError, match="no run 'abcdef'"):
        Library(store, ["abcdef"])
    run = written()
    library = Library(store, [run.key])
    shutil.rmtree(run.path)
    assert library.reload() == []
    assert "no run" in library.problems[0]


def test_runs_of_one_name_are_told_apart(store, written):
    runs = [written(0), written(0, data="digits"), written(0, parents=["a" * 64])]
    names = [timeline.name for timeline in Library(store).reload()]
    assert sorted(names) == sorted(
        [
            f"mlp, seed 0 ({runs[0].key[:8]})",
            "mlp on digits, seed 0",
            f"mlp, seed 0 ({runs[2].key[:8]})",
        ]
    )


def test_masked_runs_come_last_and_say_what_their_masks_keep(store, written):
    mask = {"fc1.weight": torch.arange(24).reshape(6, 4) % 2 == 0}
    masked, dense = written(0, mask=mask), written(1)
    found = Library(store).reload()
    assert [timeline.id for timeline in found] == [dense.key, masked.key]
    total = sum(torch.Size(layer["shape"]).numel() for layer in masked.about["layers"])
    kept = 100 * (total - 12) / total
    assert found[0].name == "mlp, seed 1"
    assert found[1].name == f"mlp, seed 0, {kept:.3g} % of its weights kept"


def test_tickets_are_opened_by_replicate_and_level(store, levels, tmp_path):
    rows = [(0, at, "ticket", 0.5**at, 0.9, run.key) for at, run in enumerate(levels)]
    rows += [(0, 1, "reinit", 0.5, 0.8, levels[0].key), (3, 0, "ticket", 1.0, 0.7, levels[0].key)]
    table = tickets(tmp_path / "search" / "tickets.parquet", rows)
    for given in (table, table.parent):
        first, second = Library(store, [given]).reload()
    digest = hashlib.sha256(str(table).encode()).hexdigest()[:12]
    assert (first.id, second.id) == (f"tickets-{digest}-0", f"tickets-{digest}-3")
    assert first.name == "tickets of mlp, replicate 0"
    assert (first.axis, first.status, first.note) == ("level", "done", None)
    assert [(one.at, one.run) for one in first.moments()] == list(
        enumerate(run.key for run in levels)
    )
    kept = [mask for _, mask in first.several("fc1", [0, 1, 2])]
    assert [None if mask is None else int(mask.sum()) for mask in kept] == [None, 12, 6]
    assert torch.equal(first.weights("fc1", 2)[0], levels[2].weights("fc1", [10])[0])
    assert torch.equal(first.initial("fc1", 2), levels[2].weights("fc1", [0])[0])
    learning = first.learning()
    assert learning.at.tolist() == [0, 1, 2]
    assert learning.columns["density"].tolist() == [1, 0.5, 0.25]
    with pytest.raises(ValueError, match="has nothing at level 5"):
        first.weights("fc1", 5)


def test_levels_that_are_missing_are_named_and_the_others_are_there(store, levels, tmp_path):
    keys = [levels[0].key, None, "../../" + "a" * 58, "b" * 64]
    rows = [(0, at, "ticket", 1.0, 0.9, key) for at, key in enumerate(keys)]
    library = Library(store, [tickets(tmp_path / "tickets.parquet", rows)])
    (timeline,) = library.reload()
    assert timeline.steps() == [0]
    for words in ("level 1 is missing (its training failed)", "is no run's key", "holds no run"):
        assert words in timeline.note
    assert library.problems == [timeline.note]


def test_tables_that_are_none_of_tickets_are_refused(store, written, tmp_path):
    written()
    path = tmp_path / "other.parquet"
    with pytest.raises(StoreError, match=r"other\.parquet is missing"):
        Library(store, [path])
    pq.write_table(pa.table({"level": [1]}), path)
    with pytest.raises(ValueError, match="it has no replicate, arm, run"):
        Library(store, [path])
    path.write_text("no table")
    with pytest.raises(StoreError, match="cannot be read as a table"):
        Library(store, [path])
    tickets(path, [(0, 0, "ticket", 1.0, 0.9, "c" * 64)])
    with pytest.raises(StoreError, match="none of the runs in"):
        Library(store, [path])


GOOD = {"replicate": [0], "level": [1], "arm": ["ticket"], "run": [None]}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"replicate": ["a"]}, "see its column replicate"),
        ({"level": [1.5]}, "see its column level"),
        ({"arm": [3]}, "see its column arm"),
        ({"run": [b"x"]}, "see its column run"),
        ({"replicate": pa.array([None], pa.int64())}, "its column replicate has gaps"),
        ({"level": pa.array([None], pa.int64())}, "its column level has gaps"),
    ],
)
def test_tables_of_other_columns_are_refused(store, tmp_path, changed, words):
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({**GOOD, **changed}), path)
    with pytest.raises(ValueError, match=words):
        Library(store, [path])


def test_tables_of_far_more_rows_than_bytes_are_refused(store, tmp_path):
    path = tmp_path / "bomb.parquet"
    nulls = pa.nulls(3_000_000, pa.string())
    pq.write_table(pa.table({"run": nulls, "a": nulls, "b": nulls, "c": nulls}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(StoreError, match=r"claims 3,000,000 rows of 4 columns"):
        Library(store, [path])


def test_tables_that_are_no_files_are_not_waited_for(store, tmp_path):
    os.mkfifo(tmp_path / "pipe.parquet")
    with pytest.raises(StoreError, match="is a pipe, not a file"):
        Library(store, [tmp_path / "pipe.parquet"])


def test_images_are_loaded_once_and_the_same_for_all_of_one_data_set(store, written):
    written(0, data="digits")
    written(1, data="digits")
    calls = []

    def dataset_of(run):
        calls.append(run.key)
        return load("digits")

    library = Library(store, dataset_of=dataset_of)
    first, second = library.reload()
    assert library.without_data(first) is None
    sample = library.sample(first, 5)
    assert library.sample(second, 0) is sample
    assert len(calls) == 1
    assert len(sample.split) == len(load("digits").validation)


def test_missing_data_are_a_sentence_and_may_come_later(store, written):
    written(data="digits")
    answers = [DataError("the files are missing"), ValueError("no name"), load("digits")]

    def dataset_of(run):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    library = Library(store, dataset_of=dataset_of)
    (timeline,) = library.reload()
    assert library.without_data(timeline) is None
    assert library.without_data(timeline, load=True) == "the files are missing"
    with pytest.raises(ValueError, match="no name"):
        library.sample(timeline, 5)
    assert library.without_data(timeline) == "no name"
    assert library.without_data(timeline, load=True) is None
    assert "are not given" in Library(store).without_data(timeline)


def test_at_most_a_thousand_images_are_taken_and_always_the_same():
    data = load("digits")
    many = type(data)(
        **{name: getattr(data, name) for name in data.__dataclass_fields__}
        | {"validation": data.train}
    )
    sample = some_examples(many)
    assert len(sample) == 1000
    assert torch.equal(sample.images, some_examples(many).images)
    assert torch.equal(some_examples(data).images, data.validation.images)


def test_a_table_that_is_a_pipe_is_not_waited_for(store, written, tmp_path):
    written()
    os.mkfifo(tmp_path / "tickets.parquet")
    with pytest.raises(StoreError, match="it is a pipe, not a file"):
        Library(store, [tmp_path / "tickets.parquet"])


def test_ticket_searches_of_one_name_are_told_apart(store, levels, tmp_path):
    tables = [
        tickets(tmp_path / place / "tickets.parquet", [(0, 0, "ticket", 1.0, 0.9, levels[0].key)])
        for place in ("one", "other")
    ]
    first, second = Library(store, tables).reload()
    assert first.name != second.name
    assert first.name.startswith("tickets of mlp, replicate 0 (")


def test_runs_and_tickets_have_no_moments_in_common(store, levels, tmp_path):
    rows = [(0, at, "ticket", 0.5**at, 0.9, run.key) for at, run in enumerate(levels)]
    table = tickets(tmp_path / "tickets.parquet", rows)
    search, run = Library(store, [table, levels[0]]).reload()
    assert search.moment_beside(search, 1) == 1
    with pytest.raises(ValueError, match=r"goes by steps and .* by levels: they cannot be merged"):
        run.moment_beside(search, 1)
    with pytest.raises(ValueError, match="cannot be merged"):
        bundle(search, ["fc1"], merged=run)


def _record(run, **about):
    path = run.path / "run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"about": record["about"] | about}))


def _replaced(path, make):
    path.unlink(missing_ok=True)
    make(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda run: _record(run, layers=[{"name": "fc1"}]),
        lambda run: _record(run, layers=3),
        lambda run: _record(run, created=5),
        lambda run: (run.path / "run.json").write_text("[" * 100_000),
        lambda run: (run.path / "DONE.json").write_text('{"files": {"../x": {}}}'),
        lambda run: (run.path / "DONE.json").write_text("[]"),
        lambda run: (run.path / "mask.safetensors").write_bytes(b"no mask"),
        lambda run: _replaced(run.path / "metrics.jsonl", os.mkfifo),
        lambda run: _replaced(run.path / "run.json", os.mkfifo),
        lambda run: _replaced(run.path / "DONE.json", lambda path: path.symlink_to(path)),
        lambda run: _replaced(run.path / "mask.safetensors", os.mkfifo),
    ],
)
def test_one_damaged_run_is_named_and_the_others_are_in_the_catalogue(store, written, damage):
    good, bad = written(0), written(1)
    damage(bad)
    catalog = Pictures(Library(store), Cache(None)).catalog()
    shown = [timeline["id"] for timeline in catalog["timelines"]]
    assert good.key in shown
    assert any(str(bad.path) in problem for problem in catalog["problems"])
    json.dumps(catalog, allow_nan=False, ensure_ascii=False).encode()


def test_damaged_metrics_leave_the_weights_to_be_seen(store, written):
    run = written()
    (run.path / "metrics.jsonl").write_bytes(b"\xac\n")
    (timeline,) = Library(store).reload()
    assert len(timeline.moments()) == 3
    with pytest.raises(StoreError, match="line 1 is no row of metrics"):
        timeline.learning()


def many(store, run, count):
    """Copies of a run under other keys."""
    for number in range(count):
        key = f"{number:04x}" + run.key[4:]
        folder = store.path_of(key)
        shutil.copytree(run.path, folder)
        record = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps(record | {"key": key}))


def test_a_list_of_many_runs_opens_none_of_them(store, written, monkeypatch):
    many(store, written(), 30)
    opened = []
    real = Run.__init__
    library = Library(store)
    monkeypatch.setattr(Run, "__init__", lambda run, path: opened.append(path) or real(run, path))
    assert len(library.rows()) == 31
    with pytest.raises(UnknownTimelineError):
        library.get("f" * 64)
    assert opened == []
    key = library.rows()[3].id
    assert library.get(key) is library.get(key)
    assert opened == [store.path_of(key)]


def test_a_row_says_what_the_opened_run_says(store, written):
    mask = {"fc1.weight": torch.arange(24).reshape(6, 4) % 2 == 0}
    written(0, data="digits"), written(1, mask=mask), written(2, steps=())
    write_labels(store.runs()[0].path, Labels(name="mine"))
    library = Library(store)
    rows = library.rows()
    assert rows == [row_of(library.get(row.id)) for row in rows]
    assert [row.moments for row in rows] == [3, 0, 3]
    assert rows[0].name == "mine: mlp on digits, seed 0"


def test_a_run_is_opened_again_when_its_record_changes_and_gone_when_it_is(store, written):
    run = written()
    library = Library(store)
    first = library.get(run.key)
    record = json.loads((run.path / "run.json").read_text())
    record["about"]["model"] = "another"
    (run.path / "run.json").write_text(json.dumps(record))
    library.rows()
    assert library.get(run.key) is not first
    assert library.get(run.key).name == "another, seed 0"
    (run.path / "run.json").write_text("{")
    with pytest.raises(StoreError, match="is damaged"):
        library.get(run.key)
    shutil.rmtree(run.path)
    with pytest.raises(UnknownTimelineError):
        library.get(run.key)
