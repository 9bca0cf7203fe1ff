"""F2: iterative less one-shot tickets below the boundary, one-shot less dense above it."""

from dataclasses import replace

import pytest

from surfeit.studies import one_shot
from surfeit.studies.one_shot import PAPER

from .tickets_table import SEEDS, table, trainings

THREE = ("supported", "contradicted", "inconclusive")


def searched(change, seeds=SEEDS, levels=16):
    rows = []
    for schedule in ("iterative", "one-shot"):
        rows += trainings(change, levels=levels, seeds=seeds, schedule=schedule)
    return table(rows)


def judged(claim, *arguments, **others):
    found = searched(*arguments, **others)
    config = replace(PAPER, seeds=tuple(sorted(set(found["replicate"].to_pylist()))))
    return next(v for v in one_shot.verdicts(found, config) if v.claim == claim)


@pytest.mark.parametrize("expected", THREE)
def test_f2a_is_judged_below_the_boundary_alone(planted_three, expected):
    gains = planted_three(PAPER.margin, 0.02)[expected]

    def change(row):
        if row["schedule"] == "one-shot":
            return {}
        below = row["density"] <= PAPER.boundary
        more = gains[row["replicate"]] / 100 if below else -0.5
        return {"test_accuracy": row["test_accuracy"] + more}

    found = judged("F2a", change)
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(gains) / 5))


@pytest.mark.parametrize("expected", THREE)
def test_f2b_compares_with_the_dense_network_above_the_boundary(planted_three, expected):
    gains = planted_three(PAPER.margin, 0.02)[expected]

    def change(row):
        more = gains[row["replicate"]] / 100 if row["level"] else 0
        more = more if row["density"] > PAPER.boundary else -0.5
        return {"test_accuracy": row["test_accuracy"] + more}

    found = judged("F2b", change)
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(gains) / 5))


def test_one_seed_decides_nothing():
    assert judged("F2a", lambda _: {}, seeds=(3,)).ruling == "inconclusive"


def test_levels_that_are_not_reached_are_an_error():
    with pytest.raises(ValueError, match="no row whose test_accuracy"):
        judged("F2a", lambda _: {}, levels=5)


def test_the_figure_has_a_line_for_each_schedule():
    (panel,) = one_shot.figure(searched(lambda _: {})).axes
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["iterative", "one-shot"]
