"""Claims G1d to G1g on planted tables, and what the study trains and measures."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.nn.functional import cross_entropy

from surfeit.core import Streams
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.landscape import nonconvex_share, random_direction
from surfeit.store import Store
from surfeit.studies import residual_surfaces as study
from surfeit.studies._fitting import examples

CONFIG = study.LAPTOP
SEEDS = CONFIG.seeds
THREE = ("supported", "contradicted", "inconclusive")
LEVELS = {"deep": 0.6, "shallow": 0.25}
ENDS = [(name, "the end") for name in study.NETWORKS]
EQUALS = [(name, "equal losses") for name in study.PAIR]


def _table(planted, share=None):
    """A rough deep plain network, smooth others, at the end and at equal losses."""
    share, rows = share or {}, []
    for place, (name, at) in enumerate(ENDS + EQUALS):
        level = planted(LEVELS.get(name, 0.2), 0.01, len(SEEDS), place)
        for own, seed in zip(share.get((name, at), level), SEEDS, strict=True):
            row = {"network": name, "at": at, "seed": seed, "step": 1, "nonconvex": own}
            rows.append({**row, "loss": 0.5, "below": 0.4, "run": "0" * 64})
    return pa.Table.from_pylist(rows)


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_where_all_is_as_published(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 4
    assert [one.effect for one in found] == pytest.approx([0.4, 0.4, 0.35, 0.4])
    assert found[0].says == (
        "The mean shares are 60% at a loss of 0.5 (deep) and 20% at a loss of 0.5 (deep, "
        "shortcuts)."
    )


@pytest.mark.parametrize(
    ("claim", "rough", "smooth"),
    [
        ("G1d", ("deep", "the end"), ("deep, shortcuts", "the end")),
        ("G1e", ("deep", "equal losses"), ("deep, shortcuts", "equal losses")),
        ("G1f", ("deep", "the end"), ("shallow", "the end")),
        ("G1g", ("deep", "the end"), ("deep, wide", "the end")),
    ],
)
@pytest.mark.parametrize("ruling", THREE)
def test_the_deep_plain_network_must_be_rougher(
    planted, planted_three, claim, rough, smooth, ruling
):
    deep = planted(0.6, 0.01, len(SEEDS), (ENDS + EQUALS).index(rough))
    lost = planted_three(CONFIG.margin, 0.02, len(SEEDS))[ruling]
    other = [one - less for one, less in zip(deep, lost, strict=True)]
    assert _judged(_table(planted, {smooth: other}), claim).ruling == ruling


def test_a_plane_that_is_nowhere_below_guessing_decides_nothing(planted):
    rows = _table(planted).to_pylist()
    rows[len(SEEDS)]["nonconvex"] = None
    table = pa.Table.from_pylist(rows)
    assert rows[len(SEEDS)]["network"] == "deep"
    found = {one.claim: one.ruling for one in study.verdicts(table, CONFIG)}
    assert found == dict.fromkeys(("G1d", "G1f", "G1g"), "inconclusive") | {"G1e": "supported"}
    assert len(study.figure(table).axes) == 2


def test_the_figure_has_a_point_a_picture(planted):
    share, losses = study.figure(_table(planted)).axes
    assert sum(len(line.get_xdata()) for line in share.lines[::2]) == 4 * len(SEEDS)
    assert [len(line.get_xdata()) for line in losses.lines] == [len(SEEDS)] * 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"depths": (56, 20)}, "depths must be 2 or more whole numbers above 0 in ascending"),
        ({"widths": (1, 2, 3)}, "widths must be two, got"),
        ({"points": 2}, "points must be at least 3, got 2"),
        ({"planes": 0}, "planes must be"),
        ({"pool": 0}, "pool must be"),
        ({"snapshots": 0}, "snapshots must be"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_a_pair_has_the_same_weights_and_is_pictured_at_the_same_loss(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    config = replace(study.QUICK, seeds=(2,), images=60, shown=40, depths=(8, 14), snapshots=9)
    config = replace(config, recipe=replace(config.recipe, batch_size=20, epochs=3))
    rows = list(study.rows(config, lab))
    assert [(row["network"], row["at"]) for row in rows] == ENDS + EQUALS
    plain, residual = (lab.store.find(row["run"]) for row in rows[-2:])
    starts = [list(run.tensors(0).values()) for run in (plain, residual)]
    assert all(torch.equal(one, other) for one, other in zip(*starts, strict=True))
    split = examples(lab.data("digits"), 60, 2).train.some(40, Streams(2).get("shown"))

    def loss(run, step, moved=None):
        tensors = run.tensors(step)
        tensors = {name: value + (moved or {}).get(name, 0) for name, value in tensors.items()}
        outputs = torch.func.functional_call(run.model(step).train(), tensors, split.inputs)
        return cross_entropy(outputs, split.targets).item()

    level = max(loss(run, run.steps()[-1]) for run in (plain, residual))
    for row, run in zip(rows[-2:], (plain, residual), strict=True):
        below = [step for step in run.steps() if loss(run, step) <= level + 1e-6]
        assert row["step"] == below[0]
        assert row["loss"] == pytest.approx(loss(run, below[0]), rel=1e-4)
    row, axis = rows[-1], np.linspace(-1, 1, 3)
    first, second = (
        random_direction(residual.model(row["step"]), generator=Streams(2).get("plane", 0, name))
        for name in ("first", "second")
    )
    grid = np.array(
        [
            [
                loss(
                    residual, row["step"], {one: a * first[one] + b * second[one] for one in first}
                )
                for b in axis
            ]
            for a in axis
        ]
    )
    assert row["nonconvex"] == nonconvex_share(grid, (1.0, 1.0), level=np.log(10))
    assert row["below"] == (grid <= np.log(10)).mean()
