"""Claims D3a to D3c on planted tables."""

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings, spread

from surfeit.data import load
from surfeit.studies import rank_and_classes as study

CONFIG = study.PAPER


def _table(elbow, jitter):
    rows = [
        {
            "classes": count,
            "seed": seed,
            "elbow": elbow(count) + jitter * spread(seed, at),
            "start": 40,
            "update": count,
            "accuracy": 0.7,
            "run": "0" * 64,
        }
        for at, count in enumerate(CONFIG.classes)
        for seed in CONFIG.seeds
    ]
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("ruling", "table"),
    [
        ("supported", _table(lambda count: count, 0.2)),
        ("contradicted", _table(lambda count: 30 - count, 0.2)),
        ("inconclusive", _table(lambda count: 10.9, 1.2)),
    ],
)
def test_verdicts_of_planted_tables(ruling, table):
    found = rulings(study.verdicts(table, CONFIG))
    if ruling == "inconclusive":
        # An elbow that stays near 10 is off where there are few classes, and that is decided.
        assert found.pop("D3c") == "contradicted"
    assert set(found.values()) == {ruling}


def test_the_elbow_is_told_beside_that_of_the_start_and_of_the_update():
    first, *_ = study.verdicts(_table(lambda count: 30 - count, 0.0), CONFIG)
    assert first.says == (
        "With 10 classes the elbow is at rank 20; before training it was at 40, in what training "
        "added it is at 10."
    )


def test_an_elbow_off_by_about_the_margin_is_undecided():
    found = rulings(study.verdicts(_table(lambda count: count + 0.9, 0.9), CONFIG))
    assert found["D3c"] == "inconclusive"


def test_a_spectrum_without_an_elbow_leaves_all_undecided():
    rows = _table(lambda count: count, 0.2).to_pylist()
    table = pa.Table.from_pylist(
        [row | ({"elbow": None} if not n else {}) for n, row in enumerate(rows)]
    )
    found = study.verdicts(table, CONFIG)
    assert rulings(found) == {"D3a": "supported", "D3b": "inconclusive", "D3c": "inconclusive"}
    assert study.figure(table).axes


def test_a_seeds_classes_are_nested_and_its_own():
    digits = load("digits")
    names = [set(study.chosen(digits, count, 3).class_names) for count in (2, 5, 10)]
    assert names[0] < names[1] < names[2]
    assert set(study.chosen(digits, 5, 4).class_names) != names[1]
    assert torch.equal(study.chosen(digits, 2, 3).train.labels.unique(), torch.tensor([0, 1]))
