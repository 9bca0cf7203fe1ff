"""Claims E10a to E10c on planted tables, and how the arms train."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch

from surfeit.core import Streams, cross_entropy
from surfeit.curvature import LossSurface, adaptive, box_sharpness, dense, hessian
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import batch_sharpness as study
from surfeit.studies._fitting import examples
from surfeit.train import Recipe

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
MEASURES = ("phi", "phi_small_box", "sharpness", "relative")


def _table(planted, orders=None, lost=None):
    """Sharpness of 1 with small batches; by measure, how many orders more with large ones."""
    rows = []
    for arm in study.ARMS:
        for seed in CONFIG.seeds:
            own = {
                name: (orders or {}).get(name, planted(1, 0.1, SEEDS, at))[seed]
                for at, name in enumerate(MEASURES)
            }
            less = (lost or planted(1, 0.1, SEEDS))[seed]
            large = arm == "large"
            rows.append(
                {
                    "arm": arm,
                    "batch": CONFIG.recipe_of(arm).batch_size,
                    "seed": seed,
                    "loss": 0.001,
                    **{name: 10 ** (own[name] * large) for name in MEASURES},
                    "stopped": 1.0,
                    "test_accuracy": (95 - less * large) / 100,
                    "run": "0" * 64,
                }
            )
    return pa.Table.from_pylist(rows)


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_where_large_batches_are_sharper(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 3
    assert found[0].effect == pytest.approx(1)
    assert "The mean φ at ε 0.001 is 1 with small batches, 10" in found[0].says
    assert "test accuracy is 0.95 with small batches, 0.94 with large ones, 0.95" in found[2].says


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("ruling", THREE)
def test_each_measure_must_be_larger(planted, planted_three, name, ruling):
    table = _table(planted, {name: planted_three(0, 0.1, SEEDS)[ruling]})
    assert _judged(table, "E10a" if "phi" in name else "E10b").ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
def test_large_batches_must_lose_accuracy(planted, planted_three, ruling):
    lost = planted_three(0, 0.1, SEEDS)[ruling]
    found = _judged(_table(planted, lost=lost), "E10c")
    assert (found.ruling, found.effect) == (ruling, pytest.approx(sum(lost) / SEEDS))


@pytest.mark.parametrize("value", [None, 0.0, -1.0])
def test_a_measure_without_a_logarithm_decides_nothing(planted, value):
    rows = _table(planted).to_pylist()
    rows[0]["sharpness"] = value
    table = pa.Table.from_pylist(rows)
    assert _judged(table, "E10b").ruling == "inconclusive"
    assert len(study.figure(table).axes) == 6


def test_one_seed_decides_nothing(planted):
    rows = [row for row in _table(planted).to_pylist() if row["seed"] == 0]
    found = study.verdicts(pa.Table.from_pylist(rows), replace(CONFIG, seeds=(0,)))
    assert {one.ruling for one in found} == {"inconclusive"}


def test_the_figure_joins_what_has_as_many_epochs(planted):
    axes = study.figure(_table(planted)).axes
    assert [len(part.lines) for part in axes] == [2 * SEEDS] * 6
    assert [text.get_text() for text in axes[0].get_xticklabels()][:2] == ["32", "200"]


def test_arms_have_as_many_epochs_or_as_many_steps():
    small, large, longer = (CONFIG.recipe_of(arm) for arm in study.ARMS)
    assert (small.batch_size, large.batch_size, longer.batch_size) == (32, 200, 200)
    assert small.epochs == large.epochs == 30
    assert longer.total_steps(2_000) == small.total_steps(2_000) == 30 * 63


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"small": 200}, "small and large must be 2 or more whole numbers above 0"),
        ({"large": 2_001}, "large batches must be at most the 2,000 images, got 2,001"),
        ({"recipe": Recipe(steps=5)}, "the recipe must have epochs"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_rows_are_measured_on_the_images_of_the_seed(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    recipe = replace(CONFIG.recipe, lr=3e-3, epochs=3)
    config = replace(
        study.QUICK, images=20, model="mlp-4", small=5, large=10, recipe=recipe, seeds=(2,)
    )
    table = list(study.rows(config, lab))
    assert [row["arm"] for row in table] == list(study.ARMS)
    row, split = table[1], examples(lab.data("digits"), 20, 2).train
    surface = LossSurface.of(lab.store.find(row["run"]).model(), split, cross_entropy)
    whole = hessian(surface)
    for name, operator in (("sharpness", whole), ("relative", adaptive(surface, whole))):
        most = torch.linalg.eigvalsh(dense(operator))[-1].item()
        assert row[name] == pytest.approx(most, rel=1e-2)
    for name, box in (("phi", 1e-3), ("phi_small_box", 5e-4)):
        found = box_sharpness(surface, box=box, generator=Streams(2).get("box"))
        assert row[name] == pytest.approx(found.value)
    assert row["loss"] == pytest.approx(surface.loss)
    assert 0 <= row["stopped"] <= 1
