"""Landscapes of runs: planes, rows that are kept, what a picture hides, and what is refused."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, cross_entropy, evaluate
from surfeit.curvature import LossSurface, dense, hessian
from surfeit.data import from_tensors, load
from surfeit.execute import InProcess, Local
from surfeit.landscape import random_direction
from surfeit.models import initialise_, mlp
from surfeit.procedures import landscape_points
from surfeit.procedures.landscape import LandscapeConfig, landscape
from surfeit.report.landscape import numbers_of
from surfeit.store import Store
from surfeit.train import Recipe, train

CONFIG = LandscapeConfig(points=5, examples=50, seed=3)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def runs(tmp_path_factory, digits):
    """Three seeds of one small network and one of another."""
    store, recipe = Store(tmp_path_factory.mktemp("landscape")), Recipe(lr=0.1, epochs=4)
    found = [train(partial(mlp, (5,)), digits, recipe, seed=n, store=store) for n in range(3)]
    return store, [*found, train(partial(mlp, (6,)), digits, recipe, store=store)]


@pytest.fixture
def measured(runs, digits, tmp_path):
    """A landscape of some of the runs, in a store of its own."""

    def measure(places, config=CONFIG, **others):
        options = {"engine": InProcess(), "store": Store(tmp_path), "objective": cross_entropy}
        return landscape([runs[1][place] for place in places], digits, config, **options | others)

    return measure


def grid(found, network=0, name="loss"):
    values = [row[name] for row in found.heights.to_pylist() if row["network"] == network]
    return np.array(values).reshape([len(axis) for axis in found.axes])


def examples(digits, config=CONFIG, split="train"):
    return digits.splits[split].some(
        config.examples, Streams(config.seed).get("landscape", "examples")
    )


def test_a_surface_is_that_of_the_run_moved_by_the_seeds_directions(measured, runs, digits):
    found, run = measured([0]), runs[1][0]
    assert found.axes == ((-1, -0.5, 0, 0.5, 1),) * 2
    streams, model = Streams(3), run.model()
    first, second = (
        random_direction(model, generator=streams.get("landscape", axis))
        for axis in ("first", "second")
    )
    for row in found.heights.to_pylist():
        tensors = {
            name: value + row["first"] * first[name] + row["second"] * second[name]
            for name, value in run.tensors().items()
        }
        expected = evaluate(model, tensors, examples(digits))
        assert row["loss"] == pytest.approx(expected.loss, rel=1e-4)
        assert row["run"] == run.key
    assert grid(found)[2, 2] == pytest.approx(
        evaluate(model, run.tensors(), examples(digits)).loss, rel=1e-5
    )


def test_two_networks_share_their_axes_also_where_they_differ(measured, runs):
    found = measured([0, 3], replace(CONFIG, directions="gaussian", dimensions=1))
    assert len(found.axes) == 1
    length = math.sqrt(
        sum(float(value.double().square().sum()) for value in runs[1][0].tensors().values())
    )
    assert found.axes[0][-1] == pytest.approx(length, rel=0.06)
    assert set(found.heights["second"].to_pylist()) == {None}
    assert len(grid(found, 0)) == len(grid(found, 1)) == 5
    assert (grid(found, 0) != grid(found, 1)).all()


def test_the_loss_at_the_origin_is_the_runs_own_wherever_the_grid_lies(measured, runs, digits):
    own = [evaluate(run.model(), run.tensors(), examples(digits)).loss for run in runs[1][:2]]
    found = measured([0, 1], replace(CONFIG, points=2))
    assert found.origins == pytest.approx(own, rel=1e-5)
    assert numbers_of(found, 1).origin_loss == found.origins[1]
    assert not np.isclose(found.heights["loss"].to_numpy(), own[0], rtol=1e-3).any()
    line = measured([0, 1], replace(CONFIG, directions="between", dimensions=1, points=4))
    assert line.origins == pytest.approx(own[:1], rel=1e-5)


def test_the_line_between_two_runs_meets_both(measured, runs, digits):
    config = replace(CONFIG, directions="between", dimensions=1, points=5, extent=0.5)
    found = measured([0, 1], config)
    assert found.axes == ((-0.5, 0, 0.5, 1, 1.5),)
    for place, run in ((1, 0), (3, 1)):
        tensors = runs[1][run].tensors()
        expected = evaluate(runs[1][run].model(), tensors, examples(digits)).loss
        assert grid(found)[place] == pytest.approx(expected, rel=1e-4)
    assert [(row["run"], row["first"]) for row in found.path.to_pylist()] == [
        (runs[1][0].key, 0),
        (runs[1][1].key, 1),
    ]


def test_the_plane_through_three_runs_holds_them(measured, runs):
    found = measured([0, 1, 2], replace(CONFIG, directions="between", points=3))
    rows = found.path.to_pylist()
    assert [row["run"] for row in rows] == [run.key for run in runs[1][:3]]
    assert (rows[0]["first"], rows[0]["second"], rows[1]["second"]) == (0, 0, 0)
    apart = sum(
        float((value - runs[1][0].tensors()[name]).double().square().sum())
        for name, value in runs[1][1].tensors().items()
    )
    assert rows[1]["first"] == pytest.approx(math.sqrt(apart))


def test_a_trajectory_ends_at_the_origin_and_says_what_its_plane_leaves_out(measured, runs):
    found = measured([0], replace(CONFIG, directions="trajectory"))
    rows = found.path.to_pylist()
    assert [row["step"] for row in rows] == runs[1][0].steps()
    assert (rows[-1]["first"], rows[-1]["second"], rows[-1]["off_plane"]) == (0, 0, None)
    assert all(0 <= row["off_plane"] < 1 for row in rows[:-1])
    (words,) = found.remarks
    worst = max(row["off_plane"] for row in rows[:-1])
    assert f"up to {worst:.0%} lies off the plane" in words
    low, high = found.axes[0][0], found.axes[0][-1]
    assert low < min(row["first"] for row in rows) < max(row["first"] for row in rows) < high


def test_what_is_stopped_goes_on_and_gives_the_same_table(measured, monkeypatch):
    whole = measured([0])
    calls, real = [], landscape_points.heights

    def stopping(*arguments, **options):
        calls.append(len(arguments[2]))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    other = replace(CONFIG, seed=4)
    monkeypatch.setattr(landscape_points, "heights", stopping)
    with pytest.raises(KeyboardInterrupt):
        measured([0], other)
    assert measured([0], other).heights.num_rows == 25
    assert calls == [*[5] * 6, 1]  # two rows were kept, the third was begun anew; then the origin
    assert measured([0]).heights.equals(whole.heights)
    assert len(calls) == 7


@pytest.mark.parametrize(("name", "kept"), [("heights", 5), ("eigenpairs", 1)])
def test_of_slow_passes_and_curvatures_little_is_lost(name, kept, digits, tmp_path, monkeypatch):
    model = initialise_(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10)),
        Streams(0).get("network"),
    )
    store, calls, real = Store(tmp_path), [], getattr(landscape_points, name)
    run = train(model, digits, Recipe(lr=0.1, steps=2), store=store)

    def stopping(*arguments, **options):
        calls.append(len(arguments[2]) if name == "heights" else 1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(landscape_points, name, stopping)
    config = replace(CONFIG, points=7, curvature=0 if name == "heights" else 2)
    options = {"objective": cross_entropy, "store": store, "engine": InProcess()}
    with pytest.raises(KeyboardInterrupt):
        landscape([run], digits, config, **options)
    found = landscape([run], digits, config, **options)
    assert calls[:2] == [kept] * 2  # what the first call gave is kept, and what was begun is lost
    assert sum(calls) == kept + (50 if name == "heights" else found.convexity.num_rows)


def test_workers_give_what_this_process_gives(measured, tmp_path):
    here = measured([0])
    there = measured([0], engine=Local(2), store=Store(tmp_path / "other"))
    assert there.heights.equals(here.heights)


def test_curvature_of_all_directions_stands_beside_that_of_the_picture(measured, runs, digits):
    config = replace(CONFIG, curvature=2, curvature_examples=30)
    found = measured([0], config)
    rows = found.convexity.to_pylist()
    assert [(row["first"], row["second"]) for row in rows] == [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    run, row = runs[1][0], rows[1]
    streams, model = Streams(3), run.model()
    axes = [
        random_direction(model, generator=streams.get("landscape", axis))
        for axis in ("first", "second")
    ]
    with torch.no_grad():
        for name, value in model.named_parameters():
            value += -axes[0][name] + axes[1][name]
    split = examples(digits, replace(config, examples=30))
    surface = LossSurface.of(model.double(), split)
    matrix = dense(hessian(surface))
    values = torch.linalg.eigvalsh(matrix)
    assert row["largest"] == pytest.approx(values[-1].item(), rel=0.02)
    assert row["smallest"] == pytest.approx(values[0].item(), rel=0.05)
    flat = torch.stack([surface.coordinates.flat(one) for one in axes])
    basis = torch.linalg.qr(flat.T).Q
    inner = torch.linalg.eigvalsh(basis.T @ matrix @ basis)
    assert (row["plane_smallest"], row["plane_largest"]) == pytest.approx(inner.tolist(), rel=1e-3)
    assert row["convexity_lost"] == pytest.approx(-row["smallest"] / row["largest"])
    # What no plane can show: its curvatures lie between those of all directions.
    for one in rows:
        assert one["smallest"] <= one["plane_smallest"] + 1e-6
        assert one["plane_largest"] <= one["largest"] + 1e-6


def test_what_is_not_finite_is_kept_and_has_no_curvature(digits, tmp_path):
    store = Store(tmp_path)
    deep = partial(mlp, (5, 5, 5, 5, 5, 5))
    run = train(deep, digits, Recipe(lr=0.1, steps=1), store=store)
    config = replace(CONFIG, extent=9e5, points=3, curvature=3)
    found = landscape([run], digits, config, objective=cross_entropy, store=store)
    loss = grid(found)
    assert np.isnan(loss[0, 0])
    assert np.isfinite(loss[1, 1])
    rows = found.convexity.to_pylist()
    assert math.isnan(rows[0]["loss"])
    assert rows[0]["largest"] is None
    assert rows[4]["largest"] is not None


def test_masked_and_frozen_weights_are_said_to_stay(digits, tmp_path):
    store, model = Store(tmp_path), mlp((5,), input_shape=(1, 8, 8))
    model.fc1.bias.requires_grad_(False)
    kept = torch.rand(5, 64, generator=Streams(0).get("mask")) < 0.5
    run = train(model, digits, Recipe(lr=0.1, epochs=1), mask={"fc1.weight": kept}, store=store)
    found = landscape(
        [run], digits, replace(CONFIG, points=2), objective=cross_entropy, store=store
    )
    assert found.remarks == (
        "left out, as they are not trained: fc1.bias",
        f"not moved, as a mask removes them: {int((~kept).sum())} weights",
    )


def test_a_batch_normalised_run_needs_a_mode_and_has_statistics_of_each_place(digits, tmp_path):
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 10)
    )
    initialise_(model, Streams(0).get("network"))
    store = Store(tmp_path)
    run = train(model, digits, Recipe(lr=0.1, epochs=1), store=store)
    options = {"objective": cross_entropy, "store": store, "engine": InProcess()}
    with pytest.raises(ValueError, match=r"batch-normalised network \(2\) whose mode was not chos"):
        landscape([run], digits, CONFIG, **options)
    modes = ("recomputed", "running")
    new, old = (
        landscape([run], digits, replace(CONFIG, statistics=mode, curvature=2), **options)
        for mode in modes
    )
    assert np.abs(grid(new) - grid(old)).max() > 0.01
    assert None not in new.convexity["largest"].to_pylist()


def test_networks_of_ones_own_code_are_measured_here(digits, tmp_path):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = mlp((5,), input_shape=(1, 8, 8))

        def forward(self, x):
            return self.inner(x)

    store = Store(tmp_path)
    run = train(Own(), digits, Recipe(lr=0.1, epochs=1), store=store)
    config = replace(CONFIG, points=2)
    found = landscape([run], digits, config, objective=cross_entropy, store=store, into=Own())
    assert found.heights.num_rows == 4


@pytest.mark.parametrize(
    ("places", "change", "words"),
    [
        ([0, 3], {"directions": "between", "dimensions": 1}, "are of different networks, between"),
        ([0], {"directions": "between", "dimensions": 1}, "takes two runs and the plane through"),
        ([0, 1], {"directions": "between"}, "between 2 runs is a line: dimensions must be 1"),
        ([0, 1, 2], {}, "one or two runs make a picture of these directions, got 3"),
        (
            [0, 1],
            {"directions": "between", "dimensions": 1, "statistics": "running"},
            "between networks running statistics are those of neither",
        ),
        ([0], {"directions": "trajectory", "statistics": "running"}, "those of its end alone"),
        ([1, 1], {"directions": "between", "dimensions": 1}, "each run must be another one, got"),
    ],
)
def test_runs_that_make_no_picture_are_refused(measured, places, change, words):
    with pytest.raises(ValueError, match=words):
        measured(places, replace(CONFIG, **change))


def test_data_of_another_shape_are_refused_before_anything_is_measured(runs):
    store, (run, *_) = runs
    split = Split(torch.randn(9, 7), torch.arange(9) % 3)
    other = from_tensors("seven", train=split, validation=split, test=split)
    with pytest.raises(ValueError, match=r"does not take inputs of shape \[7\] as seven has them"):
        landscape([run], other, CONFIG, objective=cross_entropy, store=store)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"points": 1}, "points must be .*at least 2"),
        ({"extent": 0.0}, "extent must be above 0"),
        ({"curvature": 1}, "curvature must be 0 or at least 2 points a side, got 1"),
        ({"directions": "filters"}, "no kind of directions 'filters'"),
        ({"directions": "trajectory", "dimensions": 1}, "span a plane"),
        ({"dimensions": 3}, "dimensions must be 1 or 2, got 3"),
        ({"examples": 0}, "examples must be"),
        ({"statistics": "moving"}, "no kind of batch statistics 'moving'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_a_run_with_two_snapshots_has_no_trajectory(digits, tmp_path):
    from surfeit.train import Snapshots

    store = Store(tmp_path)
    run = train(
        partial(mlp, (5,)),
        digits,
        Recipe(lr=0.1, epochs=1),
        store=store,
        snapshots=Snapshots(every_epochs=0),
    )
    config = replace(CONFIG, directions="trajectory")
    with pytest.raises(ValueError, match="needs at least three snapshots, got 2"):
        landscape([run], digits, config, objective=cross_entropy, store=store)
