"""Curves between minima: on a ring, on a hyperbola, a step by hand, and what stays as it is."""

import math

import pytest
import torch
from torch import nn

from surfeit.core import DivergedError, Split, Streams, digest, squared_error, tensors_of
from surfeit.landscape import along_path, between
from surfeit.models import initialise_
from surfeit.procedures.curves import CurveConfig, train_curve


class Weights(nn.Module):
    """Gives a function of its own two weights for every input."""

    def __init__(self, function):
        super().__init__()
        self.w, self.function = nn.Parameter(torch.zeros(2, dtype=torch.float64)), function

    def forward(self, inputs):
        return self.function(self.w).reshape(1, 1).expand(len(inputs), 1)


def ring():
    """The loss (|w|² − 1)²."""
    return Weights(lambda w: w.square().sum() - 1)


def hyperbola():
    """A two-layer linear network: the loss (w₁ w₂ − 1)²."""
    return Weights(lambda w: w.prod() - 1)


def split(n=4):
    return Split(torch.zeros(n, 1, dtype=torch.float64), torch.zeros(n, 1, dtype=torch.float64))


def at(*w):
    return {"w": torch.tensor(w, dtype=torch.float64)}


def highest(model, path):
    options = {"points": 41, "objective": squared_error}
    return max(along_path(model, path, {"all": split()}, **options)["loss"].to_pylist())


@pytest.mark.parametrize("kind", ["bezier", "chain"])
@pytest.mark.parametrize(
    ("model", "ends", "straight"),
    [
        (ring(), (at(1, 0), at(0, 1)), 0.25),
        (hyperbola(), (at(1, 1), at(4, 0.25)), (2.5 * 0.625 - 1) ** 2),
    ],
)
def test_a_curve_follows_the_minima_that_a_line_leaves(kind, model, ends, straight):
    config = CurveConfig(kind=kind, epochs=300, lr=0.03, weight_decay=0, batch_size=4)
    curve = train_curve(model, *ends, split(), config, objective=squared_error)
    assert highest(model, lambda t: between(*ends, t)) == pytest.approx(straight, rel=1e-2)
    assert highest(model, curve.at) < 0.12 * straight
    assert torch.equal(curve.at(0.0)["w"], ends[0]["w"])
    assert torch.equal(curve.at(1.0)["w"], ends[1]["w"])


def test_a_parabola_through_three_bends_follows_a_ring_as_well_as_it_can():
    """The best middle bend lies on the diagonal, where the curve meets the circle twice."""
    config = CurveConfig(epochs=1500, lr=0.02, weight_decay=0, batch_size=4)
    curve = train_curve(ring(), at(1, 0), at(0, 1), split(), config, objective=squared_error)
    one, two = curve.bends[1]["w"].tolist()
    assert one == pytest.approx(two, abs=0.02)

    def mean_loss(bend):
        t = torch.linspace(0, 1, 2001, dtype=torch.float64)
        x, y = (1 - t) ** 2 + 2 * t * (1 - t) * bend, t**2 + 2 * t * (1 - t) * bend
        return float(((x**2 + y**2 - 1) ** 2).mean())

    best = min(torch.linspace(0.8, 1.2, 401).tolist(), key=mean_loss)
    assert (one + two) / 2 == pytest.approx(best, abs=0.02)


def test_a_step_is_sgd_along_the_gradient_at_the_drawn_place_with_decay_of_its_weights():
    config = CurveConfig(epochs=1, lr=0.1, momentum=0.0, weight_decay=0.3, batch_size=4)
    ends = at(1, 0), at(0, 1)
    curve = train_curve(ring(), *ends, split(), config, seed=5, objective=squared_error)
    generator = Streams(5).get("curve", "t")
    t = float(torch.rand((), generator=generator, dtype=torch.float64))
    middle = torch.tensor([0.5, 0.5], dtype=torch.float64)
    share = 2 * t * (1 - t)
    w = (1 - t) ** 2 * ends[0]["w"] + share * middle + t**2 * ends[1]["w"]
    gradient = 4 * (w.square().sum() - 1) * w + 0.3 * w
    torch.testing.assert_close(curve.bends[1]["w"], middle - 0.1 * share * gradient)


def test_the_rate_is_constant_for_half_and_falls_to_a_hundredth_at_nine_tenths():
    config = CurveConfig(lr=2.0)
    rates = [config.rate(step, 100) for step in range(100)]
    assert rates[:50] == [2.0] * 50
    assert rates[70] == pytest.approx(2 * (1 - 0.99 * 0.5))
    assert rates[90:] == pytest.approx([0.02] * 10)
    assert rates == sorted(rates, reverse=True)


def network():
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(9, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3)),
        nn.Linear(8, 3),
    )


@pytest.fixture
def trained():
    """Two ends and examples of a network with batch normalisation and dropout."""
    ends = [tensors_of(initialise_(network(), Streams(n).get("init"))) for n in (0, 1)]
    generator = Streams(0).get("data")
    inputs = torch.randn(30, 1, 3, 3, generator=generator)
    return ends, Split(inputs, torch.arange(30) % 3)


def test_a_curve_is_the_same_each_time_and_another_with_another_seed(trained):
    ends, data = trained
    config = CurveConfig(epochs=2, batch_size=8, bends=4)
    model = network()
    before, state = digest(tensors_of(model)), torch.random.get_rng_state()
    curves = [train_curve(model, *ends, data, config, seed=seed) for seed in (0, 0, 1)]
    bends = [digest(curve.bends[1]) for curve in curves]
    assert bends[0] == bends[1] != bends[2]
    assert digest(tensors_of(model)) == before
    assert torch.equal(torch.random.get_rng_state(), state)
    for curve in curves:
        assert digest(curve.bends[0]) == digest(ends[0])
        assert digest(curve.bends[-1]) == digest(ends[1])


def test_frozen_parameters_and_statistics_stay_on_the_line(trained):
    ends, data = trained
    model = network()
    model[1].requires_grad_(False)
    curve = train_curve(model, *ends, data, CurveConfig(epochs=1, batch_size=8))
    line = between(*ends, 0.5)
    bend = curve.bends[1]
    for name in ("1.weight", "1.bias", "2.running_mean", "2.running_var"):
        torch.testing.assert_close(bend[name], line[name])
    assert not torch.equal(bend["5.weight"], line["5.weight"])


def test_progress_is_told_at_each_step(trained):
    ends, data = trained
    told = []
    config = CurveConfig(epochs=2, batch_size=16)
    train_curve(network(), *ends, data, config, progress=lambda *step: told.append(step))
    assert told == [(step, 4) for step in range(1, 5)]


def test_a_curve_that_diverges_says_so():
    config = CurveConfig(epochs=50, lr=1e3, batch_size=4)
    with pytest.raises(DivergedError, match="a lower lr than 1000"):
        train_curve(ring(), at(1, 0), at(0, 1), split(), config, objective=squared_error)


def test_a_network_that_is_frozen_whole_is_refused():
    model = ring()
    model.requires_grad_(False)
    with pytest.raises(ValueError, match="all parameters of the model are frozen"):
        train_curve(model, at(1, 0), at(0, 1), split(), objective=squared_error)


def test_ends_of_different_networks_are_refused():
    with pytest.raises(ValueError, match="both ends must be of one architecture"):
        train_curve(ring(), at(1, 0), at(0, 1, 2), split(), objective=squared_error)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "spline"}, "no kind of curve 'spline'"),
        ({"bends": 2}, "bends must be a whole number of at least 3, got 2"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"lr": 0.0}, "lr must be above 0 and finite"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"weight_decay": math.inf}, "weight_decay must be >= 0 and finite, got inf"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        CurveConfig(**change)
