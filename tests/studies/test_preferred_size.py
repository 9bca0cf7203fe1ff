"""F18: the slope of selected sizes, sizes that are not reached, and calibration."""

from dataclasses import replace

import pytest

from surfeit.studies import preferred_size
from surfeit.studies.preferred_size import PAPER

from .tickets_table import SEEDS, table

START = dict(zip(PAPER.models, (8e4, 24e4, 80e4, 240e4), strict=True))
SLOPES = {  # of each seed
    "supported": (0.02, -0.03, 0.05, 0.0, -0.01),
    "contradicted": (0.9, 1.0, 1.05, 0.95, 1.1),
    "inconclusive": (0.6, -0.4, 0.1, 0.5, -0.3),
}
THREE = tuple(SLOPES)


def rows_of(slopes=SLOPES["supported"], better=(0.03,) * 5, seeds=SEEDS, level=3):
    rows = []
    for model, start in START.items():
        for place, seed in enumerate(seeds):
            for at in range(5):
                weights = 5e4 * (start / 8e4) ** slopes[place] if at == level else start * 0.5**at
                error = 0.1 + seed / 1000 - (better[place] if at == level else 0)
                row = {"model": model, "seed": seed, "level": at, "start": start}
                row |= {"weights": weights, "best": at == level, "test_accuracy": 0.8}
                rows.append(row | {"calibration_error": error})
    return rows


def judged(claim, **others):
    config = replace(PAPER, seeds=tuple(others.get("seeds", SEEDS)))
    found = preferred_size.verdicts(table(rows_of(**others)), config)
    return next(one for one in found if one.claim == claim)


@pytest.mark.parametrize("expected", THREE)
def test_the_slope_is_an_equivalence(expected):
    found = judged("F18a", slopes=SLOPES[expected])
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(SLOPES[expected]) / 5))


@pytest.mark.parametrize("expected", THREE)
def test_calibration_is_compared_on_the_largest(planted_three, expected):
    better = planted_three(PAPER.margin, 0.05)[expected]
    found = judged("F18b", better=[one / 100 for one in better])
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(better) / 5))


def test_a_size_that_is_not_reached_is_not_judged():
    found = judged("F18a", slopes=SLOPES["contradicted"], level=4)
    assert (found.ruling, found.effect) == ("inconclusive", None)
    assert found.doubt.startswith("20 of 20 searches are best at their sparsest level")


def test_one_seed_decides_nothing():
    for claim in ("F18a", "F18b"):
        assert judged(claim, seeds=(0,)).ruling == "inconclusive"


def test_the_figure_has_accuracy_calibration_and_size():
    left, middle, right = preferred_size.figure(table(rows_of())).axes
    assert [t.get_text() for t in left.get_legend().get_texts()] == list(PAPER.models)
    assert middle.get_ylabel() == "expected calibration error (points)"
    assert right.get_legend().get_texts()[0].get_text() == "nothing removed"
