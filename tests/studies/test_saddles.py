"""Claims G15a to G15c on planted tables, and the saddles that are found, by closed forms."""

from dataclasses import replace
from itertools import combinations

import pyarrow as pa
import pytest
import torch
from tests.studies.planted import rulings

from surfeit.core import Split, squared_error
from surfeit.curvature import LossSurface
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import _saddles as measuring
from surfeit.studies import saddles as study

CONFIG = study.PAPER
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
FAILS = dict(zip(THREE, (0, SEEDS, SEEDS // 2), strict=True))
"""In how many seeds something fails."""

RISES = ((0, 1, 2, 4, 3, 5), (0, 2, 1, 4, 3, 5))
"""Orders of six shares that go with the loss: their rank correlations are 0.94 and 0.89."""


def _orders(fails):
    """An order a seed: the first ones fall."""
    orders = [RISES[seed % 2] for seed in CONFIG.seeds]
    return [one[::-1] if seed < fails else one for seed, one in enumerate(orders)]


def _table(planted, off=None, linear=None, network=None, slopes=None, left=None, small=True):
    """Shares that rise with the loss, slopes of 1.

    Args:
        off: each seed's distance from the closed form.
        linear, network: each seed's order of shares.
        slopes: each seed's slope of the tanh network's escape.
        left: each seed's share of escapes of the linear network.
        small: whether the points of the tanh network count.
    """
    rows = []
    even = planted(1.0, 0.01, SEEDS, seed=3)
    for seed in CONFIG.seeds:
        empty = {"seed": seed, "kind": "", "run": "", **dict.fromkeys(study._COLUMNS)}
        for at, share in enumerate((linear or _orders(0))[seed]):
            row = {"part": "linear", **empty, "loss": at + 0.1, "share": share / 10}
            row |= {"exact": share / 10, "off": (off or [1e-14] * SEEDS)[seed]}
            if at == 3:
                row |= {"slope": even[seed], "left": (left or [1.0] * SEEDS)[seed]}
            rows.append(row)
        for at, share in enumerate((network or _orders(0))[seed]):
            row = {"part": "network", **empty, "loss": at + 0.1, "share": share / 10}
            rows.append(row | {"kind": "found", "gradient": 1e-4, "small": small})
        row = {"part": "network", **empty, "kind": "origin", "loss": 0.9, "share": 0.3}
        slope = (slopes or planted(1.0, 0.01, SEEDS, seed=5))[seed]
        rows.append(row | {"gradient": 0.0, "small": True, "slope": slope, "left": 1.0})
    return pa.Table.from_pylist(rows)


def _planted(claim, ruling, planted):
    orders = _orders(FAILS[ruling])
    if claim == "G15a":
        return {"linear": orders}
    if claim == "G15b":
        return {"network": orders}
    mean = {"supported": 1.0, "contradicted": 1.3, "inconclusive": 1.05}[ruling]
    return {"slopes": planted(mean, 0.01, SEEDS, seed=11)}


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("claim", ["G15a", "G15b", "G15c"])
def test_verdicts_of_planted_tables(planted, claim, ruling):
    table = _table(planted, **_planted(claim, ruling, planted))
    found = rulings(study.verdicts(table, CONFIG))
    assert found.pop(claim) == ruling
    assert set(found.values()) == {"supported"}


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_eigenvalues_off_the_closed_form_contradict_it(planted):
    found = _judged(_table(planted, off=[1e-3] * SEEDS), "G15a")
    assert (found.ruling, found.doubt) == ("contradicted", "decided by the closed form")


def test_saddles_that_are_not_left_decide_that_they_are_not(planted):
    """With as many parts and claims, eight seeds are too few to contradict it."""
    rows = _table(planted, left=[0.5] * SEEDS).to_pylist()
    for row in rows:
        if row["left"] == 0.5:
            row["slope"] = None
    found = _judged(pa.Table.from_pylist(rows), "G15c")
    assert found.ruling == "inconclusive"
    assert found.doubt.endswith("decided by leaves")


def test_points_of_large_gradient_do_not_count(planted):
    found = _judged(_table(planted, small=False), "G15b")
    assert (found.ruling, found.n) == ("inconclusive", 0)


def test_the_figure_draws_points_of_both_networks(planted):
    assert len(study.figure(_table(planted)).axes) == 3
    assert len(study.figure(_table(planted, small=False)).axes) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": (30, 10)}, "steps must be 1 or more whole numbers"),
        ({"hidden": 0}, "hidden must be a whole number of at least 1, got 0"),
        ({"small": 0.0}, "small must be above 0"),
        ({"examples": 5}, "examples must be at least the 6 inputs, got 5"),
        ({"noises": ()}, "noises must be one or more of at least 0"),
        ({"noises": (-0.1,)}, "noises must be one or more of at least 0"),
        ({"distances": (1e-3,)}, "distances must be two or more that fall"),
        ({"distances": (1e-4, 1e-3)}, "distances must be two or more that fall"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


@pytest.mark.parametrize(("inputs", "hidden", "outputs"), [(3, 2, 3), (4, 3, 2), (2, 3, 4)])
def test_the_spectrum_at_critical_points_is_that_of_the_dense_hessian(inputs, hidden, outputs):
    """By brute force, for every set of values, in shapes with more rows and with more columns."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)
    values = torch.linalg.svdvals(target).tolist()

    def loss(vector):
        first = vector[: hidden * inputs].view(hidden, inputs)
        second = vector[hidden * inputs :].view(outputs, hidden)
        return (second @ first - target).square().sum()

    seen = 0
    for number in range(min(hidden, len(values)) + 1):
        for kept in combinations(range(len(values)), number):
            network = measuring.linear_network(target, kept, hidden)
            point = torch.cat([one.detach().flatten() for one in network.parameters()])
            assert torch.func.grad(loss)(point).norm() < 1e-12
            left = sum(values[i] ** 2 for i in range(len(values)) if i not in kept)
            assert float(loss(point)) == pytest.approx(left, abs=1e-12)
            exact = measuring.linear_spectrum(
                values, kept, hidden=hidden, inputs=inputs, outputs=outputs
            )
            found = torch.linalg.eigvalsh(torch.func.hessian(loss)(point))
            assert torch.allclose(found, exact, atol=1e-10)
            seen += 1
    assert seen > 3


def test_weights_out_of_balance_have_as_many_negative_eigenvalues():
    generator = torch.Generator().manual_seed(1)
    target = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    network = measuring.linear_network(target, (1,), 2)
    with torch.no_grad():
        network[0].weight.mul_(3)
        network[1].weight.div_(3)
    split = Split(3**0.5 * torch.eye(3, dtype=torch.float64), 3**0.5 * target.T.contiguous())
    surface = LossSurface.of(network, split, squared_error)
    found = torch.linalg.eigvalsh(measuring.dense(measuring.hessian(surface)))
    values = torch.linalg.svdvals(target).tolist()
    exact = measuring.linear_spectrum(values, (1,), hidden=2, inputs=3, outputs=3)
    assert measuring.negative_share(found) == measuring.negative_share(exact)


def test_the_data_make_the_squared_error_a_distance_from_the_target():
    split, target = measuring.linear_data(0, inputs=4, outputs=3, noise=0.3, count=20)
    assert torch.allclose(
        split.inputs.T @ split.inputs / 20, torch.eye(4, dtype=torch.float64), atol=1e-12
    )
    errors = [
        (split.inputs @ one.T - split.targets).square().sum(1).mean()
        - (one - target).square().sum()
        for one in (target, torch.ones_like(target))
    ]
    assert float(errors[0]) == pytest.approx(float(errors[1]))


def test_the_share_of_negative_eigenvalues_leaves_rounding_out():
    values = torch.tensor([-2.0, -1e-12, 0.0, 4.0], dtype=torch.float64)
    assert measuring.negative_share(values) == 0.25


def test_settling_finds_the_saddle_and_not_the_minimum():
    """x² − y² + y⁴ has a saddle at 0 and minima at y = ±√½."""

    def loss(point):
        return point[0] ** 2 - point[1] ** 2 + point[1] ** 4

    start = torch.tensor([0.7, 0.2], dtype=torch.float64)
    found = measuring.settle(loss, start, iterations=30)
    assert torch.allclose(found, torch.zeros(2, dtype=torch.float64), atol=1e-8)
    assert torch.equal(measuring.settle(loss, start, iterations=0), start)


def test_rows_of_the_linear_network_have_the_closed_form_and_the_escapes():
    rows = list(measuring.linear(0, 3, 2, 2, 0.3, 20, (1e-3, 1e-6)))
    assert len(rows) == 4  # none, either, both of two values
    assert all(row["off"] < 1e-12 and row["share"] == row["exact"] for row in rows)
    best = min(rows, key=lambda row: row["loss"])
    assert best["share"] == 0
    escapes = [row for row in rows if "slope" in row]
    assert len(escapes) == 2  # the minimum is none
    assert all(row["left"] == 1 and abs(row["slope"] - 1) < 0.1 for row in escapes)


def test_a_minimum_is_not_left():
    split, target = measuring.linear_data(0, inputs=3, outputs=2, noise=0.3, count=20)
    surface = LossSurface.of(measuring.linear_network(target, (0, 1), 2), split, squared_error)
    values = torch.linalg.eigvalsh(measuring.dense(measuring.hessian(surface)))
    found = measuring.escape(
        surface, values, (1e-3, 1e-4), torch.Generator().manual_seed(0), most=20
    )
    assert found == {"slope": None, "left": 0.0}


def test_images_must_be_square_and_divide():
    for shape in ((1, 1, 8, 6), (1, 1, 10, 10), (1, 64)):
        with pytest.raises(ValueError, match="images must be square, with sides that are a"):
            measuring.shallow(torch.zeros(shape), 2, 0)
    network = measuring.shallow(torch.zeros(1, 1, 8, 8), 2, 0)
    assert network(torch.zeros(5, 1, 8, 8)).shape == (5, 10)


def test_points_of_the_tanh_network_are_found_from_its_training(tmp_path):
    config = replace(
        study.QUICK,
        images=12,
        steps=(2,),
        noises=(0.0, 0.1),
        iterations=3,
        recipe=replace(CONFIG.recipe, steps=6),
        linear_hidden=1,
        inputs=2,
        outputs=2,
        seeds=(4,),
    )
    lab = Lab(Store(tmp_path), engine=InProcess())
    rows = [row for row in study.rows(config, lab) if row["part"] == "network"]
    found = [row for row in rows if row["kind"] == "found"]
    (origin,) = [row for row in rows if row["kind"] == "origin"]
    assert 3 <= len(found) <= 6  # copies are left out
    assert all(0 <= row["share"] < 1 and row["gradient"] < 1 for row in found)
    assert origin["gradient"] < 1e-12
    assert origin["share"] > 0
    assert origin["slope"] is not None
    assert origin["run"] in {run.key for run in lab.store.runs()}
