"""Paths between two runs: what is measured, kept, and refused."""

import math
import shutil
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pytest
import torch

from surfeit.core import Streams, evaluate, squared_error, tensors_of
from surfeit.data import from_tensors, load
from surfeit.execute import InProcess
from surfeit.landscape import between, match_outputs, match_weights
from surfeit.models import mlp
from surfeit.procedures.connections import (
    BARRIERS,
    PATHS,
    ROWS,
    ConnectionConfig,
    connections,
    path_barriers,
    path_rows,
    raised_curve,
    without_barrier,
)
from surfeit.procedures.curves import CurveConfig
from surfeit.store import Run, Store
from surfeit.train import Job, Numerics, Recipe, train_job

DIGITS = load("digits")
JOB = Job(partial(mlp, (8,)), DIGITS, Recipe(steps=60, batch_size=50, lr=0.3))
CONFIG = ConnectionConfig(points=3, images=100, curve=CurveConfig(epochs=1, lr=0.1))


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def runs(store) -> list[Run]:
    return [train_job(replace(JOB, seed=seed), store=store) for seed in (0, 1)]


def table(runs, store, **options):
    options = {"config": CONFIG, "store": store, "engine": InProcess()} | options
    return connections(*runs, DIGITS, **options)


def test_every_path_joins_the_two_runs(runs, store):
    found = table(runs, store)
    assert found.schema.equals(ROWS)
    assert found.num_rows == len(PATHS) * 3 * 2
    rows = {(row["path"], row["split"], row["t"]): row for row in found.to_pylist()}
    chosen = DIGITS.test.some(100, Streams(0).get("connection", "test"))
    for path in PATHS:
        for t, run in ((0.0, runs[0]), (1.0, runs[1])):
            score = evaluate(run.model(), run.tensors(), chosen)
            assert rows[path, "test", t]["loss"] == pytest.approx(score.loss, rel=1e-4)
            assert rows[path, "test", t]["error"] == pytest.approx(1 - score.accuracy)
    model, ends = runs[0].model(), [run.tensors() for run in runs]
    middle = evaluate(model, between(*ends, 0.5), chosen)
    assert rows["segment", "test", 0.5]["loss"] == pytest.approx(middle.loss)
    heights = {path: rows[path, "train", 0.5]["loss"] for path in PATHS}
    assert len(set(heights.values())) == 4
    assert heights["matched"] < heights["segment"]


@pytest.mark.parametrize("criterion", ["weights", "outputs"])
def test_units_are_matched_by_the_criterion(runs, store, criterion):
    config = replace(CONFIG, criterion=criterion)
    rows = table(runs, store, config=config, paths=("matched",)).to_pylist()
    model, ends = runs[0].model(), [tensors_of(run.model()) for run in runs]
    some = DIGITS.train.some(100, Streams(0).get("connection", "train"))
    if criterion == "outputs":
        theirs = match_outputs(model, *ends, some.inputs).tensors
    else:
        generator = Streams(0).get("connection", "groups")
        theirs = match_weights(model, *ends, some.inputs, generator=generator).tensors
    middle = evaluate(model, between(ends[0], theirs, 0.5), some).loss
    (row,) = [row for row in rows if (row["t"], row["split"]) == (0.5, "train")]
    assert row["loss"] == pytest.approx(middle)


def test_what_is_kept_is_not_measured_again(runs, store, monkeypatch):
    first = table(runs, store)
    monkeypatch.setattr("surfeit.procedures.connections.train_curve", None)
    assert table(runs, store).equals(first)


def test_a_network_that_no_other_process_builds_is_measured_here(runs, store):
    class Own(torch.nn.Sequential):
        pass

    own = Own()
    for name, module in runs[0].model().named_children():
        own.add_module(name, module)
    found = table(runs, store, into=own)
    assert found.equals(table(runs, store))


def test_barriers_are_read_off_the_paths(runs, store):
    found = path_barriers(table(runs, store))
    assert found.schema.equals(BARRIERS)
    assert found.num_rows == 8
    rows = [
        {"path": "curve", "split": "train", "t": t, "length": length, "loss": loss, "error": None}
        for t, length, loss in ((0.0, 0.0, 1.0), (0.5, 3.0, 5.0), (1.0, 4.0, 2.0))
    ]
    (row,) = path_barriers(pa.Table.from_pylist(rows, ROWS)).to_pylist()
    assert (row["loss_barrier"], row["loss_largest"], row["loss_smallest"]) == (3.5, 5, 1)
    assert row["loss_mean"] == pytest.approx((3 * 3 + 3.5) / 4)
    assert row["error_barrier"] is None


@pytest.mark.parametrize(
    ("losses", "flat"),
    [((0.1, 0.12, 0.2), True), ((0.1, 0.2, 0.2), True), ((0.1, 0.21, 0.2), False)],
)
def test_a_path_that_no_point_rises_above_is_named(losses, flat):
    rows = [
        {"path": path, "split": split, "t": 0.5 * place, "length": float(place), "loss": loss}
        for path, split, own in (
            ("curve", "train", losses),
            ("curve", "test", (0.1, 0.9, 0.1)),
            ("segment", "train", (0.1, 0.9, 0.2)),
        )
        for place, loss in enumerate(own)
    ]
    assert without_barrier(pa.Table.from_pylist(rows)) == (("curve",) if flat else ())


@pytest.mark.parametrize(
    ("curve", "raised"),
    [
        ((0.1, 0.3, 0.2), False),
        ((0.1, 0.9, 0.2), False),
        ((0.9, 0.8, 0.9), False),  # a higher mean, yet no point as high
        ((0.1, 1.2, -0.5), False),  # a higher point, yet a lower mean
        ((0.1, 1.2, 0.2), True),
        ((0.1, math.nan, 0.2), True),
        ((0.1, math.inf, -math.inf), True),
    ],
)
def test_a_curve_that_its_training_raised_is_told_with_both_means(curve, raised):
    losses = {("segment", "train"): (0.1, 0.9, 0.2), ("curve", "train"): curve}
    losses |= {("segment", "test"): (0.0, 0.0, 0.0), ("curve", "test"): (9.0, 9.0, 9.0)}
    rows = [
        {"path": path, "split": split, "loss": loss}
        for (path, split), own in losses.items()
        for loss in own
    ]
    found = raised_curve(pa.Table.from_pylist(rows))
    assert (found is not None) == raised
    if found is not None:
        assert found == pytest.approx((sum(curve) / 3, 0.4), nan_ok=True)
    assert raised_curve(pa.Table.from_pylist([r for r in rows if r["path"] == "curve"])) is None


def test_a_regression_has_losses_alone(tmp_path):
    generator = Streams(0).get("numbers")
    parts = {
        name: (torch.randn(40, 3, generator=generator), torch.randn(40, 2, generator=generator))
        for name in ("train", "validation", "test")
    }
    data, store = from_tensors("numbers", **parts), Store(tmp_path)
    job = Job(partial(mlp, (4,)), data, Recipe(steps=5, lr=0.1), objective=squared_error)
    runs = [train_job(replace(job, seed=seed), store=store) for seed in (0, 1)]
    found = connections(*runs, data, CONFIG, store=store, engine=InProcess()).to_pylist()
    assert {row["error"] for row in found} == {None}
    score = evaluate(runs[0].model(), runs[0].tensors(), data.test, squared_error)
    assert found[1]["loss"] == pytest.approx(score.loss)


def test_the_same_run_twice_is_refused(runs, store):
    with pytest.raises(ValueError, match=f"needs two runs, got run {runs[0].key[:12]} twice"):
        table([runs[0], runs[0]], store)


def test_a_run_that_is_not_done_is_refused(runs, store, tmp_path):
    copy = tmp_path / runs[1].key
    shutil.copytree(runs[1].path, copy)
    (copy / "DONE.json").unlink()
    with pytest.raises(ValueError, match="is interrupted: give the command that started it"):
        table([runs[0], Run(copy)], store)


def test_runs_of_different_networks_are_refused(runs, store):
    other = train_job(replace(JOB, model=partial(mlp, (9,))), store=store)
    with pytest.raises(ValueError, match=r"different networks: fc1.bias is \[8\] in the one"):
        table([runs[0], other], store)


def test_runs_on_different_data_and_other_data_are_refused(runs, store):
    from surfeit.data import subset

    fewer = subset(DIGITS, 300, Streams(0).get("subset"))
    other = train_job(replace(JOB, dataset=fewer), store=store)
    with pytest.raises(ValueError, match="were trained on different data"):
        table([runs[0], other], store)
    with pytest.raises(
        ValueError, match="trained on other data than digits-subset-300 as it is here"
    ):
        connections(*runs, fewer, CONFIG, store=store)


def test_a_pruned_run_has_no_curve_but_the_other_paths(runs, store):
    mask = {"fc1.weight": torch.ones(8, 64, dtype=torch.bool)}
    mask["fc1.weight"][:, ::2] = False
    pruned = train_job(replace(JOB, mask=mask), store=store)
    with pytest.raises(ValueError, match="is pruned, and a curve would train the weights"):
        table([runs[1], pruned], store)
    found = table([runs[1], pruned], store, paths=("segment", "matched"))
    assert found.num_rows == 12


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"paths": ()}, "paths must be some of segment, matched, repaired, curve, each once"),
        ({"paths": ("segment", "segment")}, "each once, got"),
        ({"paths": ("line",)}, "no path 'line'"),
    ],
)
def test_other_paths_are_refused(runs, store, options, words):
    with pytest.raises(ValueError, match=words):
        table(runs, store, **options)
    if options["paths"] == ("line",):
        with pytest.raises(ValueError, match=words):
            list(path_rows(*runs, DIGITS, path="line", config=CONFIG, numerics=Numerics()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"points": 1}, "points must be at least 2"),
        ({"images": 1}, "images must be a whole number of at least 2"),
        ({"criterion": "names"}, "no criterion 'names'"),
        ({"seed": -1}, "seed must be an integer >= 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        ConnectionConfig(**change)
