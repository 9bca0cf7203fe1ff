"""F7: dispersion of tickets against that of as many random places, in logs."""

import math

import pytest

from surfeit.studies import ticket_units
from surfeit.studies.ticket_units import PAPER

from .tickets_table import SEEDS, table

CLAIMS = (("F7a", "units", "inputs"), ("F7b", "inputs", "units"))


def rows_of(over, other, logs, seeds=SEEDS):
    """Tickets disperse by `exp(logs)` more; the output layer and the other way would mislead."""
    rows = []
    for place, seed in enumerate(seeds):
        for level in (1, 2):
            for arm in ("ticket", "random"):
                for layer, hidden in (("fc1", True), ("fc2", True), ("out", False)):
                    base = 1.1 + 0.1 * seed + level
                    more = math.exp(logs[place]) if arm == "ticket" and hidden else 1
                    row = {"seed": seed, "level": level, "arm": arm, "density": 0.8**level}
                    row |= {"layer": layer, "hidden": hidden, other: 1.0}
                    rows.append(row | {over: base * more if hidden else 1e3 * base})
    return rows


def judged(claim, *arguments, **others):
    found = ticket_units.verdicts(table(rows_of(*arguments, **others)), PAPER)
    return next(one for one in found if one.claim == claim)


@pytest.mark.parametrize("expected", ["supported", "contradicted", "inconclusive"])
@pytest.mark.parametrize(("claim", "over", "other"), CLAIMS)
def test_uneven_means_a_tenth_more_variance(planted_three, claim, over, other, expected):
    logs = planted_three(PAPER.margin, 0.02)[expected]
    found = judged(claim, over, other, logs)
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(logs) / 5))
    assert f"{math.exp(sum(logs) / 5):.2f} times" in found.says


def test_one_seed_decides_nothing_and_a_control_that_lacks_is_an_error():
    one = judged("F7a", "units", "inputs", [2.0], seeds=(0,))
    assert one.ruling == "inconclusive"
    rows = [
        r for r in rows_of("units", "inputs", [1.0] * 5) if (r["seed"], r["arm"]) != (2, "random")
    ]
    with pytest.raises(ValueError, match="no row to compare with has seed 2"):
        ticket_units.verdicts(table(rows), PAPER)


def test_the_figure_has_a_line_for_each_hidden_layer_and_arm():
    _, right = ticket_units.figure(table(rows_of("units", "inputs", [1.0] * 5))).axes
    words = [text.get_text() for text in right.get_legend().get_texts()]
    assert words == ["fc1, ticket", "fc2, ticket", "fc1, random", "fc2, random"]
