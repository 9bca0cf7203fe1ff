"""F11: tickets against their re-initialised controls, four ways; and permuted pixels."""

import pytest
import torch

from surfeit.data import load
from surfeit.studies import ticket_transfer
from surfeit.studies.ticket_transfer import PAPER, permuted

from .tickets_table import SEEDS, table, trainings

WAYS = ("other half", "other data", "other optimiser", "from a tenth")
CLAIMS = {"F11a": "other half", "F11b": "other data", "F11c": "other optimiser"}
THREE = ("supported", "contradicted", "inconclusive")


def moved(change, seeds=SEEDS):
    arms = ("ticket", "reinit")
    return table([
        row for way in WAYS for row in trainings(change, levels=6, arms=arms, seeds=seeds, way=way)
    ])  # fmt: skip


def judged(claim, *arguments, **others):
    found = ticket_transfer.verdicts(moved(*arguments, **others), PAPER)
    return next(one for one in found if one.claim == claim)


@pytest.mark.parametrize("expected", THREE)
@pytest.mark.parametrize("claim", CLAIMS)
def test_a_way_is_judged_by_its_own_rows_below_the_boundary(planted_three, claim, expected):
    gains = planted_three(PAPER.margin, 0.02)[expected]

    def change(row):
        if row["arm"] == "reinit":
            return {}
        mine = row["way"] == CLAIMS[claim] and row["density"] <= PAPER.boundary
        more = gains[row["replicate"]] / 100 if mine else -0.3 * (row["way"] != "other half")
        return {"test_accuracy": row["test_accuracy"] + more}

    found = judged(claim, change)
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(gains) / 5))


@pytest.mark.parametrize("expected", THREE)
def test_the_whole_data_are_compared_with_a_tenth_of_them(planted_three, expected):
    gains = planted_three(PAPER.margin, 0.02)[expected]

    def change(row):
        more = gains[row["replicate"]] / 100 if row["way"] == "other data" else 0
        more = more if row["arm"] == "ticket" else 0.4
        return {"test_accuracy": row["test_accuracy"] + more}

    found = judged("F11d", change)
    assert (found.ruling, found.effect) == (expected, pytest.approx(sum(gains) / 5))


def test_one_seed_and_a_missing_value_decide_nothing():
    assert judged("F11a", lambda _: {}, seeds=(1,)).ruling == "inconclusive"
    verdict = judged("F11a", lambda row: {"test_accuracy": None} if row["level"] == 5 else {})
    assert (verdict.ruling, verdict.says) == ("inconclusive", "")
    assert "missing" in verdict.doubt


def test_permuted_pixels_are_the_same_pixels_in_one_order():
    data = load("digits")
    other = permuted(data)
    for split in ("train", "validation", "test"):
        before, after = (d.splits[split].inputs.flatten(1) for d in (data, other))
        assert torch.equal(before.sort(1).values, after.sort(1).values)
        assert not torch.equal(before, after)
        assert torch.equal(data.splits[split].labels, other.splits[split].labels)
    pairs = (data.train.inputs.flatten(1), other.train.inputs.flatten(1))
    assert all(any(torch.equal(a, b) for b in pairs[1].T) for a in pairs[0].T)


def test_the_figure_has_a_line_for_each_way():
    (panel,) = ticket_transfer.figure(moved(lambda _: {})).axes
    assert [text.get_text() for text in panel.get_legend().get_texts()] == list(WAYS)
