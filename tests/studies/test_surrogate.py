"""Claims G21a to G21e on planted tables: what goes on after all training images are right."""

import math
from dataclasses import replace

import pyarrow as pa
import pytest
import torch

from surfeit.capacity import hard_margin
from surfeit.core import evaluate
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import _surrogate as measured
from surfeit.studies import surrogate as study
from surfeit.studies._fitting import examples

from .planted import rulings

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
FIT = 8.0


def _table(planted, fell=None, rose=None, worst=None, early=None, slope=None, turned=None):
    """Networks that fit after 8 epochs and separable examples, a list of changes a seed.

    Args:
        fell: points of test error from the fit to the end.
        rose, worst: of the median margin and that of the worst.
        early: points by which the last network's test error exceeds the chosen one's.
        slope: of the length over log t, less 1.
        turned: the share by which the angle falls.
    """
    fell = fell or planted(0.5, 0.05, SEEDS, seed=1)
    rose = rose or planted(0.02, 0.002, SEEDS, seed=2)
    worst = worst or planted(0.02, 0.002, SEEDS, seed=3)
    early = early or planted(0.0, 0.05, SEEDS, seed=4)
    slope = slope or planted(0.0, 0.01, SEEDS, seed=5)
    turned = turned or planted(0.6, 0.05, SEEDS, seed=6)
    rows = []
    for at, seed in enumerate(CONFIG.seeds):
        empty = {"seed": seed, **dict.fromkeys(study._COLUMNS)}
        for epoch in map(float, CONFIG.epochs):
            share = min(1.0, max(0.0, math.log(epoch / FIT) / math.log(100 / FIT)))
            points = 10.0 - fell[at] * share
            chosen = epoch == 50
            if chosen:
                points = 10.0 - fell[at] - early[at]
            network = {
                "place": epoch,
                "train_error": 0.1 * (epoch < FIT),
                "test_error": points / 100,
                "test_loss": 0.3,
                "validation_error": 0.1 - 0.01 * chosen,
                "margin": 0.05 + rose[at] * share,
                "margin_low": 0.02 + worst[at] * share,
                "chosen": chosen,
                "run": "0" * 64,
            }
            rows.append({"part": "network", **empty, **network})
        for time in CONFIG.times:
            flow = {
                "norm": 2.0 + (1 + slope[at]) * math.log(time),
                "angle": 4.0 * (1 - turned[at] * (time == CONFIG.turned[1])),
            }
            rows.append({"part": "flow", **empty, "place": time, **flow})
        rows.append({"part": "descent", **empty, "place": 2.0, "norm": 2.7, "angle": 5.0})
    return pa.Table.from_pylist(rows)


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_where_training_goes_on(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 5
    assert found[0].effect == pytest.approx(0.5)
    assert found[0].says == (
        "The first measured epoch without a wrong training image is 8 to 8; test error then falls "
        "from 10.00 to 9.50 %."
    )
    assert "Validation error is least after epoch 50 to 50 of 100" in found[2].says
    assert "the fitted slope is 1.000 times 1/γ" in found[3].says
    assert found[4].effect == pytest.approx(0.6)


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize(
    ("claim", "name", "margin", "step"),
    [
        ("G21a", "fell", 0.0, 0.05),
        ("G21b", "rose", 0.0, 0.001),
        ("G21b", "worst", 0.0, 0.001),
        ("G21c", "early", -0.5, 0.05),
        ("G21e", "turned", 0.25, 0.02),
    ],
)
def test_each_claim_follows_its_column(planted, planted_three, claim, name, margin, step, ruling):
    values = planted_three(margin, step, SEEDS)[ruling]
    assert _judged(_table(planted, **{name: values}), claim).ruling == ruling


@pytest.mark.parametrize(
    ("off", "spread", "ruling"), [(0, 0.01, 0), (0.2, 0.01, 1), (0.05, 0.1, 2)]
)
def test_the_slope_must_be_that_of_the_widest_margin(planted, off, spread, ruling):
    for sign in (1, -1):
        slope = planted(sign * off, spread, SEEDS)
        assert _judged(_table(planted, slope=slope), "G21d").ruling == THREE[ruling]


def test_networks_that_never_fit_leave_their_claims_open(planted):
    rows = _table(planted).to_pylist()
    for row in rows:
        if row["part"] == "network" and row["seed"] == 3:
            row["train_error"] = 0.01
    table = pa.Table.from_pylist(rows)
    found = rulings(study.verdicts(table, CONFIG))
    assert found == {
        "G21a": "inconclusive",
        "G21b": "inconclusive",
        "G21c": "supported",
        "G21d": "supported",
        "G21e": "supported",
    }
    assert study.first_fits([row for row in rows if row["part"] == "network"])[3] is None
    assert len(study.figure(table).axes) == 4


def test_one_seed_decides_nothing(planted):
    rows = [row for row in _table(planted).to_pylist() if row["seed"] == 0]
    found = study.verdicts(pa.Table.from_pylist(rows), replace(CONFIG, seeds=(0,)))
    assert set(rulings(found).values()) == {"inconclusive"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": (1, 200)}, "the recipe must have epochs, at least the last"),
        ({"epochs": (3, 2)}, "epochs must be 2 or more whole numbers above 0 in ascending order"),
        ({"steps": (0, 3)}, "steps must be 1 or more whole numbers above 0"),
        ({"times": (10.0, 1.0)}, "times must be above 0 and ascending"),
        ({"fitted": (1e8, 3e8)}, "fitted must be two of the times, ascending"),
        ({"turned": (1e8, 1e4)}, "turned must be two of the times, ascending"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_margins_and_errors_are_those_of_the_snapshots(tmp_path):
    lab = Lab(Store(tmp_path / "store"), engine=InProcess())
    config = replace(study.QUICK, images=20, model="mlp-4", epochs=(1, 3), seeds=(3,))
    config = replace(config, recipe=replace(config.recipe, epochs=3, batch_size=10))
    (job,) = study.jobs(config, lab).values()
    run = lab.train({"a": job})["a"]
    rows = list(measured.margins_of(run, lab.data("digits"), 20))
    assert [row["place"] for row in rows] == [1.0, 3.0]
    tensors, split = run.tensors(), examples(lab.data("digits"), 20, 3).train
    outputs = run.model()(split.inputs).detach()
    leads = [
        float(row[t] - max(row[j] for j in range(10) if j != t))
        for row, t in zip(outputs, split.targets.tolist(), strict=True)
    ]
    length = float(tensors["fc1.weight"].norm()) * float(tensors["fc2.weight"].norm())
    assert rows[-1]["margin"] == pytest.approx(sorted(leads)[9] / length, rel=0.2)
    assert rows[-1]["train_error"] == pytest.approx(
        1 - evaluate(run.model(), tensors, split).accuracy
    )
    test = evaluate(run.model(), tensors, lab.data("digits").test)
    assert rows[-1]["test_error"] == pytest.approx(1 - test.accuracy)


def test_separable_examples_are_and_their_angle_is_that_of_the_cosine():
    inputs, signs = measured.separable(3, 40, 5, 0.5)
    widest = hard_margin(inputs, signs)
    assert float(1 / widest.norm()) >= 0.5
    rows = list(measured.separated(3, 40, 5, 0.5, [1.0, 1e6], [1, 100]))
    assert [row["part"] for row in rows] == ["flow", "flow", "descent", "descent"]
    assert rows[1]["angle"] < rows[0]["angle"]
    one, other = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0])
    assert measured.angle(one, other) == pytest.approx(45)
    assert measured.angle(one, -3 * one) == pytest.approx(180)
