"""Every study's quick budget, run for real: they share one store, and run again they do nothing.

Each process of the tests has a store of its own, so that what a study adds to it can be told from
what it finds there. The times are printed at the end (`conftest.pytest_terminal_summary`).
"""

import os
import time
from pathlib import Path

import pytest

from surfeit.execute import Engine, InProcess, Local, in_stacks
from surfeit.lab import BUDGETS, Lab, run_study, study_named, study_names
from surfeit.lab.cost import planned
from surfeit.store import Store

_KEPT = ("runs", "measurements")


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Store:
    """The store that all studies of this process share."""
    return Store(tmp_path_factory.mktemp("quick") / "store")


def engine() -> Engine:
    """Two cores for all processes of the tests together: a single one needs no worker to start."""
    alone = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) == 1
    return Local(2) if alone else InProcess()


def kept(root: Path) -> dict[Path, tuple[int, int]]:
    """All files of runs and measurements, with what changes when one is written again."""
    files = (path for name in _KEPT for path in (root / name).rglob("*") if path.is_file())
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


@pytest.mark.parametrize("name", study_names())
def test_a_quick_budget_trains_what_it_plans_and_run_again_does_nothing(
    name, store, tmp_path, record_property
):
    lab, study = Lab(store, engine=engine()), study_named(name)
    began = time.monotonic()
    first = run_study(study, "quick", lab=lab)
    record_property("quick_seconds", time.monotonic() - began)
    # Columns, cells, verdicts and figure were checked by the lab, or there were no result.
    assert first.table.num_rows
    assert [verdict.claim for verdict in first.verdicts] == [claim.id for claim in study.claims]
    trains = study.jobs is None or bool(study.jobs(study.budgets["quick"], lab))
    assert bool(first.runs) == trains
    assert set(first.runs) <= {run.key for run in store.runs()}
    if study.jobs is not None:  # else it trains step by step, and cannot be planned
        plan = planned(in_stacks(study.jobs(study.budgets["quick"], lab)), store)
        assert {one.state for one in plan} <= {"done", "follows"}
        assert {one.key for one in plan if one.key} <= set(first.runs)
    before = kept(store.root)
    again = run_study(study, "quick", lab=lab, out=tmp_path / "again")
    assert kept(store.root) == before
    assert again.table.equals(first.table)
    assert again.verdicts == first.verdicts
    assert again.file("figure.svg") == first.file("figure.svg")


@pytest.mark.parametrize("name", study_names())
def test_every_budget_can_be_a_key(name):
    """A configuration that no key can stand for would be told once the budget is run, too late."""
    from surfeit.lab.run import _identity

    study = study_named(name)
    for budget in BUDGETS:
        assert _identity(study, budget, study.budgets[budget])["budget"] == budget
