"""The table of supermasks: its rows, what they rest on, and what is refused."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from surfeit.core import CollapseError, ProtocolError, Streams
from surfeit.execute import InProcess
from surfeit.procedures.supermasks import (
    KEPT,
    MASK_CRITERIA,
    METHODS,
    BernoulliMask,
    Learned,
    SupermaskConfig,
    learned_rows,
    sampled_accuracy,
    signed_constants,
    supermask_table,
    untrained_table,
)
from surfeit.procedures.supermasks.measured import load_ended_
from surfeit.train import Recipe, train
from surfeit.train.loop import Loop

from .conftest import small

RECIPE = Recipe(optimizer="adam", lr=0.1, batch_size=20, epochs=4)
CONFIG = SupermaskConfig(
    trained=replace(RECIPE, lr=0.01),
    learned=RECIPE,
    rescaled=RECIPE,
    popup=replace(RECIPE, lr=0.01),
    densities=(0.5, 0.3),
    levels=tuple(range(1, 10)),
    samples=3,
)


@pytest.fixture(scope="module")
def made(dataset, tmp_path_factory):
    from surfeit.store import Store

    store = Store(tmp_path_factory.mktemp("supermasks"))
    return store, measured(dataset, store, seeds=(0, 7))


def measured(dataset, store, model=small, **options):
    return supermask_table(model, dataset, CONFIG, store=store, engine=InProcess(), **options)


def test_a_row_a_replicate_and_method(made):
    _, table = made
    rows = [(row["replicate"], row["method"]) for row in table.to_pylist()]
    once = [*METHODS[:7], "edge-popup", "trained"]
    assert rows == [(seed, method) for seed in (0, 7) for method in once]


def test_every_row_names_its_run_with_its_seed_and_recipe(made):
    store, table = made
    recipes = {
        "trained": CONFIG.trained,
        "learned": RECIPE,
        "rescaled": RECIPE,
        "mask": CONFIG.trained,
    }
    for row in table.to_pylist():
        run = store.find(row["run"])
        assert run.config["seed"] == row["replicate"]
        expected = recipes.get(row["method"].split("-")[0], CONFIG.popup)
        assert run.config["recipe"]["lr"] == expected.lr
    assert len(set(table["run"].to_pylist())) == 2 * 7


def test_densities_and_accuracies_are_fractions_that_fit_the_method(made):
    _, table = made
    for row in table.to_pylist():
        assert 0 <= row["validation_accuracy"] <= 1
        assert 0 <= row["test_accuracy"] <= 1
        drawn = row["method"].split("-")[0] in ("learned", "rescaled")
        assert (row["likeliest_accuracy"] is not None) == drawn
        if row["method"] == "trained":
            assert row["density"] == 1.0
        else:
            assert 0 < row["density"] < 1
    popped = [row["density"] for row in table.to_pylist() if row["method"] == "edge-popup"]
    assert popped == pytest.approx([0.5, 0.3, 0.5, 0.3], abs=0.01)


def test_masks_by_criterion_are_of_the_level_that_validation_chooses(made, dataset):
    store, table = made
    disagreements = 0
    for row in table.to_pylist():
        kept = {"mask-initial": "rewind", "mask-constant": "signed_constant"}.get(row["method"])
        if kept is None:
            continue
        run = store.find(row["run"])
        rows = untrained_table(
            run.model(0),
            run.model(),
            dataset,
            streams=Streams(row["replicate"]),
            levels=CONFIG.levels,
            criteria={"large_final_same_sign": MASK_CRITERIA["large_final_same_sign"]},
            kept={kept: KEPT[kept]},
        ).to_pylist()
        best = max(rows, key=lambda found: found["validation_accuracy"])
        for name in ("density", "validation_accuracy", "test_accuracy"):
            assert row[name] == best[name]
        disagreements += best["test_accuracy"] < max(found["test_accuracy"] for found in rows)
    assert disagreements  # or the test could not tell which split chose


def test_learned_rows_are_means_over_drawn_masks(made, dataset):
    store, table = made
    row = next(r for r in table.to_pylist() if r["method"] == "rescaled-constant")
    streams = Streams(0)
    masked = BernoulliMask(
        signed_constants(small(generator=streams.get("init"))),
        generator=streams.get("thresholds"),
        rescale=True,
    )
    store.find(row["run"]).model(into=masked)
    draws = sampled_accuracy(masked, dataset.test, samples=3, generator=streams.get("draws"))
    assert row["test_accuracy"] == pytest.approx(sum(draws) / 3)


def test_the_same_again_trains_and_measures_nothing_and_gives_the_same_table(
    made, dataset, monkeypatch
):
    store, table = made
    monkeypatch.setattr(Loop, "run", lambda self: pytest.fail("trained again"))
    monkeypatch.setattr(
        "surfeit.procedures.supermasks.criteria.evaluate",
        lambda *_: pytest.fail("measured again"),
    )
    again = measured(dataset, store, seeds=(0, 7))
    assert again.equals(table)


def test_all_masks_of_a_replicate_are_of_the_network_whose_weights_were_trained(dataset, store):
    """Even where a builder draws from a generator of its own, another network each time."""
    calls = []

    def unsteady(**options):
        calls.append(1)
        network = small(**options)
        with torch.no_grad():
            network.fc1.weight[0, 0] += 1e-6 * len(calls)
        return network

    rows = {
        row["method"]: row for row in measured(dataset, store, unsteady, seeds=(0,)).to_pylist()
    }
    trained = store.find(rows["trained"]["run"]).tensors(0)["fc1.weight"]
    for method in ("learned-initial", "rescaled-initial"):
        masked = store.find(rows[method]["run"]).tensors(0)["network.fc1.weight"]
        assert torch.equal(masked, trained)


def test_a_mask_of_another_network_is_an_error(made, dataset):
    store, table = made
    runs = {(row["replicate"], row["method"]): store.find(row["run"]) for row in table.to_pylist()}
    trained, mask = runs[0, "trained"], Learned()
    assert list(learned_rows(trained, runs[0, "learned-initial"], dataset, mask=mask, samples=1))
    with pytest.raises(ProtocolError, match=r"frozen weights changed in run .*fc1\.weight"):
        list(learned_rows(trained, runs[7, "learned-initial"], dataset, mask=mask, samples=1))


def test_a_frozen_weight_that_changed_is_an_error(dataset, store):
    masked = BernoulliMask(small(), generator=Streams(0).get("thresholds"))
    run = train(masked, dataset, Recipe(steps=1), store=store)
    with torch.no_grad():
        masked.get_buffer("network.fc2.weight")[0, 0] += 1e-6
    with pytest.raises(
        ProtocolError, match=r"frozen weights changed in run .*network\.fc2\.weight"
    ):
        load_ended_(masked, run)


@pytest.mark.parametrize("seeds", [(), (1, 1)])
def test_seeds_must_be_different_and_some(seeds, dataset, store):
    with pytest.raises(ValueError, match="seeds must be different integers"):
        supermask_table(small, dataset, seeds=seeds, store=store)


def test_a_level_that_would_empty_a_layer_is_named_before_any_training(dataset, store):
    config = replace(CONFIG, levels=(3, 40))
    words = (
        r"level 40 would leave layer 'fc\d' without weights: its \d+ are too few; ask for levels"
    )
    with pytest.raises(CollapseError, match=words):
        supermask_table(small, dataset, config, seeds=(0,), store=store)
    assert store.runs() == []


def test_a_module_is_refused(dataset, store):
    with pytest.raises(ValueError, match=r"model must be a builder .* got Linear"):
        supermask_table(nn.Linear(2, 2), dataset, store=store)  # pyright: ignore


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"densities": (0.5, 0.0)}, r"must be in \(0, 1\], got 0.0"),
        ({"densities": (0.5, 0.5)}, "densities must be different ones, at least one"),
        ({"densities": ()}, r"at least one, got \(\)"),
        ({"levels": ()}, "levels must be integers >= 0, at least one"),
        ({"levels": (-1,)}, "levels must be integers >= 0"),
        ({"samples": 0}, "samples must be at least 1, got 0"),
    ],
)
def test_a_configuration_out_of_range_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        SupermaskConfig(**given)
