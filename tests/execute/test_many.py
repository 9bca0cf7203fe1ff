"""Many trainings, what is derived from them and what is measured on them."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from surfeit.core import SurfeitError, digest
from surfeit.execute import (
    Derived,
    InProcess,
    Local,
    Measurement,
    Task,
    UnsendableError,
    failed_in_words,
    measure_many,
    train_many,
    train_outcome,
)
from surfeit.store import Store
from surfeit.train import Conduct, Job, Snapshots, train_job

from .conftest import HERE

ENGINES = [InProcess(), Local(2)]


@pytest.fixture
def made():
    """The module as workers import it: its classes are theirs."""
    import derivations

    return derivations


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "a store")


@pytest.fixture(params=ENGINES, ids=["here", "side by side"])
def engine(request):
    return request.param


def objects_in(store):
    return list((store.root / "objects").glob("??/*"))


def test_jobs_become_runs_in_their_order(made, store, engine):
    jobs = [made.job(seed) for seed in (3, 1, 2)]
    runs = train_many(jobs, store=store, engine=engine)
    assert [run.key for run in runs] == [job.key for job in jobs]
    assert [run.config["seed"] for run in runs] == [3, 1, 2]
    assert objects_in(store) == []
    assert train_many([], store=store, engine=engine) == []


def test_every_engine_trains_to_the_same_bits(made, tmp_path):
    jobs = _two_levels(made)
    stores = [Store(tmp_path / name) for name in ("here", "there")]
    here, there = (
        train_many(jobs, store=store, engine=engine)
        for store, engine in zip(stores, ENGINES, strict=True)
    )
    assert list(here) == list(there) == list(jobs)
    for name, run in here.items():
        assert run.key == there[name].key
        assert digest(run.tensors()) == digest(there[name].tensors())
        assert run.about["model"] == there[name].about["model"]


def _two_levels(made):
    derive = partial(made.pruned, made.job(), made.Level(0.5))
    last = partial(made.pruned, made.job(), made.Level(0.25))
    return {
        "second": Derived(derive=last, parents=("first level", "dense")),
        "dense": made.job(snapshots=Snapshots(at=(2,)), role={"arm": "dense"}),
        "first level": Derived(derive=derive, parents=("dense",)),
    }


def test_derived_jobs_wait_for_their_parents_and_know_their_runs(made, store, engine):
    runs = train_many(_two_levels(made), store=store, engine=engine)
    assert runs["dense"].about["role"] == {"arm": "dense"}
    assert runs["second"].identity["parents"] == [runs["first level"].key, runs["dense"].key]
    assert int(runs["second"].mask["fc1.weight"].sum()) == 6
    assert digest(runs["second"].tensors(0)) != digest(runs["first level"].tensors(0))
    assert runs["second"].about["model"] == "pruned"


def test_arguments_of_every_kind_arrive(made, store, engine):
    (run,) = train_many([made.job()], store=store, engine=InProcess())
    value = made.everything_of(made.job(7), run)
    jobs = {
        "first": made.job(),
        "all": Derived(derive=partial(made.everything, value), parents=("first",)),
    }
    assert train_many(jobs, store=store, engine=engine)["all"].config["seed"] == 7


def test_tensors_as_arguments_are_a_masks(made, store, engine):
    mask = {"fc1.weight": torch.arange(24).view(6, 4) % 3 > 0}
    derived = Derived(derive=partial(made.under_mask, made.job(), mask), parents=("dense",))
    runs = train_many({"dense": made.job(), "ticket": derived}, store=store, engine=engine)
    assert digest(runs["ticket"].mask) == digest(mask)


def test_what_is_stored_is_not_sent(made, store, monkeypatch):
    jobs = {"a": made.job(), "b": made.job(1)}
    first = train_many(jobs, store=store, engine=Local(1))
    seen = []
    monkeypatch.setattr("surfeit.execute.local.WorkerProcess", None)
    again = train_many(jobs, store=store, engine=Local(1), progress=seen.append)
    assert {name: run.key for name, run in again.items()} == {
        name: run.key for name, run in first.items()
    }
    assert [(one.name, one.steps) for one in seen[-1].ended] == [("a", 0), ("b", 0)]
    assert seen[-1].done == 2


def test_more_snapshots_of_a_stored_run_are_made(made, store, engine):
    train_many([made.job()], store=store, engine=engine)
    (run,) = train_many([made.job(snapshots=Snapshots(at=(3,)))], store=store, engine=engine)
    assert 3 in run.steps()


def test_failures_are_told_once_the_others_ended(made, store, engine):
    jobs = {
        "good": made.job(),
        "bad": Derived(derive=made.fails, parents=("good",)),
        "none": Derived(derive=made.no_job, parents=("good",)),
        "heir": Derived(derive=partial(made.pruned, made.job(), made.Level(1)), parents=("bad",)),
        "last": made.job(2),
    }
    outcome = train_outcome(jobs, store=store, engine=engine)
    assert set(outcome.keys) == {"good", "last"}
    bad = rf"bad: ValueError: no such level \({HERE}/derivations\.py:\d+, in fails\)"
    assert re.fullmatch(bad.replace(f"{Path.cwd()}/", ""), outcome.failures["bad"])
    assert outcome.failures["none"].startswith("none: derive must return a Job, got Run(")
    assert outcome.failures["heir"] == "heir: not run, because it builds on bad, which failed"
    with pytest.raises(SurfeitError, match=r"3 trainings failed:\n  bad: ValueError.*\n  none: "):
        train_many(jobs, store=store, engine=engine)


def test_checks_are_made_of_stored_runs_too(made, store, engine):
    jobs = [made.job(seed, check=made.checked) for seed in (1, 2)]
    for _ in range(2):
        with pytest.raises(SurfeitError, match=r"a training failed:\n  0: odd seeds are not"):
            train_many(jobs, store=store, engine=engine)
    train_many(jobs[1:], store=store, engine=engine)


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        ({"a": Derived(derive=len, parents=("b",))}, "no training that 'a' waits for 'b'"),
        (
            {
                "a": Derived(derive=len, parents=("b",)),
                "b": Derived(derive=len, parents=("a",)),
            },
            "wait for each other in a circle",
        ),
        ({"a": 7}, "work must be a Job, a Derived, a Together or a Measurement"),
    ],
)
def test_jobs_that_do_not_fit_together_are_refused(jobs, words, store, engine):
    with pytest.raises(ValueError, match=words):
        train_many(jobs, store=store, engine=engine)


def test_values_that_are_no_work_are_refused(made, store):
    with pytest.raises(ValueError, match="parents must be a tuple of names"):
        Derived(derive=len, parents="ab")
    with pytest.raises(ValueError, match="derive must be a function"):
        Derived(derive=made.job(), parents=())
    with pytest.raises(ValueError, match="a measurement is of runs"):
        Measurement(function=len, runs=("ab",))
    with pytest.raises(ValueError, match="function must yield rows"):
        Measurement(function="norms", runs=())
    with pytest.raises(ValueError, match="dataset must be a Dataset or None"):
        Measurement(function=len, runs=(), dataset="digits")
    with pytest.raises(ValueError, match="and kind and config be left out"):
        Task(name="a", work=made.job(), kind="works:answer")
    with pytest.raises(ValueError, match="kind must be"):
        Task(name="a")


def test_what_cannot_be_sent_is_refused_before_anything_runs(made, store):
    jobs = {"a": made.job(), "b": Derived(derive=lambda run: made.job(1), parents=("a",))}
    with pytest.raises(UnsendableError, match=r"b: .*is a lambda"):
        train_many(jobs, store=store, engine=Local(2))
    assert store.runs() == []
    assert objects_in(store) == []
    assert len(train_many(jobs, store=store)) == 2  # in this process, if no engine is asked for
    array = Derived(derive=partial(made.under_mask, np.zeros(2)), parents=("a",))
    with pytest.raises(UnsendableError, match=r"of type ndarray cannot be sent .* pass what JSON"):
        train_many({"a": made.job(), "b": array}, store=store, engine=Local(2))


def test_a_dataclass_that_can_change_is_refused(made, store):
    from dataclasses import dataclass

    @dataclass
    class Loose:
        density: float = 0.5

    jobs = {"b": Derived(derive=partial(made.pruned, Loose()), parents=())}
    with pytest.raises(UnsendableError, match="a Loose can change"):
        train_many(jobs, store=store, engine=Local(1))


def test_networks_of_the_users_own_code_are_trained_anywhere(made, store, engine):
    job = Job(made.own, made.data(), made.RECIPE)
    derived = Derived(derive=partial(made.under_mask, job, {}), parents=("dense",))
    runs = train_many({"dense": job, "again": derived}, store=store, engine=engine)
    assert runs["dense"].key == job.key
    assert runs["dense"].about["model"] == "own"


def test_a_module_of_the_users_own_is_trained_in_this_process(made, store):
    job = Job(made.Own(), made.data(), made.RECIPE)
    with pytest.raises(UnsendableError, match="a Own cannot be built in another process"):
        train_many([job], store=store, engine=Local(1))
    runs = train_many([job, replace(job, seed=1)], store=store)
    assert [run.key for run in runs] == [job.key, replace(job, seed=1).key]


def test_the_conduct_goes_along(made, store):
    seen = []
    conduct = Conduct(checkpoint_seconds=0, progress=seen.append)
    train_many([made.job()], store=store, engine=InProcess(), conduct=conduct)
    assert seen[-1].key == made.job().key
    train_many([made.job(1), made.job(2)], store=store, engine=Local(2), conduct=conduct)


def test_progress_tells_which_runs_begin(made, store, engine):
    seen = []
    train_many({"one": made.job()}, store=store, engine=engine, progress=seen.append)
    assert seen[-1].done == seen[-1].total == 1
    ended = [one for status in seen for one in status.ended]
    assert [(one.name, one.key, one.steps) for one in ended] == [("one", made.job().key, 6)]


def test_a_worker_that_is_killed_is_replaced(made, store):
    store.root.mkdir()
    derive = partial(made.dies_once, made.job(), store.root)
    jobs = {"a": made.job(), "b": Derived(derive=derive, parents=("a",)), "c": made.job(3)}
    runs = train_many(jobs, store=store, engine=Local(2))
    assert runs["b"].config["seed"] == 9
    assert objects_in(store) == []


def test_ctrl_c_keeps_what_was_sent_and_the_same_call_goes_on(made, store, monkeypatch):
    monkeypatch.setenv("SLOW", "60")
    jobs = [made.job(seed, check=made.slow) for seed in range(2)]
    keys = [job.key for job in jobs]

    def interrupt():
        while not all((store.path_of(key) / "DONE.json").exists() for key in keys):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        train_many(jobs, store=store, engine=Local(2))
    assert len(objects_in(store)) == 1
    monkeypatch.setenv("SLOW", "0")
    assert [run.key for run in train_many(jobs, store=store, engine=Local(2))] == keys
    train_many([made.job(5)], store=store, engine=Local(2))
    assert objects_in(store) == []


DRIVER = f"""
import sys
sys.path.append({HERE!r})
import derivations
from surfeit.execute import Local, train_many
from surfeit.store import Store
jobs = [derivations.job(int(seed)) for seed in sys.argv[2:]]
train_many(jobs, store=Store(sys.argv[1]), engine=Local(1))
"""


def test_two_drivers_share_a_store(made, store):
    drivers = [
        subprocess.Popen([sys.executable, "-c", DRIVER, store.root, *seeds])
        for seeds in ("0123", "2340")
    ]
    assert [one.wait(60) for one in drivers] == [0, 0]
    assert {run.config["seed"] for run in store.runs()} == {0, 1, 2, 3, 4}
    assert objects_in(store) == []


def test_rows_are_measured_once(made, store, engine):
    runs = train_many([made.job(seed) for seed in range(2)], store=store, engine=InProcess())
    measurements = {
        run.config["seed"]: Measurement(function=made.norms, runs=(run,), dataset=made.data())
        for run in runs
    }
    found = measure_many(measurements, store=store, engine=engine)
    again = measure_many(measurements, store=store, engine=engine)
    assert found == again
    assert list(found) == [0, 1]
    rows = {row["name"]: row for row in found[1]}
    assert rows["fc1.weight"]["norm"] == runs[1].tensors()["fc1.weight"].double().norm().item()
    assert rows["fc1.weight"]["shape"] == [1, 2]  # as JSON has it, the first time too
    assert len((store.root / "measured").read_text().split()) == 2
    assert objects_in(store) == []


def test_rows_are_told_apart_by_all_that_they_depend_on(made, store, monkeypatch):
    first, second = train_many([made.job(), made.job(1)], store=store, engine=InProcess())
    base = Measurement(function=made.norms, runs=(first,), dataset=made.data())
    others = [
        base,
        replace(base, runs=(second,)),
        replace(base, dataset=made.data("others")),
        replace(base, arguments={"power": 1}),
        replace(base, arguments={"scale": made.Level(2.0)}),
    ]
    measure_many(dict(enumerate(others)), store=store, engine=InProcess())
    # The same ones, written otherwise.
    same = [*others, replace(base, arguments={"scale": made.Level(2)})]
    measure_many(dict(enumerate(same)), store=store, engine=InProcess())
    assert len((store.root / "measured").read_text().split()) == 5
    monkeypatch.setattr("surfeit.__version__", "0.0.0+other")
    measure_many({"base": base}, store=store, engine=InProcess())
    assert len((store.root / "measured").read_text().split()) == 6


def test_damaged_rows_are_measured_anew(made, store):
    (run,) = train_many([made.job()], store=store, engine=InProcess())
    one = {"a": Measurement(function=made.norms, runs=(run,), dataset=made.data())}
    rows = measure_many(one, store=store)
    (path,) = (store.root / "measurements").glob("??/*.json")
    text = path.read_text()
    for damaged in (text.replace("fc1", "fc7"), text[:-9], "[]", "{}"):
        path.write_text(damaged)
        assert measure_many(one, store=store) == rows
    path.unlink()
    os.mkfifo(path)  # nobody waits for a writer
    assert measure_many(one, store=store) == rows
    path.unlink()
    path.mkdir()
    with pytest.raises(SurfeitError, match=r"cannot write .*\.json"):
        measure_many(one, store=store)


def test_a_run_that_stands_elsewhere_is_measured(made, store, tmp_path, engine):
    other = train_job(made.job(), store=Store(tmp_path / "elsewhere"))
    (run,) = train_many([made.job(1)], store=store, engine=InProcess())
    one = Measurement(function=made.distance, runs=(run, other))
    rows = measure_many({"a": one, "b": replace(one, runs=(other, run))}, store=store)
    assert rows["a"][0]["distance"] == rows["b"][0]["distance"] > 0


def test_rows_of_two_names_that_read_alike_are_told_apart(made, store):
    runs = train_many([made.job(), made.job(1)], store=store, engine=InProcess())
    one = {key: Measurement(function=made.distance, runs=runs) for key in (1,)}
    two = {"1": Measurement(function=made.distance, runs=runs[::-1])}
    assert set(measure_many({**one, **two}, store=store, engine=Local(2))) == {1, "1"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("tensor", r"a row of odd_rows \({}\) holds an object of type Tensor in 'x': give numbers"),
        ("nan", r"a row of odd_rows \({}\) holds NaN in 'x': give None where nothing was measured"),
        ("nested", r"a row of odd_rows \({}\) holds NaN in 'x'"),
        ("set", r"a row of odd_rows \({}\) holds an object of type set in 'x'"),
        ("number", r"a row of odd_rows \({}\) has the name 3: columns are named by texts"),
        ("inner", r"a row of odd_rows \({}\) has the name 3: columns are named by texts"),
        ("none of all", r"odd_rows \({}\) must yield rows, dicts by column, got 'none of all'"),
    ],
)
def test_rows_that_are_none_are_refused_where_they_are_given(made, store, engine, kind, words):
    words = words.format(r"[\w/]*derivations\.py:\d+")
    (run,) = train_many([made.job()], store=store, engine=InProcess())
    one = Measurement(function=made.odd_rows, runs=(run,), arguments={"kind": kind})
    with pytest.raises(SurfeitError, match=rf"a measurement failed:\n  a: {words}"):
        measure_many({"a": one}, store=store, engine=engine)


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("none", {"x": None}),
        ("infinite", {"x": float("inf"), "y": [-float("inf"), None]}),
        ("numpy", {"x": 1.5, "y": True, "z": [2]}),
        ("dict", {"x": {"a": [1]}}),
    ],
)
def test_values_of_every_kind_are_kept(made, store, kind, row):
    (run,) = train_many([made.job()], store=store, engine=InProcess())
    one = Measurement(function=made.odd_rows, runs=(run,), arguments={"kind": kind})
    for _ in range(2):
        assert measure_many({"a": one}, store=store)["a"] == [row]


@pytest.mark.parametrize(
    ("given", "words"),
    [(None, "None"), ({"x": 1}, "an object of type dict"), (3.0, "an object of type float")],
)
def test_a_function_that_returns_is_told_to_yield(made, store, given, words):
    (run,) = train_many([made.job()], store=store, engine=InProcess())
    one = Measurement(function=made.returns, runs=(run,), arguments={"given": given})
    with pytest.raises(SurfeitError, match=rf"and returned {words}: write yield {{"):
        measure_many({"a": one}, store=store)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"dataset": None},
            r"takes \(run, dataset, power, scale\), .* with \(a run\): missing",
        ),
        ({"arguments": {"powr": 1}}, r"with \(a run, a data set, powr\): got an unexpected"),
        ({"runs": 2}, r"called with \(run 1, run 2, a data set\): too many"),
    ],
)
def test_a_function_that_takes_something_else_is_told_before_it_is_called(
    made, store, change, words
):
    (run,) = train_many([made.job()], store=store, engine=InProcess())
    change = change | ({"runs": (run,) * change["runs"]} if "runs" in change else {})
    one = Measurement(function=made.norms, runs=(run,), dataset=made.data())
    with pytest.raises(ValueError, match=words):
        measure_many({"a": replace(one, **change)}, store=store)


def test_functions_that_one_name_does_not_tell_apart_are_not_kept(made, store):
    (run,) = train_many([made.job()], store=store, engine=InProcess())
    with pytest.raises(ValueError, match="<lambda> does not say what it measures"):
        measure_many({"a": Measurement(function=lambda run: [], runs=(run,))}, store=store)
    one = Measurement(function=partial(made.norms, power=1), runs=(run,))
    with pytest.raises(ValueError, match="<nameless> does not say what it measures"):
        measure_many({"a": one}, store=store)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("KeyError", r"KeyError: 'fc9' \(.*derivations\.py:\d+, in raises\)"),
        ("ValueError", r"ValueError: invalid literal .* \(.*derivations\.py:\d+, in raises\)"),
        ("torch", r"RuntimeError: .* \(.*derivations\.py:\d+, in raises\)"),
        ("run", r"ValueError: run .* has no snapshot .* \(.*derivations\.py:\d+, in raises\)"),
    ],
)
def test_what_a_users_function_raises_is_told_once_with_its_line(made, store, engine, kind, words):
    runs = train_many([made.job(), made.job(1)], store=store, engine=InProcess())
    measurements = {
        name: Measurement(function=made.raises, runs=(run,), arguments={"kind": kind})
        for name, run in zip("ab", runs, strict=True)
    }
    with pytest.raises(SurfeitError) as told:
        measure_many(measurements, store=store, engine=engine)
    head, *lines = str(told.value).splitlines()
    assert head == "2 measurements failed:"
    names = "a and 1 more" if kind != "run" else "a"
    assert re.fullmatch(f"  {names}: {words}", lines[0]), lines[0]
    text = (Path(HERE) / "derivations.py").read_text().splitlines()
    found = re.search(r"py:(\d+)", lines[0])
    assert found is not None
    assert text[int(found[1]) - 1].lstrip().startswith("yield")


def test_what_failed_is_told_a_line_a_fault():
    same = {name: f"{name}: the loss is nan" for name in ("a", "b", "c")}
    failures = {"d": "d: the disk is full", **same, "e": "e: not run, because it builds on a"}
    assert failed_in_words(failures, "training").splitlines() == [
        "5 trainings failed:",
        "  d: the disk is full",
        "  a and 2 more: the loss is nan",
        "  e: not run, because it builds on a",
    ]
    assert failed_in_words({"x": "without its name"}, "measurement") == (
        "a measurement failed:\n  x: without its name"
    )
