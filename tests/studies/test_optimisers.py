"""Claims G6a to G6g on planted tables: optimisers tuned alike, and rates that fall."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch

from surfeit.data import load
from surfeit.studies import _optimisers as descended
from surfeit.studies import optimisers as study

from .planted import rulings

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
THREE = ("supported", "contradicted", "inconclusive")
NAMES = study.OPTIMISERS


def _table(planted, gain=None, off=None, below=None, above=None, lower=None, more=None, wrong=0):
    """Optimisers as they should be, but for what is given, a list of values a seed.

    Args:
        gain: by optimiser, orders of magnitude below gradient descent's loss at the end.
        off: by schedule, what the settled excess is off its expectation, of it.
        below: orders of magnitude of the inverse schedule below the floor.
        above: orders of magnitude of the inverse square above it.
        lower: by optimiser, orders of magnitude of the network's loss below mini-batch SGD's.
        more: by optimiser, points of test error above mini-batch SGD's.
        wrong: of how many seeds momentum's loss is not that of its closed form.
    """
    below = below or planted(2.0, 0.1, SEEDS, seed=1)
    above = above or planted(1.0, 0.1, SEEDS, seed=2)
    rows = []
    for at, seed in enumerate(CONFIG.seeds):
        empty = {"seed": seed, "chosen": False, **dict.fromkeys(study._COLUMNS)}
        for name in NAMES:
            gains = (gain or {}).get(name, planted(3.0, 0.1, SEEDS, seed=3))[at]
            end = 1e-3 if name == "gradient descent" else 1e-3 / 10**gains
            for rate in CONFIG.rates:
                told = {"optimiser": name, "rate": rate, "validation_loss": 0.1 + rate}
                rows.append({"part": "tuning", **empty, **told, "chosen": rate == CONFIG.rates[0]})
            for place in map(float, CONFIG.places):
                value = end ** (place / CONFIG.steps)
                missed = name == "momentum" and seed < wrong
                told = {"optimiser": name, "rate": 0.1, "place": place, "value": value}
                told |= {"exact": value * (1.001 if missed else 1), "contraction": 0.95}
                rows.append({"part": "path", **empty, **told, "chosen": True})
            less = (lower or {}).get(name, planted(0.5, 0.05, SEEDS, seed=4))[at]
            extra = (more or {}).get(name, planted(0.0, 0.5, SEEDS, seed=5))[at]
            test = 0.1 + (0 if name == "mini-batch" else extra / 100)
            for rate in CONFIG.network_rates:
                told = {"optimiser": name, "rate": rate, "validation_loss": 0.3 + rate}
                told |= {"value": 0.2 if name == "mini-batch" else 0.2 / 10**less}
                told |= {"test_error": test, "chosen": rate == CONFIG.network_rates[0]}
                rows.append({"part": "network", **empty, **told})
        floors = {"constant": 0.02, "quarter": 0.005}
        ends = {**floors, "inverse": 0.02 / 10 ** below[at]}
        ends["inverse square"] = ends["inverse"] * 10 ** above[at]
        for number, (name, exact) in enumerate(ends.items()):
            errors = (off or {}).get(name, planted(0.0, 0.03, SEEDS, seed=10 + number))
            for place in map(float, CONFIG.noisy_places):
                told = {"optimiser": name, "rate": 0.3, "place": place, "exact": exact}
                told |= {"floor": floors.get(name)}
                judged = place == CONFIG.noisy_places[-1] and name not in floors
                # The end alone says how far down it is, the settled steps how near to what is
                # expected: both are planted by themselves.
                scale = 1 if judged else 1 + errors[at] * 5 / (5 - (name not in floors))
                rows.append({"part": "schedules", **empty, **told, "value": exact * scale})
    return pa.Table.from_pylist(rows)


def _judged(table, claim):
    return next(one for one in study.verdicts(table, CONFIG) if one.claim == claim)


def test_all_claims_hold_where_theory_does(planted):
    found = study.verdicts(_table(planted), CONFIG)
    assert [one.ruling for one in found] == ["supported"] * 7
    assert found[0].says == "In 10 of 10 seeds all of them agree to 1e-06."
    assert "0.001 gradient descent" in found[1].says
    assert "1e-06 Adam" in found[1].says
    assert found[2].says.startswith("The excess is 1.000 and 1.000 times the floor")
    assert found[3].says == "At the end the excess is 0.01 of the constant rate's floor."
    assert found[4].says == "It ends 10 times as high."
    assert "0.2 mini-batch, 0.064 momentum" in found[5].says
    assert "10 mini-batch, 10 momentum" in found[6].says


@pytest.mark.parametrize(("wrong", "ruling"), [*zip((0, 10, 5), THREE, strict=True)])
def test_losses_that_are_not_the_closed_forms_count(planted, wrong, ruling):
    assert _judged(_table(planted, wrong=wrong), "G6a").ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("name", ["momentum", "Nesterov"])
def test_momentum_is_held_against_gradient_descent(planted, planted_three, name, ruling):
    gain = {name: planted_three(CONFIG.gain, 0.1, SEEDS)[ruling]}
    found = _judged(_table(planted, gain=gain), "G6b")
    assert found.ruling == ruling
    if ruling != "supported":
        assert found.doubt == f"decided by {name}"


@pytest.mark.parametrize(("off", "spread", "ruling"), [(0, 0.03, 0), (0.4, 0.03, 1), (0.1, 0.3, 2)])
@pytest.mark.parametrize(
    ("claim", "name"),
    [
        ("G6c", "constant"),
        ("G6c", "quarter"),
        ("G6d", "inverse"),
        ("G6e", "inverse square"),
    ],
)
def test_excesses_must_be_as_expected(planted, claim, name, off, spread, ruling):
    table = _table(planted, off={name: planted(off, spread, SEEDS)})
    assert _judged(table, claim).ruling == THREE[ruling]


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize(
    ("claim", "name", "margin"), [("G6d", "below", CONFIG.below), ("G6e", "above", 0.0)]
)
def test_how_far_down_a_schedule_gets_counts(planted, planted_three, claim, name, margin, ruling):
    values = planted_three(margin, 0.05, SEEDS)[ruling]
    assert _judged(_table(planted, **{name: values}), claim).ruling == ruling


@pytest.mark.parametrize("ruling", THREE)
@pytest.mark.parametrize("name", ["momentum", "Nesterov"])
def test_each_is_held_against_mini_batches_on_the_network(planted, planted_three, name, ruling):
    lower = {name: planted_three(0.0, 0.05, SEEDS)[ruling]}
    assert _judged(_table(planted, lower=lower), "G6f").ruling == ruling


@pytest.mark.parametrize(
    ("off", "spread", "ruling"), [(0, 0.5, 0), (9, 0.5, 1), (-9, 0.5, 1), (2, 5, 2)]
)
@pytest.mark.parametrize("name", ["Nesterov", "AdaGrad", "Adam"])
def test_errors_must_be_alike(planted, name, off, spread, ruling):
    table = _table(planted, more={name: planted(off, spread, SEEDS)})
    assert _judged(table, "G6g").ruling == THREE[ruling]


def test_a_rate_that_diverged_is_drawn_and_one_seed_decides_nothing(planted):
    rows = _table(planted).to_pylist()
    for row in rows:
        if row["part"] in ("tuning", "network") and row["rate"] == CONFIG.rates[-4]:
            row |= {"validation_loss": None, "value": None}
    assert len(study.figure(pa.Table.from_pylist(rows)).axes) == 4
    some = pa.Table.from_pylist([row for row in rows if row["seed"] == 0])
    found = study.verdicts(some, replace(CONFIG, seeds=(0,)))
    assert set(rulings(found).values()) == {"inconclusive"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch": 0}, "batch must be a whole number of at least 1, got 0"),
        ({"condition": 0.0}, "condition must be above 0 and finite"),
        ({"places": (1, 300)}, "places must begin at step 0"),
        ({"places": (0, 5, 5, 300)}, "places after 0 must be 2 or more whole numbers"),
        ({"steps": 400}, "places must end at the 400 steps, got 300"),
        ({"settled": (77,)}, "settled must be among noisy_places"),
        ({"rates": (0.1,)}, "rates must be two or more above 0, ascending"),
        ({"network_rates": (0.0, 0.1)}, "network_rates must be two or more above 0"),
        ({"features": 100}, r"features must be in \[1, count\), got 100 and 100"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)


def test_inputs_have_the_condition_number_that_is_asked_for():
    inputs, _, _ = descended.conditioned(0, "x", 30, 5, 50.0)
    values = torch.linalg.eigvalsh(inputs.T @ inputs / 30)
    assert values.tolist() == pytest.approx(torch.logspace(-1.69897, 0, 5).tolist(), rel=1e-4)


def test_every_optimiser_is_tried_at_every_rate_and_solves_what_is_easy():
    about = {"count": 12, "features": 3, "condition": 2.0, "batch": 4, "steps": 80}
    rows = list(descended.tuned(0, places=[0, 40, 80], rates=[0.02, 0.5, 99.0], runs=3, **about))
    assert len(rows) == 3 * len(NAMES)
    by = {(row["optimiser"], row["rate"]): row for row in rows}
    for name in ("gradient descent", "momentum", "Nesterov"):
        row = by[name, 0.5 if name == "gradient descent" else 0.02]
        assert row["losses"] == pytest.approx(row["exact"], rel=1e-8)
        assert 0 < row["contraction"] < 1
    assert by["gradient descent", 0.5]["losses"][-1] < 1e-10
    assert by["mini-batch", 0.5]["losses"][-1] < 1e-4
    assert by["mini-batch", 0.5]["exact"] is None
    assert by["Adam", 0.02]["losses"][0] == pytest.approx(1)
    inputs, wanted, _ = descended.conditioned(0, "tuned", 12, 3, 2.0)
    path = descended._stochastic(inputs, wanted, 0.5, 12, 1, 2, torch.Generator().manual_seed(1))
    drawn = torch.randint(12, (1, 2, 12), generator=torch.Generator().manual_seed(1))[0, 0]
    step = 0.5 * inputs[drawn].T @ (inputs[drawn] @ wanted) / 12
    torch.testing.assert_close(path[1, 0], step)


def test_networks_start_alike_and_a_rate_that_overflows_is_none():
    data = load("digits")
    about = {"images": 20, "model": "mlp-4", "batch": 10, "epochs": 2}
    (low, high) = descended.trained(data, "momentum", 3, rates=[1e-9, 1e30], **about)
    (other, better) = descended.trained(data, "Adam", 3, rates=[1e-12, 1e-2], **about)
    assert better["validation_loss"] < other["validation_loss"]
    assert other["test_error"] is None
    assert 0 < better["test_error"] < 1
    assert low["value"] == pytest.approx(other["value"], rel=1e-4)
    assert low["value"] == pytest.approx(low["validation_loss"], rel=0.5)
    assert 0 <= low["test_error"] <= 1
    assert (high["value"], high["validation_loss"], high["test_error"]) == (None, None, None)
