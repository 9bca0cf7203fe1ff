"""Paths and curves against closed forms: a circle, a hyperbola of exact minima, polynomials."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from surfeit.core import Split, digest, squared_error, tensors_of
from surfeit.landscape import (
    Curve,
    along,
    along_line,
    along_path,
    batch_statistics,
    between,
    coefficients,
)

from .networks import known


class Weights(nn.Module):
    """Gives a function of its own two weights for every input."""

    def __init__(self, function):
        super().__init__()
        self.w, self.function = nn.Parameter(torch.zeros(2, dtype=torch.float64)), function

    def forward(self, inputs):
        return self.function(self.w).reshape(1, 1).expand(len(inputs), 1)


def split(n=4):
    return Split(torch.zeros(n, 1, dtype=torch.float64), torch.zeros(n, 1, dtype=torch.float64))


def at(*w):
    return {"w": torch.tensor(w, dtype=torch.float64)}


def column(table, name):
    return np.array(table[name].to_pylist(), dtype=float)


def ring():
    """The loss (|w|² − 1)²: all minima lie on a circle."""
    return Weights(lambda w: w.square().sum() - 1)


def hyperbola():
    """A two-layer linear network of one unit each: the loss (w₁ w₂ − 1)²."""
    return Weights(lambda w: w.prod() - 1)


def test_a_segment_across_a_ring_is_its_closed_form():
    table = along_path(
        ring(),
        partial(between, at(1, 0), at(0, 1)),
        {"all": split()},
        points=21,
        objective=squared_error,
    )
    t = np.linspace(0, 1, 21)
    np.testing.assert_allclose(column(table, "loss"), ((1 - t) ** 2 + t**2 - 1) ** 2, atol=1e-15)
    np.testing.assert_allclose(column(table, "length"), t * math.sqrt(2))
    assert table["accuracy"].to_pylist() == [None] * 21


def test_an_exact_curve_of_minima_of_a_two_layer_linear_network_has_no_barrier():
    def path(t):
        return at(4**t, 4**-t)

    ends = at(1, 1), at(4, 0.25)
    options = {"points": 401, "objective": squared_error}
    exact = along_path(hyperbola(), path, {"all": split()}, **options)
    assert column(exact, "loss").max() < 1e-28
    x = np.exp(np.linspace(0, math.log(4), 100_001))
    length = np.sqrt(np.diff(x) ** 2 + np.diff(1 / x) ** 2).sum()
    assert column(exact, "length")[-1] == pytest.approx(length, rel=1e-4)
    line = along_path(hyperbola(), partial(between, *ends), {"all": split()}, **options)
    assert column(line, "loss").max() == pytest.approx((2.5 * 0.625 - 1) ** 2)


def test_a_line_is_a_path_without_its_length(tmp_path):
    ends, options = (at(1, 0), at(0, 1)), {"points": 5, "objective": squared_error}
    line = along_line(ring(), *ends, {"all": split()}, **options)
    path = along_path(ring(), partial(between, *ends), {"all": split()}, **options)
    assert line.equals(path.drop_columns(["length"]))


def test_batch_statistics_are_computed_anew_along_a_path():
    model, inputs = known("residual with batch normalisation")
    own = tensors_of(model)
    data = Split(inputs, torch.zeros(len(inputs), dtype=torch.int64))
    with pytest.raises(ValueError, match="computed anew at every point of the path"):
        along_path(model, lambda t: own, {"all": data})
    table = along_path(model, lambda t: own, {"all": data}, points=2, statistics_from=inputs)
    new = own | batch_statistics(model, own, inputs)
    again = along_path(model, lambda t: new, {"all": data}, points=2, statistics_from=inputs)
    assert table.equals(again)
    assert column(table, "length")[-1] == 0


def test_progress_is_told_at_each_point():
    told = []
    along_path(
        ring(),
        partial(between, at(1, 0), at(0, 1)),
        {"all": split()},
        points=3,
        objective=squared_error,
        progress=lambda *moment: told.append(moment),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"points": 1}, "points must be at least 2, one for each end, got 1"),
        ({"splits": {}}, "splits must name at least one split"),
    ],
)
def test_bad_paths_are_refused(options, words):
    given = {"splits": {"all": split()}, "objective": squared_error} | options
    with pytest.raises(ValueError, match=words):
        along_path(ring(), lambda t: at(1, 0), **given)


# --- curves ---


@pytest.mark.parametrize("t", [0.0, 0.2, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("bends", [2, 3, 4])
def test_bernstein_coefficients_are_a_binomial_distribution(bends, t):
    found = coefficients("bezier", bends, t)
    n = bends - 1
    expected = [math.comb(n, k) * t**k * (1 - t) ** (n - k) for k in range(bends)]
    assert found == pytest.approx(expected)
    assert sum(found) == pytest.approx(1)
    # The mean of a binomial: equally spaced bends on a line give the line.
    assert sum(k / n * c for k, c in enumerate(found)) == pytest.approx(t)


@pytest.mark.parametrize("bends", [2, 3, 5])
def test_a_chain_is_interpolation_between_its_bends(bends):
    knots = np.random.default_rng(0).normal(size=bends)
    for t in np.linspace(0, 1, 37):
        found = float(np.dot(coefficients("chain", bends, t), knots))
        assert found == pytest.approx(np.interp(t, np.linspace(0, 1, bends), knots))


def test_three_bends_of_a_bezier_curve_are_its_parabola():
    a, b, c = at(1, 0), at(2, 5), at(0, 1)
    curve = Curve("bezier", (a, b, c))
    for t in (0.0, 0.3, 1.0):
        expected = (1 - t) ** 2 * a["w"] + 2 * t * (1 - t) * b["w"] + t**2 * c["w"]
        torch.testing.assert_close(curve.at(t)["w"], expected)
    assert torch.equal(Curve("chain", (a, b, c)).at(0.5)["w"], b["w"])


@pytest.mark.parametrize("kind", ["bezier", "chain"])
def test_a_curve_ends_at_its_ends_to_the_last_bit(kind):
    model, _ = known("residual with batch normalisation")
    first = tensors_of(model)
    second = {n: v + 1 for n, v in first.items()}
    curve = Curve(
        kind,
        (first, {n: v * 0.3 if v.is_floating_point() else v for n, v in first.items()}, second),
    )
    assert digest(curve.at(0.0)) == digest(first)
    last = curve.at(1.0)
    assert all(torch.equal(last[n], second[n]) for n in last if last[n].is_floating_point())
    assert last["bn.num_batches_tracked"].dtype == torch.int64


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Curve("spline", (at(1, 0), at(0, 1))),
            "no kind of curve 'spline': one of bezier, chain",
        ),
        (lambda: Curve("bezier", (at(1, 0),)), "at least 2 bends, its ends, got 1"),
        (lambda: coefficients("bezier", 3, 1.5), r"t must be in \[0, 1\], got 1.5"),
    ],
)
def test_bad_curves_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# --- what is said of a path ---


def test_the_mean_along_a_path_is_its_integral_by_length():
    s = np.linspace(0, 2, 2001)
    found = along((s**2).tolist(), s.tolist())
    assert found.mean == pytest.approx(4 / 3, rel=1e-5)
    assert (found.largest, found.smallest) == (4, 0)
    assert found.barrier == 2
    # The same values at a path's points that lie close together at one end.
    uneven = 2 * np.linspace(0, 1, 2001) ** 3
    assert along((uneven**2).tolist(), uneven.tolist()).mean == pytest.approx(4 / 3, rel=1e-4)


def test_a_path_of_one_place_has_the_mean_of_its_points():
    assert along([1.0, 2.0], [0.0, 0.0]).mean == 1.5


@pytest.mark.parametrize(
    ("values", "lengths", "words"),
    [
        ([1.0], [0.0], "at least 2 of each, got 1 and 1"),
        ([1.0, 2.0], [0.0], "got 2 and 1"),
        ([1.0, math.nan], [0.0, 1.0], "must be finite"),
    ],
)
def test_what_is_no_path_is_refused(values, lengths, words):
    with pytest.raises(ValueError, match=words):
        along(values, lengths)
