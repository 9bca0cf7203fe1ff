"""Claims C5a to C5c on planted tables, and networks that are compared with themselves."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings

from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import redrawn_classifier as study

CONFIG = study.PAPER


def _table(twins, component, overlap):
    chance = {"twins_by_chance": 1 / 64, "overlap_by_chance": 0.0, "angle": 40.0, "turned": 30.0}
    rows = []
    for at, seed in enumerate(CONFIG.seeds):
        beyond = {"twins": twins[at], "component": component[at], "overlap": overlap[at]}
        for other, factor in ((study.TWIN, 1), (study.STRANGER, 0)):
            values = {name: 0.02 + factor * value for name, value in beyond.items()}
            about = {"seed": seed, "other": other, "joined": 1.0, "run": "0" * 64}
            rows.append({**about, **values, **chance})
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize("ruling", ["supported", "contradicted", "inconclusive"])
def test_verdicts_of_planted_tables(planted_three, ruling):
    table = _table(*(planted_three(margin, 0.008)[ruling] for margin in (0.9, 0.25, 0.5)))
    assert rulings(study.verdicts(table, CONFIG)) == {claim.id: ruling for claim in study.CLAIMS}
    assert len(study.figure(table).axes) == 3


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    lab = Lab(Store(tmp_path_factory.mktemp("store")))
    config = replace(study.QUICK, seeds=(0,))
    return lab.train(study.jobs(config, lab))


def test_only_the_classifier_is_drawn_again(runs):
    own, following, redrawn = (
        runs[name].tensors(0) for name in ("seed 0", "seed 1", "seed 0, redrawn")
    )
    for name in own:
        source, other = (own, following) if name.startswith("fc1") else (following, own)
        assert torch.equal(redrawn[name], source[name])
        if name.endswith("weight"):
            assert not torch.equal(redrawn[name], other[name])


def test_a_network_is_its_own_twin(runs):
    (row,) = study.compared(runs["seed 0"], runs["seed 0"], "fc1", "fc2", 0.48, 5)
    assert row["twins"] == row["joined"] == 1
    assert row["overlap"] == pytest.approx(1)
    assert row["angle"] == pytest.approx(0, abs=1e-5)


def test_twins_are_found_among_units_in_another_order(runs, monkeypatch):
    first = runs["seed 0"]
    other = first.model()
    with torch.no_grad():
        other.get_submodule("fc1").weight.copy_(first.model().get_submodule("fc1").weight.flip(0))
    model = type(first).model
    second = runs["seed 1"]
    monkeypatch.setattr(
        type(first), "model", lambda run, step=None: other if run is second else model(run, step)
    )
    (row,) = study.compared(first, second, "fc1", "fc2", 0.48, 5)
    assert row["twins"] == 0


def test_one_component_of_both_and_two_that_are_apart():
    generator = torch.Generator().manual_seed(0)
    centre = torch.randn(1, 20, generator=generator)
    units = centre + 0.1 * torch.randn(10, 20, generator=generator)
    assert study._shared_component(units[:6], units[6:], 0.48) == 1
    assert study._shared_component(units[:6], -units[6:], 0.48) == 0
