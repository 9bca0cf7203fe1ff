"""Claims G3a to G3d on planted tables, and what the rows are of."""

from dataclasses import replace

import pyarrow as pa
import pytest

from surfeit.core import Streams, evaluate, tensors_of
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.landscape import averaged_weights
from surfeit.store import Store
from surfeit.studies import asymmetric_valleys as study
from surfeit.studies._asymmetric_valleys import COLUMNS
from surfeit.studies._fitting import examples
from surfeit.train import Recipe

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")


def _table(planted, *, unequal=None, least=None, shift=None, lower=None):
    """Parabolas along the line; by seed how unequal the sides are, and where losses are least.

    `shift`: from the training to the test loss's minimum; `lower`: the average's test loss.
    """
    unequal = unequal or planted(0.9, 0.01, SEEDS)
    least = least or planted(0.2, 0.01, SEEDS, 1)
    shift = shift or planted(0.5, 0.01, SEEDS, 2)
    lower = lower or planted(0.05, 0.01, SEEDS, 3)
    first, last, count = CONFIG.points
    rows = []
    for seed in CONFIG.seeds:
        runs = {"falling": "0" * 64, "constant": "1" * 64}
        own = dict.fromkeys(COLUMNS)
        for number in range(count):
            at = first + (last - first) * number / (count - 1)
            test = 0.6 + 0.1 * (at - least[seed] - shift[seed]) ** 2
            line = {"part": "line", "direction": "average", "at": at, "test_loss": test}
            line |= {"train_loss": 0.1 + (at - least[seed]) ** 2, "test_accuracy": 0.8}
            rows.append({"seed": seed, **own, **line, **runs})
        at = {row["at"]: row for row in rows if row["seed"] == seed}
        at[1.0]["test_loss"] = at[0.0]["test_loss"] - lower[seed]
        for direction, value in (("average", unequal[seed]), ("random 0", 0.1), ("random 1", -0.1)):
            for distance in CONFIG.distances:
                side = {"ahead": 1 - value, "behind": 1 + value, "difference": 2 * value}
                side |= {"part": "side", "direction": direction, "distance": distance}
                rows.append({"seed": seed, **own, **side, "standard_error": 0.01, **runs})
    return pa.Table.from_pylist(rows)


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_where_the_average_is_on_the_flat_side(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 4
    assert found[0].effect == pytest.approx(0.8, abs=1e-6)
    assert "differ by 0.90 of both together, those of random directions by 0.10" in found[0].says
    assert found[3].effect == pytest.approx(0.05)


@pytest.mark.parametrize("ruling", THREE)
def test_sides_must_differ_more_than_those_of_random_directions(planted, planted_three, ruling):
    unequal = planted_three(0.1, 0.02, SEEDS)[ruling]
    assert _judged(_table(planted, unequal=unequal), "G3a").ruling == ruling


@pytest.mark.parametrize(
    ("where", "ruling"), [(0.25, "supported"), (1.75, "contradicted"), (1.0, "inconclusive")]
)
def test_the_average_must_lie_beyond_the_minimum(planted, where, ruling):
    least = planted(where, 0.4, SEEDS)
    found = _judged(_table(planted, least=least), "G3b")
    assert found.ruling == ruling


@pytest.mark.parametrize(
    ("shift", "ruling"), [(0.75, "supported"), (-0.75, "contradicted"), (0.0, "inconclusive")]
)
def test_the_test_loss_must_be_least_farther_on(planted, shift, ruling):
    table = _table(
        planted,
        least=planted(0.3, 0.1, SEEDS),
        shift=planted(shift, 0.3, SEEDS),
        lower=[-1.0] * SEEDS,
    )
    assert _judged(table, "G3c").ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
def test_the_average_must_test_better(planted, planted_three, ruling):
    lower = planted_three(0, 0.01, SEEDS)[ruling]
    found = _judged(_table(planted, lower=lower), "G3d")
    assert (found.ruling, found.effect) == (ruling, pytest.approx(sum(lower) / SEEDS))


def test_sides_that_do_not_rise_are_equal(planted):
    rows = _table(planted).to_pylist()
    for row in rows:
        if row["part"] == "side":
            row |= {"ahead": 0.0, "behind": 0.0, "difference": 0.0}
    table = pa.Table.from_pylist(rows)
    assert _judged(table, "G3a").ruling == "inconclusive"
    assert len(study.figure(table).axes) == 2


def test_the_figure_has_a_line_a_seed_and_their_mean(planted):
    left, right = study.figure(_table(planted)).axes
    curves = [line for line in left.lines if len(line.get_xdata()) == CONFIG.points[2]]
    assert len(curves) == 2 * (SEEDS + 1)
    average, null = right.lines[:2]
    assert len(average.get_xdata()) == 2 * SEEDS
    assert len(null.get_xdata()) == 4 * SEEDS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipe": Recipe(steps=5)}, "must have epochs and a constant rate"),
        ({"recipe": Recipe(epochs=5, schedule="cosine")}, "must have epochs and a constant rate"),
        ({"decay": 1.0}, r"decay and decay_at must be in \(0, 1\), got 1.0 and 0.5"),
        ({"points": (0.0, 2.0, 9)}, "must reach from below 0 to above 1, got 0.0 to 2.0"),
        ({"points": (-1.0, 2.0, 2)}, "points of the line must be a whole number of at least 3"),
        ({"random": 1}, "random must be a whole number of at least 2"),
        ({"distances": (2.0, 1.0)}, "distances must be 1 or more whole numbers above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_both_trainings_are_one_until_the_rate_falls(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    recipe = replace(study.QUICK.recipe, epochs=4)
    config = replace(study.QUICK, images=60, model="mlp-4", recipe=recipe, measured=50, seeds=(3,))
    rows = list(study.rows(config, lab))
    falling, constant = (lab.store.find(rows[0][name]) for name in ("falling", "constant"))
    line = {row["at"]: row for row in rows if row["part"] == "line"}
    assert len(line) == config.points[2]
    assert {row["direction"] for row in rows if row["part"] == "side"} == {
        *("average", "random 0", "random 1")
    }
    fall = 2 * 3
    assert falling.config["recipe"]["milestones"] == [fall]
    later = [step for step in constant.steps() if step > fall]
    assert later == [9, 12]
    model = falling.model()
    average = averaged_weights(model, map(constant.tensors, later))
    data = lab.data("digits")
    train = examples(data, 60, 3).train.some(50, Streams(3).get("valley", "train"))
    for at, tensors in ((0.0, tensors_of(model)), (1.0, average)):
        expected = evaluate(model, tensors, train).loss
        assert line[at]["train_loss"] == pytest.approx(expected, rel=1e-5)
