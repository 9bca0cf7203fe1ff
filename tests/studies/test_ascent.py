"""Claims G14a to G14e on planted tables: where ascent begins, and where training gets to."""

from dataclasses import replace

import pyarrow as pa
import pytest

from surfeit.core import squared_error
from surfeit.curvature import LossSurface, ascent, measured_ascent
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import _ascent as measured
from surfeit.studies import ascent as study
from surfeit.studies._fitting import examples

from .planted import rulings

CONFIG = study.PAPER
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
STEPS = [float(step) for step in (*CONFIG.at, *CONFIG.late)]


def _table(planted, start=None, end=None, said=None, stays=None, wrong=0, off=0):
    """A large rate that ends at its edge, a small one far from it, SGD that goes as predicted.

    Args:
        start, end: the rate at which the loss rises over the large rate, a value a seed.
        said: the predicted over the found rate at the end, less 1.
        stays: the rate at which the loss rises over the small rate, at the end.
        wrong: of how many seeds a third of SGD's steps have the other sign.
        off: of how many seeds the quadratic's step at 1.01 lowers the loss.
    """
    start = start or planted(4.0, 0.3, SEEDS, seed=1)
    end = end or planted(1.0, 0.02, SEEDS, seed=2)
    said = said or planted(0.0, 0.02, SEEDS, seed=3)
    stays = stays or planted(20.0, 1.0, SEEDS, seed=4)
    rows = []

    def add(arm, rate, seed, place, turned, turns, change=-0.1, predicted=-0.1):
        rows.append(
            {
                "arm": arm, "rate": rate, "seed": seed, "place": place, "loss": 1.0, "slope": 1.0,
                "turns": turns, "turned": turned, "edge": 0.9 * turns, "predicted": predicted,
                "change": change, "run": "0" * 64,
            }
        )  # fmt: skip

    for at, seed in enumerate(CONFIG.seeds):
        for number, step in enumerate(STEPS):
            late = step >= CONFIG.late[0]
            turned = CONFIG.large * (end[at] if late else start[at])
            add("large rate", CONFIG.large, seed, step, turned, turned * (1 + said[at]))
            turned = CONFIG.small * (stays[at] if late else 10)
            add("small rate", CONFIG.small, seed, step, turned, 3 * turned)
            change = 0.1 if number % 3 == 0 else -0.1
            predicted = -change if number % 3 == 0 and seed < wrong else change
            add("small batches", CONFIG.noisy, seed, step, 1.0, 1.0, change, predicted)
        for share in CONFIG.shares:
            change = share - 1 if seed >= off or share != 1.01 else -0.01
            add("quadratic", 2 * share, seed, share, 2.1, 2.1, change, change)
    return pa.Table.from_pylist(rows)


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_where_training_reaches_the_edge(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 5
    assert found[0].says.startswith("In 8 of 8 seeds every step is as predicted")
    assert found[1].says == "It is 3.99 times the rate at the start, 1.00 times at the end."
    assert found[2].says == "The predicted rate is 1.00 times the one found."
    assert found[3].says == "At the end it is 19.98 times the rate."
    assert found[4].says == "Of 176 steps 64 raise the loss, and 176 go as predicted."


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize(
    ("claim", "name", "step"), [("G14b", "start", 0.1), ("G14d", "stays", 0.1)]
)
def test_beginnings_and_small_rates_are_held_against_twice_the_rate(
    planted, planted_three, claim, name, step, ruling
):
    values = [2**one for one in planted_three(1.0, step, SEEDS)[ruling]]
    assert _judged(_table(planted, **{name: values}), claim).ruling == ruling


@pytest.mark.parametrize(("off", "spread", "ruling"), [(0, 0.02, 0), (0.3, 0.02, 1), (0.1, 0.2, 2)])
def test_the_end_and_the_prediction_must_be_within_a_tenth(planted, off, spread, ruling):
    end = planted(1 + off, spread, SEEDS)
    assert _judged(_table(planted, end=end), "G14b").ruling == THREE[ruling]
    said = planted(off, spread, SEEDS)
    assert _judged(_table(planted, said=said), "G14c").ruling == THREE[ruling]


@pytest.mark.parametrize(("seeds", "ruling"), [*zip((0, 8, 4), THREE, strict=True)])
def test_signs_are_judged_by_seeds(planted, seeds, ruling):
    assert _judged(_table(planted, wrong=seeds), "G14e").ruling == ruling
    assert _judged(_table(planted, off=seeds), "G14a").ruling == ruling


def test_a_change_on_the_quadratic_that_is_not_as_predicted_counts(planted):
    rows = _table(planted).to_pylist()
    for row in rows:
        if row["arm"] == "quadratic":
            row["predicted"] *= 1.001
    assert _judged(pa.Table.from_pylist(rows), "G14a").ruling == "contradicted"


def test_a_rate_that_was_not_found_decides_nothing(planted):
    rows = _table(planted).to_pylist()
    for row in rows:
        if row["seed"] == 0 and row["arm"] != "quadratic":
            row |= {"turned": None, "turns": None, "edge": None}
    table = pa.Table.from_pylist(rows)
    assert rulings(study.verdicts(table, CONFIG)) == {
        "G14a": "supported",
        "G14b": "inconclusive",
        "G14c": "inconclusive",
        "G14d": "inconclusive",
        "G14e": "supported",
    }
    assert len(study.figure(table).axes) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"late": (1_500, 1_400)}, "late must be 2 or more whole numbers above 0 in ascending"),
        ({"at": (0, 1_300)}, "at and late must be ascending steps from 0 on"),
        ({"steps": 1_990}, "measured steps must be below the 1,990, got 1,990"),
        ({"small": 0.2}, "small must be above 0 and below large, got 0.2 and 0.1"),
        ({"batch": 100}, r"batch must be in \[1, 100\), got 100"),
        ({"shares": (0.9, 1.0)}, "shares must be above 0 and none of them 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_rows_are_those_of_the_training(tmp_path):
    lab = Lab(Store(tmp_path / "store"), engine=InProcess())
    config = replace(
        CONFIG, images=10, batch=2, model="mlp-4", steps=8, at=(0, 2), late=(5, 7), seeds=(3,)
    )
    rows = list(study.rows(config, lab))
    assert len(rows) == 3 * 4 + len(config.shares)
    row = next(one for one in rows if one["arm"] == "large rate" and one["place"] == 5)
    run, split = lab.store.find(row["run"]), examples(lab.data("digits"), 10, 3).train
    before, after = (LossSurface.of(run.model(step), split, squared_error) for step in (5, 6))
    assert row["change"] == pytest.approx(after.loss - before.loss)
    # The step is that of gradient descent: what it is predicted to do is what its rate says.
    assert row["predicted"] == pytest.approx(ascent(before).change(config.large), rel=1e-3)
    assert row["turns"] == pytest.approx(ascent(before).rate)
    found = measured_ascent(before, first=measured._FIRST * ascent(before).rate)
    assert row["turned"] == pytest.approx(found)
    assert row["edge"] < row["turns"]


def test_the_quadratic_ascends_above_its_edge_alone():
    rows = list(measured.of_quadratic(5, 30, 6, [0.9, 0.99, 1.01, 1.1], 200))
    assert [row["change"] > 1e-12 * row["loss"] for row in rows] == [False, False, True, True]
    for row in rows[1:]:
        assert row["predicted"] == pytest.approx(row["change"], abs=1e-9 * row["loss"])
    assert rows[-1]["turns"] == pytest.approx(rows[-1]["edge"], rel=1e-6)
