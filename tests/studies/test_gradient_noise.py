"""Claims G13a to G13c on planted tables: bias and variance of batches' gradients, noise scale."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch

from surfeit.curvature import LossSurface, gradient_noise
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import _gradient_noise as measured
from surfeit.studies import gradient_noise as study
from surfeit.studies._fitting import examples

from .planted import rulings

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")


def _table(planted, bias=None, ratio=None, grown=None):
    """Gradients as they should be, but for what is given, a list of values a seed.

    Args:
        bias: what the mean's square is off chance's, of it.
        ratio: by batch and way, what the variance is off.
        grown: orders of magnitude of the noise scale from the start to the end.
    """
    bias = bias or planted(0.0, 0.03, SEEDS, seed=1)
    grown = grown or planted(1.0, 0.1, SEEDS, seed=2)
    rows = []
    for at, seed in enumerate(CONFIG.seeds):
        for epoch in (0.0, *map(float, CONFIG.epochs)):
            for way in (True, False):
                for batch in CONFIG.batches:
                    jitter = planted(0.0, 0.03, SEEDS, seed=batch + way)
                    off = (ratio or {}).get((batch, way), jitter)[at]
                    rows.append(
                        {
                            "seed": seed,
                            "images": CONFIG.images,
                            "epoch": epoch,
                            "replacement": way,
                            "batch": batch,
                            "measured": (1 + off) * 4.0 / batch,
                            "exact": 4.0 / batch,
                            "bias": 1 + bias[at],
                            "squared": 0.5,
                            "scale": 8.0 * 10 ** (grown[at] * epoch / CONFIG.epochs[-1]),
                            "loss": 1.0,
                            "run": "0" * 64,
                        }
                    )
    return pa.Table.from_pylist(rows)


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_where_batches_are_fair(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 3
    assert found[0].says == (
        "The square of what the mean of 100 batches is off is 1.000 times that of unbiased ones."
    )
    assert found[1].says == "The measured variance is 1.000 to 1.000 times the exact one."
    assert found[2].says == "The noise scale is 8 images at the start and 80 at the end."


_OFF = [(0.0, 0.03, 0), (0.3, 0.03, 1), (-0.3, 0.03, 1), (0.1, 0.2, 2)]


@pytest.mark.parametrize(("off", "spread", "ruling"), _OFF)
def test_a_bias_is_told_from_chance(planted, off, spread, ruling):
    table = _table(planted, bias=planted(off, spread, SEEDS))
    assert _judged(table, "G13a").ruling == THREE[ruling]


@pytest.mark.parametrize(("off", "spread", "ruling"), _OFF)
@pytest.mark.parametrize("which", [(2, True), (128, False)])
def test_each_batch_and_way_must_have_its_variance(planted, which, off, spread, ruling):
    found = _judged(_table(planted, ratio={which: planted(off, spread, SEEDS)}), "G13b")
    assert found.ruling == THREE[ruling]
    if ruling:
        words = "with" if which[1] else "without"
        assert found.doubt == f"decided by batch {which[0]} {words} replacement"


@pytest.mark.parametrize("ruling", THREE)
def test_the_noise_scale_must_grow(planted, planted_three, ruling):
    grown = planted_three(0.0, 0.05, SEEDS)[ruling]
    assert _judged(_table(planted, grown=grown), "G13c").ruling == ruling


def test_one_seed_decides_nothing_and_is_drawn(planted):
    table = _table(planted)
    assert len(study.figure(table).axes) == 4
    one = pa.Table.from_pylist([row for row in table.to_pylist() if row["seed"] == 0])
    found = study.verdicts(one, replace(CONFIG, seeds=(0,)))
    assert set(rulings(found).values()) == {"inconclusive"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batches": (2, 500)}, "batches must be smaller than the 500 images"),
        ({"batches": (2,)}, "batches must be 2 or more whole numbers"),
        ({"images": 510}, "images must be a multiple of the recipe's batches of 50, got 510"),
        ({"epochs": (1, 5)}, "the recipe must have 5 epochs, the last that is measured, got 20"),
        ({"draws": 1}, "draws must be two or more, got 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_batches_are_drawn_as_they_are_called():
    generator = torch.Generator().manual_seed(0)
    once = measured._indices(6, 6, 20, False, generator)
    assert (once.sort(1).values == torch.arange(6)).all()
    again = measured._indices(6, 6, 20, True, generator)
    assert any(len(row.unique()) < 6 for row in again)
    assert (once.shape, again.shape) == ((20, 6), (20, 6))


def test_rows_hold_the_variance_of_the_trained_network(tmp_path):
    lab = Lab(Store(tmp_path / "store"), engine=InProcess())
    config = replace(
        study.QUICK, images=20, model="mlp-4", batches=(2, 10), draws=400, seeds=(3,),
        recipe=replace(study.QUICK.recipe, batch_size=10),
    )  # fmt: skip
    rows = list(study.rows(config, lab))
    assert sorted({row["epoch"] for row in rows}) == [0.0, 4.0]
    run = lab.store.find(rows[0]["run"])
    noise = gradient_noise(LossSurface.of(run.model(), examples(lab.data("digits"), 20, 3).train))
    for row in rows:
        if row["epoch"] == 4.0:
            exact = noise.of_batch(row["batch"], replacement=row["replacement"])
            assert row["exact"] == pytest.approx(exact)
            assert row["scale"] == pytest.approx(noise.scale)
        # 400 draws tell a tenth of the variance, and a bias from chance.
        assert row["measured"] == pytest.approx(row["exact"], rel=0.2)
        assert row["bias"] < 6
