"""Claim F16 on planted tables, and what is left of a pruned network."""

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings, spread

from surfeit.core import evaluate
from surfeit.data import load
from surfeit.models import builder_named
from surfeit.store import Store
from surfeit.studies import targeted_dropout as study
from surfeit.train import Recipe, train

CONFIG = study.PAPER
# Percent by training: whole, and with three quarters removed.
HOLDS = {"plain": (98, 60), "weight": (98, 98), "unit": (98, 98)}
FAILS = {"plain": (98, 90), "weight": (96, 80), "unit": (96, 80)}


def planted(accuracies, jitter):
    rows = []
    for number, (trained, (whole, left)) in enumerate(accuracies.items()):
        for place, removed in enumerate(("weight", "unit")):
            for kept in CONFIG.kept:
                accuracy = whole if kept == 1 else left
                for seed in CONFIG.seeds:
                    off = jitter * spread(seed, number + 3 * place + round(10 * kept))
                    row = {"trained": trained, "seed": seed, "removed": removed, "kept": kept}
                    rows.append(row | {"accuracy": (accuracy + off) / 100, "run": "0" * 64})
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("accuracies", "jitter", "ruling"),
    [(HOLDS, 0.1, "supported"), (FAILS, 0.1, "contradicted"), (HOLDS, 90, "inconclusive")],
)
def test_verdicts_of_planted_tables(accuracies, jitter, ruling):
    found = study.verdicts(planted(accuracies, jitter), CONFIG)
    assert rulings(found) == {claim.id: ruling for claim in study.CLAIMS}


def test_effects_are_in_points():
    found = {one.claim: one.effect for one in study.verdicts(planted(FAILS, 0), CONFIG)}
    assert found == pytest.approx({"F16a": -10, "F16b": -10, "F16c": -16, "F16d": -2})


def test_the_figure_has_weights_and_units():
    drawn = study.figure(planted(HOLDS, 1))
    assert [panel.get_title(loc="left") for panel in drawn.axes] == ["Weights", "Units"]


def test_a_pruned_network_is_the_one_without_its_smallest_weights_or_units(tmp_path):
    dataset = load("digits")
    run = train(builder_named("mlp-12-8"), dataset, Recipe(lr=0.1, steps=60), store=Store(tmp_path))
    found = {
        (row["removed"], row["kept"]): row["accuracy"]
        for row in study.pruned(run, dataset, kept=[1.0, 0.5])
    }
    whole = evaluate(run.model(), run.tensors(), dataset.test).accuracy
    assert found["weight", 1.0] == found["unit", 1.0] == whole
    for kind in ("weight", "unit"):
        tensors = run.tensors()
        for name in ("fc1", "fc2"):  # the outputs keep all
            weight = tensors[f"{name}.weight"]
            if kind == "weight":
                weight[weight.abs() < weight.abs().flatten().sort().values[weight.numel() // 2]] = 0
            else:
                gone = weight.norm(dim=1).argsort()[: len(weight) // 2]
                weight[gone], tensors[f"{name}.bias"][gone] = 0, 0
        expected = evaluate(run.model(), tensors, dataset.test).accuracy
        assert found[kind, 0.5] == expected
    assert torch.equal(run.tensors()["fc1.weight"], run.model().fc1.weight)
