"""A search for tickets whole: its levels, its table, what it refuses and what it resumes."""

import json
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from surfeit.core import CollapseError, Streams, digest, parameters
from surfeit.execute import InProcess, Local
from surfeit.models import Initial, drawn_as, lenet_300_100, mlp
from surfeit.procedures.tickets import CONTROLS, TicketConfig, failures, find_tickets
from surfeit.procedures.tickets.table import SCHEMA
from surfeit.prune import unit_densities
from surfeit.store import Index
from surfeit.tables.tickets import differences
from surfeit.train import Numerics, Recipe, train

from .conftest import BUILDER, LEVELS, RECIPE, REWIND, make_blobs, search

PLAIN = TicketConfig(levels=2, controls=())


class Own(nn.Module):
    """A network that only its own code can build."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, width), nn.Linear(width, 3)
        generator = Streams(7).get("own")
        for layer in (self.first, self.last):
            nn.init.uniform_(layer.weight, -0.5, 0.5, generator=generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(x.flatten(1)).relu())


# The search itself


def test_masks_shrink_from_level_to_level_within_one_weight_of_their_rates(found):
    before = None
    for level in range(1, LEVELS + 1):
        mask = found.run(level).mask
        for name, kept in mask.items():
            density = 0.9**level if name == "fc3.weight" else 0.8**level
            assert abs(int(kept.sum()) - density * kept.numel()) <= 0.5 + 1e-9
            if before is not None:
                assert not bool((kept & ~before[name]).any())
        before = mask


def test_a_levels_mask_is_from_the_weights_that_the_level_before_ended_with(found):
    for level in range(1, LEVELS + 1):
        ended, before = found.run(level - 1).tensors(), found.run(level - 1).mask
        for name, kept in found.run(level).mask.items():
            magnitude = ended[name].abs()
            if before:
                magnitude = magnitude.masked_fill(~before[name], -1)
            count = int(kept.sum())
            threshold = magnitude.flatten().sort(descending=True).values[count - 1]
            assert torch.equal(kept, magnitude >= threshold)


def test_tickets_begin_with_the_dense_networks_weights_at_the_step_bit_for_bit(found):
    dense = found.run(0).tensors(REWIND)
    for level in range(1, LEVELS + 1):
        run = found.run(level)
        assert run.steps() == [REWIND, RECIPE.steps]
        begun = run.tensors(REWIND)
        for name, value in dense.items():
            kept = run.mask.get(name, torch.ones_like(value, dtype=torch.bool))
            assert torch.equal(begun[name], torch.where(kept, value, 0.0))


def test_tickets_name_the_dense_run_and_the_level_before_as_their_parents(found):
    dense, first = found.run(0), found.run(1)
    assert first.identity["parents"] == [dense.key]
    assert found.run(2).identity["parents"] == [dense.key, first.key]
    assert found.run(1, "reinit").identity["parents"] == [dense.key]


def test_the_dense_networks_initial_weights_are_those_of_the_seeds_stream(found, blobs):
    shape = {"input_shape": blobs.input_shape, "classes": blobs.classes}
    drawn = BUILDER(**shape, generator=Streams(0).get("init"))
    assert digest(found.run(0).tensors(0)) == digest(parameters(drawn))


def test_the_dense_run_is_the_one_that_training_alone_makes(found, blobs):
    alone = train(BUILDER, blobs, RECIPE, seed=0, store=found.store)
    assert alone.key == found.run(0).key
    assert alone.about["model"] == found.run(0).about["model"] == "mlp-9-7"


@pytest.mark.parametrize("arm", CONTROLS)
def test_controls_are_trained_from_where_they_begin(arm, found):
    run, ticket = found.run(1, arm), found.run(1)
    anew = arm in ("reinit", "random", "scratch-e", "scratch-b")
    steps = round(RECIPE.steps / found_density(found)) if arm == "scratch-b" else RECIPE.steps
    assert run.steps() == [0 if anew else REWIND, steps]
    same_places = digest(run.mask) == digest(ticket.mask)
    assert same_places != (arm in ("random", "shuffle", "invert"))
    for name, kept in run.mask.items():
        assert int(kept.sum()) == int(ticket.mask[name].sum())


def found_density(found) -> float:
    return found.table.to_pylist()[1]["density"]


# The table


def test_the_table_has_a_row_a_training_with_what_the_runs_measured(found):
    assert found.table.schema.equals(SCHEMA)
    rows = found.table.to_pylist()
    assert [(row["level"], row["arm"]) for row in rows] == [
        (0, "ticket"),
        (1, "ticket"),
        *((1, name) for name in CONTROLS),
        *((level, "ticket") for level in range(2, LEVELS + 1)),
    ]
    for row in rows:
        run = found.store.find(row["run"])
        measured = run.metrics().to_pylist()
        best = min(measured, key=lambda moment: moment["validation_loss"])
        assert row["test_accuracy"] == measured[-1]["test_accuracy"]
        assert row["validation_accuracy"] == measured[-1]["validation_accuracy"]
        assert row["early_stop_step"] == best["step"]
        assert row["early_stop_accuracy"] == best["validation_accuracy"]
        kept = sum(int(mask.sum()) for mask in run.mask.values())
        assert row["density"] == (kept / 228 if run.mask else 1.0)
        # 19 biases that no mask reaches.
        assert row["overall_density"] == pytest.approx((kept + 19) / 247 if run.mask else 1.0)
        assert row["steps"] == measured[-1]["step"]
        assert row["replicate"] == 0
    assert failures(found.table) == {}


def test_the_table_is_what_the_comparison_of_arms_reads(found):
    compared = differences(found.table, "test_accuracy").to_pylist()
    assert {row["arm"] for row in compared} == set(CONTROLS)


def test_failures_stay_with_the_table_in_a_file(blobs, store, tmp_path):
    table = search(store, blobs, PLAIN, recipe=replace(RECIPE, lr=1e30, optimizer="sgd"))
    assert table["run"].null_count == table.num_rows == 3
    assert table["test_accuracy"].null_count == 3
    pq.write_table(table, tmp_path / "tickets.parquet")
    told = failures(pq.read_table(tmp_path / "tickets.parquet"))
    assert "the training diverged" in told["replicate 0, level 0, ticket"]
    assert told.keys() == {f"replicate 0, level {level}, ticket" for level in range(3)}
    assert json.loads(table.schema.metadata[b"failures"]) == told


def test_test_labels_change_neither_weights_nor_any_choice(found, blobs, store):
    table = search(store, make_blobs(wrong_test_labels=True), PLAIN)
    right = search(store, blobs, PLAIN)
    assert table["run"].to_pylist() != right["run"].to_pylist()
    assert table["test_accuracy"].to_pylist() != right["test_accuracy"].to_pylist()
    for name in ("early_stop_step", "early_stop_accuracy", "validation_accuracy", "density"):
        assert table[name].equals(right[name])
    for key, other in zip(table["run"].to_pylist(), right["run"].to_pylist(), strict=True):
        wrong, run = store.find(key), store.find(other)
        assert digest(wrong.tensors()) == digest(run.tensors())
        assert digest(wrong.mask) == digest(run.mask)


# Engines and resuming


def test_processes_side_by_side_give_the_same_table(blobs, store, tmp_path):
    config = TicketConfig(levels=1, controls=("random",))
    one = search(store, blobs, config, seeds=(0, 1))
    other = search(type(store)(tmp_path / "other"), blobs, config, seeds=(0, 1), engine=Local(2))
    assert one.equals(other)
    assert one["replicate"].to_pylist() == [0, 0, 0, 1, 1, 1]
    assert len(set(one["run"].to_pylist())) == 6


def test_a_second_call_trains_nothing_and_a_longer_one_what_is_missing(blobs, store, monkeypatch):
    first = search(store, blobs, PLAIN)
    trained = {run.key: (run.path / "DONE.json").stat().st_mtime_ns for run in store.runs()}

    def refuse(*_: object) -> None:
        raise AssertionError("this was trained already")

    monkeypatch.setattr("surfeit.train.training._trained", refuse)
    assert search(store, blobs, PLAIN).equals(first)
    monkeypatch.undo()
    more = search(store, blobs, replace(PLAIN, levels=3))
    assert more["run"].to_pylist()[:3] == first["run"].to_pylist()
    for key, moment in trained.items():
        assert (store.find(key).path / "DONE.json").stat().st_mtime_ns == moment
    assert len(store.runs()) == 4


def test_progress_tells_each_training_by_name_and_key(blobs, store):
    reporter = []
    search(store, blobs, PLAIN, progress=reporter.append)
    assert (reporter[-1].done, reporter[-1].total) == (3, 3)
    active = {one.name: one for status in reporter for one in status.active}
    assert all(one.steps == RECIPE.steps for one in active.values() if one.key)


# Other ways of searching


@pytest.mark.parametrize("retrain", ["learning-rate", "fine-tune"])
def test_retraining_without_rewinding_begins_where_the_level_before_ended(retrain, blobs, store):
    recipe = replace(RECIPE, schedule="steps", milestones=(6,), decay=0.1)
    config = replace(PLAIN, retrain=retrain, rewind_to=3)
    table = search(store, blobs, config, recipe=recipe)
    runs = [store.find(key) for key in table["run"].to_pylist()]
    for before, run in pairwise(runs):
        ended, begun = before.tensors(), run.tensors(3)
        for name, kept in run.mask.items():
            assert torch.equal(begun[name], torch.where(kept, ended[name], 0.0))
        first, last = (run.metrics()["learning_rate"].to_pylist()[at] for at in (0, -1))
        assert last == pytest.approx(recipe.lr * 0.1)
        assert first == pytest.approx(recipe.lr * (0.1 if retrain == "fine-tune" else 1))


def test_fine_tuning_takes_the_rate_that_is_given(blobs, store):
    recipe = replace(RECIPE, schedule="cosine")
    config = replace(PLAIN, retrain="fine-tune", fine_tune_rate=recipe.lr / 5)
    table = search(store, blobs, config, recipe=recipe)
    run = store.find(table["run"].to_pylist()[1])
    assert set(run.metrics()["learning_rate"].to_pylist()) == {recipe.lr / 5}


def test_fine_tuning_at_the_end_of_a_cosine_is_refused_before_any_training(blobs, store):
    with pytest.raises(ValueError, match=r"'cosine' ends at a rate of .*give fine_tune_rate"):
        search(
            store,
            blobs,
            replace(PLAIN, retrain="fine-tune"),
            recipe=replace(RECIPE, schedule="cosine"),
        )
    assert store.runs() == []


@pytest.mark.parametrize(("cap", "times"), [(None, 1 / 0.19), (2.0, 2.0), (9.0, 1 / 0.19)])
def test_scratch_b_trains_in_proportion_to_what_was_removed_unless_capped(cap, times, blobs, store):
    config = TicketConfig(
        levels=1, rate=0.81, output_rate=0.81, controls=("scratch-b",), scratch_cap=cap
    )
    run = store.find(search(store, blobs, config)["run"].to_pylist()[-1])
    kept = sum(int(kept.sum()) for kept in run.mask.values())
    density = kept / sum(kept.numel() for kept in run.mask.values())
    expected = RECIPE.steps * (1 / density if cap != 2.0 else 2.0)
    assert run.steps()[-1] == round(expected) == pytest.approx(RECIPE.steps * times, abs=1)


def test_controls_without_rewinding_find_live_weights_at_removed_places(blobs, store):
    config = TicketConfig(levels=2, controls=("invert",), retrain="learning-rate")
    table = search(store, blobs, config)
    run = store.find(table["run"].to_pylist()[-1])
    begun = run.tensors(0)
    assert all(bool((begun[name][kept] != 0).all()) for name, kept in run.mask.items())


def test_one_shot_masks_all_come_from_the_dense_network_and_are_nested(blobs, store):
    config = TicketConfig(levels=3, controls=(), schedule="one-shot")
    runs = [store.find(key) for key in search(store, blobs, config)["run"].to_pylist()]
    dense = runs[0].tensors()
    for level, run in enumerate(runs[1:], 1):
        assert run.identity["parents"] == [runs[0].key]
        for name, kept in run.mask.items():
            count = round((0.9 if name == "fc3.weight" else 0.8) ** level * kept.numel())
            threshold = dense[name].abs().flatten().sort(descending=True).values[count - 1]
            assert torch.equal(kept, dense[name].abs() >= threshold)


@pytest.mark.parametrize(
    ("score", "schedule"),
    [("snip", "iterative"), ("random", "iterative"), ("random", "one-shot")],
)
def test_other_scores_find_nested_tickets_too(score, schedule, blobs, store):
    table = search(store, blobs, replace(PLAIN, score=score, schedule=schedule))
    assert failures(table) == {}
    assert table["density"].to_pylist()[-1] == pytest.approx(0.65, abs=0.01)
    first, second = (store.find(key).mask for key in table["run"].to_pylist()[1:])
    assert all(not bool((second[name] & ~kept).any()) for name, kept in first.items())


def test_a_global_level_that_empties_a_layer_fails_by_its_name(blobs, store, monkeypatch):
    def lopsided(evidence):
        return {n: w.abs() * (n != "fc2.weight") for n, w in evidence.weights.items()}

    scores = {"large_final": lopsided}
    monkeypatch.setattr("surfeit.procedures.tickets.selection.SCORES", scores)
    config = replace(PLAIN, allocation="global", rate=0.4)
    table = search(store, blobs, config)
    assert table["run"].null_count == 2
    told = failures(table)["replicate 0, level 1, ticket"]
    assert "level 1 would leave a layer without weights: layer 'fc2'" in told


def test_structured_tickets_units_put_out_exact_zeros(blobs, store):
    config = replace(
        PLAIN, granularity="unit", score="filter_norm", rate=0.3, controls=("shuffle", "reinit")
    )
    table = search(store, blobs, config)
    assert failures(table) == {}
    for row in table.to_pylist()[1:]:
        run, level = store.find(row["run"]), row["level"]
        units = {"fc1": round(0.7**level * 9), "fc2": round(0.7**level * 7)}
        densities = unit_densities(run.mask)
        assert densities == {
            "fc1": pytest.approx(units["fc1"] / 9),
            "fc2": pytest.approx(units["fc2"] / 7),
            "fc3": 1.0,
        }
        outputs = run.model()[1](blobs.test.images.flatten(1))
        silent = ~run.mask["fc1.bias"]
        assert int(silent.sum()) == 9 - units["fc1"]
        assert bool((outputs[:, silent] == 0).all())
        assert bool((outputs[:, ~silent] != 0).any(0).all())


def test_a_module_of_ones_own_is_searched_in_this_process_and_left_alone(blobs, store):
    model = Own()
    before = digest(parameters(model))
    table = find_tickets(
        *(model, blobs, RECIPE, TicketConfig(levels=1, controls=("reinit",))), store=store
    )
    assert failures(table) == {}
    assert digest(parameters(model)) == before
    dense, ticket, control = (store.find(key) for key in table["run"].to_pylist())
    assert digest(dense.tensors(0)) == before
    # Its law is not known: its own weights are dealt out anew.
    own, dealt = dense.tensors(0)["first.weight"], control.tensors(0)["first.weight"]
    kept = ticket.mask["first.weight"]
    assert set(dealt[kept].tolist()) <= set(own.flatten().tolist())
    assert not torch.equal(dealt[kept], own[kept])


def test_controls_are_drawn_from_the_law_of_the_dense_network(blobs, store):
    law = Initial("normal", 0.01)
    builder = drawn_as(partial(mlp, (60,)), law)
    table = find_tickets(
        *(builder, blobs, RECIPE, TicketConfig(levels=1, controls=("reinit",))), store=store
    )
    dense, ticket, control = (store.find(key) for key in table["run"].to_pylist())
    assert dense.config["initial"] == law.in_key()
    kept = ticket.mask["fc1.weight"]
    own, anew = (run.tensors(0)["fc1.weight"] for run in (dense, control))
    assert not torch.equal(own[kept], anew[kept])
    for value in (own, anew[kept]):
        n = value.numel()
        assert abs(value.square().mean() / 0.01**2 - 1) < 4 * (2 / n) ** 0.5


def test_a_module_of_the_library_keeps_its_own_weights_in_every_replicate(blobs, store):
    model = mlp((6,), input_shape=(1, 4, 4), classes=3, generator=Streams(5).get("other"))
    table = search(store, blobs, PLAIN, model=model, seeds=(0, 1))
    for replicate in (0, 1):
        dense = table.to_pylist()[3 * replicate]["run"]
        assert digest(store.find(dense).tensors(0)) == digest(parameters(model))


def test_frozen_layers_are_frozen_in_every_training_of_a_search(blobs, store):
    model = mlp((6,), input_shape=(1, 4, 4), classes=3)
    model.fc1.requires_grad_(False)
    table = search(store, blobs, PLAIN, model=model)
    assert failures(table) == {}
    for key in table["run"].to_pylist():
        run = store.find(key)
        assert run.about["frozen"] == ["fc1.weight", "fc1.bias"]
        kept = run.mask.get("fc1.weight", torch.ones(6, 16) > 0)
        assert torch.equal(run.tensors()["fc1.weight"], model.fc1.weight.detach() * kept)


def test_double_precision_is_kept_bit_for_bit(blobs, store):
    table = search(store, blobs, PLAIN, numerics=Numerics(dtype="float64"))
    assert failures(table) == {}
    assert store.find(table["run"][1].as_py()).tensors()["fc1.weight"].dtype == torch.float64


# Bad input, all before any training


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"config": TicketConfig(rewind_to=12)}, "12 steps cannot begin at step 12: rewind to"),
        ({"seeds": ()}, "seeds must be different integers"),
        ({"seeds": (1, 1)}, "seeds must be different integers"),
        ({"seeds": 3}, "seeds must be different integers"),
        ({"seeds": (-1,)}, "seed must be an integer >= 0"),
        ({"config": {"levels": 3}}, r"config must be a TicketConfig\(...\)"),
        ({"model": lenet_300_100()}, r"does not take images of shape \[1, 4, 4\]"),
        ({"model": nn.Flatten()}, "no parameters"),
        ({"model": Own(), "engine": Local(1)}, r"a Own cannot be built .* engine=InProcess\(\)"),
        ({"recipe": {"steps": 3}}, "recipe must be a Recipe"),
        ({"dataset": "digits"}, "dataset must be a Dataset"),
    ],
)
def test_bad_input_is_refused_before_any_training(options, words, blobs, store):
    given = {"model": BUILDER, "dataset": blobs, "recipe": RECIPE, "engine": InProcess()} | options
    with pytest.raises(ValueError, match=words):
        find_tickets(**given, store=store)
    assert store.runs() == []


def test_too_many_levels_are_refused_before_any_training(blobs, store):
    with pytest.raises(CollapseError, match="level 7 would leave layer 'fc2' without weights"):
        search(store, blobs, TicketConfig(levels=9, rate=0.5))
    assert store.runs() == []


def test_a_ticket_of_another_architecture_is_no_mask_for_a_network(found, blobs):
    other = mlp((9, 6), input_shape=(1, 4, 4), classes=3)
    with pytest.raises(ValueError, match=r"'fc2.weight' is \[6, 9\] in the model"):
        train(other, blobs, Recipe(steps=2), mask=found.run(1).mask, store=found.store)


def test_every_run_of_a_search_says_what_it_is_there(found):
    roles = {summary.key: summary.role for summary in Index(found.store).summaries()}
    for row in found.table.to_pylist():
        role = "dense" if row["level"] == 0 else f"{row['arm']} {row['level']}"
        assert roles[row["run"]] == role
