"""Instability: the right trainings from the right weights, and the barriers of their lines."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from surfeit.core import Streams, digest, squared_error
from surfeit.data import from_tensors, halves
from surfeit.execute import InProcess
from surfeit.landscape import along_line, error_barrier
from surfeit.models import initialise_, mlp
from surfeit.procedures.branches import branch_seed
from surfeit.procedures.instability import (
    LINES,
    InstabilityConfig,
    barriers,
    instability_lines,
    lines_from,
)
from surfeit.store import Store
from surfeit.train import Recipe, train

RECIPE = Recipe(optimizer="adam", lr=0.01, steps=12, batch_size=16)
CONFIG = InstabilityConfig(steps=(0, 5), points=5, train_images=30)


@pytest.fixture(scope="module")
def dataset():
    centres = torch.randn(3, 1, 4, 4, generator=Streams(0).get("centres"))

    def pair(name):
        source = Streams(0).get(name)
        labels = torch.randint(0, 3, (60,), generator=source)
        return centres[labels] + torch.randn(60, 1, 4, 4, generator=source), labels

    splits = {name: pair(name) for name in ("train", "validation", "test")}
    return from_tensors("blobs", class_names=["a", "b", "c"], **splits)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


small = partial(mlp, (8, 6))


def normalised(*, input_shape=(1, 4, 4), classes=3, generator=None):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    model.append(nn.Linear(16, classes))
    return initialise_(model, generator or Streams(0).get("init"))


class Own(nn.Module):
    """A network that only its own code can build."""

    def __init__(self, generator):
        super().__init__()
        self.body = small(input_shape=(1, 4, 4), classes=3, generator=generator)

    def forward(self, x):
        return self.body(x) * 1.0


def own(*, input_shape=(1, 4, 4), classes=3, generator=None):
    del input_shape, classes
    return Own(generator)


def measure(dataset, store, model=small, recipe=RECIPE, config=CONFIG, **options):
    return instability_lines(
        model, dataset, recipe, config, store=store, engine=InProcess(), **options
    )


def pairs(table):
    """The first row of every line, by replicate, step and split."""
    return {(r["replicate"], r["step"], r["split"]): r for r in reversed(table.to_pylist())}


def test_both_trainings_part_from_the_trunks_weights_at_the_step(dataset, store):
    for (seed, step, _), row in pairs(measure(dataset, store, seeds=(0, 3))).items():
        trunk, first, second = (store.find(row[name]) for name in ("trunk", "first", "second"))
        assert trunk.config["seed"] == seed
        assert step in trunk.steps()
        for side, run in (("first", first), ("second", second)):
            assert run.steps()[0] == step
            assert run.done["steps"] == 12
            assert digest(run.tensors(step)) == digest(trunk.tensors(step))
            assert run.config["seed"] == branch_seed(seed, side) != seed
            assert run.identity["parents"] == [trunk.key]
        assert digest(first.tensors()) != digest(second.tensors())


def test_lines_are_those_between_the_two_ends(dataset, store):
    table = measure(dataset, store)
    row = pairs(table)[0, 5, "test"]
    first, second = (store.find(row[name]) for name in ("first", "second"))
    ends = first.tensors(), second.tensors()
    expected = along_line(first.model(), *ends, {"test": dataset.test}, points=5)
    found = [r for r in table.to_pylist() if (r["step"], r["split"]) == (5, "test")]
    for name in ("t", "loss"):
        assert [r[name] for r in found] == expected[name].to_pylist()
    assert [r["error"] for r in found] == [1 - a for a in expected["accuracy"].to_pylist()]
    assert found[0]["error"] == pytest.approx(1 - first.metrics()["test_accuracy"][-1].as_py())
    assert found[-1]["error"] == pytest.approx(1 - second.metrics()["test_accuracy"][-1].as_py())


def test_the_train_split_is_so_many_images_of_training(dataset, store):
    table = measure(dataset, store)
    errors = np.array([r["error"] for r in table.to_pylist() if r["split"] == "train"])
    np.testing.assert_allclose(errors * 30, np.round(errors * 30), atol=1e-9)


def test_a_mask_is_held_in_all_three_trainings(dataset, store):
    mask = {"fc1.weight": torch.rand(8, 16, generator=Streams(0).get("mask")) < 0.4}
    for row in pairs(measure(dataset, store, mask=mask)).values():
        for name in ("trunk", "first", "second"):
            run = store.find(row[name])
            assert digest(run.mask) == digest(mask)
            assert not run.tensors()["fc1.weight"][~mask["fc1.weight"]].any()


def test_lines_from_a_ticket_part_from_its_own_first_weights_under_its_mask(dataset, store):
    mask = {"fc1.weight": torch.rand(8, 16, generator=Streams(0).get("mask")) < 0.4}
    trained = measure(dataset, store, mask=mask)
    row = pairs(trained)[0, 5, "test"]
    ticket = store.find(row["trunk"])
    config = InstabilityConfig(steps=(0, 5), points=5, train_images=30)
    again = lines_from({0: ticket}, dataset, RECIPE, config, store=store, engine=InProcess())
    assert again.to_pylist() == trained.to_pylist()  # the same runs, found again
    ticket = store.find(row["first"])  # begins at step 5, as a ticket that was rewound
    later = lines_from(
        {1: ticket}, dataset, RECIPE, InstabilityConfig(steps=(5,)), store=store, engine=InProcess()
    )
    run = store.find(later["first"][0].as_py())
    assert digest(run.tensors(5)) == digest(ticket.tensors(5))
    assert digest(run.mask) == digest(mask)


def test_lines_from_a_run_that_only_its_own_code_can_build_load_it_into_the_module(dataset, store):
    trained = measure(dataset, store, model=own)
    ticket = {0: store.find(trained["trunk"][0].as_py())}
    into = own(generator=Streams(9).get("other"))
    before = digest(into.state_dict())
    found = lines_from(ticket, dataset, RECIPE, CONFIG, into=into, store=store, engine=InProcess())
    assert found.to_pylist() == trained.to_pylist()  # the same runs, found again
    assert digest(into.state_dict()) == before
    with pytest.raises(ValueError, match=r"Own"):
        lines_from(ticket, dataset, RECIPE, CONFIG, store=store)
    with pytest.raises(ValueError, match=r"missing .* unknown"):
        lines_from(ticket, dataset, RECIPE, CONFIG, into=small(input_shape=(1, 4, 4)), store=store)


def test_batch_normalisation_is_recomputed_from_the_training_images(dataset, store):
    table = measure(dataset, store, model=normalised)
    row = pairs(table)[0, 0, "train"]
    assert 0 <= row["error"] <= 1
    first = store.find(row["first"])
    stale = first.metrics()["test_loss"][-1].as_py()
    assert pairs(table)[0, 0, "test"]["loss"] != pytest.approx(stale, rel=1e-6)


def test_parting_at_the_end_meets_no_barrier_where_parting_at_the_start_does(store):
    """Labels without meaning are learned by heart: by each training in a way of its own."""

    def pair(name):
        source = Streams(0).get(name)
        images = torch.randn(60, 1, 4, 4, generator=source)
        return images, torch.randint(0, 3, (60,), generator=source)

    noise = from_tensors("noise", **{name: pair(name) for name in ("train", "validation", "test")})
    recipe = Recipe(lr=1.0, steps=120, batch_size=8, schedule="cosine")
    config = InstabilityConfig(steps=(0, 119), points=9)
    table = barriers(measure(noise, store, model=partial(mlp, (16,)), recipe=recipe, config=config))
    found = {(row["step"], row["split"]): row["loss_barrier"] for row in table.to_pylist()}
    for split in ("train", "test"):
        assert found[119, split] < 1e-3 < 0.02 < found[0, split]


# --- barriers ---


def planted(errors, **names):
    keys = {"replicate": 0, "step": 0, "split": "test"} | names
    count = len(errors)
    return [
        keys
        | {"t": place / (count - 1), "error": error, "loss": None if error is None else 2 * error}
        for place, error in enumerate(errors)
    ]


def test_barriers_are_one_a_line_whatever_the_order_of_its_points():
    rows = planted([0.1, 0.4, 0.2]) + planted([0.3, 0.1, 0.3], step=5)
    rows += planted([0.2, 0.2, 0.4], split="train")
    for order in (rows, rows[::-1]):
        found = barriers(pa.Table.from_pylist(order, LINES)).to_pylist()
        by = {(row["step"], row["split"]): row for row in found}
        assert len(found) == 3
        one = by[0, "test"]
        assert one["barrier"] == pytest.approx(error_barrier([0.1, 0.4, 0.2])) == 0.25
        assert (one["first_error"], one["second_error"], one["worst_error"]) == (0.1, 0.2, 0.4)
        assert one["loss_barrier"] == pytest.approx(0.5)
        assert by[5, "test"]["barrier"] == pytest.approx(0)
        assert by[0, "train"]["barrier"] == pytest.approx(0.1)


def test_a_training_that_failed_has_null_figures_and_is_told(dataset, store):
    wild = Recipe(optimizer="sgd", lr=1e30, steps=12, batch_size=16)
    lines = measure(dataset, store, recipe=wild)
    assert set(lines["error"].to_pylist()) == {None}
    table = barriers(lines)
    assert table.num_rows == 4
    assert set(table["barrier"].to_pylist()) == {None}
    told = json.loads(table.schema.metadata[b"failures"])
    assert "diverged" in told["replicate 0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": ()}, "steps must be ascending integers >= 0"),
        ({"steps": (5, 0)}, r"got \(5, 0\)"),
        ({"steps": (-1,)}, r"got \(-1,\)"),
        ({"points": 1}, "points must be at least 2"),
        ({"train_images": 1}, "train_images must be at least 2, got 1"),
    ],
)
def test_wrong_configurations_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        InstabilityConfig(**options)


def test_wrong_arguments_are_named_before_any_training(dataset, store):
    with pytest.raises(ValueError, match="steps must be below the recipe's 12, got 12"):
        measure(dataset, store, config=InstabilityConfig(steps=(12,)))
    with pytest.raises(ValueError, match="seeds must be different integers"):
        measure(dataset, store, seeds=(1, 1))
    with pytest.raises(ValueError, match=r"no parameter 'fc9\.weight'"):
        measure(dataset, store, mask={"fc9.weight": torch.ones(1, 1, dtype=torch.bool)})
    assert store.runs() == []
    trunk = store.find(measure(dataset, store)["trunk"][0].as_py())
    with pytest.raises(ValueError, match="has no snapshot at step 3 to part from; it has 0, 5, 12"):
        lines_from({0: trunk}, dataset, RECIPE, InstabilityConfig(steps=(3,)), store=store)


def test_trainings_part_from_runs_of_their_own_data_and_recipe_alone(dataset, store):
    trunk = {0: store.find(measure(dataset, store)["trunk"][0].as_py())}
    count = len(store.runs())
    with pytest.raises(ValueError, match="was trained by another recipe: batch_size, lr differ"):
        lines_from(trunk, dataset, replace(RECIPE, lr=0.1, batch_size=8), CONFIG, store=store)
    with pytest.raises(ValueError, match=r"was trained on other data than blobs.* as it is here"):
        lines_from(trunk, halves(dataset)[0], RECIPE, CONFIG, store=store)
    assert len(store.runs()) == count
    other = {0: train(small, dataset, RECIPE, objective=squared_error, store=store)}
    end = replace(CONFIG, steps=(12,))
    with pytest.raises(ValueError, match=r"minimised squared_error, but what parts from it"):
        lines_from(other, dataset, RECIPE, end, store=store)
    seldom = replace(RECIPE, evaluate_every=5)
    found = lines_from(trunk, dataset, seldom, CONFIG, store=store, engine=InProcess())
    assert found["error"].null_count == 0
