"""The script that prints a search's tables for its page, where trainings failed or stood still."""

import runpy
from pathlib import Path

import pyarrow as pa

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "results" / "tickets.py"))


def planted(**changed) -> pa.Table:
    """Two replicates of two levels, controls twice as late; `r0_l1_ticket=None` is a failure."""
    rows = []
    for replicate in (0, 1):
        for level, arm in ((0, "ticket"), (1, "ticket"), (1, "reinit")):
            step = changed.get(f"r{replicate}_l{level}_{arm}", 200 if arm == "reinit" else 100)
            failed = step is None
            row = {"replicate": replicate, "level": level, "arm": arm, "early_stop_step": step}
            row |= {"density": None if failed else 0.8**level}
            row |= {"test_accuracy": None if failed else 0.9, "run": None if failed else "a" * 64}
            rows.append(row)
    return pa.Table.from_pylist(rows)


def test_ratios_are_geometric_means_of_pairs():
    assert SCRIPT["ratio"](planted(), 1, "reinit") == "2.00"
    assert SCRIPT["ratio"](planted(r0_l1_reinit=None), 1, "reinit") == "2.00"
    # The least loss was that of the first step: there is no ratio to nothing.
    assert SCRIPT["ratio"](planted(r1_l1_ticket=0), 1, "reinit") == "2.00"
    assert SCRIPT["ratio"](planted(r0_l1_ticket=None, r1_l1_ticket=0), 1, "reinit") == ""


def test_a_level_whose_tickets_all_failed_has_its_controls_row(capsys):
    table = planted(r0_l1_ticket=None, r1_l1_ticket=None)
    for part in ("accuracies", "stops", "keys"):
        SCRIPT[part](table)
    printed = capsys.readouterr().out
    assert "| 1 | 80 |  | 90.00 |  |" in printed
    assert "| 1 | `failed` | `failed` |" in printed
