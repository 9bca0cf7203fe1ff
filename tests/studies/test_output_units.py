"""Claims G9a to G9d on planted tables; slopes, times and trainings against autograd and solvers."""

import math
from dataclasses import replace
from itertools import islice, product

import pyarrow as pa
import pytest
import torch
from tests.studies.conftest import plant
from tests.studies.planted import rulings
from torch.nn.functional import one_hot

from surfeit.core import Streams
from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import _output_units as units
from surfeit.studies import output_units as study

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
RULINGS = ("supported", "contradicted", "inconclusive")
SIGMOID, SOFTMAX = study.APART


def _table(**planted):
    """What the claims say, but for what is planted: factors, or steps, one a seed each."""
    rows = []
    for at, seed in enumerate(CONFIG.seeds):
        for pair, place in product(units.COSTS, CONFIG.confidences):
            exact = (1 + at / 100) * math.exp(-place) if pair in study.APART else 1.0
            if (pair, place) == (SOFTMAX, 6.0):
                exact *= planted.get("level", [1.0] * SEEDS)[at]
            off = planted.get("slope", plant(1.0, 1e-5, SEEDS, 1))[at]
            row = {"pair": pair, "place": place, "measured": exact * off, "exact": exact}
            rows.append(study._row("slope", seed, row))
        for pair, place in product((study.BELONG[1], SIGMOID), CONFIG.confidences):
            exact = units.flow_time(pair, -place, 2.0) / 0.1
            off = planted.get("unit", plant(1.0, 0.01, SEEDS, 2))[at]
            row = {"pair": pair, "place": place, "measured": exact * off, "exact": exact}
            rows.append(study._row("unit", seed, row))
        rows += [
            _trained(planted, pair, scale, rate, seed, at)
            for pair, scale, rate in product(units.COSTS, CONFIG.scales, CONFIG.rates)
        ]
    return pa.Table.from_pylist(rows)


def _trained(planted, pair, scale, rate, seed, at):
    """All learn best at the rate 0.64, by validation; at others not at all."""
    usual = 900.0 if pair in study.APART else 60.0
    steps = planted.get(pair, plant(usual, 5, SEEDS, 3 if pair in study.APART else 4))[at]
    best = rate == 0.64
    values = {
        "pair": pair,
        "place": scale,
        "rate": rate,
        "confidence": 3.0,
        "validation_steps": 50.0 if best else None,
        # At another rate the test images alone are learnt at once: nothing may look at them.
        "test_steps": steps if best else 1.0,
    }
    return study._row("network", seed, values)


def _planted(claim, ruling):
    """The column that decides a claim, so that it is ruled so."""
    at = RULINGS.index(ruling)
    if claim == "G9a":
        return {"slope": plant(1 + (1e-5, 0.01, 0.00098)[at], 0.0002 if at == 2 else 1e-6, SEEDS)}
    if claim == "G9b":
        return {"unit": plant((1.0, 1.3, 1.098)[at], 0.02, SEEDS)}
    pair = SIGMOID if claim == "G9c" else SOFTMAX
    return {pair: plant((900.0, 20.0, 61.0)[at], 5.0, SEEDS)}


@pytest.mark.parametrize("ruling", RULINGS)
@pytest.mark.parametrize("claim", [claim.id for claim in study.CLAIMS])
def test_verdicts_of_planted_tables(claim, ruling):
    found = rulings(study.verdicts(_table(**_planted(claim, ruling)), CONFIG))
    assert found.pop(claim) == ruling
    assert set(found.values()) == {"supported"}


def test_a_slope_that_does_not_fall_contradicts_that_it_does():
    table = _table(level=plant(math.exp(5), 0.1, SEEDS))
    assert rulings(study.verdicts(table, CONFIG))["G9a"] == "contradicted"


def test_networks_that_never_learn_only_bound_the_difference():
    found = study.verdicts(_table(**{SIGMOID: [None] * SEEDS}), CONFIG)[2]
    assert found.ruling == "supported"
    assert found.upper is None
    assert f"at least {CONFIG.steps:,}" in found.says
    reverse = study.verdicts(_table(**{study.BELONG[1]: [None] * SEEDS}), CONFIG)[2]
    assert reverse.ruling == "contradicted"


def test_what_is_missing_leaves_a_claim_undecided():
    whole = _table(unit=[float("nan")] + [1.0] * (SEEDS - 1))
    assert rulings(study.verdicts(whole, CONFIG))["G9b"] == "inconclusive"


def test_the_figure_shows_what_never_learnt_at_the_top():
    slope, unit, network, tuning = study.figure(_table(**{SIGMOID: [None] * SEEDS})).axes
    assert [axes.get_yscale() for axes in (slope, unit, network, tuning)] == ["log"] * 4
    highest = max(max(line.get_ydata()) for line in network.lines)
    assert highest == max(network.lines[-1].get_ydata())  # the line that says never


def test_the_table_has_a_row_a_seed_pair_place_and_rate(tmp_path):
    config = replace(study.QUICK, steps=10, before=2, seeds=(0, 4), examples=60, held=10)
    lab = Lab(Store(tmp_path), engine=InProcess())
    rows = list(study.rows(config, lab))
    assert len({tuple(row) for row in rows}) == 1
    places = len(config.confidences)
    assert len(rows) == 2 * (5 * places + 2 * places + 5 * 2 * 3)
    assert study.jobs(config, lab) == {}


@pytest.mark.parametrize("pair", units.COSTS)
def test_slopes_are_those_of_autograd(pair):
    z = torch.randn(7, 4, generator=Streams(0).get("z"), dtype=torch.float64) * 3
    y = one_hot(torch.tensor([0, 1, 2, 3, 0, 1, 2]), 4).double()
    leaf = z.clone().requires_grad_()
    (exact,) = torch.autograd.grad(units.COSTS[pair](leaf, y).sum(), leaf)
    assert torch.allclose(units.slope(pair, z, y), exact, atol=1e-12)


def test_costs_that_belong_are_torchs():
    z = torch.randn(5, 3, generator=Streams(0).get("z"), dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 0, 1])
    y = one_hot(labels, 3).double()
    by_torch = torch.nn.functional.cross_entropy(z, labels, reduction="none")
    assert torch.allclose(units.COSTS["softmax, categorical"](z, y), by_torch)
    bernoulli = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    assert torch.allclose(units.COSTS["sigmoid, Bernoulli"](z, y), bernoulli.sum(1))
    assert [units.belonging(pair) for pair in study.APART] == list(study.BELONG[1:])


@pytest.mark.parametrize("pair", ["sigmoid, Bernoulli", "sigmoid, squared error"])
def test_the_time_is_that_of_the_flow_solved_numerically(pair):
    z, time, step, y = torch.tensor([-3.0]).double(), 0.0, 0.01, torch.ones(1).double()
    while z < 2:
        half = z - step / 2 * units.slope(pair, z, y)
        z = z - step * units.slope(pair, half, y)
        time += step
    assert units.flow_time(pair, -3.0, 2.0) == pytest.approx(time, abs=0.02)


def test_the_time_grows_as_c_by_one_cost_and_as_its_exponential_by_the_other():
    longer = [
        [units.flow_time(pair, -c, 2.0) for c in (8.0, 9.0)]
        for pair in ("sigmoid, Bernoulli", "sigmoid, squared error")
    ]
    assert longer[0][1] - longer[0][0] == pytest.approx(1, abs=1e-3)
    assert longer[1][1] / longer[1][0] == pytest.approx(math.e, rel=0.02)
    with pytest.raises(ValueError, match="known of a sigmoid's two costs, got 'linear, squared"):
        units.flow_time("linear, squared error", 0.0, 1.0)


def test_one_unit_takes_about_the_flows_steps_at_a_small_rate():
    rows = list(units.one_unit(0, [0.0, 3.0], inputs=4, rate=0.02, sure=0.9))
    assert len(rows) == 4
    for row in rows:
        assert row["measured"] == pytest.approx(row["exact"], rel=0.02, abs=1)


def _trained_by(weights, pair, seen, rates, steps):
    course = units.training(weights, pair, seen, rates, 50, Streams(3).get("batches"))
    return list(islice(course, steps))[-1]


def test_a_stack_is_trained_as_each_network_alone():
    data = load("digits")
    seen, _ = units._images(data, 3, 100, 20)
    weights = units.initial(3, 64, 5, 10)
    both = [torch.cat([one, one]) for one in weights]
    pair = "softmax, squared error"
    together = _trained_by(both, pair, seen, [0.1, 1.0], 20)
    for at, rate in enumerate((0.1, 1.0)):
        alone = _trained_by(weights, pair, seen, [rate], 20)
        for one, other in zip(alone, together, strict=True):
            assert torch.allclose(one[0], other[at], atol=1e-5)


def test_a_network_that_diverges_leaves_the_others_alone():
    data = load("digits")
    seen, others = units._images(data, 0, 100, 50)
    weights = [torch.cat([one, one]) for one in units.initial(0, 64, 5, 10)]
    last = _trained_by(weights, "linear, squared error", seen, [0.02, 1e6], 60)
    wrong = units.wrong_share(last, others["test"])
    assert not torch.isfinite(last[2][1]).all()
    assert wrong[0] < 0.8 < wrong[1] + 0.1


def test_starts_that_learnt_wrong_labels_are_sure_and_the_surer_the_larger_the_scale():
    settings = {"examples": 500, "held": 100, "hidden": 16, "batch": 50, "before": 200}
    settings |= {"first_rate": 0.1, "steps": 60, "every": 10, "error": 0.5}
    rows = list(
        units.networks(
            load("digits"), 0, "softmax, categorical", [0.0, 1.0, 2.0], [1e-9, 0.3], settings
        )
    )
    assert [(row["place"], row["rate"]) for row in rows[:3]] == [(0.0, 1e-9), (0.0, 0.3), (1, 1e-9)]
    fresh, once, twice = (rows[at]["confidence"] for at in (0, 2, 4))
    assert twice == pytest.approx(2 * once)
    assert once > 2 > fresh
    assert [row["test_steps"] for row in rows[::2]] == [None] * 3
    assert all(0 < row["test_steps"] <= 60 for row in rows[1::2])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scales": (0.5, 1.0)}, "scales must rise from 0, which stands for the initial weights"),
        ({"scales": (0.0, 2.0, 1.0)}, "scales must rise from 0, which stands for the initial"),
        ({"scales": (0.0,)}, "scales must have one above 0: a start that is sure of what is wrong"),
        (
            {"confidences": (0.0, 30.0)},
            r"confidences must be at least 0 and the largest in \[4, 10",
        ),
        (
            {"confidences": (-1.0, 5.0)},
            r"confidences must be at least 0 and the largest in \[4, 10",
        ),
        ({"rates": (0.1, 0.0)}, "a rate must be above 0 and finite, got 0"),
        ({"error": 1.0}, r"error must be in \(0, 1\), got 1.0"),
        ({"sure": 0.0}, r"sure must be in \(0, 1\), got 0.0"),
        ({"hidden": 0}, "hidden must be a whole number of at least 1, got 0"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_configuration(change, words):
    with pytest.raises(ValueError, match=words):
        replace(study.PAPER, **change)
