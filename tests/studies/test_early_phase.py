"""Claim F14 on planted tables, and what is measured of a run."""

import pyarrow as pa
import pytest
from tests.studies.planted import rulings, spread

from surfeit.data import load
from surfeit.models import builder_named
from surfeit.store import Store
from surfeit.studies import early_phase as study
from surfeit.train import Recipe, Snapshots, train

CONFIG = study.PAPER


def planted(settled, jitter):
    """Of all change, the share `settled` (percent) is done after the early steps."""
    rows = []
    for seed in CONFIG.seeds:
        for number, quantity in enumerate(("signs", "magnitudes")):
            left = 1 - (settled + jitter * spread(seed, number)) / 100
            for step, share in ((0, 1.0), (CONFIG.early, left), (10_000, 0.0)):
                row = {"seed": seed, "step": step, "run": "0" * 64, "quantity": quantity}
                rows.append(row | {"value": share * (0.2 if quantity == "signs" else 7.0)})
    wide = {}
    for row in rows:
        cell = wide.setdefault((row["seed"], row["step"]), {"run": row["run"]})
        cell[row["quantity"]] = row["value"]
    return pa.Table.from_pylist(
        [{"seed": seed, "step": step, **cell} for (seed, step), cell in wide.items()]
    )


@pytest.mark.parametrize(
    ("settled", "jitter", "ruling"),
    [(70, 2, "supported"), (30, 2, "contradicted"), (52, 20, "inconclusive")],
)
def test_verdicts_of_planted_tables(settled, jitter, ruling):
    found = study.verdicts(planted(settled, jitter), CONFIG)
    assert rulings(found) == {"F14a": ruling, "F14b": ruling}
    assert [claim.id for claim in study.CLAIMS] == ["F14a", "F14b"]


def test_the_effect_is_the_share_of_all_change():
    signs, magnitudes = study.verdicts(planted(70, 0), CONFIG)
    assert (signs.effect, magnitudes.effect) == pytest.approx((0.7, 0.7))


def test_the_figure_draws_a_line_a_seed_and_quantity():
    (axes,) = study.figure(planted(70, 2)).axes
    assert len(axes.lines) == 2 * len(CONFIG.seeds) + 1


def test_a_run_is_measured_against_its_own_end(tmp_path):
    recipe = Recipe(lr=0.1, steps=12)
    run = train(
        builder_named("mlp-8-6"),
        load("digits"),
        recipe,
        snapshots=Snapshots(every_epochs=0, at=(4,)),
        store=Store(tmp_path),
    )
    found = list(study.differences(run))
    assert [row["step"] for row in found] == [0, 4, 12]
    assert (found[-1]["signs"], found[-1]["magnitudes"]) == (0, 0)
    differ = weights = squares = 0
    for name in ("fc1.weight", "fc2.weight", "fc3.weight"):
        now, end = run.tensors(4)[name].flatten().tolist(), run.tensors()[name].flatten().tolist()
        differ += sum((a > 0) != (b > 0) for a, b in zip(now, end, strict=True))
        squares += sum((abs(a) - abs(b)) ** 2 for a, b in zip(now, end, strict=True))
        weights += len(now)
    assert found[1]["signs"] == pytest.approx(differ / weights)
    assert found[1]["magnitudes"] == pytest.approx(squares**0.5)


def test_a_training_that_changed_nothing_cannot_settle():
    with pytest.raises(ValueError, match="training changed nothing"):
        study.settled({0: 0.0, 500: 0.0}, 500)
