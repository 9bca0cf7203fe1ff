"""Claims C1a to C3 on planted tables, and the graph of units that were placed by hand."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings

from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import weight_graph as study

CONFIG = study.PAPER
NULL = {"largest_at_start": 0.01, "isolated_by_chance": 0.1, "chance": 0.5, "clusters_at_start": 0}


def _table(joined, alone, pairs, ahead, overlap, clusters, config=CONFIG):
    rows = []
    for network in study.networks(config):
        for at, seed in enumerate(config.seeds):
            layer = {
                **NULL,
                "link": 0.25,
                "largest": 0.01 + joined[at] / 100,
                "isolated": 0.1 + alone[at] / 100,
                "shorter": pairs[at],
                "stiller": pairs[at],
                "clusters": clusters[at],
                "dense": 0.7,
                "without_still": 0.5 + ahead[at] / 100,
                "without_random": 0.5,
                "still_by_norm": 0.5 + overlap[at] / 100,
                "frame_by_norm": 0.5 + overlap[at] / 100,
                "run": "0" * 64,
            }
            for unit, kind in enumerate(("component", "isolated")):
                about = {"network": network.model, "seed": seed, "unit": unit, "kind": kind}
                rows.append({**about, "norm": 1.0, "moved": 2.0 - unit, **layer})
    return pa.Table.from_pylist(rows)


def _planted(three, ruling, config=CONFIG):
    margins = ((25, 1), (0, 1), (0.75, 0.02), (0, 1), (25, 1), (17, 1))
    columns = [three(margin, step)[ruling] for margin, step in margins]
    return _table(*columns, config=config)


@pytest.mark.parametrize("ruling", ["supported", "contradicted", "inconclusive"])
def test_verdicts_of_planted_tables(planted_three, ruling):
    found = study.verdicts(_planted(planted_three, ruling), CONFIG)
    assert rulings(found) == {claim.id: ruling for claim in study.CLAIMS}


def test_without_vgg_its_claim_is_not_judged(planted_three):
    config = replace(study.LAPTOP, seeds=CONFIG.seeds)
    found = study.verdicts(_planted(planted_three, "supported", config), config)
    assert rulings(found).pop("C3") == "inconclusive"
    assert "VGG19-BN" in found[-1].doubt


def test_a_seed_without_isolated_units_leaves_their_claims_undecided(planted_three):
    rows = _planted(planted_three, "supported").to_pylist()
    rows[0]["shorter"] = rows[1]["shorter"] = None
    table = pa.Table.from_pylist(rows)
    assert rulings(study.verdicts(table, CONFIG))["C1c"] == "inconclusive"
    assert study.figure(table).axes[0].get_title(loc="left").endswith("(published 51 %)")


def test_units_that_moved_together_are_one_component(tmp_path, monkeypatch):
    lab = Lab(Store(tmp_path))
    (run,) = lab.train({"a": lab.job("mlp-64-32", "digits", study.POOL_RECIPE)}).values()
    model = run.model()
    weight = model.get_submodule("fc1").weight
    with torch.no_grad():
        start = run.model(0).get_submodule("fc1").weight
        weight.copy_(start)
        weight[:20] += 100  # along the same direction; the others stay where they were
    monkeypatch.setattr(type(run), "model", lambda self, step=None: rebuilt[step])
    rebuilt = {None: model, 0: _with(model, start)}
    found = list(study.units_of(run, lab.data("digits"), "fc1", 0.25, 0.5, 2))
    assert [unit["kind"] for unit in found] == ["component"] * 20 + ["isolated"] * 44
    layer = found[0]
    assert layer["largest"] == 20 / 64
    assert layer["largest_at_start"] < 0.05
    assert layer["shorter"] == layer["stiller"] == 1
    assert layer["isolated"] > layer["isolated_by_chance"]
    assert layer["clusters"] == 1


def _with(model, weight):
    import copy

    other = copy.deepcopy(model)
    with torch.no_grad():
        other.get_submodule("fc1").weight.copy_(weight)
    return other
