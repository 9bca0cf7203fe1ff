"""Claims D4a to D4c on planted tables, and the measurement's ends."""

import pyarrow as pa
import pytest
from tests.studies.planted import rulings

from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import update_subspace as study

CONFIG = study.PAPER


def _table(change, residual, ahead):
    rows = [
        {
            "seed": seed,
            "rank": rank,
            "dense": 0.98,
            "leading": 0.98 + change[at] / 100,
            "random": 0.98 + (change[at] - ahead[at]) / 100,
            "residual": residual[at],
            "run": "0" * 64,
        }
        for at, seed in enumerate(CONFIG.seeds)
        for rank in (8, CONFIG.rank, 32)
    ]
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize("ruling", ["supported", "contradicted", "inconclusive"])
def test_verdicts_of_planted_tables(planted_three, ruling):
    change = planted_three(-100 * CONFIG.lost_margin, 0.1)[ruling]
    residual = planted_three(CONFIG.norm_margin, 0.008)[ruling]
    table = _table(change, residual, planted_three(0, 1)[ruling])
    assert rulings(study.verdicts(table, CONFIG)) == {claim.id: ruling for claim in study.CLAIMS}
    assert len(study.figure(table).axes) == 2


def test_all_directions_are_the_whole_update_and_the_residual_falls(tmp_path):
    lab = Lab(Store(tmp_path))
    (run,) = lab.train({"a": lab.job("mlp-64-32", "digits", study.POOL_RECIPE)}).values()
    found = list(study.by_rank(run, lab.data("digits"), "fc2", 31, 1))
    assert [row["rank"] for row in found] == [1, 2, 4, 8, 16, 31]
    residuals = [row["residual"] for row in found]
    assert residuals == sorted(residuals, reverse=True)
    assert found[-1]["leading"] == pytest.approx(found[-1]["dense"], abs=0.01)
    assert all(row["dense"] == found[0]["dense"] for row in found)
