"""A study is a module with the names of the protocol; its budgets differ in size alone."""

import dataclasses

import pyarrow as pa
import pytest

from surfeit.lab import Lab, study_of
from surfeit.store import Store
from surfeit.studies import distance_from_start


def test_a_study_is_read_from_its_module():
    study = study_of(distance_from_start)
    assert study.name == "distance_from_start"
    assert study.question.startswith("How far does training move")
    assert study.source.startswith("Neyshabur")
    assert study.cost.startswith("quick")


def test_budgets_differ_in_size_alone(monkeypatch):
    monkeypatch.setattr(distance_from_start, "SIZES", ("data", "seeds", "recipe"))
    with pytest.raises(ValueError, match="differs in widths under the budget quick"):
        study_of(distance_from_start)


def test_a_study_runs_through_the_lab(tmp_path):
    study, lab = study_of(distance_from_start), Lab(Store(tmp_path))
    config = dataclasses.replace(study.budgets["quick"], seeds=(0, 1))
    first = pa.Table.from_pylist(list(study.rows(config, lab)))
    again = pa.Table.from_pylist(list(study.rows(config, lab)))
    assert first.equals(again)
    assert [one.claim for one in study.verdicts(first, config)] == ["D6a", "D6b", "D6c"]
    assert study.figure(first).axes
