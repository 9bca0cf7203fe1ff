"""The line between two networks against closed forms, twins and brute force."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from surfeit.core import (
    Split,
    Streams,
    buffers,
    digest,
    load_,
    parameters,
    squared_error,
)
from surfeit.core.evaluation import evaluate
from surfeit.landscape import along_line, batch_statistics, between, error_barrier
from surfeit.models import initialise_, mlp


def stream(name="line"):
    return Streams(0).get(name)


def draw(*shape, name="images"):
    return torch.randn(*shape, generator=stream(name))


def tensors(model):
    return parameters(model) | buffers(model)


def network(name, widths=(12,)):
    return mlp(widths, input_shape=(1, 3, 3), classes=4, generator=stream(name))


def normalised(name):
    model = nn.Sequential(
        nn.Conv2d(1, 5, 3, padding=1),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(45, 6),
        nn.BatchNorm1d(6),
        nn.ReLU(),
        nn.Linear(6, 4),
    )
    return initialise_(model, stream(name))


def values(table, name, split="test"):
    return [row[name] for row in table.to_pylist() if row["split"] == split]


@pytest.fixture
def split():
    labels = torch.randint(0, 4, (70,), generator=stream("labels"))
    return Split(draw(70, 1, 3, 3), labels)


class Bowl(nn.Module):
    """Two classes whose logits are 0 and w²: the loss of class 0 is log(1 + exp(w²))."""

    def __init__(self, at):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(float(at), dtype=torch.float64))

    def forward(self, images):
        one = (self.w**2).expand(len(images), 1)
        return torch.cat([torch.zeros_like(one), one], dim=1)


def test_line_through_a_bowl_is_its_closed_form():
    split = Split(draw(3, 1, 1, 1), torch.zeros(3, dtype=torch.int64))
    table = along_line(Bowl(0), tensors(Bowl(-2)), tensors(Bowl(1)), {"test": split}, points=31)
    t = np.linspace(0, 1, 31)
    np.testing.assert_allclose(values(table, "t"), t)
    loss = np.log1p(np.exp((-2 + 3 * t) ** 2))
    np.testing.assert_allclose(values(table, "loss"), loss)
    barrier = error_barrier(values(table, "loss"))
    assert barrier == pytest.approx(loss[0] - (loss[0] + loss[-1]) / 2)


def test_loss_of_a_linear_model_is_convex_along_the_line(split):
    first, second = network("a", ()), network("b", ())
    table = along_line(first, tensors(first), tensors(second), {"test": split}, points=11)
    losses = np.array(values(table, "loss"))
    assert (np.diff(losses, 2) >= -1e-6).all()
    for place in (3, 7):
        logits = (1 - place / 10) * first(split.images) + place / 10 * second(split.images)
        expected = F.cross_entropy(logits, split.labels).item()
        assert losses[place] == pytest.approx(expected, rel=1e-5)


def test_ends_of_the_line_are_the_networks_themselves(split):
    first, second = network("a"), network("b")
    other = split[:20]
    splits = {"test": split, "train": other}
    table = along_line(copy.deepcopy(first), tensors(first), tensors(second), splits, points=5)
    for name, one in splits.items():
        for end, model in ((0, first), (-1, second)):
            found = evaluate(model, tensors(model), one)
            assert values(table, "loss", name)[end] == found.loss
            assert values(table, "accuracy", name)[end] == found.accuracy


def test_thirty_points_each_of_them_the_interpolated_network(split):
    first, second = network("a"), network("b")
    table = along_line(first, tensors(first), tensors(second), {"test": split})
    assert table.num_rows == 30
    trial = copy.deepcopy(first)
    for place in (1, 14, 28):
        t = place / 29
        ends = zip(trial.parameters(), first.parameters(), second.parameters(), strict=True)
        with torch.no_grad():
            for value, a, b in ends:
                value.copy_((1 - t) * a + t * b)
        expected = F.cross_entropy(trial(split.images), split.labels).item()
        assert values(table, "loss")[place] == pytest.approx(expected, rel=1e-5)


def test_loss_of_a_linear_regression_is_a_parabola_along_the_line():
    first, second = network("a", ()).double(), network("b", ()).double()
    split = Split(draw(40, 1, 3, 3).double(), draw(40, 4, name="targets").double())
    ends = tensors(first), tensors(second)
    table = along_line(first, *ends, {"test": split}, points=9, objective=squared_error)
    losses = np.array(values(table, "loss"))
    np.testing.assert_allclose(np.diff(losses, 3), 0, atol=1e-12)
    expected = 4 * F.mse_loss(first(split.images), split.targets).item()
    assert losses[0] == pytest.approx(expected, rel=1e-12)
    assert values(table, "accuracy") == [None] * 9


def test_a_line_through_outputs_that_are_not_finite_is_refused(split):
    first, second = tensors(network("a")), tensors(network("b"))
    second["fc1.bias"] = torch.full_like(second["fc1.bias"], float("inf"))
    with pytest.raises(ValueError, match=r"must be finite, but 70 of 70 hold NaN or infinity"):
        along_line(network("a"), first, second, {"test": split}, points=3)


def test_the_other_way_round_is_the_same_line(split):
    first, second = tensors(network("a")), tensors(network("b"))
    there = along_line(network("a"), first, second, {"test": split}, points=9)
    back = along_line(network("a"), second, first, {"test": split}, points=9)
    np.testing.assert_allclose(values(there, "loss"), values(back, "loss")[::-1], rtol=1e-5)


def test_a_permuted_twin_is_as_good_and_behind_a_barrier(split):
    model = network("trained", (16,))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(150):
        optimiser.zero_grad()
        F.cross_entropy(model(split.images), split.labels).backward()
        optimiser.step()
    order = torch.randperm(16, generator=stream("order"))
    own = tensors(model)
    twin = own | {"fc1.weight": own["fc1.weight"][order], "fc1.bias": own["fc1.bias"][order]}
    twin["fc2.weight"] = own["fc2.weight"][:, order]
    table = along_line(model, own, twin, {"test": split})
    errors = [1 - value for value in values(table, "accuracy")]
    assert errors[0] == errors[-1]
    assert error_barrier(errors) > 0.05
    assert error_barrier(values(table, "loss")) > 0.05
    same = along_line(model, own, own, {"test": split})
    assert error_barrier(values(same, "loss")) == 0
    assert error_barrier([1 - value for value in values(same, "accuracy")]) == 0


@pytest.mark.parametrize(
    ("errors", "barrier"),
    [([0.1, 0.5, 0.2], 0.35), ([0.1, 0.05, 0.3], 0.1), ([0.2, 0.2], 0), ([0.5, 0, 0.5], 0)],
)
def test_barrier_is_the_worst_point_over_the_mean_of_the_ends(errors, barrier):
    assert error_barrier(errors) == pytest.approx(barrier)
    assert error_barrier(torch.tensor(errors)) == pytest.approx(barrier, abs=1e-6)


def test_between_is_exact_at_its_ends_and_keeps_zeros_and_counts():
    first, second = tensors(normalised("a")), tensors(normalised("b"))
    for end in (first, second):
        end["0.weight"][0] = 0
    assert digest(between(first, second, 0.0)) == digest(first)
    assert digest(between(first, second, 1.0)) == digest(second)
    middle = between(first, second, 0.3)
    assert not middle["0.weight"][0].any()
    assert middle["1.num_batches_tracked"].dtype == torch.int64
    torch.testing.assert_close(
        middle["5.weight"], 0.7 * first["5.weight"] + 0.3 * second["5.weight"]
    )


# --- batch statistics ---


def brute_statistics(model, images, parts):
    """Means over the parts of each normalisation's own input, taken layer by layer."""
    sums = {}
    for part in parts(images):
        value = part
        for name, module in model.named_children():
            if isinstance(module, nn.Dropout):
                continue
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                over = [dim for dim in range(value.dim()) if dim != 1]
                mean, var = value.mean(over), value.var(over, correction=1)
                sums.setdefault(name, []).append((mean, var))
                shape = [1, -1] + [1] * (value.dim() - 2)
                biased = value.var(over, correction=0).view(shape)
                value = (value - mean.view(shape)) / (biased + module.eps).sqrt()
                value = value * module.weight.view(shape) + module.bias.view(shape)
            else:
                value = module(value)
    return sums


@pytest.mark.parametrize("count", [40, 1501])
@torch.no_grad()
def test_batch_statistics_equal_brute_force(count):
    model, images = normalised("a"), draw(count, 1, 3, 3)
    found = batch_statistics(model, tensors(model), images)
    parts = 1 if count <= 1000 else 2
    brute = brute_statistics(model, images, lambda all_: all_.tensor_split(parts))
    for name, pairs in brute.items():
        mean, var = (torch.stack(column).mean(0) for column in zip(*pairs, strict=True))
        torch.testing.assert_close(found[f"{name}.running_mean"], mean, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found[f"{name}.running_var"], var, rtol=1e-4, atol=1e-5)
        assert found[f"{name}.num_batches_tracked"] == parts


def test_batch_statistics_do_not_depend_on_the_old_ones_and_change_nothing():
    model, images = normalised("a"), draw(30, 1, 3, 3)
    before = tensors(model)
    other = {n: v + 3 if "running" in n else v for n, v in before.items()}
    model.train()
    first = batch_statistics(model, before, images)
    second = batch_statistics(model, other, images)
    assert digest(first) == digest(second)
    assert digest(tensors(model)) == digest(before)
    assert model.training
    assert model[1].momentum == 0.1
    assert batch_statistics(network("a"), tensors(network("a")), images) == {}


def test_line_recomputes_batch_statistics_at_every_point(split):
    first, second = normalised("a"), normalised("b")
    images = draw(50, 1, 3, 3, name="train")
    table = along_line(
        first, tensors(first), tensors(second), {"test": split}, points=4, statistics_from=images
    )
    for place in range(4):
        middle = between(tensors(first), tensors(second), place / 3)
        middle |= batch_statistics(first, middle, images)
        trial = load_(copy.deepcopy(first), middle).eval()
        expected = F.cross_entropy(trial(split.images), split.labels).item()
        assert values(table, "loss")[place] == pytest.approx(expected, rel=1e-5)
    stale = F.cross_entropy(first.eval()(split.images), split.labels).item()
    assert values(table, "loss")[0] != pytest.approx(stale, rel=1e-3)


def test_line_leaves_the_model_and_both_ends_as_they_were(split):
    model, first, second = normalised("c"), tensors(normalised("a")), tensors(normalised("b"))
    model.train()
    before = [digest(one) for one in (tensors(model), first, second)]
    along_line(model, first, second, {"test": split}, points=3, statistics_from=split.images)
    assert [digest(one) for one in (tensors(model), first, second)] == before
    assert all(part.training for part in model.modules())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": 1}, "points must be at least 2, one for each end, got 1"),
        ({"splits": {}}, "at least one split"),
        ({"second": {}}, "only one of them has 0.bias"),
        ({"first": {"w": torch.zeros(1)}}, "the model and the ends differ: only one of them has"),
        ({"statistics_from": None}, "give training images as statistics_from"),
        ({"statistics_from": torch.zeros(1, 1, 3, 3)}, "at least 2 inputs, got 1"),
    ],
)
def test_wrong_arguments_of_a_line_are_named(split, change, message):
    options = {
        "first": tensors(normalised("a")),
        "second": tensors(normalised("b")),
        "splits": {"test": split},
        "statistics_from": split.images,
    } | change
    with pytest.raises(ValueError, match=message):
        along_line(normalised("a"), **options)


def test_ends_of_other_shapes_and_points_off_the_line_are_named():
    first = tensors(network("a"))
    with pytest.raises(ValueError, match=r"fc1.weight is \[12, 9\] and \[5, 9\]"):
        between(first, tensors(network("a", (5,))), 0.5)
    other, few = tensors(network("a", (5,))), Split(draw(2, 1, 3, 3), torch.zeros(2).long())
    with pytest.raises(ValueError, match=r"fc1.weight is \[12, 9\] in the model, \[5, 9\] at"):
        along_line(network("a"), other, other, {"test": few})
    with pytest.raises(ValueError, match=r"t must be in \[0, 1\], got 1.5"):
        between(first, first, 1.5)
    for errors in ([0.1], [0.1, float("nan")]):
        with pytest.raises(ValueError, match="two or more finite numbers"):
            error_barrier(errors)


def test_a_tied_network_has_one_line_for_both_places(split):
    def tied(name: str) -> nn.Module:
        model = network(name, (9,))
        model.fc2 = nn.Linear(9, 9)
        model.fc2.weight.data = model.fc1.weight.data.T
        return nn.Sequential(model, nn.Linear(9, 4))

    torch.manual_seed(0)
    first, second = tied("first"), tied("second")
    ends = tensors(first), tensors(second)
    assert "0.fc2.weight" not in ends[0]
    table = along_line(first, *ends, {"test": split}, points=3).to_pylist()
    other = load_(tied("other"), between(*ends, 0.5))
    middle = evaluate(other, tensors(other), split)
    assert table[1]["loss"] == pytest.approx(middle.loss)
