"""F10: verdicts from planted tables, the construction's error by an oracle, and the figure."""

from itertools import product

import pyarrow as pa
import pytest

from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import Lab, study_of
from surfeit.procedures.supermasks import approximation_error
from surfeit.store import Store
from surfeit.studies import edge_popup
from surfeit.studies.edge_popup import LAPTOP
from surfeit.train import Recipe

from .conftest import plant, plant_three

SMALL, LARGE = LAPTOP.models[0], LAPTOP.models[-1]
THREE = ("supported", "contradicted", "inconclusive")


def table(accuracies=None, exponents=(0.9,) * 5):
    """Accuracies by model and density, 0.95 where none are given, and errors that fall so."""
    accuracies, rows = accuracies or {}, []
    for model, density in product(LAPTOP.models, (1.0, *LAPTOP.densities)):
        values = accuracies.get((model, density), [0.95] * 5)
        for seed, value in zip(LAPTOP.seeds, values, strict=True):
            of = "trained" if density == 1 else "edge-popup"
            row = {"of": of, "model": model, "seed": seed, "density": density}
            rows.append(row | {"accuracy": value, "pairs": None, "error": None})
    for seed, exponent in zip(LAPTOP.seeds, exponents, strict=True):
        for pairs in LAPTOP.pairs:
            row = {"of": "construction", "model": "mlp-16", "seed": seed, "density": None}
            rows.append(row | {"accuracy": None, "pairs": pairs, "error": 3 * pairs**-exponent})
    return pa.Table.from_pylist(rows)


def ruling(table, claim):
    return next(v for v in edge_popup.verdicts(table, LAPTOP) if v.claim == claim).ruling


@pytest.mark.parametrize("expected", THREE)
def test_as_accurate_as_trained_weights_is_within_a_point(expected):
    base = plant(0.9, 0.05, seed=9)
    less = [a + b for a, b in zip(base, plant_three(-0.01, 1e-4)[expected], strict=True)]
    found = table({(LARGE, 0.5): less, (LARGE, 1.0): base})
    assert ruling(found, "F10a") == expected


@pytest.mark.parametrize("expected", THREE)
def test_larger_networks_are_compared_with_the_fewest_weights_kept(expected):
    base = plant(0.8, 0.05, seed=9)
    more = [a + b for a, b in zip(base, plant_three(0.0, 1e-4)[expected], strict=True)]
    assert ruling(table({(LARGE, 0.1): more, (SMALL, 0.1): base}), "F10b") == expected


@pytest.mark.parametrize("expected", THREE)
def test_the_error_falls_with_the_exponent_that_was_planted(expected):
    planted = table(exponents=plant_three(0.5, 0.01)[expected])
    assert ruling(planted, "F10c") == expected
    exact = edge_popup.verdicts(table(exponents=(0.7, 0.8, 0.9, 1.0, 1.1)), LAPTOP)[2]
    assert exact.effect == pytest.approx(0.9)


def test_the_constructions_error_is_in_the_spread_of_the_targets_outputs(tmp_path):
    data = load("digits")
    lab = Lab(Store(tmp_path), engine=InProcess())
    run = lab.train({"a": lab.job("mlp-4", data, Recipe(steps=3), seed=6)})["a"]
    rows = list(edge_popup.constructed(run, data, pairs=[2, 5]))
    target = run.model()
    known = approximation_error(target, data.test.inputs, pairs=[2, 5], seeds=[6])
    spread = target(data.test.inputs).double().var().sqrt().item()
    assert [row["pairs"] for row in rows] == [2, 5]
    expected = [error / spread for error in known["mean_output_error"].to_pylist()]
    assert [row["error"] for row in rows] == pytest.approx(expected, rel=1e-5)


def test_the_figure_draws_a_row_a_network_and_share_and_a_line_a_seed():
    left, right = edge_popup.figure(table()).axes
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert labels[:3] == [f"{SMALL}, {share}" for share in ("trained", "10 % kept", "50 % kept")]
    assert len(labels) == 9
    assert len(right.lines) == 5 + 2  # the root's line, and the legend's
    assert [claim.id for claim in study_of(edge_popup).claims] == ["F10a", "F10b", "F10c"]
