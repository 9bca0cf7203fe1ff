"""Claims G17a to G17c on planted tables; descent on least squares against solved systems."""

import math
from dataclasses import replace

import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F
from tests.studies.conftest import plant

from surfeit.data import load
from surfeit.studies import early_stopping as study
from surfeit.studies._early_stopping import COLUMNS, descended
from surfeit.studies._fitting import examples
from surfeit.train import Recipe

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")


def three(margin, n=SEEDS):
    """For each ruling of `equals` within a margin the values that lead to it."""
    return {
        "supported": plant(0.0, margin / 20, n),
        "contradicted": plant(3 * margin, margin / 20, n),
        "inconclusive": plant(margin, margin / 2, n),
    }


def table(*, strength=None, ratio=None, best=None, network=None):
    """A table in which nothing differs but what is planted, by seed."""
    none = [1e-4 * (place - 2) for place in range(SEEDS)]
    strength, best, network = strength or none, best or none, network or none
    ratio, found = ratio or none, []
    for place, seed in enumerate(CONFIG.seeds):
        empty = dict.fromkeys(COLUMNS) | {"seed": seed}
        for steps in CONFIG.stops:
            # The best by validation are at 100 steps, away from what is planted at 10.
            off = ratio[place] if steps == 10 else best[place] if steps == 100 else none[place]
            found.append(
                empty
                | {"part": "path", "steps": steps, "off": 1e-15}
                | {"stopped_test": 0.5 * math.exp(off), "penalised_test": 0.5}
                | {"stopped_validation": abs(steps - 100), "penalised_validation": abs(steps - 100)}
                | {"least_strength": 1 + strength[place], "largest_strength": 1.0}
            )
            found.append(
                empty
                | {"part": "direction", "steps": steps, "s": 0.1, "share": 0.1, "l2_share": 0.09}
                | {"strength": 0.95, "own_strength": 0.95}
            )
        for steps in CONFIG.early:
            about = {"steps": steps, "accuracy": 0.9, "run": "0" * 64}
            found.append(empty | about | {"part": "stopped", "loss": 0.5})
            loss = 0.5 * math.exp(network[place])
            found.append(empty | about | {"part": "decayed", "loss": loss})
        found.append(empty | about | {"part": "unstopped", "loss": 0.7})
    return pa.Table.from_pylist(found)


def judged(given, claim):
    return next(one for one in study.verdicts(given, CONFIG) if one.claim == claim)


def test_all_hold_where_both_do_the_same():
    found = study.verdicts(table(), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 3
    assert "1.000 at 10, 1.000 at 30" in found[1].says
    assert len(study.figure(table()).axes) == 3


@pytest.mark.parametrize("ruling", THREE)
def test_the_strength_must_be_one_over_steps_and_rate(ruling):
    given = table(strength=three(CONFIG.strength_margin)[ruling])
    assert judged(given, "G17a").ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
def test_test_errors_must_agree_at_every_stop(ruling):
    given = table(ratio=three(CONFIG.error_margin)[ruling])
    assert judged(given, "G17b").ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
def test_the_best_test_errors_must_agree_more_closely(ruling):
    given = table(best=three(CONFIG.best_margin)[ruling])
    assert judged(given, "G17b").ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
def test_the_losses_of_networks_must_agree(ruling):
    given = table(network=three(CONFIG.loss_margin)[ruling])
    assert judged(given, "G17c").ruling == ruling


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stops": (30, 10)}, "stops must be 2 or more whole numbers above 0"),
        ({"early": (100,)}, "early must be 2 or more"),
        ({"flat": 0.0}, r"flat must be in \(0, 1\], got 0.0"),
        ({"recipe": Recipe(lr=0.1, momentum=0.9, steps=1_500)}, "must be plain SGD"),
        ({"early": (31, 100)}, "early must be ends of epochs, of 10 steps each, got"),
        ({"early": (100, 400)}, "five times the steps .*, 2,000, got 1,500"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_decay_is_one_over_steps_and_rate():
    assert CONFIG.decay_of(100) == pytest.approx(1 / (100 * 0.1))


def test_descended_rows_are_those_of_descent_and_ridge_by_hand():
    data = load("digits")
    rows = list(descended(data, seed=0, images=60, stops=[5, 20], flat=0.1))
    chosen = examples(data, 60, 0).train
    inputs, labels = chosen.inputs.flatten(1).double(), F.one_hot(chosen.labels, 10).double()
    centred, targets = inputs - inputs.mean(0), labels - labels.mean(0)
    test = data.test.inputs.flatten(1).double() - inputs.mean(0)
    wanted = F.one_hot(data.test.labels, 10) - labels.mean(0)
    hessian = centred.T @ centred / 60
    rate = 1 / float(torch.linalg.eigvalsh(hessian)[-1])
    weights = torch.zeros(64, 10, dtype=torch.float64)
    for _ in range(20):
        weights -= rate * centred.T @ (centred @ weights - targets) / 60
    ridge = torch.linalg.solve(
        hessian + torch.eye(64).double() / (20 * rate), centred.T @ targets / 60
    )
    path = next(row for row in rows if row["part"] == "path" and row["steps"] == 20)
    for name, found in (("stopped", weights), ("penalised", ridge)):
        error = float((test @ found - wanted).square().sum(1).mean())
        assert path[f"{name}_test"] == pytest.approx(error, rel=1e-6)
    assert path["off"] < 1e-9
    assert 0.94 < path["least_strength"] <= path["largest_strength"] < 1.001
    for row in rows:
        if row["part"] == "direction":
            assert row["share"] == pytest.approx(1 - (1 - row["s"] / row["steps"]) ** row["steps"])
            assert row["strength"] == pytest.approx(row["own_strength"], rel=1e-4, abs=1e-6)
