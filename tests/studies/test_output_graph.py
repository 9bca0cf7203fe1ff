"""Claims C4a and C4b on planted tables, and outputs that are or are not the weight vectors'."""

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings

from surfeit.lab import Lab
from surfeit.similarity import normalised
from surfeit.store import Store
from surfeit.studies import output_graph as study

CONFIG = study.PAPER


def _table(beyond, rand):
    rows = [
        {
            "seed": seed,
            "stage": stage,
            "inner_product": place,
            "correlation": place / 2,
            "pairs": 10,
            "links": 100,
            "chance": 0.1,
            "shared": None if beyond is None else 0.1 + beyond[at],
            "rand": None if rand is None else rand[at],
            "run": "0" * 64,
        }
        for at, seed in enumerate(CONFIG.seeds)
        for stage in ("end", "start")
        for place in (-0.5, 0.5)
    ]
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize("ruling", ["supported", "contradicted", "inconclusive"])
def test_verdicts_of_planted_tables(planted_three, ruling):
    table = _table(planted_three(0.5, 0.02)[ruling], planted_three(0.5, 0.03)[ruling])
    assert rulings(study.verdicts(table, CONFIG)) == {claim.id: ruling for claim in study.CLAIMS}


def test_without_links_nothing_is_decided():
    found = study.verdicts(_table(None, None), CONFIG)
    assert set(rulings(found).values()) == {"inconclusive"}
    assert study.figure(_table(None, None)).axes


def test_graphs_agree_wholly_with_themselves_and_by_chance_with_others():
    generator = torch.Generator().manual_seed(0)
    centre = torch.randn(4, 30, generator=generator)
    rows = normalised(centre.repeat(10, 1) + 0.5 * torch.randn(40, 30, generator=generator))
    upper = torch.triu_indices(40, 40, offset=1)
    alike = (rows @ rows.T)[*upper]
    links = int((alike > 0.5).sum())
    same = study._agreement(rows, rows, alike, alike, links)
    assert same == {"shared": 1.0, "rand": 1.0}
    mixed = rows[torch.randperm(40, generator=generator)]
    other = study._agreement(rows, mixed, alike, (mixed @ mixed.T)[*upper], links)
    assert other["shared"] == pytest.approx(links / len(alike), abs=0.1)
    assert other["rand"] == pytest.approx(0, abs=0.1)
    assert study._agreement(rows, mixed, alike, alike, 0) == {"shared": None, "rand": None}


def test_every_pair_is_in_a_bin(tmp_path):
    lab = Lab(Store(tmp_path))
    (run,) = lab.train({"a": lab.job("mlp-64-32", "digits", study.POOL_RECIPE)}).values()
    found = list(study.pairs(run, lab.data("digits"), "fc1", 0.25, 100))
    for stage in ("start", "end"):
        here = [row for row in found if row["stage"] == stage]
        assert sum(row["pairs"] for row in here) == 64 * 63 // 2
        assert all(-1 <= row["correlation"] <= 1 for row in here)
