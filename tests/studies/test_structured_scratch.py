"""Claim F4 on planted tables."""

import pyarrow as pa
import pytest
from tests.studies.planted import rulings, spread

from surfeit.core import SurfeitError
from surfeit.lab import Lab
from surfeit.procedures.tickets import failures
from surfeit.store import Store
from surfeit.studies import structured_scratch as study

CONFIG = study.PAPER
HOLDS = {"ticket": 93.0, "scratch-e": 93.1, "scratch-b": 93.4, 0.01: 2.0, 0.1: 0.1}
FAILS = {"ticket": 93.0, "scratch-e": 92.0, "scratch-b": 92.5, 0.01: -0.5, 0.1: -0.4}


def planted(accuracies, jitter):
    """Percent by arm of pruned units, and by rate what tickets of weights are ahead."""
    rows = []

    def add(number, kind, lr, level, arm, accuracy):
        for seed in CONFIG.seeds:
            value = (accuracy + jitter * spread(seed, number)) / 100
            rows.append(
                {
                    "kind": kind,
                    "lr": lr,
                    "seed": seed,
                    "level": level,
                    "arm": arm,
                    "density": 0.7**level,
                    "accuracy": value,
                    "run": "0" * 64,
                }
            )

    for level in range(CONFIG.levels + 1):
        for number, arm in enumerate(("ticket", "scratch-e", "scratch-b")):
            add(number + level, "units", CONFIG.recipe.lr, level, arm, accuracies[arm])
    for number, lr in enumerate((0.01, 0.1)):
        add(3 * number, "weights", lr, 1, "ticket", 95 + accuracies[lr])
        add(3 * number + 1, "weights", lr, 1, "reinit", 95)
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("accuracies", "jitter", "ruling"),
    [(HOLDS, 0.05, "supported"), (FAILS, 0.05, "contradicted"), (HOLDS, 4, "inconclusive")],
)
def test_verdicts_of_planted_tables(accuracies, jitter, ruling):
    found = study.verdicts(planted(accuracies, jitter), CONFIG)
    assert rulings(found) == {claim.id: ruling for claim in study.CLAIMS}


def test_a_gap_that_is_as_wide_at_the_high_rate_is_not_closed():
    found = study.verdicts(planted(HOLDS | {0.1: 2.5}, 0.05), CONFIG)
    assert rulings(found)["F4c"] == "contradicted"


def test_the_figure_has_both_halves():
    left, right = study.figure(planted(HOLDS, 0.5)).axes
    assert [text.get_text() for text in left.get_xticklabels()] == ["70% kept", "49% kept"]
    assert [text.get_text() for text in right.get_xticklabels()] == ["rate 0.01", "rate 0.1"]


def test_a_failed_training_is_an_error_and_no_gap_in_the_table(monkeypatch, tmp_path):
    def failing(*args, **options):
        table = pa.table({"replicate": [0]})
        return table.replace_schema_metadata({"failures": '{"ticket": "it diverged"}'})

    monkeypatch.setattr(study, "find_tickets", failing)
    assert failures(failing()) == {"ticket": "it diverged"}
    with pytest.raises(SurfeitError, match=r"a training failed:\n  ticket: it diverged"):
        list(study.rows(study.QUICK, Lab(Store(tmp_path))))
