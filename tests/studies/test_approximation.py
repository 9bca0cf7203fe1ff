"""Claims G12a to G12d on planted tables; networks of one input against brute force."""

import math
from dataclasses import replace
from itertools import pairwise

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
from surfeit.studies import _approximation as built
from surfeit.studies import approximation as study

CONFIG = study.LAPTOP
SEEDS = len(CONFIG.seeds)
RULINGS = ("supported", "contradicted", "inconclusive")


def _table(**planted):
    """What the claims say, but for the columns that are planted: `{place: values}` by name."""
    rows = []
    for part in ("smooth", "rough", "sawtooth"):
        for place in CONFIG.depths if part == "sawtooth" else CONFIG.widths:
            columns = _deep(place) if part == "sawtooth" else _wide(part, place)
            for name, values in planted.items():
                of, _, column = name.partition("_")
                if of == part and place in values:
                    columns[column] = values[place]
            for at, seed in enumerate(CONFIG.seeds):
                one = {name: column[at] for name, column in columns.items()}
                about = {"seed": seed, **dict.fromkeys((*study._COLUMNS, *study._DEEP))}
                rows.append({**about, "part": part, "place": place, **one})
    return pa.Table.from_pylist(rows)


def _about(value, share=0.02, seed=0):
    return plant(value, share * value, SEEDS, seed)


def _wide(part, width):
    exact = built.interpolation_error(width, curvature=30.0 if part == "smooth" else None)
    return {
        "exact": [exact] * SEEDS,
        "interpolated": _about(exact, seed=width),
        "fitted": _about(3 * exact, seed=width + 1),
        "units": [width] * SEEDS,
        "weights": [3 * width + 1] * SEEDS,
    }


def _deep(depth):
    return {
        "exact": [built.least_error(2 * depth, depth)] * SEEDS,
        "deep": [0.0] * SEEDS,
        "enough": [0.0] * SEEDS,
        "deep_pieces": [2**depth] * SEEDS,
        "trained": plant(0.287, 0.0005, SEEDS, depth),
        "pieces": [2 * depth] * SEEDS,
        "units": [2 * depth] * SEEDS,
        "weights": [6 * depth + 1] * SEEDS,
        "deep_weights": [6 * depth + 1] * SEEDS,
    }


def _planted(claim, ruling):
    """The column that decides a claim, so that it is ruled so."""
    if claim == "G12a":
        off = {"supported": 1.0, "contradicted": 1.2, "inconclusive": 1.048}[ruling]
        return {"smooth_interpolated": {64: _about(off * _wide("smooth", 64)["exact"][0])}}
    if claim == "G12b":
        off = {"supported": 1.0, "contradicted": 6.0, "inconclusive": 1.99}[ruling]
        last = {256: _about(off * _wide("rough", 256)["fitted"][0], 0.05)}
        return {"rough_fitted": last if ruling != "inconclusive" else {256: _about(0.1083, 0.05)}}
    if claim == "G12c":
        wrong = {"supported": 0, "contradicted": SEEDS, "inconclusive": SEEDS // 2}[ruling]
        return {"sawtooth_pieces": {8: [18] * wrong + [17] * (SEEDS - wrong)}}
    if claim == "G12d":
        bound = built.least_error(16, 8)
        error = {"supported": 0.287, "contradicted": bound - 0.02, "inconclusive": bound}[ruling]
        return {"sawtooth_trained": {8: plant(error, 0.002, SEEDS)}}
    raise AssertionError(claim)


@pytest.mark.parametrize("ruling", RULINGS)
@pytest.mark.parametrize("claim", [claim.id for claim in study.CLAIMS])
def test_verdicts_of_planted_tables(claim, ruling):
    found = rulings(study.verdicts(_table(**_planted(claim, ruling)), CONFIG))
    assert found.pop(claim) == ruling
    assert set(found.values()) == {"supported"}


def test_what_is_missing_leaves_a_claim_undecided():
    table = _table(smooth_interpolated={64: [None] + [1.0] * (SEEDS - 1)})
    assert rulings(study.verdicts(table, CONFIG))["G12a"] == "inconclusive"


def test_the_figure_has_a_line_for_each_closed_form():
    wide, pieces, equal = study.figure(_table()).axes
    assert [wide.get_xscale(), wide.get_yscale(), pieces.get_yscale()] == ["log"] * 3
    assert list(pieces.lines[0].get_ydata()) == [2**k for k in CONFIG.depths]
    assert equal.lines[0].get_ydata()[-1] == pytest.approx(built.least_error(16, 8))


def test_the_table_has_a_row_a_seed_and_place(tmp_path):
    config = replace(study.QUICK, widths=(32, 64), depths=(1, 2), steps=2, seeds=(0, 4))
    rows = list(study.rows(config, Lab(Store(tmp_path), engine=InProcess())))
    assert len(rows) == 2 * (2 * 2 + 2)
    assert len({frozenset(row) for row in rows}) == 1
    assert all(row["weights"] == row["deep_weights"] for row in rows if row["part"] == "sawtooth")
    assert study.jobs(config, Lab(Store(tmp_path), engine=InProcess())) == {}


def _random(widths, seed=0):
    """A network with normal weights."""
    generator = Streams(seed).get("network")
    sizes = [1, *widths, 1]
    options = {"generator": generator, "dtype": torch.float64}
    return tuple(
        (torch.randn(out, into, **options), torch.randn(out, **options))
        for into, out in pairwise(sizes)
    )


def _pieces_by_slopes(layers, places=200_001):
    """Straight pieces by the slopes between close places, a bend within one counted once."""
    inputs = torch.linspace(0, 1, places, dtype=torch.float64)
    slopes = built.outputs(layers, inputs).diff() * (places - 1)
    bent = (slopes.diff().abs() > 1e-6 * slopes.abs().max()).numpy()
    return 1 + int((bent & ~np.concatenate([[False], bent[:-1]])).sum())


@pytest.mark.parametrize("widths", [(5,), (12,), (4, 4), (6, 5, 4), (1,), (1, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_pieces_are_those_that_close_places_show(widths, seed):
    layers = _random(widths, seed)
    assert built.linear_pieces(layers) == _pieces_by_slopes(layers)


def test_one_hidden_layer_has_a_piece_more_than_units_at_most():
    for seed in range(20):
        assert built.linear_pieces(_random((7,), seed)) <= 8
    knots = torch.arange(6, dtype=torch.float64) / 6
    layers = (
        (torch.ones(6, 1).double(), -knots),
        (torch.ones(1, 6).double(), torch.zeros(1).double()),
    )
    assert built.linear_pieces(layers) == 6  # the first bends at 0, the interval's end


def test_units_that_cancel_or_bend_at_one_place_make_no_piece():
    weight, bias = torch.ones(2, 1).double(), torch.tensor([-0.5, -0.5]).double()
    cancel = (weight, bias), (torch.tensor([[1.0, -1.0]]).double(), torch.ones(1).double())
    twice = (weight, bias), (torch.tensor([[1.0, 1.0]]).double(), torch.ones(1).double())
    assert built.linear_pieces(cancel) == 1
    assert built.linear_pieces(twice) == 2


@pytest.mark.parametrize("depth", range(1, 11))
def test_layers_of_two_units_fold_the_interval_exactly(depth):
    inputs = torch.arange(4097, dtype=torch.float64) / 4096
    layers = built.folding(depth)
    tents = inputs
    for _ in range(depth):
        tents = 1 - (1 - 2 * tents).abs()
    assert torch.equal(built.outputs(layers, inputs), tents)
    assert torch.equal(built.sawtooth(inputs, depth), tents)
    assert built.linear_pieces(layers) == 2**depth
    assert built.weights_of(layers) == 6 * depth + 1 == 3 * (2 * depth) + 1


def test_rescaled_units_leave_the_function_alone():
    layers, inputs = _random((5, 4)), torch.linspace(0, 1, 101, dtype=torch.float64)
    other = built.rescaled(layers, Streams(1).get("scales"))
    assert torch.allclose(built.outputs(layers, inputs), built.outputs(other, inputs), atol=1e-12)
    assert all(not torch.equal(a[0], b[0]) for a, b in zip(layers, other, strict=True))


def test_interpolation_goes_through_its_values_and_is_straight_between():
    values = torch.randn(9, generator=Streams(0).get("values"), dtype=torch.float64)
    layers, inputs = built.interpolating(values), torch.linspace(0, 1, 97, dtype=torch.float64)
    straight = np.interp(inputs.numpy(), np.linspace(0, 1, 9), values.numpy())
    assert built.outputs(layers, inputs).numpy() == pytest.approx(straight, abs=1e-12)
    assert built.weights_of(layers) == 3 * 8 + 1


def test_the_error_of_interpolation_is_the_closed_form():
    inputs = torch.linspace(0, 1, 8193, dtype=torch.float64)
    wave, curvature = (2 * math.pi * inputs).sin(), (2 * math.pi) ** 2 / math.sqrt(2)
    error = built.error_of(built.interpolating(wave[::128]), inputs, wave)
    assert error == pytest.approx(built.interpolation_error(64, curvature=curvature), rel=1e-3)
    paths = [built.rough(inputs, Streams(seed).get("path")) for seed in range(40)]
    squares = [
        built.error_of(built.interpolating(path[::128]), inputs, path) ** 2 for path in paths
    ]
    expected = built.interpolation_error(64, curvature=None) ** 2
    # The integral of a bridge's square has the variance h⁴/45 beside the mean h²/6.
    assert np.mean(squares) == pytest.approx(expected, rel=4 * 6 / 45**0.5 / (64 * 40) ** 0.5)


def test_a_smooth_function_has_the_curvature_that_it_says():
    inputs = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    values, curvature = built.smooth(inputs, 3, Streams(0).get("smooth"))
    second = values.diff().diff() * 20_000**2
    assert curvature == pytest.approx(second.square().mean().sqrt().item(), rel=1e-3)


def test_no_continuous_straight_pieces_come_below_the_least_error():
    inputs = (torch.arange(2048).double() + 0.5) / 2048
    targets = built.sawtooth(inputs, 4)
    for seed in range(30):
        bends = torch.rand(5, generator=Streams(seed).get("bends"), dtype=torch.float64)
        layers = built.fitted(inputs, targets, (torch.ones(5, 1).double(), -bends))
        assert built.error_of(layers, inputs, targets) > built.least_error(5, 4)
    # Three teeth followed, five missed by a straight line.
    sharp = torch.cat([targets[: 3 * 256], torch.full((5 * 256,), 0.5).double()])
    error = (sharp - targets).square().mean().sqrt().item()
    assert error == pytest.approx(built.least_error(3, 4), rel=1e-3)
    assert built.least_error(8, 4) == 0


def test_training_lowers_the_error_and_fits_the_outer_weights():
    inputs = (torch.arange(128).double() + 0.5) / 128
    targets = built.sawtooth(inputs, 1)
    errors = []
    for steps in (1, 300):
        start = Streams(3).get("start")
        found = built.trained(inputs, targets, 2, starts=3, steps=steps, rate=0.02, generator=start)
        assert len(found) == 3
        errors.append(min(built.error_of(one, inputs, targets) for one in found))
        first, (outer, level) = found[0]
        again = built.fitted(inputs, targets, first)
        assert torch.allclose(again[1][0], outer)
        assert torch.allclose(again[1][1], level)
    assert errors[1] < 0.3 * errors[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"widths": (64, 32)}, "widths must be 2 or more whole numbers above 0 in ascending order"),
        ({"widths": (32, 48)}, "widths must divide the 4096 places into four or more each, .*48"),
        ({"widths": (4, 32)}, "widths must have two of at least 32 units, got"),
        ({"depths": (1, 11)}, "depths must leave four of the 4096 places for each of 2.k pieces"),
        ({"starts": 0}, "starts must be a whole number of at least 1, got 0"),
        ({"draws": 0}, "draws must be a whole number of at least 1, got 0"),
        ({"rate": 0.0}, "rate must be above 0 and finite, got 0"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_configuration(change, words):
    with pytest.raises(ValueError, match=words):
        replace(study.PAPER, **change)
