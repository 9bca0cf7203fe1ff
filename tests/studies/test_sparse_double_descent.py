"""F17: curves that fall, rise and fall, that only fall, and those that nobody can tell."""

from dataclasses import replace

import pytest

from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import sparse_double_descent
from surfeit.studies.sparse_double_descent import QUICK, noisy

from .tickets_table import SEEDS, table, trainings

CONFIG = replace(sparse_double_descent.PAPER, seeds=SEEDS)
THREE = ("supported", "contradicted", "inconclusive")
DESCENT = (0.90, 0.88, 0.86, 0.90, 0.94, 0.80)  # trough at level 2, peak at level 4
FALL = (0.94, 0.93, 0.92, 0.90, 0.85, 0.60)


def searched(change=lambda _: {}, curve=DESCENT, seeds=SEEDS, noise=CONFIG.noise):
    """Tickets and controls along a curve: the same at all noises, but for `change`."""

    def along(row):
        accuracy = curve[row["level"]]
        found = {"validation_accuracy": accuracy, "distance": 9 + row["replicate"] / 10}
        found["test_accuracy"] = accuracy + row["test_accuracy"] - 0.9
        return found | change(row | found)

    arms = ("ticket", "reinit")
    rows = []
    for share in noise:
        rows += trainings(along, levels=len(curve) - 1, arms=arms, seeds=seeds, noise=share)
    return table(rows)


def judged(claim, *arguments, **others):
    found = sparse_double_descent.verdicts(searched(*arguments, **others), CONFIG)
    return next(one for one in found if one.claim == claim)


@pytest.mark.parametrize("expected", THREE)
@pytest.mark.parametrize(("part", "level"), [("fall", 0), ("rise", 4), ("end", 5)])
def test_each_of_fall_rise_and_end_is_needed_at_each_noise(planted_three, part, level, expected):
    gains = planted_three(CONFIG.margin, 0.02)[expected]

    def change(row):
        more, gain = row["replicate"] / 1000, gains[row["replicate"]] / 100
        at = {0: 0.90 + more, 2: 0.86, 4: 0.94 + more, 5: 0.80 - more}
        if row["noise"] == 0.4:  # the other noise shows a descent
            at |= {0: {0: 0.86 + gain}, 4: {4: 0.86 + gain}, 5: {5: at[4] - gain}}[level]
        return {"test_accuracy": at.get(row["level"], 0.5)}

    found = judged("F17a", change)
    assert found.ruling == expected
    if expected != "supported":
        assert f"decided by 40 % noise, {part}" in found.doubt


def test_a_curve_that_only_falls_contradicts():
    def jitter(row):
        return {"test_accuracy": FALL[row["level"]] + row["replicate"] * row["level"] / 1e4}

    assert judged("F17a", jitter, curve=FALL).ruling == "contradicted"


def test_turns_are_chosen_by_validation_alone():
    def misleading(row):
        best = {1: 0.1, 5: 0.99}.get(row["level"], row["test_accuracy"])
        return {"test_accuracy": best}

    tickets = searched(misleading, noise=(0.2,))
    assert sparse_double_descent._turns(tickets) == (2, 4)


@pytest.mark.parametrize("expected", THREE)
def test_weights_are_further_at_the_trough(planted_three, expected):
    more = planted_three(0, 0.1)[expected]

    def change(row):
        return {"distance": 9 + (more[row["replicate"]] if row["level"] == 2 else 0)}

    assert judged("F17b", change).ruling == expected


@pytest.mark.parametrize("expected", THREE)
def test_controls_are_no_worse_at_the_peak(planted_three, expected):
    gains = planted_three(-CONFIG.margin, 0.02)[expected]

    def change(row):
        if row["arm"] == "ticket":
            return {}
        more = gains[row["replicate"]] / 100 if row["level"] == 4 else -0.5
        return {"test_accuracy": row["test_accuracy"] + more}

    found = judged("F17c", change)
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(gains) / 5))


def test_one_seed_and_a_missing_value_decide_nothing():
    for claim in ("F17a", "F17b", "F17c"):
        assert judged(claim, seeds=(0,)).ruling == "inconclusive"
    verdict = judged("F17b", lambda row: {"distance": None} if row["level"] == 2 else {})
    assert (verdict.ruling, verdict.says) == ("inconclusive", "")
    assert "missing" in verdict.doubt


def test_labels_are_drawn_from_all_classes(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    data = noisy(replace(QUICK, images=10**6), lab, 0.4)
    clean = load("digits").train.labels
    wrong = (data.train.labels != clean).float().mean().item()
    deviation = (0.4 * 0.1 * 0.9 / len(clean)) ** 0.5  # of wrong ones among those drawn anew
    assert wrong == pytest.approx(0.36, abs=4 * deviation)
    assert data.name == "digits-noise-uniform-0.4"


def test_the_figure_has_a_line_for_each_noise():
    left, right = sparse_double_descent.figure(searched()).axes
    assert [t.get_text() for t in left.get_legend().get_texts()] == ["20 %", "40 %"]
    assert right.get_ylabel() == "distance from the initial weights"
