"""Claims E4a to E4d on planted tables, and what is trained beside them."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from tests.studies.conftest import plant
from tests.studies.planted import rulings

from surfeit.core import Streams
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store
from surfeit.studies import _teacher_student as training
from surfeit.studies import teacher_student as study
from surfeit.teachers import drawn_networks, first_order_error, linear_error, overlaps_of
from surfeit.teachers.activations import ACTIVATIONS

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
RULINGS = ("supported", "contradicted", "inconclusive")
RATES, TOGETHER = CONFIG.rates, dict(CONFIG.both_rates)


def scattered(value, share=0.01, seed=0):
    """A value a seed with this mean, which vary by a share of it."""
    return np.array(plant(value, abs(value) * share, SEEDS, seed))


def surplus(rate):
    """By how much of the formula's planted errors are above it: in proportion to the rate."""
    return 1 + 2 * rate


def columns_of(part, name, units, rate):
    """What is planted where nothing is changed: the claims' own values."""
    seed = 1000 * units + round(1000 * rate) + len(name)
    if part == "first":
        formula = rate * units * 1e-3
        columns = {
            "formula": np.full(SEEDS, formula),
            "error": scattered(formula * surplus(rate), seed=seed),
        }
        exact = {"exact": np.full(SEEDS, formula * surplus(rate))} if name == "linear" else {}
        return columns | exact
    if part == "both":
        error = 1e-3 * (2 / units if name == "erf" else 1.0)
        return {
            "formula": np.full(SEEDS, 0.8 * error),
            "own": np.full(SEEDS, 0.8 * error),
            "error": scattered(error, seed=seed),
        }
    if part == "success":
        near = np.arange(SEEDS) < SEEDS * (0.5 if units == CONFIG.hard_widths[0] else 0.97)
        return {"near": near, "error": np.where(near, 1e-4, 0.2)}
    return {"lucky": scattered(2 / units, 0.1, seed), "error": np.full(SEEDS, 1e-4)}


def places():
    for name in CONFIG.activations:
        for units in CONFIG.widths:
            yield from (("first", name, units, rate) for rate in RATES)
        yield from (("both", name, units, TOGETHER[name]) for units in CONFIG.both_widths)
    for part in ("success", "luck"):
        yield from ((part, "relu", units, CONFIG.hard_rate) for units in CONFIG.hard_widths)


def _table(changed=None):
    """What supports all claims, but for `{(part, activation, units, rate): {column: values}}`."""
    rows = []
    for place in places():
        columns = columns_of(*place) | (changed or {}).get(place, {})
        part, name, units, rate = place
        for at, seed in enumerate(CONFIG.seeds):
            row = {"part": part, **dict.fromkeys(study._COLUMNS)}
            row |= {"activation": name, "units": units, "rate": rate, "noise": 0.1, "seed": seed}
            rows.append(row | {column: values[at] for column, values in columns.items()})
    for step in (0, 10):
        for cell in np.ndindex(3, 2):
            row = {"part": "overlap", **dict.fromkeys(study._COLUMNS), "step": step}
            match = 0.9 if cell[0] == cell[1] else 0.1
            rows.append(row | {"student_unit": cell[0], "teacher_unit": cell[1], "match": match})
    return pa.Table.from_pylist(rows)


def first(name, units, rate, over, share=0.01):
    """An error that is so many times the formula's."""
    place = "first", name, units, rate
    return {place: {"error": scattered(over * columns_of(*place)["formula"][0], share, seed=units)}}


def _planted(claim, ruling):
    """The columns that decide a claim, so that it is ruled so."""
    if claim == "E4a":
        # A formula that is off by a share is above at both rates alike: nothing halves.
        off = {"supported": 1.0, "contradicted": 1.2, "inconclusive": 1.0605}[ruling]
        return first("erf", 4, RATES[0], off * surplus(RATES[0])) | first(
            "erf", 4, RATES[1], off * surplus(RATES[1])
        )
    if claim == "E4b":
        widest, rate = CONFIG.both_widths[-1], TOGETHER["relu"]
        change = {"supported": 1.0, "contradicted": 1.2, "inconclusive": 1.0995}[ruling]
        return {("both", "relu", widest, rate): {"error": scattered(change * 1e-3, seed=5)}}
    if claim == "E4c":
        share = {"supported": 0.97, "contradicted": 0.1, "inconclusive": 0.55}[ruling]
        wide = "success", "relu", CONFIG.hard_widths[1], CONFIG.hard_rate
        return {wide: {"near": np.arange(SEEDS) < share * SEEDS}}
    units = CONFIG.hard_widths[-1]
    share = {"supported": 0.3, "contradicted": 0.02, "inconclusive": 1 / units + 0.001}[ruling]
    return {
        ("luck", "relu", units, CONFIG.hard_rate): {"lucky": np.array(plant(share, 0.03, SEEDS))}
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


def test_an_error_that_falls_with_width_contradicts_that_it_grows():
    fall = {}
    for units in CONFIG.widths:
        fall |= first("relu", units, RATES[0], 8 * surplus(RATES[0]) / units**2)
    ruling, doubt = ruled("E4a", fall)
    assert ruling == "contradicted"
    assert doubt.startswith("decided by relu")


def test_linear_students_off_their_exact_error_contradict_it():
    off = {}
    for units, rate in ((4, RATES[0]), (4, RATES[1])):
        # The surplus still halves; its size is wrong.
        off |= first("linear", units, rate, 1 + 6 * rate)
    assert ruled("E4a", off) == ("contradicted", "decided by exact, 4 units at 0.1")


def test_sigmoids_that_fall_by_no_more_than_the_others_do_not_fall():
    flat = {
        ("both", "erf", units, TOGETHER["erf"]): {"error": scattered(1e-3, seed=units)}
        for units in CONFIG.both_widths[1:]
    }
    assert ruled("E4b", flat) == ("contradicted", "decided by erf's fall")


def test_others_that_fall_are_not_constant_either():
    widest = "both", "linear", CONFIG.both_widths[-1], TOGETHER["linear"]
    fall = {widest: {"error": scattered(0.6e-3)}}
    assert ruled("E4b", fall) == ("contradicted", f"decided by linear of {widest[2]} units")


MISSING = {
    "E4a": (("first", "erf", 4, RATES[1]), "error"),
    "E4b": (("both", "erf", CONFIG.both_widths[1], TOGETHER["erf"]), "error"),
    "E4c": (("success", "relu", CONFIG.hard_widths[1], CONFIG.hard_rate), "near"),
    "E4d": (("luck", "relu", CONFIG.hard_widths[0], CONFIG.hard_rate), "lucky"),
}


def test_what_is_missing_leaves_claims_undecided():
    lost = {
        place: {column: [None, *columns_of(*place)[column].tolist()[1:]]}
        for place, column in MISSING.values()
    }
    for place, columns in lost.items():
        found = rulings(study.verdicts(_table({place: columns}), CONFIG))
        claim = next(claim for claim, (at, _) in MISSING.items() if at == place)
        assert found.pop(claim) == "inconclusive"
        assert set(found.values()) == {"supported"}
    study.figure(_table(lost)).draw_without_rendering()


def test_what_it_says_has_the_figures_in_it():
    a, b, c, d = (one.says for one in study.verdicts(_table(), CONFIG))
    assert "With 6 units" in a
    assert "at the rates 0.1 and 0.05, by: erf +20.0%, +10.0%; relu +20.0%, +10.0%" in a
    assert "From 2 to 8 units the error changes by: erf -75.0%, relu +0.0%, linear +0.0%" in b
    assert "Below 0.01 of the error of predicting zero end 50% with 4 units (37% to 63%)" in c
    assert "98% with 8 units (92% to 100%)" in c
    assert "0.50 with 4 units, by chance 0.25, 0.25 with 8 units, by chance 0.12" in d


def test_the_figure_has_points_beside_lines_and_an_examples_matches():
    drawn = study.figure(_table())
    drawn.draw_without_rendering()
    one, both, success, luck, start, end, _ = drawn.axes
    # A formula of rate · units / 1000, over rate · 0.1² / 4.
    assert one.lines[0].get_ydata() == pytest.approx([0.4 * units for units in CONFIG.widths])
    assert len(one.containers) == 6  # three activations at two rates
    assert len(both.containers) == 3
    assert success.containers[0].lines[0].get_ydata() == pytest.approx([0.5, 63 / 64, 63 / 64])
    chance = next(line for line in luck.lines if "chance" in str(line.get_label()))
    assert chance.get_ydata() == pytest.approx([1 / 4, 1 / 8, 1 / 16])
    # The third unit matches nobody, and stands by the first that it does not match.
    assert start.images[0].get_array().tolist() == [[0.9, 0.1], [0.1, 0.1], [0.1, 0.9]]
    assert end.get_title(loc="left") == "step 10"


def test_students_of_the_first_layer_are_measured_beside_their_formulas():
    about = {"teacher_units": 2, "inputs": 30, "rate": 0.05, "time": 5.0, "noise": 0.2}
    rows = list(training.first_layer([3, 8], "linear", 4, **about))
    assert [row["seed"] for row in rows] == [3, 8]
    for row in rows:
        assert row["formula"] == pytest.approx(0.05 * 0.2**2)
        assert row["exact"] == linear_error(4, rate=0.05, noise=0.2, inputs=30)
        assert 0.4 < row["error"] / row["exact"] < 2
        assert row["diverged"] is None
    (alone,) = training.first_layer([8], "linear", 4, **about)
    assert alone == rows[1]
    (erf,) = training.first_layer([8], "erf", 4, **about)
    assert erf["exact"] is None
    teacher = drawn_networks(2, 30, [Streams(8).get("teacher")])
    at = torch.cat([overlaps_of(teacher, teacher).variances[0], torch.zeros(2).double()])
    formula = first_order_error(ACTIVATIONS["erf"], at, rate=0.05, noise=0.2)
    assert erf["formula"] == pytest.approx(float(formula), rel=1e-5)


def test_one_that_diverges_has_no_error():
    about = {"teacher_units": 2, "inputs": 10, "rate": 20.0, "time": 4000.0, "noise": 0.2}
    (row,) = training.first_layer([0], "relu", 3, **about)
    assert row["error"] is None
    assert row["diverged"] > 0


def test_students_of_both_layers_end_near_their_own_formula():
    rows = list(
        training.both_layers(
            [0, 1], "linear", 3, teacher_units=2, inputs=20, rate=0.1, time=60.0, noise=0.1,
            start=0.1,
        )
    )  # fmt: skip
    for row in rows:
        assert row["own"] == pytest.approx(row["formula"], rel=0.15)
        assert 0.4 < row["error"] / row["own"] < 2.5


@pytest.mark.parametrize("signs", [True, False])
def test_students_from_scratch_come_near_and_one_has_its_picture_taken(signs):
    about = {"teacher_units": 2, "inputs": 8, "rate": 0.2, "time": 60.0, "start": 0.3}
    rows = list(training.from_scratch([0, 1, 2], 6, signs=signs, example=1, **about))
    students = [row for row in rows if "seed" in row]
    cells = [row for row in rows if row.get("part") == "overlap"]
    assert [row["seed"] for row in students] == [0, 1, 2]
    assert min(row["error"] for row in students) < 0.1
    assert [row["lucky"] is None for row in students] == [signs] * 3
    assert len(cells) == 5 * 6 * 2
    last = [row["match"] for row in cells if row["step"] == 2400]
    assert len(last) == 12
    assert max(last) > 0.95


def test_the_table_has_a_row_a_seed_and_training(tmp_path):
    config = replace(
        study.QUICK,
        seeds=(0, 4),
        time=0.1,
        both_times=tuple((name, 0.1) for name, _ in study.QUICK.both_times),
        hard_time=1.0,
    )
    lab = Lab(Store(tmp_path), engine=InProcess())
    rows = list(study.rows(config, lab))
    parts = [row["part"] for row in rows]
    assert {part: parts.count(part) for part in set(parts)} == {
        "first": 2 * 2 * 3 * 2,
        "both": 2 * 3 * 2,
        "success": 2 * 2,
        "luck": 2 * 2,
        "overlap": 4 * 8 * 4,  # of 50 steps two moments are the start
    }
    assert len({tuple(row) for row in rows}) == 1
    assert all(row["near"] == (row["error"] < 0.01) for row in rows if row["part"] == "success")
    assert study.jobs(config, lab) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": 0}, "inputs must be a whole number of at least 1, got 0"),
        ({"teacher": 0}, "teacher must be a whole number of at least 1, got 0"),
        ({"widths": (0, 2)}, "a student's units must be a whole number of at least 1, got 0"),
        (
            {"widths": (1, 2)},
            "a student must have at least its teacher's 2 units to be equal to it, got 1",
        ),
        ({"hard_widths": (3, 8)}, "at least its teacher's 4 units to be equal to it, got 3"),
        ({"teacher": 3}, "at least its teacher's 3 units to be equal to it, got 2"),
        ({"both_widths": (2,)}, "widths must rise from the teacher's 2 units, two at least"),
        ({"widths": (2, 2, 4)}, "widths must rise from the teacher's 2 units, two at least"),
        ({"widths": (3, 4)}, r"widths must rise from the teacher's 2 units, .* got \(3, 4\)"),
        ({"noise": -0.1}, "noise must be a standard deviation, at least 0 and finite, got -0.1"),
        ({"noise": 0.0}, "noise must be above 0 and finite, got 0.0"),
        ({"rates": (0.0, 0.0)}, "rate must be above 0 and finite, got 0.0"),
        ({"hard_rate": 0.0}, "rate must be above 0 and finite, got 0.0"),
        ({"both_rates": (("erf", 0.0), ("relu", 0.2), ("linear", 0.2))}, "rate must be above 0"),
        ({"rates": (0.1, 0.04)}, r"rates must be one and its half, got \(0.1, 0.04\)"),
        ({"rates": (0.8, 0.4)}, "a linear student of 6 units diverges in mean square, got 0.8"),
        ({"activations": ("erf", "sine")}, "no activation 'sine'"),
        ({"both_rates": (("erf", 0.5),)}, "must be of erf, relu and linear, in one order"),
        (
            {"both_times": (("relu", 9.0), ("erf", 9.0), ("linear", 9.0))},
            "must be of erf, relu and linear, in one order",
        ),
        ({"time": 0.0}, "time must be above 0 and finite, got 0.0"),
        ({"hard_start": 0.0}, "hard_start must be above 0 and finite, got 0.0"),
        ({"near": 1.0}, "near must be below 1, the error of predicting zero, got 1.0"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_configuration(change, words):
    with pytest.raises(ValueError, match=words):
        replace(study.PAPER, **change)
