"""F1: faster, and better in the end, from planted tables with censored steps and gaps."""

from dataclasses import replace

import pytest

from surfeit.core import SurfeitError
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.procedures.tickets import TicketConfig
from surfeit.store import Store
from surfeit.studies import winning_tickets
from surfeit.train import Recipe

from .planted import rulings
from .tickets_table import NOISE, SEEDS, table, trainings

CONFIG = replace(winning_tickets.PAPER, lengths=(500, 1000))
THREE = ("supported", "contradicted", "inconclusive")


def searched(change, seeds=SEEDS, short=lambda _: {}):
    """Two lengths; the shorter says the opposite of nothing unless told."""
    arms = ("ticket", "reinit")
    rows = trainings(short, levels=10, arms=arms, seeds=seeds, length=500)
    return table(rows + trainings(change, levels=10, arms=arms, seeds=seeds, length=1000))


def judged(change, seeds=SEEDS, **others):
    config = replace(CONFIG, seeds=tuple(seeds))
    return {v.claim: v for v in winning_tickets.verdicts(searched(change, seeds, **others), config)}


@pytest.mark.parametrize("expected", THREE)
@pytest.mark.parametrize(
    ("claim", "of"),
    [
        ("F1c", lambda row: row["arm"] == "reinit"),
        ("F1d", lambda row: row["level"] == 0),
    ],
)
def test_the_end_is_compared_by_seed_at_the_longest_training(planted_three, claim, of, expected):
    gains = planted_three(CONFIG.margin, 0.02)[expected]

    def change(row):
        less = gains[row["replicate"]] / 100 if of(row) else 0
        return {"test_accuracy": row["test_accuracy"] - less}

    opposite = {"test_accuracy": 0.1}
    found = judged(change, short=lambda row: opposite if row["arm"] == "ticket" else {})
    assert found[claim].ruling == expected
    assert found[claim].effect == pytest.approx(sum(gains) / 5)


@pytest.mark.parametrize("expected", THREE)
@pytest.mark.parametrize(
    ("claim", "of"),
    [
        ("F1a", lambda row: row["arm"] == "reinit"),
        ("F1b", lambda row: row["level"] == 0),
    ],
)
def test_steps_are_compared_at_the_published_density(planted_three, claim, of, expected):
    gains = planted_three(0, 10)[expected]

    def change(row):
        if of(row) and row["level"] in (0, 7):  # 0.8⁷ = 21 %
            return {"early_stop_step": 500 + round(gains[row["replicate"]])}
        return {"early_stop_step": 500 if of(row) or row["level"] == 7 else 1}

    assert judged(change)[claim].ruling == expected


def test_a_gain_of_less_than_the_margin_is_none(planted):
    gains = planted(0.02, 0.01)  # of points: what 16,000 steps left of it

    def change(row):
        less = gains[row["replicate"]] / 100 if row["arm"] == "reinit" else 0
        return {"test_accuracy": row["test_accuracy"] - less}

    assert judged(change)["F1c"].ruling == "contradicted"


def test_controls_that_still_learn_make_the_difference_a_bound():
    def late(row):
        stop = 1000 if row["arm"] == "reinit" else 400 + int(1000 * NOISE[row["replicate"]])
        return {"early_stop_step": stop}

    found = judged(late)["F1a"]
    assert (found.ruling, found.upper) == ("supported", None)
    assert "5 of 5 steps of the second censored" in found.doubt
    assert "(5 of 5 censored)" in found.says


def test_tickets_that_still_learn_are_never_supported():
    def late(row):
        step = 1000 if row["arm"] == "ticket" else 500 + int(1e3 * NOISE[row["replicate"]])
        return {"early_stop_step": step, "steps": 1000}

    assert judged(late)["F1a"].ruling == "contradicted"
    assert judged(lambda row: {"early_stop_step": 1000})["F1a"].ruling == "inconclusive"


def test_one_seed_decides_nothing():
    found = judged(lambda _: {}, seeds=(0,))
    assert {one.ruling for one in found.values()} == {"inconclusive"}


def test_a_missing_step_or_seed_leaves_speed_undecided():
    def gone(row):
        return {"early_stop_step": None} if row["replicate"] == 2 else {}

    found = judged(gone)["F1a"]
    assert (found.ruling, found.effect) == ("inconclusive", None)
    assert "missing" in found.doubt


def test_seeds_with_unequal_levels_are_an_error():
    rows = searched(lambda _: {}).to_pylist()
    fewer = [row for row in rows if (row["replicate"], row["level"]) != (1, 9)]
    with pytest.raises(ValueError, match="replicates differ in how many rows"):
        winning_tickets.verdicts(table(fewer), CONFIG)


def test_tickets_that_failed_are_an_error(tmp_path):
    wild = replace(
        winning_tickets.QUICK,
        recipe=Recipe(lr=1e30, steps=9),
        lengths=(9,),
        search=TicketConfig(levels=1),
        seeds=(0,),
        model="mlp-6",
    )
    with pytest.raises(SurfeitError, match=r"trainings failed:\n.*diverged"):
        list(winning_tickets.rows(wild, Lab(Store(tmp_path), engine=InProcess())))


def test_the_figure_has_a_line_for_each_length():
    left, right = winning_tickets.figure(searched(lambda _: {})).axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == [
        "500 steps",
        "1,000 steps",
    ]
    assert right.get_title(loc="left") == "Ticket − dense network"
    assert set(rulings(winning_tickets.verdicts(searched(lambda _: {}), CONFIG))) == {
        "F1a",
        "F1b",
        "F1c",
        "F1d",
    }
