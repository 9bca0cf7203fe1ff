"""Claims G1a to G2c on planted tables, and what the study trains and measures."""

from dataclasses import replace
from math import log, log10, sqrt

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from surfeit.core import Streams, parameters
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.landscape import dot, nonconvex_share, random_direction
from surfeit.models import Residual
from surfeit.store import Store
from surfeit.studies import surfaces as study
from surfeit.studies._fitting import examples
from surfeit.studies._surfaces import block_chain

CONFIG = study.LAPTOP
SEEDS = CONFIG.seeds
THREE = ("supported", "contradicted", "inconclusive")
NORMS = {("small", 0.0): 33, ("small", 5e-4): 25, ("large", 0.0): 16.5, ("large", 5e-4): 16}


def _table(planted, share=None, turned=None, filtered=0.02, slope=-1.0):
    """Rough deep chains, smooth others; rises that follow the norm and weight decay."""
    spread = planted(0, 0.01, len(SEEDS))
    share, rows = share or {}, []
    for at, name in enumerate(study.CHAINS):
        level = planted(0.5 if name == "deep" else 0.2, 0.01, len(SEEDS), at)
        for seed in SEEDS:
            own = share.get(name, level)[seed]
            rows.append({"chain": name, "seed": seed, "nonconvex": own, "basin": 0.5})
    turned = turned or [0.3 + x for x in spread]
    for (batch, decay), norm in NORMS.items():
        for seed in SEEDS:
            pushed = batch == "small" and decay > 0
            rows.append(
                {
                    "batch": batch,
                    "decay": decay,
                    "seed": seed,
                    "norm": norm + spread[seed],
                    "rise": slope * norm / 10 + (turned[seed] + 0.75 * slope) * pushed,
                    "filter_rise": -1.5 + (filtered + spread[seed] / 9) * pushed,
                }
            )
    names = ("chain", "batch", "decay", "nonconvex", "basin", "norm", "rise", "filter_rise")
    shared = {"loss": 0.1, "test_accuracy": 0.8, "run": "0" * 64}
    return pa.Table.from_pylist([{**dict.fromkeys(names), **row, **shared} for row in rows])


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_where_all_is_as_published(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 6
    assert found[0].effect == pytest.approx(0.3)
    assert found[0].says.startswith("The mean share is 50% of the deep chain, 20% of the deep, sh")
    assert "from 33 to 25 with small batches, from 16.5 to 16 with large ones" in found[3].says


@pytest.mark.parametrize(
    ("claim", "smooth"),
    [("G1a", "deep, shortcuts"), ("G1b", "shallow"), ("G1c", "deep, wide")],
)
@pytest.mark.parametrize("ruling", THREE)
def test_the_deep_plain_chain_must_be_rougher(planted, planted_three, claim, smooth, ruling):
    deep = planted(0.5, 0.01, len(SEEDS), study.CHAINS.index("deep"))
    lost = planted_three(CONFIG.margin, 0.02, len(SEEDS))[ruling]
    rougher = [one - less for one, less in zip(deep, lost, strict=True)]
    found = _judged(_table(planted, share={smooth: rougher}), claim)
    assert found.ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
def test_weight_decay_must_make_small_batches_look_steeper(planted, planted_three, ruling):
    turned = planted_three(CONFIG.orders, 0.02, len(SEEDS))[ruling]
    found = _judged(_table(planted, turned=turned), "G2a")
    assert (found.ruling, found.effect) == (ruling, pytest.approx(sum(turned) / len(SEEDS)))


@pytest.mark.parametrize("ruling", THREE)
def test_normalised_pictures_must_change_less(planted, planted_three, ruling):
    calmer = planted_three(CONFIG.orders, 0.02, len(SEEDS))[ruling]
    turned = [0.5 + one for one in calmer]
    assert _judged(_table(planted, turned=turned, filtered=0.5), "G2b").ruling == ruling


@pytest.mark.parametrize(
    ("slope", "ruling"), [(-1.0, "supported"), (1.0, "contradicted"), (0.0, "inconclusive")]
)
def test_rises_must_fall_with_the_norm(planted, slope, ruling):
    turned = [0.0 * seed for seed in SEEDS] if slope else list(planted(0, 1, len(SEEDS)))
    assert _judged(_table(planted, turned=turned, slope=slope), "G2c").ruling == ruling


def test_a_rise_that_is_missing_decides_nothing(planted):
    rows = _table(planted).to_pylist()
    rows[-1]["rise"] = None
    table = pa.Table.from_pylist(rows)
    assert {_judged(table, claim).ruling for claim in ("G2a", "G2b", "G2c")} == {"inconclusive"}
    assert len(study.figure(table).axes) == 3


def test_the_figure_has_a_point_a_training(planted):
    share, fixed, filtered = study.figure(_table(planted)).axes
    assert sum(len(line.get_xdata()) for line in share.lines[::2]) == 5 * len(SEEDS)
    for panel in (fixed, filtered):
        assert [len(line.get_xdata()) for line in panel.lines] == [len(SEEDS)] * 4


def test_shortcuts_change_no_weight():
    plain, residual = (
        block_chain(8, 5, shortcuts, input_shape=(1, 2, 2), classes=3)
        for shortcuts in (False, True)
    )
    ours, theirs = (list(parameters(model).values()) for model in (plain, residual))
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert sum(isinstance(one, nn.Linear) for one in plain.modules()) == 8
    assert sum(isinstance(one, Residual) for one in residual.modules()) == 3
    with pytest.raises(ValueError, match="depth must be even and at least 4, got 7"):
        block_chain(7, 5, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"depths": (20, 8)}, "depths must be 2 or more whole numbers above 0 in ascending"),
        ({"widths": (1, 2, 3)}, "widths must be two, got"),
        ({"batches": (32, 5_000)}, "large batches must be at most the 2,000 images, got 5,000"),
        ({"line_points": 4}, "those of lines odd, got 13 and 4"),
        ({"decays": (0.1, 0.2)}, "decays must be 0 and a number above it"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_rows_are_measured_on_the_images_of_the_seed(tmp_path):
    lab = Lab(Store(tmp_path), engine=InProcess())
    config = replace(study.QUICK, seeds=(2,), images=60, batches=(20, 60), shown=40)
    config = replace(config, recipe=replace(config.recipe, epochs=1), depths=(4, 6))
    config = replace(config, chain_recipe=replace(config.chain_recipe, epochs=1))
    rows = list(study.rows(config, lab))
    assert [row["chain"] for row in rows[:5]] == list(study.CHAINS)
    assert len(rows) == 9
    split = examples(lab.data("digits"), 60, 2).train.some(40, Streams(2).get("shown"))

    def loss(run, moved):
        tensors = {name: value + moved.get(name, 0) for name, value in run.tensors().items()}
        outputs = torch.func.functional_call(run.model().train(), tensors, split.inputs)
        return cross_entropy(outputs, split.targets).item()

    run = lab.store.find(rows[1]["run"])
    first, second = (
        random_direction(run.model(), generator=Streams(2).get("plane", 0, axis))
        for axis in ("first", "second")
    )
    grid = np.array(
        [
            [
                loss(run, {name: a * first[name] + b * second[name] for name in first})
                for b in np.linspace(-1, 1, 5)
            ]
            for a in np.linspace(-1, 1, 5)
        ]
    )
    assert rows[1]["nonconvex"] == pytest.approx(nonconvex_share(grid, (0.5, 0.5)), abs=1e-9)
    below = nonconvex_share(grid, (0.5, 0.5), level=log(10))
    assert rows[1]["nonconvex_below"] == pytest.approx(below, abs=1e-9)
    run = lab.store.find(rows[-1]["run"])
    weights = {name: one for name, one in run.tensors().items() if one.dim() > 1}
    assert rows[-1]["norm"] == pytest.approx(sqrt(dot(weights, weights)))
    drawn = random_direction(run.model(), generator=Streams(2).get("line", 0))
    values = [
        loss(run, {name: t * one for name, one in drawn.items()}) for t in np.linspace(-0.5, 0.5, 5)
    ]
    rise = np.mean(values) - values[2]
    assert rows[-1]["filter_rise"] == pytest.approx(log10(rise), abs=1e-3)
