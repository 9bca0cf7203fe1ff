"""Objectives against brute force, torch's own losses and closed forms; what they refuse."""

import math

import pytest
import torch
import torch.nn.functional as F

from surfeit.core import (
    OBJECTIVES,
    Streams,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    largest_output,
    objective_named,
    own_objective,
    squared_error,
)

DOUBLE = torch.float64


def draw(*shape, name="outputs"):
    return torch.randn(*shape, generator=Streams(0).get(name), dtype=DOUBLE)


def labels(*shape, classes=4):
    return torch.randint(0, classes, shape, generator=Streams(0).get("labels"))


def by_hand(loss, outputs, targets):
    """The mean over all examples and positions, one at a time in plain Python."""
    rows = outputs.flatten(0, targets.dim() - 1)
    values = [
        loss(o.flatten().tolist(), int(y)) for o, y in zip(rows, targets.flatten(), strict=True)
    ]
    return sum(values) / len(values)


def entropy(o, y):
    return math.log(sum(math.exp(v - o[y]) for v in o))


def squares(o, y):
    return sum((v - (place == y)) ** 2 for place, v in enumerate(o))


def crammer_singer(o, y):
    return max(0.0, 1 + max(v for place, v in enumerate(o) if place != y) - o[y])


def binary_hinge(o, y):
    return max(0.0, 1 - (1 if y else -1) * o[0])


def binary_entropy(o, y):
    return math.log(1 + math.exp(-o[0] if y else o[0]))


CASES = [
    (cross_entropy, entropy, (7, 4), 4),
    (cross_entropy, entropy, (7, 3, 4), 4),
    (squared_error, squares, (7, 4), 4),
    (squared_error, squares, (7, 3, 4), 4),
    (hinge, crammer_singer, (7, 4), 4),
    (hinge, crammer_singer, (7, 3, 2), 2),
    (hinge, binary_hinge, (7, 1), 2),
    (hinge, binary_hinge, (7,), 2),
    (binary_cross_entropy, binary_entropy, (7, 1), 2),
    (binary_cross_entropy, binary_entropy, (7,), 2),
    (binary_cross_entropy, binary_entropy, (7, 3, 1), 2),
]


@pytest.mark.parametrize(("objective", "formula", "shape", "classes"), CASES)
def test_loss_of_classes_equals_the_formula_example_by_example(objective, formula, shape, classes):
    single = shape[-1] == 1 or len(shape) == 1
    targets = labels(*(shape[:-1] if len(shape) > 1 else shape), classes=classes)
    outputs = 2 * draw(*shape)
    objective.check(outputs, targets)
    expected = by_hand(formula, outputs, targets)
    assert objective.loss(outputs, targets).item() == pytest.approx(expected, rel=1e-12)
    total = objective.loss(outputs, targets, reduction="sum").item()
    assert total == pytest.approx(7 * expected, rel=1e-12)
    correct = objective.correct(outputs, targets)
    chosen = outputs.reshape(targets.shape) > 0 if single else outputs.argmax(-1)
    assert torch.equal(correct, chosen == targets)


@pytest.mark.parametrize(("objective", "formula", "shape", "classes"), CASES)
def test_loss_does_not_depend_on_the_order_of_the_examples(objective, formula, shape, classes):
    targets = labels(*(shape[:-1] if len(shape) > 1 else shape), classes=classes)
    outputs, order = draw(*shape), torch.tensor([3, 1, 6, 0, 2, 5, 4])
    one, other = objective.loss(outputs, targets), objective.loss(outputs[order], targets[order])
    assert one.item() == pytest.approx(other.item(), rel=1e-12)


def test_objectives_equal_those_of_torch_where_it_has_them():
    outputs, targets, real = draw(9, 4), labels(9), draw(9, 4, name="real")
    assert torch.equal(cross_entropy.loss(outputs, targets), F.cross_entropy(outputs, targets))
    assert torch.allclose(squared_error.loss(outputs, real), 4 * F.mse_loss(outputs, real))
    one_hot = F.one_hot(targets, 4).double()
    assert torch.equal(squared_error.loss(outputs, targets), squared_error.loss(outputs, one_hot))
    many = real.sigmoid()
    expected = F.binary_cross_entropy_with_logits(outputs, many)
    assert torch.allclose(binary_cross_entropy.loss(outputs, many), expected)
    total = binary_cross_entropy.loss(outputs, many, reduction="sum")
    assert torch.allclose(total, 9 * expected)


def test_two_outputs_under_hinge_are_one_output_of_their_difference():
    outputs, targets = draw(30, 2), labels(30, classes=2)
    single = outputs[:, 1] - outputs[:, 0]
    assert torch.allclose(hinge.loss(outputs, targets), hinge.loss(single, targets))
    assert torch.equal(hinge.correct(outputs, targets), hinge.correct(single[:, None], targets))


def test_two_logits_under_cross_entropy_are_one_logit_of_their_difference():
    outputs, targets = draw(30, 2), labels(30, classes=2)
    single = outputs[:, 1] - outputs[:, 0]
    one = binary_cross_entropy.loss(single, targets)
    assert torch.allclose(cross_entropy.loss(outputs, targets), one)


@pytest.mark.parametrize("objective", [cross_entropy, squared_error])
def test_the_closed_form_of_the_slope_is_autograds(objective):
    for targets in (labels(6), draw(6, 4, name="real")):
        if objective == cross_entropy and targets.is_floating_point():
            continue
        outputs = draw(6, 4).requires_grad_()
        (expected,) = torch.autograd.grad(objective.loss(outputs, targets), outputs)
        assert torch.allclose(objective.slope(outputs.detach(), targets), expected, atol=1e-14)


@pytest.mark.parametrize("objective", [cross_entropy, squared_error, hinge])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_judged_in_single_precision(objective, dtype):
    outputs, targets = (200 * draw(300, 4)).to(dtype), labels(300)
    loss = objective.loss(outputs, targets)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(objective.loss(outputs.double(), targets).item(), rel=1e-5)


def test_many_labels_are_right_logit_by_logit():
    outputs = torch.tensor([[1.0, -1.0], [0.0, 2.0]])
    targets = torch.tensor([[1.0, 1.0], [0.0, 0.7]])
    assert binary_cross_entropy.correct(outputs, targets).tolist() == [[True, False], [True, True]]


def test_real_targets_are_neither_right_nor_wrong():
    assert squared_error.correct(draw(3, 2), draw(3, 2)) is None


NAN = torch.tensor([[0.0, 1.0], [float("nan"), 1.0], [float("inf"), float("nan")]])
ZEROS = torch.zeros(3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("objective", "outputs", "targets", "words"),
    [
        (
            cross_entropy,
            NAN,
            ZEROS,
            r"must be finite, but 2 of 3 hold NaN or infinity: nothing can",
        ),
        (squared_error, NAN, torch.zeros(3, 2), r"2 of 3 hold NaN"),
        (binary_cross_entropy, NAN[:, :1], ZEROS, r"2 of 3 hold NaN"),
        (cross_entropy, draw(3, 2), ZEROS - 1, r"labels in \[0, 2\), .* got labels in \[-1, -1\]"),
        (cross_entropy, draw(3, 2), ZEROS + 2, r"labels in \[0, 2\), .* got labels in \[2, 2\]"),
        (squared_error, draw(3, 2), ZEROS + 2, r"squared_error needs labels in \[0, 2\)"),
        (hinge, draw(3, 2), ZEROS + 2, r"hinge needs labels in \[0, 2\)"),
        (hinge, draw(3, 1), ZEROS + 2, r"hinge with one output needs labels in \[0, 2\)"),
        (cross_entropy, draw(3, 1), ZEROS, "one output cannot tell classes apart .*binary_cross"),
        (cross_entropy, draw(3), ZEROS, "one output cannot tell classes apart"),
        (squared_error, draw(3, 1), ZEROS, "one output cannot tell classes apart: give real"),
        (cross_entropy, draw(3, 2, 5), torch.zeros(3, 5).long(), r"return outputs.transpose\(1, 2"),
        (
            cross_entropy,
            draw(3, 5, 2),
            ZEROS,
            r"needs outputs of shape \[3, 2\] for targets of shape \[3\], the network gives \[3, 5",
        ),
        (cross_entropy, draw(4, 2), ZEROS, r"of shape \[3, 2\] for .*, the network gives \[4, 2\]"),
        (
            cross_entropy,
            draw(3, 2),
            draw(3, 2),
            "needs labels, int64, got targets of torch.float64",
        ),
        (hinge, draw(3, 2), draw(3, 2), "hinge needs labels, int64"),
        (squared_error, draw(3), draw(3, 1), r"of shape \[3, 1\] for .*, the network gives \[3\]"),
        (binary_cross_entropy, draw(3, 2), ZEROS, r"of shape \[3, 1\] or \[3\] for targets"),
        (binary_cross_entropy, draw(3, 1), ZEROS + 2, r"labels 0 and 1, got labels in \[2, 2\]"),
        (binary_cross_entropy, draw(3, 1), draw(3, 1) + 5, r"targets in \[0, 1\], got them in"),
        (cross_entropy, {"logits": draw(3, 2)}, ZEROS, "got a dict of logits: wrap it in a module"),
        (cross_entropy, (draw(3, 2), None), ZEROS, "got a tuple of 2: wrap it"),
        (cross_entropy, None, ZEROS, "got a NoneType"),
        (cross_entropy, ZEROS, ZEROS, r"got a tensor of torch.int64 of shape \[3\]"),
        (cross_entropy, torch.tensor(1.0), ZEROS, r"got a tensor of torch.float32 of shape \[\]"),
    ],
)
def test_outputs_that_cannot_be_judged_are_refused_in_words(objective, outputs, targets, words):
    with pytest.raises(ValueError, match=words):
        objective.check(outputs, targets)


def test_a_width_asks_for_exactly_so_many_outputs():
    with pytest.raises(ValueError, match=r"of shape \[3, 4\] for .*, the network gives \[3, 5\]"):
        cross_entropy.check(draw(3, 5), ZEROS, 4)


def test_objectives_are_found_by_name():
    assert objective_named("squared-error") is squared_error
    assert [name for name, one in OBJECTIVES.items() if one.name != name] == []
    with pytest.raises(ValueError, match="no objective 'squared': did you mean 'squared_error'"):
        objective_named("squared")


DELTA = 0.5
TABLE = torch.ones(3)


def huber(outputs, targets):
    return F.huber_loss(outputs, targets, delta=DELTA)


def per_example(outputs, targets):
    return squares_of(outputs - targets).sum(1)


def squares_of(errors):
    return errors**2


def reads_a_table(outputs, targets):
    return (outputs * TABLE).mean()


def two_a_row(outputs, targets):
    return outputs


class Weights:
    value = 2.0


def reads_a_class(outputs, targets):
    return Weights.value * (outputs - targets).abs().mean()


def smoothed(outputs, targets):
    return F.cross_entropy(outputs, targets, label_smoothing=0.1)


def test_a_function_of_ones_own_gives_the_mean_or_a_loss_an_example():
    outputs, targets = draw(6, 2), draw(6, 2, name="real")
    mean = own_objective(huber)
    expected = F.huber_loss(outputs, targets, delta=0.5)
    assert torch.equal(mean.loss(outputs, targets), expected)
    assert torch.allclose(mean.loss(outputs, targets, reduction="sum"), 6 * expected)
    rows = own_objective(per_example)
    assert torch.allclose(rows.loss(outputs, targets), squared_error.loss(outputs, targets))
    with pytest.raises(ValueError, match=r"two_a_row must return .* \[6\], got \[6, 2\]"):
        own_objective(two_a_row).loss(outputs, targets)


def test_accuracy_of_a_function_of_ones_own_is_what_it_says():
    outputs, targets = draw(6, 4), labels(6)
    assert own_objective(smoothed).correct(outputs, targets) is None
    judged = own_objective(smoothed, largest_output)
    assert torch.equal(judged.correct(outputs, targets), outputs.argmax(1) == targets)
    with pytest.raises(ValueError, match="one output an input"):
        judged.check(outputs[:5], targets)
    assert set(judged.in_key()) == {"function", "source", "correct", "correct_source"}


def test_the_key_of_a_function_follows_its_source_and_what_it_reads(monkeypatch):
    before = own_objective(huber).in_key()
    assert before["function"].endswith("test_objective.huber")
    assert own_objective(huber).in_key() == before
    monkeypatch.setitem(huber.__globals__, "DELTA", 0.25)
    assert own_objective(huber).in_key() != before
    called = own_objective(per_example).in_key()
    monkeypatch.setitem(per_example.__globals__, "squares_of", huber)
    assert own_objective(per_example).in_key() != called


def captures(delta):
    def loss(outputs, targets):
        return F.huber_loss(outputs, targets, delta=delta)

    return loss


def without_source():
    names = {}
    exec("def loss(outputs, targets):\n    return outputs.mean()", names)
    names["loss"].__module__ = "nowhere"
    return names["loss"]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda outputs, targets: outputs.mean(), "a lambda has no name"),
        (captures(0.5), r"loss captures delta, whose value its source does not say: write it"),
        (torch.nn.MSELoss(), "must be a plain function, got a MSELoss: write it"),
        (torch.dist, "must be a plain function, got a builtin_function_or_method"),
        (without_source(), "the source of nowhere.loss cannot be read"),
        (reads_a_table, "reads_a_table reads TABLE, a Tensor, which no key can stand for"),
        (reads_a_class, "reads_a_class uses the class Weights, whose code"),
    ],
)
def test_a_function_that_no_key_can_stand_for_is_refused(function, words):
    with pytest.raises(ValueError, match=words):
        own_objective(function)
