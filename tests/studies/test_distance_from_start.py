"""Claims D6a to D6c on planted tables, and the measurement on a network that was moved by hand."""

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings

from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import distance_from_start as study
from surfeit.train import Recipe, Snapshots

CONFIG = study.PAPER
RULINGS = ("supported", "contradicted", "inconclusive")


def _table(falls, grows, single):
    """Distances as powers of width and examples, with an exponent a seed."""
    rows = []
    for at, seed in enumerate(CONFIG.seeds):
        common = {"seed": seed, "step": 1, "run": "0" * 64}
        for width in CONFIG.widths:
            values = {"distance": 3 * width ** -falls[at], "farthest": width ** -single[at]}
            rows.append({"varied": "width", "width": width, "examples": 9, **common, **values})
        for count in CONFIG.examples:
            values = {"distance": 2 * count ** grows[at], "farthest": 1.0}
            rows.append({"varied": "examples", "width": 9, "examples": count, **common, **values})
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize("ruling", RULINGS)
def test_verdicts_of_planted_tables(planted_three, ruling):
    falls, grows = planted_three(0, 0.02)[ruling], planted_three(0.4, 0.02)[ruling]
    found = study.verdicts(_table(falls, grows, falls), CONFIG)
    assert rulings(found) == {claim.id: ruling for claim in study.CLAIMS}


def test_exponents_are_those_of_the_powers(planted):
    exponents = planted(0.3, 0.1)
    table = _table(exponents, exponents, exponents)
    assert study.slopes(table, CONFIG, "examples", "distance") == pytest.approx(exponents)


def test_a_network_that_never_fits_leaves_its_claims_undecided(planted):
    rows = _table(planted(0.3, 0.01), planted(0.6, 0.01), planted(0.3, 0.01)).to_pylist()
    rows[0] |= {"step": None, "distance": None, "farthest": None}
    found = study.verdicts(pa.Table.from_pylist(rows), CONFIG)
    assert [one.ruling for one in found] == ["inconclusive", "supported", "inconclusive"]
    assert study.figure(pa.Table.from_pylist(rows)).axes


def test_it_is_measured_where_the_network_first_fits(tmp_path):
    lab = Lab(Store(tmp_path))
    recipe, keep = Recipe(optimizer="adam", lr=3e-3, batch_size=60, epochs=20), Snapshots()
    (run,) = lab.train({"a": lab.job("mlp-64-32", "digits", recipe, snapshots=keep)}).values()
    (never,) = study.moved(run, lab.data("digits"), 1.01)
    assert never == {"step": None, "distance": None, "farthest": None}
    (start,) = study.moved(run, lab.data("digits"), 0.0)
    assert start == {"step": 0, "distance": 0.0, "farthest": 0.0}
    (row,) = study.moved(run, lab.data("digits"), 0.9)
    assert 0 < row["step"] < run.steps()[-1]
    change = run.tensors(row["step"])["fc1.weight"] - run.tensors(0)["fc1.weight"]
    assert row["distance"] == pytest.approx(float(change.square().sum().sqrt()))
    assert row["farthest"] == pytest.approx(float(torch.linalg.norm(change, dim=1).max()))
