"""Asymmetry against closed forms: a parabola, a parabola with two slopes, and brute force."""

import math

import pyarrow as pa
import pytest
import torch
from torch import nn

from surfeit.core import Split, Streams, cross_entropy, evaluate, squared_error, tensors_of
from surfeit.landscape import asymmetry, flatter_side, null_direction

from .networks import fully_connected, known


class Valley(nn.Module):
    """Gives the weight, times 1 where it is positive and times 3 where it is negative."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, inputs):
        return torch.where(self.w > 0, self.w, 3 * self.w).reshape(1, 1).expand(len(inputs), 1)


def scalar(value):
    return {"w": torch.tensor(float(value), dtype=torch.float64)}


def targets(values):
    column = torch.tensor(values, dtype=torch.float64)[:, None]
    return Split(torch.zeros(len(values), 1, dtype=torch.float64), column)


def rows(table):
    return table.to_pylist()


def test_a_valley_of_two_slopes_is_its_closed_form():
    """Losses w² ahead and 9 w² behind."""
    found = asymmetry(
        Valley(),
        scalar(0),
        scalar(2),
        targets([0.0] * 4),
        distances=(0.5, 1),
        objective=squared_error,
    )
    for row, length in zip(rows(found), (1.0, 2.0), strict=True):
        assert row["ahead"] == pytest.approx(length**2)
        assert row["behind"] == pytest.approx(9 * length**2)
        assert row["difference"] == pytest.approx(8 * length**2)
        assert row["standard_error"] == pytest.approx(0, abs=1e-12)
    assert flatter_side(found) == "ahead"
    assert flatter_side(found, factor=8.9) == "ahead"
    assert flatter_side(found, factor=9.1) is None


def test_the_other_direction_gives_the_opposite():
    options = {"distances": (1,), "objective": squared_error}
    split = targets([0.0] * 4)
    (there,) = rows(asymmetry(Valley(), scalar(0), scalar(1), split, **options))
    table = asymmetry(Valley(), scalar(0), scalar(-1), split, **options)
    (back,) = rows(table)
    assert back["difference"] == -there["difference"]
    assert (back["ahead"], back["behind"]) == (there["behind"], there["ahead"])
    assert flatter_side(table) == "behind"


def test_errors_are_those_of_the_means_of_parts():
    """Of (w − y)² at w = 4: rises ± 2 l (w − y) + l², and so a difference of −4 l (w − y)."""
    y = torch.linspace(-1, 1, 60, dtype=torch.float64).tolist()
    found = asymmetry(
        Valley(), scalar(4), scalar(1), targets(y), distances=(1,), objective=squared_error
    )
    (row,) = rows(found)
    parts = -4 * (4 - torch.tensor(y).double().reshape(20, 3).mean(1))
    assert row["difference"] == pytest.approx(float(parts.mean()))
    assert row["standard_error"] == pytest.approx(float(parts.std()) / math.sqrt(20))


def test_rises_are_those_of_the_loss_itself():
    model, inputs = fully_connected(6)
    split = Split(inputs, torch.arange(24) % 3)
    own = tensors_of(model)
    direction = null_direction({n: own[n] for n in ("fc1.weight", "fc2.bias")}, generator())
    (row,) = rows(asymmetry(model, own, direction, split, distances=(0.7,)))
    loss = {
        side: evaluate(
            model, own | {n: own[n] + side * 0.7 * u for n, u in direction.items()}, split
        ).loss
        for side in (-1, 0, 1)
    }
    assert row["ahead"] == pytest.approx(loss[1] - loss[0], abs=1e-6)
    assert row["behind"] == pytest.approx(loss[-1] - loss[0], abs=1e-6)


def generator():
    return Streams(0).get("null")


def test_a_null_direction_is_as_long_in_every_tensor():
    model, _ = fully_connected(200, classes=30)
    given = {n: v for n, v in tensors_of(model).items() if "weight" in n}
    drawn = null_direction(given, generator())
    for name, value in given.items():
        assert float(drawn[name].norm()) == pytest.approx(float(value.norm()), rel=1e-5)
        cosine = nn.functional.cosine_similarity(drawn[name].flatten(), value.flatten(), dim=0)
        assert abs(float(cosine)) < 5 / math.sqrt(value.numel())
    again = null_direction(given, generator())
    assert all(torch.equal(drawn[n], again[n]) for n in given)


def test_null_directions_at_a_symmetric_minimum_show_no_side():
    model, own = Valley(), scalar(4)
    split = targets([3.0, 5.0])
    for number in range(3):
        drawn = null_direction(scalar(1), Streams(number).get("null"))
        (row,) = rows(
            asymmetry(model, own, drawn, split, distances=(0.5,), objective=squared_error)
        )
        assert row["difference"] == pytest.approx(0, abs=1e-12)


def test_a_side_must_be_flatter_at_every_distance_and_beyond_the_error():
    def table(*pairs, error=0.0):
        return pa.Table.from_pylist(
            [
                {
                    "distance": 1.0,
                    "ahead": a,
                    "behind": b,
                    "difference": b - a,
                    "standard_error": error,
                }
                for a, b in pairs
            ]
        )

    assert flatter_side(table((1.0, 3.0), (1.0, 2.5))) == "ahead"
    assert flatter_side(table((1.0, 3.0), (1.0, 1.5))) is None
    assert flatter_side(table((1.0, 3.0), error=1.1)) is None
    assert flatter_side(table((-1.0, 0.5))) == "ahead"
    with pytest.raises(ValueError, match=r"factor must be at least 1, got 0\.5"):
        flatter_side(table((1.0, 3.0)), factor=0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"distances": ()}, "distances must name at least one"),
        ({"distances": (0.0,)}, "distance must be above 0"),
        ({"direction": {"w": torch.zeros(()).double()}}, "must lead somewhere, got zeros alone"),
        ({"direction": {"v": torch.ones(())}}, "moves 'v', which is no parameter"),
        ({"direction": {"w": torch.ones(2)}}, r"w is \[\] in the model, \[2\] in the direction"),
        ({"split": targets([0.0])}, "at least 2 examples, got 1"),
    ],
)
def test_bad_input_is_refused(change, words):
    given = {
        "tensors": scalar(0),
        "direction": scalar(1),
        "split": targets([0.0, 1.0]),
        "distances": (1.0,),
        "objective": squared_error,
    } | change
    with pytest.raises(ValueError, match=words):
        asymmetry(Valley(), **given)


def test_batch_normalisation_needs_inputs_and_is_computed_anew():
    model, inputs = known("residual with batch normalisation")
    own, split = tensors_of(model), Split(inputs, torch.zeros(24, dtype=torch.int64))
    direction = {"fc.bias": torch.ones(3)}
    with pytest.raises(ValueError, match="computed anew at every point"):
        asymmetry(model, own, direction, split, distances=(1.0,))
    # All outputs shifted alike change no cross-entropy.
    (row,) = rows(
        asymmetry(
            model,
            own,
            direction,
            split,
            distances=(1.0,),
            objective=cross_entropy,
            statistics_from=inputs,
        )
    )
    assert row["ahead"] == pytest.approx(0, abs=1e-5)
