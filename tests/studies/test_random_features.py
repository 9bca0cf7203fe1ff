"""Claims E7h to E7l on planted tables, and what is fitted beside them."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from tests.studies.conftest import plant
from tests.studies.planted import rulings

from surfeit.data import load
from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.least_squares import random_feature_risk
from surfeit.store import Store
from surfeit.studies import random_features as study
from surfeit.studies._random_features import images, sphere

CONFIG = replace(study.PAPER, draws=2)
SEEDS = len(CONFIG.seeds)
RULINGS = ("supported", "contradicted", "inconclusive")
CLEAR = 6.0 / CONFIG.sphere_examples


def _table(off=1.0, peak=1.0, ahead=2.0, norms=-1.0, fitted=1e-20):
    """A table that supports all claims, unless it is told otherwise.

    Args:
        off: the error on the sphere at one N > n over the formula's.
        peak: powers of ten of the test loss at N = n above all others.
        ahead: points of the widest ahead of the best below n.
        norms: the exponent of N in the norm from N = n on.
        fitted: the training loss from there on.
    """
    rows = []
    for ratio in CONFIG.sphere_features:
        limit, place = random_feature_risk(ratio, 3.0, noise=CONFIG.noise), ratio / 3.0
        at_peak = place == 1
        exact = None if at_peak else limit
        rows.append(study._row("sphere", "formula", place, error=exact))
        mean = 100.0 if at_peak else limit * (off if place == CLEAR else 1.0)
        for draw, value in enumerate(plant(mean, 0.02 * mean, 2 * SEEDS)):
            seed = CONFIG.seeds[draw // 2]
            rows.append(study._row("sphere", "drawn", place, seed=seed, draw=draw % 2, error=value))
    for kind in CONFIG.kinds:
        for place in CONFIG.ratios:
            rows += _images(kind, place, peak, ahead, norms, fitted)
    return pa.Table.from_pylist(rows)


def _images(kind, place, peak, ahead, norms, fitted):
    highest = place == CONFIG.ratios[0]
    losses = 10 ** np.array(plant(peak, 0.1)) if place == 1 else [1.0 if highest else 0.5] * SEEDS
    lead = plant(ahead, 0.1)
    for at, seed in enumerate(CONFIG.seeds):
        wrong = 0.1 - (lead[at] / 100 if place == max(CONFIG.ratios) else 0.0)
        yield study._row(
            kind, "drawn", place, seed=seed, data="mnist", features=int(place * CONFIG.examples),
            norm=(1 + at) * place**norms if norms else 1.0 + ((at + int(4 * place)) % 5),
            condition=10.0,
            train_loss=0.01 * (1 + at / 10) if place < 1 else fitted * (1 + at),
            train_error=0.0,
            # The best on validation is the second place, whatever the test split says.
            validation_error=0.05 if place == CONFIG.ratios[1] else 0.2,
            test_error=0.01 if highest else wrong,
            test_loss=float(losses[at]),
        )  # fmt: skip


PLANTED = {
    "E7h": ("off", (1.0, 1.3, 1.098)),
    "E7i": ("peak", (2.0, -2.0, 0.0)),
    "E7j": ("ahead", (3.0, -3.0, 0.02)),
    "E7k": ("norms", (-1.0, 1.0, 0.0)),
    "E7l": ("fitted", (1e-20, 1e-4, None)),
}


@pytest.mark.parametrize("at", range(3), ids=RULINGS)
@pytest.mark.parametrize("claim", PLANTED)
def test_verdicts_of_planted_tables(claim, at):
    name, values = PLANTED[claim]
    ruling = RULINGS[at]
    if values[at] is None:
        found = study.verdicts(_barely_fitted(), CONFIG)
    else:
        found = study.verdicts(_table(**{name: values[at]}), CONFIG)
    assert rulings(found) == {one.id: "supported" for one in study.CLAIMS} | {claim: ruling}


def _barely_fitted():
    """Training losses that are six powers of ten apart in the mean, and vary by more."""
    rows = _table().to_pylist()
    for row in rows:
        if row["part"] in CONFIG.kinds and row["place"] >= 1:
            row["train_loss"] = 0.01 * 10.0 ** (-6.1 - 2 * (row["seed"] - 2))
    return pa.Table.from_pylist(rows)


def test_the_best_below_is_chosen_on_validation():
    found = {one.claim: one for one in study.verdicts(_table(ahead=3.0), CONFIG)}
    # The least test error below N = n is 1 %, which no validation image shows.
    assert "10.00% at the best N < n" in found["E7j"].says
    assert found["E7j"].effect == pytest.approx(3.0)


def test_one_kind_that_fails_contradicts_what_is_said_of_both():
    rows = _table().to_pylist()
    for row in rows:
        if row["part"] == "fourier" and row["place"] == max(CONFIG.ratios):
            row["test_error"] += 0.2
    assert rulings(study.verdicts(pa.Table.from_pylist(rows), CONFIG))["E7j"] == "contradicted"


def test_the_figure_has_the_formula_with_a_gap_and_the_peaks():
    drawing = study.figure(_table(peak=2.0))
    sphere, wrong, loss, norm = drawing.axes
    assert np.isnan(sphere.lines[0].get_ydata()).sum() == 1
    assert len(sphere.containers) == 1
    tests = loss.lines[0]
    assert tests.get_xdata()[np.argmax(tests.get_ydata())] == 1
    assert {axes.get_xscale() for axes in drawing.axes} == {"log"}
    assert {axes.get_yscale() for axes in (sphere, loss, norm)} == {"log"}
    assert wrong.get_yscale() == "linear"
    assert len(drawing.legends[0].get_texts()) == 4


def test_the_sphere_is_drawn_anew_for_each_seed_draw_and_width():
    settings = {"examples": 2.0, "noise": 0.1, "draws": 3}
    rows = list(sphere(0, 30, features=[0.5, 6.0], **settings))
    assert [(row["features"], row["draw"]) for row in rows] == [
        (ratio, draw) for ratio in (0.5, 6.0) for draw in range(3)
    ]
    assert len({row["error"] for row in rows}) == 6
    # A width's draws are its own: others do not shift them.
    alone = [row["error"] for row in sphere(0, 30, features=[6.0], **settings)]
    assert alone == pytest.approx([row["error"] for row in rows[3:]])
    mean = np.mean([row["error"] for row in sphere(1, 60, features=[6.0], **settings)])
    assert mean == pytest.approx(random_feature_risk(6.0, 2.0, noise=0.1), rel=0.3)


@pytest.mark.parametrize("kind", ["relu", "fourier"])
def test_images_are_fitted_by_width(kind):
    digits = load("digits")
    rows = list(images(digits, kind, 0, 100, [0.5, 1.0, 4.0], 0.5))
    assert [row["features"] for row in rows] == [50, 100, 400]
    below, square, wide = rows
    assert below["train_loss"] > 1e-3
    assert max(square["train_loss"], wide["train_loss"]) < 1e-10
    assert square["train_error"] == wide["train_error"] == 0
    assert square["norm"] > 3 * wide["norm"]
    assert square["test_loss"] > 3 * max(below["test_loss"], wide["test_loss"])
    assert wide["test_error"] < 0.2
    assert abs(wide["test_error"] - wide["validation_error"]) < 0.1


def test_the_table_has_a_row_a_fit_beside_the_formula(tmp_path):
    config = replace(
        study.QUICK, dimension=10, draws=2, examples=60, seeds=(0, 3), ratios=(0.5, 1.0, 2.0)
    )
    rows = list(study.rows(config, Lab(Store(tmp_path), engine=InProcess())))
    measured = [row for row in rows if row["of"] == "drawn"]
    assert len(measured) == 2 * (2 * len(config.sphere_features) + 2 * 3)
    assert len({tuple(row) for row in rows}) == 1
    exact = {row["place"] for row in rows if row["of"] == "formula"}
    assert {row["place"] for row in measured if row["part"] == "sphere"} <= exact


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"examples": 10, "ratios": (0.01, 1.0)}, "a width must be a whole number of at least 1, "),
        ({"noise": -1.0}, "noise must be at least 0 and finite, got -1"),
        ({"ratios": (0.5, 2.0)}, "ratios must hold 1 and some below it"),
        ({"ratios": (1.0, 2.0)}, "ratios must hold 1 and some below it"),
        ({"sphere_features": (0.0,)}, "a ratio must be above 0 and finite, got 0"),
        ({"bandwidth": 0.0}, "a ratio must be above 0 and finite, got 0"),
        ({"dimension": 1}, "dimension must be a whole number of at least 2, got 1"),
        ({"draws": 0}, "draws must be a whole number of at least 1, got 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_configuration(change, words):
    with pytest.raises(ValueError, match=words):
        replace(study.QUICK, **change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"examples": 1078},
            "examples must be at most 1,077, the training examples of digits, got",
        ),
        ({"examples": 9, "ratios": (0.5, 1.0)}, "got 9 examples of 10 classes"),
        ({"examples": 1000, "ratios": (0.5, 1.0, 1e9)}, "free: .* would fit"),
    ],
)
def test_what_the_data_do_not_allow_is_refused_before_anything_is_fitted(
    tmp_path, monkeypatch, change, words
):
    monkeypatch.setattr(Lab, "compute", None)
    config = replace(study.QUICK, **change)
    with pytest.raises(ValueError, match=words):
        next(study.rows(config, Lab(Store(tmp_path))))
