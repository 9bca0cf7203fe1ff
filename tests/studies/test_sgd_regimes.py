"""Claims E12a to E12e on planted tables, and what is drawn beside them."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from tests.studies.conftest import plant
from tests.studies.planted import rulings

from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.least_squares import best_rate, critical_batch, noise_floor
from surfeit.store import Store
from surfeit.studies import _sgd_regimes as drawing
from surfeit.studies import sgd_regimes as study

CONFIG = study.PAPER
SEEDS = len(CONFIG.seeds)
RULINGS = ("supported", "contradicted", "inconclusive")
TIMES = {"supported": 1.0, "contradicted": 1.3, "inconclusive": 1.0985}
"""Measured over the exact value, where a tenth is the margin."""
A_STEP = 0.03  # nats that the planted loss falls
FULL, CRITICAL, FLOOR = 13.0, 24.2, 0.04


def scattered(value, share=0.01, seed=0):
    """A value a seed with this mean, which vary by a share of it."""
    return np.array(plant(value, abs(value) * share, SEEDS, seed))


def exact_of(part, place):
    if part == "wide":
        return math.exp(-A_STEP * place)
    if part == "narrow":
        return FLOOR + (1 - FLOOR) * math.exp(-place / 10)
    if part == "rates":
        return 0.2 * place * (1 + 0.4 * place)
    return 1.7 * FULL if part == "critical" else FULL * (1 + 40 / place)


PLACES = {
    "wide": CONFIG.places,
    "narrow": CONFIG.places,
    "rates": CONFIG.shares,
    "batches": CONFIG.batches,
    "critical": (0,),
}


def columns_of(part, place):
    """What is planted where nothing is changed: exact values, and measured ones about them."""
    exact = exact_of(part, place)
    about = scattered(exact, seed=round(100 * place))
    columns = {"exact": np.full(SEEDS, exact), "measured": about}
    if part in ("wide", "narrow"):
        columns |= {"typical": about / 1.1, "largest": 3 * about}
        columns |= {"contraction": scattered(A_STEP / 2), "floor": np.full(SEEDS, FLOOR)}
    if part in ("batches", "critical"):
        columns |= {"full": np.full(SEEDS, FULL), "critical": scattered(CRITICAL, 0.02)}
    return columns


def _table(changed=None):
    """Exactly what is expected, but for `{(part, column, place): a value a seed}`."""
    rows = []
    for part, places in PLACES.items():
        for place in places:
            columns = columns_of(part, place)
            for (where, name, at), values in (changed or {}).items():
                if (where, at) == (part, place):
                    columns[name] = values
            for at, seed in enumerate(CONFIG.seeds):
                where = math.ceil(columns["critical"][at]) if part == "critical" else place
                empty = {"part": part, "place": float(where), "seed": seed}
                empty |= dict.fromkeys(study._COLUMNS)
                rows.append(empty | {name: values[at] for name, values in columns.items()})
    return pa.Table.from_pylist(rows)


def times(part, factor, places, seed=0):
    return {
        (part, "measured", place): scattered(factor * exact_of(part, place), seed=seed + at)
        for at, place in enumerate(places)
    }


def _planted(claim, ruling):
    """The columns that decide a claim, so that it is ruled so."""
    off = TIMES[ruling]
    if claim == "E12a":
        return times("wide", off, CONFIG.early)
    if claim == "E12b":
        # Judged is a mean over many steps, which scatters little.
        off = 1.0999 if ruling == "inconclusive" else off
        return times("narrow", off, [at for at in CONFIG.places if at >= CONFIG.spans[0]])
    if claim == "E12c":
        more = {"supported": 0.0, "contradicted": 0.2, "inconclusive": 0.0495}[ruling]
        share = exact_of("rates", 0.125) / exact_of("rates", 0.25)
        last = (share + more) * columns_of("rates", 0.25)["measured"]
        return {("rates", "measured", 0.125): last * scattered(1)}
    if claim == "E12d":
        return times("batches", off, [16])
    if claim == "E12e":
        return times("batches", off, [64])
    over = {"supported": 1.7, "contradicted": 2.3, "inconclusive": 2.001}[ruling]
    values = scattered(over * FULL)
    return {("critical", name, 0): values for name in ("exact", "measured")} | {
        ("critical", "measured", 0): values * scattered(1, 0.02, seed=1)
    }


@pytest.mark.parametrize("ruling", RULINGS)
@pytest.mark.parametrize("claim", [claim.id for claim in study.CLAIMS])
def test_verdicts_of_planted_tables(claim, ruling):
    found = rulings(study.verdicts(_table(_planted(claim, ruling)), CONFIG))
    assert found.pop(claim) == ruling
    assert set(found.values()) == {"supported"}


def ruled(claim, changed):
    verdict = next(one for one in study.verdicts(_table(changed), CONFIG) if one.claim == claim)
    return verdict.ruling, verdict.doubt


def test_runs_that_do_not_get_there_contradict_that_they_do():
    last = CONFIG.places[-1]
    some = {("wide", "largest", last): np.where(np.arange(SEEDS) < 38, 1e-9, 1e-30)}
    assert ruled("E12a", some) == ("contradicted", "decided by all of its runs")
    few = {("wide", "largest", last): np.where(np.arange(SEEDS) < 18, 1e-9, 1e-30)}
    assert ruled("E12a", few)[0] == "inconclusive"


def test_a_power_law_is_no_exponential():
    power = {
        ("wide", "typical", at): scattered((1.0 + at) ** -20, 0.1, seed=at) for at in CONFIG.spans
    }
    assert ruled("E12a", power) == ("contradicted", "decided by equal falls")


def test_a_fall_slower_than_the_bound_contradicts_it():
    bound = {("wide", "contraction", CONFIG.spans[2]): scattered(1.2 * A_STEP)}
    assert ruled("E12a", bound) == ("contradicted", "decided by the bound")


def test_a_loss_that_still_falls_has_no_floor():
    first, middle, end = CONFIG.spans
    falls = {
        ("narrow", "measured", at): scattered(FLOOR * (1.2 if at <= middle else 0.8), seed=at)
        for at in CONFIG.places
        if first <= at <= end
    }
    assert ruled("E12b", falls) == ("contradicted", "decided by stops")


def test_a_floor_that_does_not_rise_with_the_rate_contradicts_that_it_does():
    flat = {
        ("rates", name, at): scattered(0.1, 0.001, seed=round(100 * at))
        for at in CONFIG.shares
        for name in ("measured", "exact")
    }
    # Each half of the rate leaves all of the floor, as is expected here, and not a half.
    assert ruled("E12c", flat) == ("contradicted", "decided by a half")
    falls = {("rates", "measured", at): scattered(0.1 / at) for at in CONFIG.shares}
    assert ruled("E12c", falls)[0] == "contradicted"


def test_a_batch_below_the_critical_one_must_be_worth_half_its_size():
    steps = scattered(exact_of("batches", 1) / 16 / 0.4)
    poor = {("batches", name, 16): steps for name in ("measured", "exact")}
    poor["batches", "measured", 16] = steps * scattered(1, 0.001, seed=5)
    assert ruled("E12d", poor) == ("contradicted", "decided by half of 16")


def test_steps_that_do_not_fall_do_not_saturate():
    flat = {
        ("batches", name, at): scattered(FULL, 0.01, seed=at)
        for at in CONFIG.batches
        if at > CRITICAL
        for name in ("measured", "exact")
    }
    assert ruled("E12e", flat)[0] == "inconclusive"
    far = {
        ("batches", name, 1024): scattered(1.4 * FULL, 0.01, seed=len(name))
        for name in ("measured", "exact")
    }
    assert ruled("E12e", far) == ("contradicted", "decided by the largest batch")


@pytest.mark.parametrize(
    ("claim", "where"),
    [
        ("E12a", ("wide", "measured", 25)),
        ("E12a", ("wide", "largest", CONFIG.places[-1])),
        ("E12b", ("narrow", "measured", 500)),
        ("E12c", ("rates", "measured", 0.5)),
        ("E12d", ("batches", "measured", 1)),
        ("E12e", ("batches", "measured", 128)),
        ("E12e", ("critical", "measured", 0)),
    ],
)
def test_what_is_missing_leaves_a_claim_undecided(claim, where):
    values = [None, *columns_of(where[0], where[2])[where[1]][1:]]
    assert ruled(claim, {where: values})[0] == "inconclusive"
    study.figure(_table({where: values})).draw_without_rendering()


def test_what_it_says_has_the_figures_in_it():
    a, b, c, d, e = (one.says for one in study.verdicts(_table(), CONFIG))
    assert f"In {SEEDS} of {SEEDS} seeds all runs are below 1e-20" in a
    assert "the fall a step is 2.00 times the bound's" in a
    assert "4.00% of the start's, 1.000 times the floor" in b
    assert "0.429 from 1 to 0.5, 0.458 from 0.5 to 0.25, 0.477 from 0.25 to 0.125" in c
    assert "2.0 at 2, 3.7 at 4, 6.8 at 8, 11.7 at 16" in d
    assert "the 13.0 steps of gradient descent: 1.70 at the critical batch, 2.25 at 32" in e


def test_the_figure_has_points_on_exact_lines():
    losses, floors, steps, examples = study.figure(_table()).axes
    narrow, wide = (
        next(line for line in losses.lines if line.get_label() == label)
        for label in ("does not interpolate", "interpolates")
    )
    assert np.allclose(wide.get_ydata(), [exact_of("wide", at) for at in CONFIG.places])
    assert narrow.get_ydata()[-1] == pytest.approx(FLOOR)
    assert len(floors.containers) == len(steps.containers) == len(examples.containers) == 1
    assert steps.lines[0].get_ydata()[0] == pytest.approx(41)
    assert examples.lines[0].get_ydata()[-1] == pytest.approx(1024 * (1 + 40 / 1024) / 41)
    assert {axes.get_yscale() for axes in (losses, floors, steps, examples)} == {"log"}


def test_the_wide_model_interpolates_and_the_narrow_one_keeps_a_floor():
    settings = study._settings(study.QUICK)["descents"] | {"places": [0, 40, 900], "runs": 30}
    rows = list(drawing.drawn("descents", 1, settings))
    assert [(row["part"], row["place"]) for row in rows] == [
        (part, place) for part in ("narrow", "wide") for place in (0, 40, 900)
    ]
    narrow, wide = rows[:3], rows[3:]
    assert narrow[0]["measured"] == pytest.approx(1)
    assert wide[0]["exact"] == 1
    assert narrow[2]["exact"] == pytest.approx(narrow[2]["floor"], rel=1e-3)
    assert narrow[2]["measured"] == pytest.approx(narrow[2]["floor"], rel=0.4)
    assert wide[0]["floor"] == 0
    assert wide[2]["largest"] < 1e-4
    assert wide[2]["typical"] < wide[2]["measured"] < wide[2]["largest"]
    inputs, _ = drawing.problem(1, 40, 160, 0.25)
    least = np.linalg.eigvalsh((inputs @ inputs.T).numpy() / 40)[0]
    rate = drawing.common_rate([drawing.problem(1, 40, 10, 0.25)[0], inputs], 8)
    assert rate <= best_rate(inputs, 8)
    assert wide[0]["contraction"] == pytest.approx(-math.log(1 - rate * least))


def test_floors_are_of_the_least_loss():
    settings = study._settings(study.QUICK)["rates"] | {"shares": [1.0, 0.5], "runs": 100}
    rows = list(drawing.drawn("rates", 0, settings))
    inputs, targets = drawing.problem(0, 40, 10, 0.25)
    left = np.linalg.lstsq(inputs.numpy(), targets.numpy(), rcond=None)[1][0] / 80
    rate = drawing.common_rate([inputs, drawing.problem(0, 40, 160, 0.25)[0]], 8)
    for row in rows:
        floor = noise_floor(inputs, targets, rate=row["place"] * rate, batch=8)
        assert row["exact"] == pytest.approx(floor / left)
        assert row["measured"] == pytest.approx(row["exact"], rel=0.06)


def test_steps_are_counted_to_the_tolerance_and_against_gradient_descent():
    settings = study._settings(study.QUICK)["batches"] | {"sizes": [1, 8, 4096], "runs": 100}
    rows = list(drawing.drawn("batches", 0, settings))
    inputs, _ = drawing.problem(0, 40, 160, 0.25)
    assert [row["part"] for row in rows] == ["batches"] * 3 + ["critical"]
    assert rows[3]["place"] == math.ceil(critical_batch(inputs))
    for row in rows:
        assert row["critical"] == critical_batch(inputs)
        assert row["measured"] == pytest.approx(row["exact"], rel=0.1)
    assert rows[2]["exact"] == pytest.approx(rows[2]["full"], rel=0.02)
    assert rows[0]["exact"] > 5 * rows[1]["exact"] > 10 * rows[3]["exact"]


def test_a_crossing_lies_between_steps_and_is_none_where_there_is_none():
    losses = torch.tensor([8.0, 4.0, 2.0, 0.5, 1.0], dtype=torch.float64)
    assert drawing.crossing(losses, 0.25) == pytest.approx(2)
    assert drawing.crossing(losses, 0.125) == pytest.approx(2.5)
    assert drawing.crossing(losses, 0.01) is None
    assert drawing.crossing(torch.tensor([4.0, 0.0]), 0.25) == 1


def test_exact_steps_are_found_however_few_are_looked_at_first():
    inputs, targets = drawing.problem(0, 12, 40, 0.25)
    found = {drawing.exact_steps(inputs, targets, 3, 1e-3, first) for first in (1, 60, 900)}
    assert len(found) == 1


def test_the_table_has_a_row_a_seed_and_place(tmp_path):
    config = replace(
        study.QUICK, runs=2, seeds=(0, 4), settling=20, batches=(1, 2, 64, 128), narrow=4,
    )  # fmt: skip
    lab = Lab(Store(tmp_path), engine=InProcess())
    rows = list(study.rows(config, lab))
    each = 2 * len(config.places) + len(config.shares) + len(config.batches) + 1
    assert len(rows) == 2 * each
    assert {row["seed"] for row in rows} == {0, 4}
    assert len({tuple(row) for row in rows}) == 1
    assert study.jobs(config, lab) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"narrow": 40}, "narrow must be below the 40 examples, .*; got 40 and 160"),
        ({"wide": 39}, "wide at least as many, so that none is; got 10 and 39"),
        ({"examples": 0}, "examples must be a whole number of at least 1, got 0"),
        ({"batch": 0}, "batch must be a whole number of at least 1, got 0"),
        ({"runs": 2.5}, "runs must be a whole number of at least 1, got 2.5"),
        ({"noise": 0.0}, "noise must be above 0 and finite, got 0"),
        ({"tolerance": 1.0}, "tolerance must be below 1, got 1"),
        ({"solved": -1.0}, "solved must be above 0 and finite, got -1"),
        ({"places": (0, 10, 5)}, "places must rise from 0"),
        ({"spans": (400, 800, 1300)}, "spans must be three steps, equally far apart"),
        ({"early": (10, 33)}, "places must hold all steps that are judged, and lack 33"),
        ({"shares": (1.0, 0.4)}, r"shares must be halved one after another, got \(1.0, 0.4\)"),
        ({"shares": (1.0, 0.0)}, "a share of the rate must be above 0 and finite, got 0"),
        ({"batches": (2, 4, 64, 128)}, "batches must rise, from 1 and 2 to at least two above"),
        ({"batches": (1, 2, 64)}, "at least two above the 40 examples"),
        ({"batches": (0, 2, 64)}, "a batch must be a whole number of at least 1, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_configuration(change, words):
    with pytest.raises(ValueError, match=words):
        replace(study.PAPER, **change)
