"""Claims E7a to E7g and E13a to E13c on planted tables, and what is drawn beside them."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from tests.studies.conftest import plant
from tests.studies.planted import rulings

from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import linear_descent as study
from surfeit.studies._linear_descent import drawn, isotropic, systems, weak

CONFIG = study.PAPER
SEEDS = len(CONFIG.seeds)
N, D = CONFIG.examples, CONFIG.features
RULINGS = ("supported", "contradicted", "inconclusive")
TIMES = {"supported": 1.0, "contradicted": 1.3, "inconclusive": 1.098}
"""Measured over the formula, where a tenth is the margin; a limit's is 0.15."""
LIMITS = TIMES | {"inconclusive": 1.145}


def exact():
    """The closed forms' rows, by part and place."""
    rows = [study._row(part, "formula", at, **row) for part, at, row in study._formulas(CONFIG)]
    return {(row["part"], row["place"]): row for row in rows}


EXACT = exact()


def scattered(value, share=0.01, seed=0):
    """A value a seed with this mean, which vary by a share of it."""
    return plant(value, abs(value) * share or 1e-6, SEEDS, seed)


def _table(**planted):
    """Exactly what the formulas say, but for the columns that are planted: `{place: values}`."""
    rows = list(EXACT.values())
    places = {
        "weak": CONFIG.widths,
        "isotropic": CONFIG.ratios,
        "systems": CONFIG.surplus,
    }
    for part, some in places.items():
        for place in some:
            formula = EXACT[part, float(place)]
            columns = _measured(part, place, formula)
            for name, values in planted.items():
                if name.partition("_")[0] == part and place in values:
                    columns[name.partition("_")[2]] = values[place]
            for at, seed in enumerate(CONFIG.seeds):
                values = {name: column[at] for name, column in columns.items()}
                rows.append(study._row(part, "drawn", place, seed=seed, **values))
    return pa.Table.from_pylist(rows)


def _measured(part, place, formula):
    """Columns that vary a little about the formula; at infinity about a large value."""

    def about(value):
        return scattered(value, seed=round(100 * place))

    if part == "systems":
        solved = place >= 1
        return {
            "residual": [1e-30] * SEEDS if solved else about(1 - place),
            "condition": about(formula["condition"] or 1e3),
            "steps": about(formula["steps"] or 1e7) if solved else [None] * SEEDS,
        }
    columns = {"error": about(formula["error"] or 1e3)}
    if part == "weak":
        columns |= {name: about(formula[name]) for name in ("median", "bias", "ridge")}
        columns |= {"variance": about(formula["variance"] or 1e3), "below": about(0.5)}
    return columns


def times(part, column, factors, places):
    return {
        place: scattered(EXACT[part, float(place)][column] * factors, seed=at)
        for at, place in enumerate(places)
    }


CLEAR = [width for width in CONFIG.widths if abs(width - N) >= CONFIG.clear]
OVER = [ratio for ratio in CONFIG.surplus if ratio >= CONFIG.clear_surplus]


def _planted(claim, ruling):
    """The column that decides a claim, so that it is ruled so."""
    off, limit = TIMES[ruling], LIMITS[ruling]
    if claim == "E7a":
        return {"weak_error": times("weak", "error", off, CLEAR)}
    if claim == "E7b":
        share = {"supported": 0.5, "contradicted": 0.7, "inconclusive": 0.545}[ruling]
        return {"weak_below": {N: scattered(share, 0.03)}}
    if claim == "E7c":
        peak = {"supported": 10, "contradicted": 0.1, "inconclusive": 1}[ruling]
        highest = max(EXACT["weak", float(w)]["median"] for w in CONFIG.widths if w != N)
        return {"weak_median": {N: scattered(peak * highest, 0.03)}}
    if claim == "E7d":
        least = min(EXACT["weak", float(w)]["error"] for w in CONFIG.widths if w <= N - 2)
        share = {"supported": 0.5, "contradicted": 2, "inconclusive": 1}[ruling]
        return {"weak_error": {D: scattered(share * least, 0.03)}}
    if claim == "E7e":
        more = {"supported": 0.0, "contradicted": 0.3, "inconclusive": 0.048}[ruling]
        bias = EXACT["weak", 50.0]["bias"] + more
        return {"weak_bias": {50: scattered(bias, 0.01)}}
    if claim == "E7f":  # with what it has at n/2 the ridge may leave a peak or not
        level = EXACT["weak", N / 2]["ridge"]
        found = level if ruling == "inconclusive" else off * EXACT["weak", float(N)]["ridge"]
        return {"weak_ridge": {N: scattered(found, 0.03)}}
    if claim == "E7g":
        return {"isotropic_error": times("isotropic", "error", limit, [0.5])}
    if claim == "E13a":
        left = {"supported": 0.0, "contradicted": 0.2, "inconclusive": 0.049}[ruling]
        return {"systems_residual": {0.5: scattered(0.5 + left)}}
    if claim == "E13b":
        return {"systems_condition": times("systems", "condition", limit, [2.0])}
    return {"systems_steps": times("systems", "steps", limit, OVER)}


@pytest.mark.parametrize("ruling", RULINGS)
@pytest.mark.parametrize("claim", [claim.id for claim in study.CLAIMS])
def test_verdicts_of_planted_tables(claim, ruling):
    found = rulings(study.verdicts(_table(**_planted(claim, ruling)), CONFIG))
    assert found.pop(claim) == ruling
    # E7d's figure is one that E7a judges, too.
    assert {one for name, one in found.items() if name != "E7a"} == {"supported"}


def test_systems_that_are_not_solved_contradict_that_they_are():
    unsolved = {ratio: [0.1] * SEEDS for ratio in CONFIG.surplus if ratio >= 1}
    found = study.verdicts(_table(systems_residual=unsolved), CONFIG)
    assert rulings(found)["E13a"] == "contradicted"


def test_steps_that_do_not_fall_contradict_that_they_do():
    flat = {at: scattered(100.0 + n, 0.001, seed=n) for n, at in enumerate(OVER)}
    assert rulings(study.verdicts(_table(systems_steps=flat), CONFIG))["E13c"] == "contradicted"


def test_what_is_missing_leaves_a_claim_undecided():
    found = study.verdicts(_table(weak_error={10: [None] + [1.0] * (SEEDS - 1)}), CONFIG)
    assert rulings(found)["E7a"] == "inconclusive"


def test_what_it_says_counts_the_means_within_standard_errors():
    table = _table(weak_error=times("weak", "error", 1.05, [5, 10]))
    said = study.verdicts(table, CONFIG)[0].says
    assert f"{len(CLEAR) - 2} of {len(CLEAR)} means lie within two standard errors" in said
    assert "is off by +5.0%" in said


def test_the_figure_has_the_peak_as_a_gap_of_the_formula_and_as_a_median():
    drawing = study.figure(_table())
    left, _, limit, descent = drawing.axes
    mean, median, ridge = left.lines[:3]
    assert np.isnan(mean.get_ydata()).sum() == 3
    assert np.argmax(median.get_ydata()) == N - 1
    assert np.ptp(np.log(ridge.get_ydata())) < 1
    assert all(axes.get_yscale() == "log" for axes in drawing.axes)
    assert limit.get_xscale() == descent.get_xscale() == "log"
    assert len(left.containers) == 3  # means, medians and the ridge's, with their error bars


def test_formulas_stand_at_every_place_that_is_measured():
    table = _table().to_pylist()
    exact = {(row["part"], row["place"]) for row in table if row["of"] == "formula"}
    assert {(row["part"], row["place"]) for row in table} == exact


def test_weak_features_are_fitted_at_every_width_to_the_same_draws():
    settings = {"features": 20, "examples": 8, "noise": 0.1, "draws": 4000}
    rows = list(weak(3, widths=[4, 8, 20], **settings))
    alone = list(weak(3, widths=[20], **settings))
    assert rows[2] == pytest.approx(alone[0])
    config = replace(CONFIG, features=20, examples=8, noise=0.1, widths=(4, 8, 20))
    exact = {at: row for part, at, row in study._formulas(config) if part == "weak"}
    for row in rows:
        formula = exact[row["width"]]
        assert row["below"] == pytest.approx(0.5, abs=0.04)
        assert row["ridge"] == pytest.approx(formula["ridge"], rel=0.05)
        if row["width"] != 8:
            assert row["error"] == pytest.approx(formula["error"], rel=0.1)
            assert row["bias"] == pytest.approx(formula["bias"], abs=0.05)
            assert row["bias"] + row["variance"] + 0.1 == pytest.approx(row["error"])


def test_the_other_parts_are_drawn_as_they_are_asked():
    rows = list(isotropic(0, 60, [0.5, 2.0], signal=2.0, noise=1.0, draws=20))
    assert [row["error"] for row in rows] == pytest.approx([1.0, 2.0], rel=0.25)
    rows = list(drawn("systems", 0, {"equations": 30, "ratios": [0.5, 1.0, 4.0],
                                     "tolerance": 1e-6, "draws": 5}))  # fmt: skip
    again = list(systems(0, 30, [0.5, 1.0, 4.0], 1e-6, 5))
    assert [row["steps"] for row in rows] == [row["steps"] for row in again]
    assert [row["steps"] is None for row in rows] == [True, False, False]
    assert rows[0]["residual"] == pytest.approx(0.5, abs=0.2)
    assert rows[1]["residual"] < 1e-20
    assert rows[1]["condition"] > rows[2]["condition"]


def test_the_table_has_a_row_a_seed_and_place_beside_the_formulas(tmp_path):
    config = replace(
        study.QUICK, draws=3, isotropic_examples=20, isotropic_draws=1, equations=8, systems=1,
        seeds=(0, 4),
    )  # fmt: skip
    lab = Lab(Store(tmp_path), engine=InProcess())
    rows = list(study.rows(config, lab))
    places = len(config.widths) + len(config.ratios) + len(config.surplus)
    measured = [row for row in rows if row["of"] == "drawn"]
    assert len(measured) == 2 * places
    assert {row["seed"] for row in measured} == {0, 4}
    assert len({tuple(row) for row in rows}) == 1
    assert study.jobs(config, lab) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"widths": (0, 5)}, "a width must be a whole number of at least 1, got 0"),
        (
            {"widths": (5, 101)},
            "widths must be at most 100, as many features as there are, got 101",
        ),
        ({"noise": -0.5}, "noise must be at least 0 and finite, got -0.5"),
        ({"isotropic_noise": float("nan")}, "isotropic_noise must be at least 0 and finite"),
        ({"ratios": (0.5, 0.0)}, "a ratio must be above 0 and finite, got 0"),
        ({"surplus": (-1.0,)}, "a ratio must be above 0 and finite, got -1"),
        ({"draws": 1}, "draws must be a whole number of at least 2, got 1"),
        ({"systems": 0}, "systems must be a whole number of at least 1, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_configuration(change, words):
    with pytest.raises(ValueError, match=words):
        replace(study.PAPER, **change)
