"""F8: verdicts from planted tables, actions by what they are, and the figure."""

from dataclasses import replace

import pyarrow as pa
import pytest

from surfeit.core import Streams, SurfeitError
from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import Lab, study_of
from surfeit.procedures.supermasks import KEPT, MASK_CRITERIA, REMOVED, untrained_table
from surfeit.store import Store
from surfeit.studies import mask_criteria
from surfeit.studies.mask_criteria import PAPER
from surfeit.train import Recipe

from .conftest import plant, plant_three

THREE = ("supported", "contradicted", "inconclusive")
FINAL = ("ticket", "large_final", "rewind", "zero")
INCREASE = ("ticket", "magnitude_increase", "rewind", "zero")
SIGNS = ("ticket", "large_final", "signed_constant", "zero")
COINS = ("ticket", "large_final", "random_constant", "zero")
ZERO, FROZEN = (("untrained", "large_final_same_sign", "rewind", r) for r in ("zero", "freeze"))


def table(**accuracies):
    """A table in which all is alike but what is given; other levels would mislead."""
    rows = []
    for name in ("FINAL", "INCREASE", "SIGNS", "COINS", "ZERO", "FROZEN"):
        of, criterion, kept, removed = globals()[name]
        values = accuracies.get(name, [0.9] * 5)
        for seed, value in zip(PAPER.seeds, values, strict=True):
            row = {"of": of, "criterion": criterion, "kept": kept, "removed": removed}
            row |= {"density": 0.1, "seed": seed}
            rows.append(row | {"level": PAPER.levels, "accuracy": value})
            if of == "ticket":
                rows.append(row | {"level": 1, "accuracy": 0.1 * seed})
    return pa.Table.from_pylist(rows)


def ruling(claim, **accuracies):
    found = mask_criteria.verdicts(table(**accuracies), PAPER)
    return next(one for one in found if one.claim == claim).ruling


@pytest.mark.parametrize(
    ("difference", "spread", "expected"),
    [
        (0.0, 1e-4, "supported"),  # equal, and known to be
        (0.004, 1e-4, "supported"),  # a difference that is sure and too small to matter
        (0.02, 1e-3, "contradicted"),
        (-0.02, 1e-3, "contradicted"),
        (0.0, 0.01, "inconclusive"),  # "not significant" is not "equal"
        (0.005, 1e-3, "inconclusive"),
    ],
)
def test_as_good_as_is_an_equivalence_within_half_a_point(difference, spread, expected):
    base = plant(0.9, 0.03, seed=9)
    other = [a + b for a, b in zip(base, plant(difference, spread), strict=True)]
    assert ruling("F8a", FINAL=base, INCREASE=other) == expected


@pytest.mark.parametrize("expected", THREE)
@pytest.mark.parametrize(
    ("claim", "first", "second", "margin"),
    [
        ("F8b", "SIGNS", "FINAL", -0.005),
        ("F8c", "SIGNS", "COINS", 0.0),
        ("F8d", "ZERO", "FROZEN", 0.0),
    ],
)
def test_differences_are_paired_by_seed(claim, first, second, margin, expected):
    base = plant(0.7, 0.05, seed=9)
    other = [a + b for a, b in zip(base, plant_three(margin, 1e-4)[expected], strict=True)]
    assert ruling(claim, **{first: other, second: base}) == expected


def test_actions_are_those_of_the_level_that_validation_chooses(tmp_path):
    data, lab = load("digits"), Lab(Store(tmp_path), engine=InProcess())
    recipe = Recipe(optimizer="adam", lr=3e-3, epochs=5, batch_size=60)
    run = lab.train({"a": lab.job("mlp-16", data, recipe, seed=2)})["a"]
    rows = list(mask_criteria.actions(run, data, levels=[1, 3, 5]))
    assert [(row["kept"], row["removed"]) for row in rows] == [
        (k, r) for k in KEPT for r in REMOVED
    ]
    name = "large_final_same_sign"
    whole = untrained_table(
        run.model(0),
        run.model(),
        data,
        streams=Streams(2),
        criteria={name: MASK_CRITERIA[name]},
        levels=[1, 3, 5],
        kept=KEPT,
        removed=REMOVED,
    ).to_pylist()
    for row in rows:
        pair = (row["kept"], row["removed"])
        mine = [one for one in whole if (one["kept"], one["removed"]) == pair]
        chosen = next(one for one in mine if one["level"] == row["level"])
        assert chosen["validation_accuracy"] == max(one["validation_accuracy"] for one in mine)
        assert row["accuracy"] == chosen["test_accuracy"]


def test_tickets_that_failed_are_an_error(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    wild = replace(
        mask_criteria.QUICK, recipe=Recipe(lr=1e30, steps=9), levels=1, seeds=(0,), model="mlp-6"
    )
    with pytest.raises(SurfeitError, match=r"trainings failed:\n.*diverged"):
        list(mask_criteria.rows(wild, lab))


def test_the_figure_draws_tickets_of_the_last_level_and_untrained_networks():
    left, right = mask_criteria.figure(table()).axes
    assert [label.get_text() for label in left.get_yticklabels()] == [
        "large final",
        "magnitude increase",
        "large final, signed constant",
        "large final, random constant",
    ]
    assert [label.get_text() for label in right.get_yticklabels()] == [
        "initial",
        "initial; removed: initial",
    ]
    assert left.get_title(loc="left") == "Tickets, 10 % kept"
    assert [claim.id for claim in study_of(mask_criteria).claims] == ["F8a", "F8b", "F8c", "F8d"]
