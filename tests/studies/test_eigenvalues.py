"""Claims D1a to D1d on planted tables."""

from dataclasses import replace

import pyarrow as pa
import pytest
from tests.studies.planted import rulings

from surfeit.studies import eigenvalues as study

CONFIG = replace(study.PAPER, seeds=(0, 1, 2))
EDGE = 1.25


def _table(rejected, variances, largest, near):
    """`rejected` of 400 draws; the largest eigenvalue over the edge, and how many of 100 near 0."""
    common = {"spikes": 0, "upper": EDGE, "run": None}
    rows = [
        {
            "seed": seed,
            "stage": "drawn",
            "fits": seed >= rejected,
            "variance": 1 + variances[seed % len(variances)],
            "number": None,
            "eigenvalue": None,
            **common,
        }
        for seed in range(400)
    ]
    for at, seed in enumerate(CONFIG.seeds):
        top = largest[at] * EDGE
        ends = [top] + [top / 2] * (99 - near[at]) + [top / 100] * near[at]
        for stage, values in (("start", [1.0] * 100), ("end", ends)):
            rows += [
                {
                    "seed": seed,
                    "stage": stage,
                    "fits": True,
                    "variance": 1.0,
                    "number": number,
                    "eigenvalue": value,
                    **common,
                }
                for number, value in enumerate(values)
            ]
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("ruling", "rejected", "off", "near"),
    [
        ("supported", 4, 0.001, (90, 91, 89)),
        ("contradicted", 60, 0.2, (1, 2, 0)),
        ("inconclusive", 18, 0.0199, (5, 25, 48)),
    ],
)
def test_verdicts_of_planted_tables(planted_three, ruling, rejected, off, near):
    largest = planted_three(CONFIG.edge_margin, 0.4, n=3)[ruling]
    variances = [off - 0.01, off + 0.01] if ruling != "inconclusive" else [off - 0.1, off + 0.1]
    found = study.verdicts(_table(rejected, variances, largest, near), CONFIG)
    assert rulings(found) == {claim.id: ruling for claim in study.CLAIMS}


def test_the_figure_has_both_spectra():
    drawn = study.figure(_table(4, [0.0, 0.01], [20, 30, 40], (90, 80, 85)))
    assert len(drawn.axes[0].lines) == 7
