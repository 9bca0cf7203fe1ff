"""Each of the library's probes against brute force, a closed form or an invariant."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from surfeit.core import Streams, cross_entropy, parameters, squared_error
from surfeit.curvature import LossSurface, dense, hessian
from surfeit.data import from_tensors
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.train import Numerics, Recipe, Snapshots, train
from surfeit.train.probes import (
    activations,
    covariate_shift,
    dead_units,
    gradient_noise,
    gradient_norms,
    movement,
    own_probe,
    sharpness,
    smoothness,
)
from surfeit.train.probes.activations import moments
from surfeit.train.probes.gradient_noise import BATCHES
from surfeit.train.probes.lengths import cosine, norm

from ..conftest import make_dataset, normalised

EXACT = Numerics(dtype="float64")
WHOLE = Recipe(lr=0.05, batch_size=50, steps=3)  # of 50 examples: no noise


def line(*, input_shape=(5,), classes=2, generator=None):
    """A linear network without bias, whose squared error is a quadratic."""
    model = nn.Sequential(nn.Linear(5, classes, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.randn(classes, 5, generator=generator))
    return model


def regression(count=50):
    generator = Streams(1).get("regression")
    pairs = [
        (torch.randn(n, 5, generator=generator), torch.randn(n, 2, generator=generator))
        for n in (count, 7, 7)
    ]
    return from_tensors("line", train=pairs[0], validation=pairs[1], test=pairs[2])


@pytest.fixture
def quadratic(tmp_path):
    def seen(*probes, recipe=WHOLE):
        ends = Snapshots(every_epochs=0)
        return train(
            line, regression(), recipe, objective=squared_error, numerics=EXACT,
            store=Store(tmp_path), probes=probes, snapshots=ends,
        )  # fmt: skip

    return seen


def _bend(data):
    """The Hessian of the squared error in the linear network's ten weights, wherever they are."""
    inputs, targets = data.train.inputs.double(), data.train.targets.double()

    def loss(weights):
        return squared_error.loss(inputs @ weights.reshape(2, 5).T, targets)

    return torch.autograd.functional.hessian(loss, torch.zeros(10).double())


def test_smoothness_of_a_quadratic_has_a_closed_form(quadratic):
    run = quadratic(smoothness, gradient_norms)
    bend = _bend(regression())
    row = run.probe("smoothness").to_pylist()[0]
    weights = run.tensors(0)["0.weight"]
    inputs, targets = (x.double() for x in (regression().train.inputs, regression().train.targets))
    leaf = weights.clone().requires_grad_()
    loss = squared_error.loss(inputs @ leaf.T, targets)
    (slope,) = torch.autograd.grad(loss, leaf)
    g = slope.flatten()
    bent = bend @ g
    rate, length = WHOLE.lr, float(g.norm())
    etas = np.geomspace(rate / 2, 4 * rate, 8)
    losses = [float(loss.detach() - eta * g @ g + eta**2 / 2 * g @ bent) for eta in etas]
    expected = {
        "loss": loss.item(),
        "gradient": length,
        "lowest": min(losses),
        "highest": max(losses),
        "loss_range": max(losses) - min(losses),
        "least_change": etas[0] * float(bent.norm()),
        "most_change": etas[-1] * float(bent.norm()),
        "change_range": (etas[-1] - etas[0]) * float(bent.norm()),
        "smoothness": float(bent.norm()) / length,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    whole, layer = run.probe("gradient_norms").to_pylist()[:2]
    assert (whole["layer"], layer["layer"]) == (None, "0")
    assert whole["gradient"] == layer["gradient"] == pytest.approx(length)
    assert whole["weights"] == pytest.approx(float(weights.norm()))


def test_sharpness_is_the_largest_eigenvalue(quadratic):
    row = quadratic(sharpness).probe("sharpness").to_pylist()[0]
    largest = torch.linalg.eigvalsh(_bend(regression())).max().item()
    assert row["largest"] == pytest.approx(largest, rel=1e-4)
    assert row["rate_times_largest"] == pytest.approx(0.05 * row["largest"])
    assert (row["examples"], row["converged"]) == (50, 1)


def test_sharpness_of_a_network_is_that_of_its_dense_hessian(tmp_path):
    data = make_dataset()
    build = mlp_of_six
    run = train(build, data, WHOLE, store=Store(tmp_path), probes=(sharpness.at(1),))
    (row,) = run.probe("sharpness").to_pylist()
    after_one = train(build, data, Recipe(lr=0.05, batch_size=50, steps=1), store=Store(tmp_path))
    surface = LossSurface.of(after_one.model(), data.train, cross_entropy)
    largest = torch.linalg.eigvalsh(dense(hessian(surface))).max().item()
    assert row["largest"] == pytest.approx(largest, rel=1e-3)


def mlp_of_six(*, input_shape=(1, 4, 4), classes=3, generator=None):
    return mlp((6,), input_shape=input_shape, classes=classes, generator=generator)


def test_steps_of_plain_descent_go_along_the_gradient(quadratic):
    rows = quadratic(movement, gradient_norms).probe("movement").to_pylist()
    norms = quadratic(movement, gradient_norms).probe("gradient_norms").to_pylist()[::2]
    for row, of in zip(rows, norms, strict=True):
        assert row["length"] == pytest.approx(0.05 * of["gradient"])
        assert row["relative"] == pytest.approx(row["length"] / of["weights"])
        assert row["along_descent"] == pytest.approx(1)
    assert rows[0]["along_last"] is None


def _parts(step):
    g = step.gradient["0.weight"].flatten().tolist()
    u = step.update["0.weight"].flatten().tolist()
    return {f"g{i}": x for i, x in enumerate(g)} | {f"u{i}": x for i, x in enumerate(u)}


def test_angles_of_steps_with_momentum_are_those_of_the_vectors(quadratic):
    recipe = Recipe(lr=0.05, momentum=0.9, batch_size=10, steps=5)
    run = quadratic(movement, own_probe(_parts), recipe=recipe)
    rows = run.probe("movement").to_pylist()
    seen = [list(row.values())[1:] for row in run.probe("_parts").to_pylist()]
    gradients, updates = (np.array([row[a:b] for row in seen]) for a, b in ((0, 10), (10, 20)))
    for step in range(5):
        u, g = updates[step], gradients[step]
        descent = -u @ g / np.linalg.norm(u) / np.linalg.norm(g)
        assert rows[step]["along_descent"] == pytest.approx(descent)
        if step:
            last = updates[step - 1]
            cos = u @ last / np.linalg.norm(u) / np.linalg.norm(last)
            assert rows[step]["along_last"] == pytest.approx(cos)


def test_noise_is_the_covariance_of_single_examples(quadratic):
    """Over many steps of a rate near 0 the estimates spread around the exact values."""
    recipe = Recipe(lr=1e-9, batch_size=10, steps=150)
    rows = quadratic(gradient_noise, recipe=recipe).probe("gradient_noise").to_pylist()
    data = regression().train
    weights = quadratic(recipe=recipe).tensors(0)["0.weight"]
    slopes = []
    for x, y in zip(data.inputs.double(), data.targets.double(), strict=True):
        leaf = weights.clone().requires_grad_()
        slopes.append(torch.autograd.grad(squared_error.loss(x[None] @ leaf.T, y[None]), leaf)[0])
    each = torch.stack(slopes).flatten(1)
    variance = float(each.var(0, unbiased=False).sum())
    square = float(each.mean(0).square().sum())
    found = np.array([[row["variance"], row["gradient_square"]] for row in rows])
    errors = found.std(0, ddof=1) / len(rows) ** 0.5
    assert np.all(np.abs(found.mean(0) - [variance, square]) < 4 * errors)
    said = np.mean([row["variance_error"] for row in rows])
    assert said == pytest.approx(found[:, 0].std(ddof=1), rel=0.25)
    for row in rows:
        scale = row["variance"] / row["gradient_square"] if row["gradient_square"] > 0 else None
        assert row["noise_scale"] == pytest.approx(scale)
        assert (row["examples"], row["batches"]) == (10, BATCHES)


def test_moments_are_scipys():
    values = torch.randn(7, 3, 5, generator=Streams(0).get("x")).relu()
    flat = values.double().flatten().numpy()
    expected = {
        "mean": flat.mean(),
        "deviation": flat.std(),
        "skewness": stats.skew(flat),
        "kurtosis": stats.kurtosis(flat),
        "zeros": (flat == 0).mean(),
    }
    assert moments(values) == pytest.approx(expected)
    assert moments(torch.full((4,), 2.0))["kurtosis"] is None


def test_activations_are_what_enters_each_layer(tmp_path):
    data = make_dataset()
    run = train(normalised, data, WHOLE, store=Store(tmp_path), probes=(activations,))
    first, second = run.probe("activations").to_pylist()[:2]
    assert (first["layer"], second["layer"]) == ("0", "5")
    inputs = data.train.inputs  # all of them, in some order
    assert first["mean"] == pytest.approx(float(inputs.mean()), rel=1e-5)
    assert first["deviation"] == pytest.approx(float(inputs.std(unbiased=False)), rel=1e-5)
    # half of what is normalised is zero behind the ReLU, and 0.3 of the rest by dropout
    assert second["zeros"] == pytest.approx(0.5 + 0.3 * 0.5, abs=0.06)


def test_covariate_shift_is_that_of_the_layers_before(tmp_path):
    data = make_dataset()
    numbers = {"numerics": EXACT, "store": Store(tmp_path)}
    one_step = Recipe(lr=0.5, batch_size=50, steps=1)
    run = train(mlp_of_six, data, one_step, probes=(covariate_shift,), **numbers)
    first, second = run.probe("covariate_shift").to_pylist()
    assert (first["layer"], second["layer"]) == ("fc1", "fc2")
    assert first["mean_shift"] == first["deviation_shift"] == first["gradient_shift"] == 0
    assert first["gradient_cosine"] == pytest.approx(1)
    before, after = run.tensors(0), run.tensors(1)
    inputs, labels = data.train.inputs.double().flatten(1), data.train.targets
    hidden = [(inputs @ w["fc1.weight"].T + w["fc1.bias"]).relu() for w in (before, after)]
    means, deviations = ([f(h) for h in hidden] for f in (lambda h: h.mean(0), _spread))
    scale = deviations[0].square().mean().sqrt()
    for name, (old, new) in {"mean": means, "deviation": deviations}.items():
        shift = (new - old).square().mean().sqrt()
        assert second[f"{name}_shift"] == pytest.approx(float(shift))
        assert second[f"relative_{name}"] == pytest.approx(float(shift / scale))
    slopes = []
    for h in hidden:
        leaves = [before[f"fc2.{n}"].clone().requires_grad_() for n in ("weight", "bias")]
        loss = nn.functional.cross_entropy(h @ leaves[0].T + leaves[1], labels)
        found = torch.autograd.grad(loss, leaves)
        slopes.append({str(place): value for place, value in enumerate(found)})
    one, other = slopes
    change = norm({n: one[n] - other[n] for n in one})
    assert second["gradient_shift"] == pytest.approx(change)
    assert second["relative_gradient"] == pytest.approx(change / norm(one))
    assert second["gradient_cosine"] == pytest.approx(cosine(one, other))


def _spread(hidden):
    return hidden.var(0, unbiased=False).sqrt()


def killed(*, input_shape=(1, 4, 4), classes=3, generator=None):
    """Two of six units are far below zero for every input."""
    model = mlp_of_six(input_shape=input_shape, classes=classes, generator=generator)
    with torch.no_grad():
        model.fc1.bias[:2] = -1e3
    return model


def test_dead_units_are_counted_and_the_examples_said(tmp_path):
    run = train(killed, make_dataset(), WHOLE, store=Store(tmp_path), probes=(dead_units.at(0),))
    first, second = run.probe("dead_units").to_pylist()
    assert first == {"step": 0, "layer": "fc1", "dead": 2, "units": 6, "examples": 50}
    assert (second["layer"], second["dead"]) == ("fc2", 0)


def test_what_has_no_direction_has_no_angle():
    zero, one = {"a": torch.zeros(3)}, {"a": torch.ones(3)}
    assert cosine(zero, one) is None
    assert cosine(one, one) == 1
    assert norm(one) == pytest.approx(3**0.5)
    assert norm({}) == 0


def _gradients(step):
    """The training's own gradient, and that which a probe computes for itself."""
    loss, gradient = step.loss_and_gradient()
    off = norm({name: gradient[name] - step.gradient[name] for name in gradient})
    outputs = step.outputs()
    return {
        "off": off / norm(gradient),
        "loss_off": loss - step.objective.loss(outputs, step.targets).item(),
        "length": norm(step.gradient),
    }


@pytest.mark.parametrize("build", [mlp_of_six, normalised])
def test_a_step_can_be_computed_again_dropout_and_batch_statistics_included(build, tmp_path):
    recipe = Recipe(lr=0.05, batch_size=16, steps=5, augmentation="shift")
    probes = (own_probe(_gradients),)
    run = train(build, make_dataset(), recipe, store=Store(tmp_path), probes=probes)
    for row in run.probe("_gradients").to_pylist():
        assert row["off"] < 1e-5
        assert row["loss_off"] == 0
        assert row["length"] > 0


def test_gradients_and_updates_of_removed_weights_are_zero(tmp_path):
    kept = {"fc1.weight": torch.rand(6, 16, generator=Streams(0).get("mask")) > 0.5}
    run = train(
        mlp_of_six, make_dataset(), WHOLE, mask=kept, store=Store(tmp_path),
        probes=(own_probe(_removed),),
    )  # fmt: skip
    for row in run.probe("_removed").to_pylist():
        assert (row["gradient"], row["update"], row["again"]) == (0, 0, 0)


def _removed(step):
    gone = ~step.mask["fc1.weight"]
    values = {
        "gradient": step.gradient,
        "update": step.update,
        "again": step.loss_and_gradient()[1],
    }
    return {name: float(value["fc1.weight"][gone].abs().sum()) for name, value in values.items()}


def test_names_of_parameters_are_those_of_the_network(tmp_path):
    run = train(
        mlp_of_six, make_dataset(), WHOLE, store=Store(tmp_path), probes=(own_probe(_named),)
    )
    names = run.probe("_named").to_pylist()[0]["names"]
    assert names == " ".join(parameters(mlp_of_six()))


def _named(step):
    return {"names": " ".join(step.weights)}
