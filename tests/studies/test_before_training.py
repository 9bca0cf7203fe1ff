"""F12: SNIP's published error, early masks against random ones, and magnitude after training."""

from dataclasses import replace

import pytest

from surfeit.studies import before_training
from surfeit.studies.before_training import EARLY, PAPER, PUBLISHED

from .tickets_table import NOISE, SEEDS, table

THREE = ("supported", "contradicted", "inconclusive")
METHODS = ("dense", *EARLY, "random", "magnitude after")


def rows_of(change, seeds=SEEDS):
    rows = []
    for method in METHODS:
        for density in (1.0,) if method == "dense" else PAPER.densities:
            for seed in seeds:
                row = {"method": method, "density": density, "seed": seed}
                row |= {"test_accuracy": 0.9 + NOISE[seed]}
                row |= change(row)
                accuracy = row["test_accuracy"]
                rows.append(row | {"error": None if accuracy is None else 100 * (1 - accuracy)})
    return rows


def judged(claim, change, config=PAPER, **others):
    found = before_training.verdicts(table(rows_of(change, **others)), config)
    return next(one for one in found if one.claim == claim)


@pytest.mark.parametrize(
    ("error", "spread", "expected"),
    [(1.6, 0.05, "supported"), (2.4, 0.05, "contradicted"), (1.6, 0.5, "inconclusive")],
)
def test_the_published_error_is_compared_at_five_per_cent(planted, error, spread, expected):
    errors = planted(error, spread)

    def change(row):
        if row["method"] == "snip" and row["density"] == 0.05:
            return {"test_accuracy": 1 - errors[row["seed"]] / 100}
        return {}

    assert judged("F12a", change).ruling == expected
    elsewhere = judged("F12a", change, replace(PAPER, data="fashion-mnist"))
    assert (elsewhere.ruling, elsewhere.effect) == ("inconclusive", None)


@pytest.mark.parametrize("expected", THREE)
@pytest.mark.parametrize("weakest", EARLY)
def test_early_masks_beat_random_ones_only_if_all_do(planted_three, weakest, expected):
    gains = planted_three(PAPER.margin, 0.02)[expected]

    def change(row):
        more = {weakest: gains[row["seed"]], "random": 0, "magnitude after": 0}
        more = more.get(row["method"], 9 + row["seed"] / 10) / 100
        return {"test_accuracy": row["test_accuracy"] + more}

    found = judged("F12b", change)
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(gains) / 5))
    assert f"decided by {weakest}" in found.doubt


@pytest.mark.parametrize("expected", THREE)
@pytest.mark.parametrize("strongest", EARLY)
def test_magnitude_after_training_must_beat_every_early_mask(planted_three, strongest, expected):
    gains = planted_three(PAPER.margin, 0.02)[expected]

    def change(row):
        less = {strongest: gains[row["seed"]], "magnitude after": 0}
        less = less.get(row["method"], 9 + row["seed"] / 10) / 100
        return {"test_accuracy": row["test_accuracy"] - less}

    assert judged("F12c", change).ruling == expected


def test_one_seed_and_a_missing_value_decide_nothing():
    assert judged("F12b", lambda _: {}, seeds=(0,)).ruling == "inconclusive"

    def change(row):
        if row["method"] == "grasp":
            return {"test_accuracy": None}
        return {"test_accuracy": row["test_accuracy"] - 0.09 * (row["method"] == "random")}

    verdict = judged("F12b", change)
    assert verdict.ruling == "inconclusive"
    assert "nan" not in verdict.says + verdict.doubt


def test_the_figure_has_a_line_for_each_method_and_the_published_errors():
    def published(row):
        return {"published": PUBLISHED.get((row["method"], row["density"]))}

    (panel,) = before_training.figure(table(rows_of(published))).axes
    words = [text.get_text() for text in panel.get_legend().get_texts()]
    assert words == [*METHODS, "Lee et al. 2019: dense, SNIP"]
    assert panel.lines[-1].get_xydata().tolist() == [[0.02, 2.4], [0.05, 1.6], [1.0, 1.7]]
    (panel,) = before_training.figure(table(rows_of(lambda _: {}))).axes
    assert len(panel.get_legend().get_texts()) == len(METHODS)
