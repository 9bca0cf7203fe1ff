"""`surfeit runs`: choosing, naming, thinning and deleting, as its user meets it."""

import json
import sys

import pytest
import torch

from surfeit.cli.run_filters import FIELDS, condition_of, ordered
from surfeit.cli.run_table import role_words, size_words
from surfeit.core import buffers, parameters
from surfeit.models import describe, mlp
from surfeit.store import Labels, Run, RunWriter, Store, Summary, key_of, write_labels

from .conftest import call

NETWORK = mlp((3,), input_shape=(1, 2, 2), classes=2)
LAYERS = [
    {"name": "fc1", "kind": "Linear", "shape": [3, 4]},
    {"name": "fc2", "kind": "Linear", "shape": [2, 3]},
]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def made(store):
    """A finished run of snapshots at 0, 10, ..., 100."""

    def make(seed=0, *, model="mlp-3", data="digits", accuracy=0.5, mask=None, **about):
        identity = {"config": {"architecture": describe(NETWORK), "seed": seed}, "parents": []}
        key = key_of(identity | {"model": model})
        record = {"model": model, "data": data, "layers": LAYERS, **about}
        record.setdefault("created", f"2026-01-{seed + 1:02}T00:00:00+00:00")
        writer = RunWriter(store.path_of(key), key=key, identity=identity, about=record, mask=mask)
        for step in range(0, 101, 10):
            writer.snapshot(step, parameters(NETWORK) | buffers(NETWORK))
        writer.record({"step": 100, "epoch": 10.0, "test_accuracy": accuracy})
        return writer.finish({"steps": 100})

    return make


def listed(capsys, store, *arguments):
    assert call("runs", "list", "--root", store.root, "--format", "json", *arguments) == 0
    return json.loads(capsys.readouterr().out)


def test_the_list_for_programs_holds_what_is_known(store, made, capsys):
    mask = {"fc1.weight": torch.tensor([[True, False, False, False]] * 3)}
    run = made(2, accuracy=0.25, mask=mask, role={"arm": "ticket", "level": 3})
    write_labels(run.path, Labels(name="mine", tags=("a", "b")))
    (row,) = listed(capsys, store)
    expected = {
        "key": run.key,
        "folder": str(run.path),
        "state": "done",
        "model": "mlp-3",
        "data": "digits",
        "seed": 2,
        "steps": 100,
        "epochs": 10.0,
        "test_accuracy": 0.25,
        "role": "ticket 3",
        "arm": "ticket",
        "level": 3,
        "density": 9 / 18,
        "snapshots": 11,
        "name": "mine",
        "tags": ["a", "b"],
    }
    assert row.items() >= expected.items()
    assert row["size"] > 11 * 17 * 4
    assert "layers" not in row


def test_in_a_pipe_every_column_is_there(store, made, capsys):
    made()
    assert call("runs", "--root", store.root) == 0
    head, row = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert head[:8] == [
        *("key", "state", "model", "data", "seed", "steps", "test accuracy", "created"),
    ]
    assert head[8:] == ["role", "size", "snapshots", "name", "tags"]
    assert len(row) == len(head)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_in_a_terminal_the_table_fits(store, made, capsys, monkeypatch, columns):
    mask = {"fc1.weight": torch.tensor([[True, False, False, False]] * 3)}
    run = made(1, model="a-network-of-a-very-long-name", mask=mask, data="fashion-mnist")
    write_labels(run.path, Labels(name="the-best-of-all-the-runs", tags=("one", "two")))
    made(2)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert call("runs", "--root", store.root) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[0].split()[0] == "key"
    assert (columns < 200) == ("--all-columns shows them" in printed.err)
    assert call("runs", "--root", store.root, "--all-columns") == 0
    assert "a-network-of-a-very-long-name" in capsys.readouterr().out


def test_at_eighty_columns_a_search_shows_role_and_size(store, made, capsys, monkeypatch):
    mask = {"fc1.weight": torch.tensor([[True, False, False, False]] * 3)}
    role = {"arm": "ticket", "level": 3}
    made(0, model="lenet-300-100", data="mnist", mask=mask, role=role)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert call("runs", "--root", store.root) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["key", "state", "model", "data", "seed", "accuracy", "role", "size"]
    assert "ticket 3, 50 %" in row


def test_a_damaged_run_is_in_the_list_with_the_others(store, made, capsys):
    good, bad = made(0), made(1)
    (bad.path / "run.json").write_text("{")
    assert call("runs", "--root", store.root) == 0
    printed = capsys.readouterr()
    rows = {line.split("\t")[0]: line.split("\t")[1] for line in printed.out.splitlines()}
    assert (rows[good.key[:12]], rows[bad.key[:12]]) == ("done", "damaged")
    assert "run.json is damaged" in printed.err


@pytest.mark.parametrize(
    ("terms", "seeds"),
    [
        (["model=mlp*"], [0, 1, 2]),
        (["model=lenet*"], [3]),
        (["model!=lenet*"], [0, 1, 2]),
        (["data=mnist"], [3]),
        (["seed=1"], [1]),
        (["seed!=1"], [0, 2, 3]),
        (["seed>=1", "seed<3"], [1, 2]),
        (["accuracy<0.6"], [0, 1]),
        (["accuracy < 60%"], [0, 1]),
        (["role=ticket"], [2]),
        (["role=ticket*"], [2]),
        (["arm=ticket"], [2]),
        (["level=3"], [2]),
        (["level="], [0, 1, 3]),
        (["density<=50%"], [2]),
        (["density="], [0, 1, 3]),
        (["name="], [1, 2, 3]),
        (["name=mine"], [0]),
        (["tag=b"], [0]),
        (["tag!=b"], [1, 2, 3]),
        (["tags="], [1, 2, 3]),
        (["size>1kB"], [0, 1, 2, 3]),
        (["size>100MB"], []),
        (["created<2026-01-02"], [0]),
        (["created<=2026-01-02"], [0, 1]),
        (["created=2026-01"], [0, 1, 2, 3]),
        (["created>2026-01-02T00:00"], [2, 3]),
        (["status=done", "snapshots=11"], [0, 1, 2, 3]),
        (["state=interrupted"], []),
        (["steps>100"], []),
        (["epochs==10"], [0, 1, 2, 3]),
        (["model=lenet*,state=done"], [3]),
        (["model=mlp*,seed>0", "seed<2"], [1]),
        (["state=d?ne"], [0, 1, 2, 3]),
        (["state!=d*"], []),
        (["accuracy<=100%"], [0, 1, 2, 3]),
        (["accuracy=95%"], [3]),
        (["created<2024-02-29"], []),
    ],
)
def test_filters_choose_by_what_a_run_is(terms, seeds, store, made, capsys):
    mask = {"fc1.weight": torch.tensor([[True, False, False, False]] * 3)}
    first = made(0, accuracy=0.5)
    write_labels(first.path, Labels(name="mine", tags=("a", "b")))
    made(1, accuracy=0.5)
    made(2, accuracy=0.9, mask=mask, role={"arm": "ticket", "level": 3})
    made(3, model="lenet-300-100", data="mnist", accuracy=0.95)
    rows = listed(capsys, store, "--filter", *terms)
    assert [row["seed"] for row in rows] == seeds


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("modle=x", "no field of a run 'modle': did you mean 'model'"),
        ("lenet", "the filter 'lenet' is not understood: give FIELD=VALUE"),
        ("model<x", "model is a text: only = and != compare it"),
        ("seed=x", "seed is a number, got 'x'"),
        ("seed=1MB", "seed is a number, got '1MB'"),
        ("size>100XB", "size is a number, also as 100MB or 1.5GB, got '100XB'"),
        ("accuracy<", "compares with a number, and none is given"),
        ("created<yesterday", "created is a time such as 2026-01-31"),
        ("created<2026-13-01", "created is a time, and there is none such as '2026-13-01'"),
        ("created>2026-02-30", "there is none such as '2026-02-30'"),
        ("created=2026-00", "there is none such as '2026-00'"),
        ("created<0000", "there is none such as '0000'"),
        ("created<2026-01-31T25", "there is none such as '2026-01-31T25'"),
        ("created<2026-01-31 12:60", "there is none such as '2026-01-31 12:60'"),
        ("created<٢٠٢٦", "created is a time such as 2026-01-31"),
        ("density<=20", "density is a fraction in [0, 1] or a percentage such as 20%, got '20'"),
        ("accuracy>98", "accuracy is a fraction in [0, 1] or a percentage such as 98%, got '98'"),
        ("test_accuracy<120%", "accuracy is a fraction in [0, 1]"),
        ("accuracy>-0.5", "accuracy is a fraction in [0, 1]"),
        ("accuracy>1MB", "accuracy is a number, got '1MB'"),
        ("seed=50%", "seed is a number, got '50%'"),
        ("size>5%", "size is a number, also as 100MB"),
        ("state=weird", "no state of a run 'weird': one of done, running, interrupted, damaged"),
        ("status!=don", "no state of a run 'don': did you mean 'done'?"),
        ("state=", "no state of a run '': one of done"),
    ],
)
def test_filters_that_are_none_are_refused(term, words, store, capsys):
    assert call("runs", "list", "--root", store.root, "--filter", term) == 1
    assert words in capsys.readouterr().err


def test_every_field_can_be_sorted_by_and_is_missing_somewhere():
    empty = Summary(key="a", folder="", state="done")
    full = Summary(
        key="b",
        folder="",
        state="done",
        seed=1,
        steps=1,
        epochs=1.0,
        test_accuracy=0.5,
        created="2026",
        arm="ticket",
        level=1,
        density=0.5,
        name="n",
        tags=("t",),
        model="m",
        data="d",
    )
    for field in FIELDS:
        assert ordered([full, empty], field, reverse=True)[-1] in (empty, full)
        if field not in ("key", "state", "size", "snapshots"):
            assert ordered([full, empty], field, reverse=False) == [empty, full]
    with pytest.raises(ValueError, match="no field of a run 'sise': did you mean 'size'"):
        ordered([full], "sise", reverse=False)
    assert condition_of([])(empty)


@pytest.mark.parametrize(
    "field", [name for name in FIELDS if name not in ("key", "state", "size", "snapshots")]
)
def test_runs_without_what_is_sorted_by_never_win(field):
    full = Summary(
        key="b",
        folder="",
        state="done",
        seed=0,
        steps=0,
        epochs=0.0,
        test_accuracy=0.0,
        created="2026",
        arm="ticket",
        level=0,
        density=0.0,
        name="n",
        tags=("t",),
        model="m",
        data="d",
    )
    empty = Summary(key="a", folder="", state="done")
    for reverse in (False, True):
        assert ordered([full, empty], field, reverse=reverse) == [empty, full]
        assert ordered([empty, full], field, reverse=reverse) == [empty, full]


def test_a_limit_keeps_runs_that_have_what_is_sorted_by(store, made, capsys):
    for seed, accuracy in enumerate((0.5, None, 0.9, None)):
        made(seed, accuracy=accuracy)
    for flags, wanted in (([], [0.5, 0.9]), (["--reverse"], [0.9, 0.5])):
        rows = listed(capsys, store, "--sort", "accuracy", *flags, "--limit", "2")
        assert [row["test_accuracy"] for row in rows] == wanted


def test_an_empty_text_means_no_run(store, made, capsys):
    run, root = made(), ("--root", store.root)
    assert call("runs", "tag", run.key[:4], "keep", *root) == 0
    for arguments in (
        ("delete", "", "--yes"),
        ("delete", " ", "--yes"),
        ("delete", "", "--filter", "state=done", "--yes"),
        ("thin", "", "--keep", "2", "--yes"),
        ("show", ""),
        ("verify", ""),
        ("name", "", "mine"),
        ("tag", "", "mine"),
    ):
        assert call("runs", *arguments, *root) == 1
        assert "which run?" in capsys.readouterr().err
    assert Store(store.root).find(run.key).steps() == list(range(0, 101, 10))


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_name_takes_none_away(empty, store, made, capsys):
    run, root = made(), ("--root", store.root)
    assert call("runs", "name", run.key, "mine", *root) == 0
    assert call("runs", "name", run.key, empty, *root) == 1
    assert "is none; --remove takes the run's name away" in capsys.readouterr().err
    assert store.find("mine").key == run.key


def test_tags_are_a_list_like_any_other(store, made, capsys):
    run, root = made(), ("--root", store.root)
    assert call("runs", "tag", run.key, "a,b", "c", *root) == 0
    assert listed(capsys, store)[0]["tags"] == ["a", "b", "c"]
    assert call("runs", "tag", run.key, "a,c", "--remove", *root) == 0
    assert listed(capsys, store)[0]["tags"] == ["b"]
    assert call("runs", "tag", run.key, "a,", *root) == 1
    assert "the list of tags must not have an empty item" in capsys.readouterr().err


def test_a_run_whose_end_is_damaged_is_listed_as_such(store, made, capsys):
    good, bad = made(0), made(1)
    (bad.path / "DONE.json").write_text("{")
    (store.root / "runs" / "loop").symlink_to("loop")
    assert call("runs", "--root", store.root) == 0
    printed = capsys.readouterr()
    rows = dict(line.split("\t")[:2] for line in printed.out.splitlines())
    assert (rows[good.key[:12]], rows[bad.key[:12]]) == ("done", "damaged")
    assert f"{bad.path / 'DONE.json'} is damaged" in printed.err
    assert "loop cannot be followed" in printed.err
    assert call("runs", "delete", "--filter", "state=done", "--yes", "--root", store.root) == 0
    assert bad.path.exists()
    assert not good.path.exists()


def test_one_snapshot_is_gone_and_one_run_is_right(store, made, capsys, monkeypatch):
    run, root = made(), ("--root", store.root)
    questions = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda text: questions.append(text) or "y")
    kept = [str(step) for step in range(0, 91, 10) if step != 50]
    assert call("runs", "thin", run.key, "--steps", *kept, *root) == 0
    assert "take 1 snapshot (" in questions[0]
    told = capsys.readouterr().err
    assert told.startswith("1 snapshot, ")
    assert told.endswith(" is gone\n")
    assert call("runs", "verify", *root) == 0
    assert capsys.readouterr().err == "1 run, nothing wrong\n"


def test_sort_and_limit_leave_the_largest_at_the_end(store, made, capsys):
    for seed, accuracy in enumerate((0.5, 0.9, 0.7)):
        made(seed, accuracy=accuracy)
    rows = listed(capsys, store, "--sort", "accuracy", "--limit", "2")
    assert [row["test_accuracy"] for row in rows] == [0.7, 0.9]
    rows = listed(capsys, store, "--sort", "accuracy", "--reverse", "--limit", "1")
    assert [row["test_accuracy"] for row in rows] == [0.5]
    assert call("runs", "--root", store.root, "--limit", "2") == 0
    assert "2 of 3 runs" in capsys.readouterr().err
    assert call("runs", "--root", store.root, "--limit", "0") == 1
    assert "limit must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (12_345, "12.3 kB"),
        (999_999, "1000 kB"),
        (1_234_567, "1.23 MB"),
        (5.34e8, "534 MB"),
        (1_234_567_890_123, "1235 GB"),
    ],
)
def test_sizes_are_said_in_three_digits(size, words):
    assert size_words(int(size)) == words


def test_roles_tell_what_is_left():
    run = Summary(key="", folder="", state="done", density=0.2097)
    assert role_words(run) == "masked, 21 %"
    assert role_words(Summary(key="", folder="", state="done")) == ""


def test_a_name_stands_for_its_run_everywhere(store, made, capsys):
    run, other = made(0), made(1)
    root = ("--root", store.root)
    assert call("runs", "name", run.key[:8], "mine", *root) == 0
    assert call("runs", "show", "mine", *root) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["key"], shown["name"]) == (run.key, "mine")
    assert call("runs", "verify", "mine", *root) == 0
    assert call("runs", "name", other.key, "mine", *root) == 1
    assert f"run {run.key[:12]} is called 'mine' already" in capsys.readouterr().err
    assert call("runs", "name", "mine", "better", *root) == 0
    assert store.find("better").key == run.key
    assert call("runs", "name", "better", "--remove", *root) == 0
    assert call("runs", "show", "better", *root) == 1
    assert call("runs", "name", run.key, *root) == 1
    assert "which name?" in capsys.readouterr().err
    assert call("runs", "name", run.key, "abcdef", *root) == 1
    assert "could be the beginning of a key" in capsys.readouterr().err


def test_tags_come_and_go(store, made, capsys):
    run, root = made(), ("--root", store.root)
    assert call("runs", "name", run.key, "mine", *root) == 0
    assert call("runs", "tag", run.key, "a", "c", "b", *root) == 0
    assert call("runs", "tag", run.key, "c", "--remove", *root) == 0
    (row,) = listed(capsys, store)
    assert (row["name"], row["tags"]) == ("mine", ["a", "b"])
    assert call("runs", "tag", run.key, "--remove", *root) == 0
    assert listed(capsys, store)[0]["tags"] == []
    assert call("runs", "tag", run.key, *root) == 1
    assert "which tags?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        (["--keep", "3"], [0, 50, 100]),
        (["--every", "4"], [0, 40, 80, 100]),
        (["--steps", "20", "30"], [0, 20, 30, 100]),
    ],
)
def test_thin_takes_snapshots_out(arguments, steps, store, made, capsys):
    run = made()
    before = sum(path.stat().st_size for path in run.path.rglob("*.safetensors"))
    assert call("runs", "thin", run.key, *arguments, "--yes", "--root", store.root) == 0
    assert Run(run.path).steps() == steps
    after = sum(path.stat().st_size for path in run.path.rglob("*.safetensors"))
    words = f"{11 - len(steps)} snapshots, {size_words(before - after)}, are gone"
    assert words in capsys.readouterr().err
    assert call("runs", "verify", "--root", store.root) == 0
    assert call("runs", "thin", run.key, *arguments, "--yes", "--root", store.root) == (
        1 if "--steps" in arguments and steps == [] else 0
    )


def test_thin_asks_and_names_what_stays_for_others(store, made, capsys, monkeypatch):
    run = made()
    child = store.path_of("c" * 64)
    child.mkdir(parents=True)
    identity = {"config": {"first_step": 30}, "parents": [run.key]}
    record = {"schema": 1, "key": "c" * 64, "identity": identity, "about": {"layers": []}}
    (child / "run.json").write_text(json.dumps(record))
    root = ("--root", store.root)
    assert call("runs", "thin", run.key, "--keep", "2", *root) == 1
    printed = capsys.readouterr().err
    assert "give --yes to take them out for good" in printed
    assert f"run {run.key[:12]} keeps step 30 as well: other runs began" in printed
    questions = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda text: questions.append(text) or "n")
    assert call("runs", "thin", run.key, "--keep", "2", *root) == 0
    assert "take 8 snapshots (" in questions[0]
    assert len(Run(run.path).steps()) == 11
    monkeypatch.setattr("builtins.input", lambda text: "y")
    assert call("runs", "thin", "--filter", "state=done", "--keep", "2", *root) == 0
    assert Run(run.path).steps() == [0, 30, 100]


def test_thin_wants_to_know_what_and_of_which(store, made, capsys):
    run, root = made(), ("--root", store.root)
    for arguments, words in (
        ([run.key], "which snapshots stay? give one of --keep N"),
        ([run.key, "--keep", "2", "--every", "3"], "which snapshots stay?"),
        ([run.key, "--keep", "1"], "at least 2 are kept"),
        ([run.key, "--every", "0"], "every must be at least 1, got 0"),
        ([run.key, "--steps", "7"], "has no snapshot at step 7"),
        (["--keep", "3"], "which run?"),
    ):
        assert call("runs", "thin", *arguments, "--yes", *root) == 1
        assert words in capsys.readouterr().err


def test_delete_by_filter_asks_with_what_and_how_much(store, made, capsys, monkeypatch):
    first, second, other = made(0), made(1), made(2, model="lenet-300-100")
    root = ("--root", store.root)
    assert call("runs", "delete", "--filter", "model=mlp*", *root) == 1
    assert "--yes" in capsys.readouterr().err
    questions = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda text: questions.append(text) or "no")
    assert call("runs", "delete", "--filter", "model=mlp*", *root) == 0
    assert all(run.key[:12] in questions[0] for run in (first, second))
    assert "kB) for good?" in questions[0]
    assert len(store.runs()) == 3
    assert call("runs", "delete", "--filter", "model=mlp*", "--yes", *root) == 0
    assert [run.key for run in store.runs()] == [other.key]
    assert call("runs", "delete", "--filter", "model=mlp*", "--yes", *root) == 0
    assert "no run is meant by that" in capsys.readouterr().err


def test_a_foreign_index_does_not_decide_what_is_deleted(store, made, capsys):
    run = made(0)
    assert call("runs", "--root", store.root) == 0
    path = store.root / "index.json"
    path.write_text(path.read_text().replace('"mlp-3"', '"other"'))
    assert call("runs", "delete", "--filter", "model=other", "--yes", "--root", store.root) == 0
    assert [found.key for found in store.runs()] == [run.key]


def test_given_runs_are_filtered_too(store, made):
    runs = [made(seed) for seed in range(3)]
    keys = [run.key for run in runs]
    root = ("--root", store.root)
    assert call("runs", "delete", *keys, keys[0], "--filter", "seed>0", "--yes", *root) == 0
    assert [run.key for run in store.runs()] == [keys[0]]
