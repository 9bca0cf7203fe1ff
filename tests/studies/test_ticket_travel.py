"""F6: how often a kept weight goes further, against a half and against its null."""

from dataclasses import replace

import pytest

from surfeit.studies import ticket_travel
from surfeit.studies.ticket_travel import PAPER

from .tickets_table import SEEDS, table

THREE = ("supported", "contradicted", "inconclusive")


def rows_of(further, null, seeds=SEEDS):
    """Layers and levels around each seed's own values, which are their mean."""
    return [
        {
            "seed": seed,
            "level": level,
            "density": 0.8**level,
            "layer": layer,
            "further": further[place] + off,
            "null": null[place] + off,
        }
        for place, seed in enumerate(seeds)
        for level in (1, 2)
        for layer, off in (("fc1", 0.03), ("fc2", -0.03))
    ]


def judged(claim, further, null, seeds=SEEDS):
    config = replace(PAPER, seeds=tuple(seeds))
    found = ticket_travel.verdicts(table(rows_of(further, null, seeds)), config)
    return next(one for one in found if one.claim == claim)


@pytest.mark.parametrize("expected", THREE)
def test_f6a_is_above_a_half_by_the_margin(planted_three, expected):
    further = [0.5 + one for one in planted_three(PAPER.margin, 0.005)[expected]]
    found = judged("F6a", further, [0.5] * 5)
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(further) / 5 - 0.5))


@pytest.mark.parametrize("expected", THREE)
def test_f6b_is_above_the_null_by_the_margin(planted, planted_three, expected):
    null = planted(0.7, 0.05)
    beyond = planted_three(PAPER.margin, 0.005)[expected]
    found = judged("F6b", [a + b for a, b in zip(null, beyond, strict=True)], null)
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(beyond) / 5))


def test_one_seed_and_a_missing_value_decide_nothing():
    assert judged("F6a", [0.9], [0.5], seeds=(0,)).ruling == "inconclusive"
    rows = rows_of([0.9] * 5, [0.5] * 5)
    rows[3]["further"] = None
    for verdict in ticket_travel.verdicts(table(rows), PAPER):
        assert (verdict.ruling, verdict.says) == ("inconclusive", "")
        assert "missing" in verdict.doubt


def test_the_figure_has_a_line_for_each_layer_and_the_half():
    left, right = ticket_travel.figure(table(rows_of([0.7] * 5, [0.6] * 5))).axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["fc1", "fc2"]
    assert right.get_title(loc="left") == "By the choice of large weights"
