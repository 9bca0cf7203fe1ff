"""Joint removal, measured: the path, the bounds on it, and what is said where there are none."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, squared_error
from surfeit.data import from_tensors
from surfeit.models import mlp
from surfeit.prune import removal_bounds
from surfeit.report import ReportConfig
from surfeit.report.joint import joint_numbers
from surfeit.report.joint.path import path_of
from surfeit.report.measure import measure
from surfeit.report.network import Network
from surfeit.store import Store
from surfeit.tables import paired_interval
from surfeit.tables.tables import column, where
from surfeit.train import Recipe, train

CONFIG = ReportConfig(repeats=3, ranks=(1, 2), loss=0.05)


def _split(generator, n):
    labels = torch.randint(3, (n,), generator=generator)
    images = torch.randn(n, 1, 4, 4, generator=generator)
    images += 1.5 * nn.functional.one_hot(labels, 16).view(n, 1, 4, 4)
    return Split(images, labels)


@pytest.fixture(scope="module")
def dataset():
    generator = Streams(0).get("test")
    sizes = (("train", 200), ("validation", 120), ("test", 300))
    return from_tensors("three", **{name: _split(generator, n) for name, n in sizes})


def _builder(*, input_shape, classes, generator):
    return mlp((20, 12), input_shape=input_shape, classes=classes, generator=generator)


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    return train(_builder, dataset, Recipe(epochs=8, lr=0.2), store=store)


@pytest.fixture(scope="module")
def tables(run, dataset):
    return measure(run, dataset, CONFIG)


def _removed(tables, step):
    """Which units are gone after a step, by layer."""
    found = {}
    for row in where(tables["joint_path"], step=step).to_pylist():
        order = where(tables["orders"], layer=row["layer"]).sort_by("place")["unit"].to_pylist()
        found[row["layer"]] = order[: row["removed"]]
    return found


def _right(run, dataset, removed, split):
    """Which examples are right in a full pass without units."""
    model = run.model().double().eval()
    with torch.no_grad():
        for name, units in removed.items():
            model.get_submodule(name).weight[units] = 0
            model.get_submodule(name).bias[units] = 0
        part = dataset.splits[split]
        return model(part.inputs.double()).argmax(1) == part.targets


@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_step_is_a_full_pass_without_its_units(run, dataset, tables, split):
    rows = where(tables["joint"], split=split, order="path").sort_by("step").to_pylist()
    assert [row["step"] for row in rows] == list(range(len(rows)))
    whole = _right(run, dataset, {}, split)
    for row in rows:
        removed = _removed(tables, row["step"])
        right = _right(run, dataset, removed, split)
        assert row["removed"] == sum(map(len, removed.values()))
        assert row["accuracy"] == pytest.approx(float(right.double().mean()))
        assert row["lost"] == int((whole & ~right).sum())
        assert row["gained"] == int((right & ~whole).sum())


def test_validation_chooses_a_step_and_test_bounds_the_path(run, dataset, tables):
    (answer,) = tables["joint_answer"].to_pylist()
    chosen = column(where(tables["joint"], split="validation", order="path"), "accuracy")
    allowed = [value >= chosen[0] - 0.05 - 1e-9 for value in chosen] + [False]
    assert answer["estimate"] == allowed.index(False) - 1
    judged = where(tables["joint"], split="test", order="path").sort_by("step")
    lost, gained = (torch.tensor(judged[name].to_pylist()) for name in ("lost", "gained"))
    bounds = removal_bounds(lost, gained, examples=300, loss=0.05)
    assert (answer["lower"], answer["upper"]) == (bounds.lower, bounds.upper)
    joint = joint_numbers(tables)
    together = joint["together"]
    assert together["bounds"]["lower"] == sum(map(len, _removed(tables, bounds.lower).values()))
    refuted = _removed(tables, bounds.upper + 1)
    assert together["bounds"]["refuted"] == sum(map(len, refuted.values()))
    before, after = (
        _right(run, dataset, _removed(tables, step), "test").double().numpy()
        for step in (0, answer["estimate"])
    )
    expected = paired_interval(before, after)
    test = together["test"]
    assert (test["change"], test["lower"], test["upper"]) == pytest.approx(
        (expected.estimate, expected.lower, expected.upper)
    )
    assert set(joint["costs"]) == {"whole", "lower", "estimate"}
    assert joint["costs"]["lower"]["parameters"] < joint["costs"]["whole"]["parameters"]


def test_random_units_are_as_many_of_each_layer(tables):
    together = joint_numbers(tables)["together"]
    drawn = where(tables["joint"], order="random").to_pylist()
    assert [row["repeat"] for row in drawn] == [0, 1, 2]
    assert {row["removed"] for row in drawn} == {together["as_many"]["removed"]}
    mean = sum(row["accuracy"] for row in drawn) / 3
    assert together["as_many"]["random"]["mean"] == pytest.approx(mean)


def test_test_labels_change_no_path_and_no_estimate(run, dataset, tables):
    shuffled = Split(dataset.test.inputs, dataset.test.targets.roll(1))
    other = replace(dataset, test=shuffled)
    again = measure(run, other, CONFIG)
    assert again["joint_path"].equals(tables["joint_path"])
    estimates = [found["joint_answer"]["estimate"].to_pylist() for found in (again, tables)]
    assert estimates[0] == estimates[1]


def test_a_path_goes_in_proportion_and_leaves_a_unit_of_each_layer():
    orders = {"a": torch.arange(40), "b": torch.arange(10), "c": torch.arange(7)}
    path = path_of({}, orders, {"a": 16, "b": 8, "c": 0}, steps=8)
    assert path.counts["a"] == [0, 4, 8, 12, 16, 20, 24, 28, 32]
    assert path.counts["b"] == [0, 2, 4, 6, 8, 9, 9, 9, 9]
    assert path.counts["c"] == [0] * 9
    assert path.removed(4) == 24
    gone = path.gone(2)
    assert gone["a"].nonzero().flatten().tolist() == list(range(8))
    few = path_of({}, orders, {"a": 1, "b": 0, "c": 0}, steps=8)
    assert few.counts["a"] == [0, 1, 2], "no step twice"
    assert path_of({}, orders, {"a": 0, "b": 0, "c": 0}, steps=8).steps == 0


def test_too_much_work_leaves_joint_removal_out(run, dataset, monkeypatch):
    monkeypatch.setattr("surfeit.report.joint.measuring.FEWEST_IMAGES", 100)
    from surfeit.report.joint.measuring import measure_joint
    from surfeit.report.subject import subjects

    network = Network.of(run, dataset, CONFIG)
    chosen = subjects(network, CONFIG)
    rows = {
        "can_go": [{"layer": subject.name, "estimate": 5} for subject in chosen],
        "orders": [
            {"layer": subject.name, "unit": unit}
            for subject in chosen
            for unit in range(subject.layer.units)
        ],
    }
    found = measure_joint(network, chosen, rows, replace(CONFIG, work=1000.0))
    assert found["joint_answer"] == [
        {"left_out": "on 100 images it would take too long"},
    ]
    named = replace(CONFIG, work=1000.0, layers=("fc1", "fc2"))
    assert measure_joint(network, chosen, rows, named)["joint"]


def test_of_one_layer_only_what_is_left_is_counted(run, dataset):
    tables = measure(run, dataset, replace(CONFIG, layers=("fc1",)))
    joint = joint_numbers(tables)
    assert joint["together"] is None
    assert joint["left_out"] == "units of one layer alone were removed"
    (answer,) = tables["can_go"].to_pylist()
    assert joint["costs"]["estimate"]["parameters"] == _size(20 - answer["estimate"], 12)
    assert joint["costs"]["lower"]["parameters"] == _size(20 - answer["lower"], 12)


def _size(first, second):
    return sum(value.numel() for value in _small(first, second).parameters())


def _small(first, second):
    generator = Streams(0).get("init")
    return mlp((first, second), input_shape=(1, 4, 4), classes=3, generator=generator)


def test_outputs_that_are_no_numbers_leave_joint_removal_out(run, dataset, monkeypatch):
    def broken(*given):
        raise ValueError("outputs are no longer finite")

    monkeypatch.setattr("surfeit.report.joint.measuring._measured", broken)
    tables = measure(run, dataset, CONFIG)
    assert tables["joint_answer"]["left_out"].to_pylist() == ["outputs are no longer finite"]
    joint = joint_numbers(tables)
    assert joint["together"] is None
    assert joint["costs"]["whole"] is not None


def test_of_a_regression_an_estimate_is_given_in_r2(tmp_path):
    generator = Streams(0).get("sine")

    def split(n):
        x = torch.rand(n, 1, generator=generator) * 4 - 2
        return Split(x, torch.cat([x.sin(), x.cos()], 1))

    data = from_tensors("sine", train=split(80), validation=split(50), test=split(40))

    def builder(*, input_shape, classes, generator):
        return mlp((12, 8), input_shape=input_shape, classes=classes, generator=generator)

    recipe = Recipe(epochs=40, lr=0.02, optimizer="adam", batch_size=20)
    found = train(builder, data, recipe, objective=squared_error, store=Store(tmp_path))
    tables = measure(found, data, CONFIG)
    together = joint_numbers(tables)["together"]
    assert together["bounds"] is None
    assert together["why_no_bounds"] == "bounds are given of accuracies alone"
    many, step = together["as_many"], tables["joint_answer"]["estimate"][0].as_py()
    model = found.model().double().eval()
    with torch.no_grad():
        for name, units in _removed(tables, step).items():
            model.get_submodule(name).weight[units] = 0
            model.get_submodule(name).bias[units] = 0
        targets = data.test.targets.double()
        error = (model(data.test.inputs.double()) - targets).square().sum(1).mean()
        spread = (targets - targets.mean(0)).square().sum(1).mean()
    assert many["after"] == pytest.approx(float(1 - error / spread), abs=1e-6)
