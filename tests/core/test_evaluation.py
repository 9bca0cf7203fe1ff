"""Scores of networks against plain passes, closed forms and scikit-learn."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import r2_score
from torch import nn

from surfeit.core import (
    Score,
    Split,
    Streams,
    binary_cross_entropy,
    buffers,
    cross_entropy,
    evaluate,
    hinge,
    outputs_of,
    parameters,
    score,
    squared_error,
)


def draw(*shape, name="inputs"):
    return torch.randn(*shape, generator=Streams(0).get(name), dtype=torch.float64)


def network(inputs, outputs):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inputs, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, outputs))


def tensors(model):
    return parameters(model) | buffers(model)


def test_score_of_classes_equals_one_plain_pass():
    model = network(3, 4).double().train()
    labels = torch.randint(0, 4, (2300,), generator=Streams(0).get("labels"))
    split = Split(draw(2300, 3), labels)
    found = evaluate(model, tensors(model), split)
    assert model.training
    with torch.no_grad():
        outputs = model.eval()(split.inputs)
    assert found.loss == pytest.approx(F.cross_entropy(outputs, labels).item(), rel=1e-12)
    assert found.accuracy == (outputs.argmax(1) == labels).double().mean().item()
    assert found.r2 is None


@pytest.mark.parametrize("count", [1, 3])
def test_score_of_a_regression_equals_scikit_learns(count):
    model = network(3, count).double()
    split = Split(draw(1700, 3), draw(1700, count, name="targets") * torch.arange(1, count + 1) + 5)
    found = evaluate(model, tensors(model), split, squared_error)
    outputs = model.eval()(split.inputs).detach()
    expected = r2_score(split.targets, outputs, multioutput="variance_weighted")
    assert found.r2 == pytest.approx(expected, rel=1e-10)
    assert found.loss == pytest.approx(count * F.mse_loss(outputs, split.targets).item(), rel=1e-12)
    assert found.accuracy is None


def test_r2_is_one_for_the_targets_and_zero_for_their_mean():
    targets = draw(50, 2)
    assert score(targets, targets, squared_error).r2 == 1
    mean = targets.mean(0).expand(50, 2)
    assert score(mean, targets, squared_error).r2 == pytest.approx(0, abs=1e-12)
    shifted = score(targets + 1, targets + 1e6, squared_error).r2
    expected = 1 - 50 * 2 * (1e6 - 1) ** 2 / (targets - targets.mean(0)).square().sum().item()
    assert shifted == pytest.approx(expected, rel=1e-6)


def test_r2_of_targets_that_never_change_is_not_defined():
    assert score(draw(9, 2), torch.full((9, 2), 0.1), squared_error).r2 is None
    assert score(draw(1, 2), draw(1, 2), squared_error).r2 is None


def test_r2_belongs_to_real_targets_alone():
    labels = torch.arange(6) % 2
    assert score(draw(6, 2), labels, squared_error).r2 is None
    assert score(draw(6, 2), draw(6, 2).sigmoid(), binary_cross_entropy).r2 is None


def test_one_logit_is_scored_by_its_threshold():
    model = network(3, 1).double()
    labels = (draw(40, 1, name="labels") > 0).long()[:, 0]
    split = Split(draw(40, 3), labels)
    outputs = model.eval()(split.inputs)[:, 0]
    for objective in (binary_cross_entropy, hinge):
        found = evaluate(model, tensors(model), split, objective)
        assert found.accuracy == ((outputs > 0) == labels.bool()).double().mean().item()
    with pytest.raises(ValueError, match="one output cannot tell classes apart"):
        evaluate(model, tensors(model), split)


@pytest.mark.parametrize("place", ["0.weight", "1.running_var", "3.bias"])
def test_a_network_with_nan_in_it_has_no_score(place):
    model = network(3, 4)
    split = Split(draw(5, 3).float(), torch.arange(5) % 4)
    broken = tensors(model)
    broken[place] = torch.full_like(broken[place], float("nan"))
    with pytest.raises(ValueError, match=r"must be finite, but 5 of 5 hold NaN .* running stat"):
        evaluate(model, broken, split)


def test_scores_of_outputs_that_are_not_finite_say_so_and_nothing_else():
    outputs = torch.tensor([[0.0, float("-inf")], [1.0, 0.0]])
    found = score(outputs, torch.tensor([0, 0]))
    assert found.loss != found.loss
    assert (found.accuracy, found.r2) == (None, None)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_are_computed_in_single(dtype):
    model = network(3, 4)
    labels = torch.arange(30) % 4
    halves = {n: v.to(dtype) if v.is_floating_point() else v for n, v in tensors(model).items()}
    singles = {n: v.float() if v.is_floating_point() else v for n, v in halves.items()}
    inputs = draw(30, 3)
    found = evaluate(model, halves, Split(inputs.to(dtype), labels))
    assert found == evaluate(model, singles, Split(inputs.to(dtype).float(), labels))


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, inputs):
        return {"logits": self.fc(inputs), "hidden": None}


def test_a_network_that_gives_more_than_a_tensor_is_told_what_to_do():
    model = Wrapped()
    with pytest.raises(ValueError, match="got a dict of logits, hidden: wrap it in a module"):
        outputs_of(model, parameters(model), draw(4, 3).float())


def test_labels_outside_the_outputs_have_no_score():
    model = network(3, 2).double()
    with pytest.raises(ValueError, match=r"cross_entropy needs labels in \[0, 2\), one an output"):
        evaluate(model, tensors(model), Split(draw(5, 3), torch.arange(5)))


def test_a_score_of_classes_is_made_of_loss_and_accuracy():
    assert Score(0.5, 0.75) == Score(loss=0.5, accuracy=0.75, r2=None)
    assert score(draw(4, 3), torch.arange(4) % 3, cross_entropy).accuracy is not None


def test_a_first_module_that_works_in_place_leaves_the_inputs_as_they_are():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 2)).double()
    inputs = draw(5, 3)
    before = inputs.clone()
    evaluate(model, tensors(model), Split(inputs, torch.zeros(5, dtype=torch.int64)))
    assert torch.equal(inputs, before)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 3)
        self.last.weight = self.first.weight

    def forward(self, x):
        return self.last(self.first(x))


def test_tensors_that_are_not_the_networks_are_refused_and_never_replaced_by_its_own():
    model, labels = network(3, 4).double(), torch.arange(5) % 4
    split, whole = Split(draw(5, 3), labels), tensors(model)
    for given, words in [
        ({}, "its own are not used, but 6 are missing: 0.weight, 0.bias, 1.weight, ...;"),
        ({n: v for n, v in whole.items() if n != "3.bias"}, "1 are missing: 3.bias;"),
        (whole | {"nope": labels}, "the model has no parameter or buffer 'nope'"),
        (whole | {"0.bias": whole["0.bias"][:1]}, r"'0.bias' is \[6\] in the model, \[1\] in"),
        (whole | {"0.bias": [1.0]}, "the tensor '0.bias' must be a torch tensor, got a list"),
        (None, "tensors must be parameters and buffers by name, got a NoneType: pass"),
        (model, "by name, got a Sequential: pass"),
    ]:
        with pytest.raises(ValueError, match=words):
            evaluate(model, given, split)
        with pytest.raises(ValueError, match=words):
            outputs_of(model, given, split.inputs)


def test_parameters_alone_and_one_of_tied_ones_are_enough():
    model, split = network(3, 4).double(), Split(draw(5, 3), torch.arange(5) % 4)
    assert evaluate(model, parameters(model), split) == evaluate(model, tensors(model), split)
    stored = tensors(model) | {"computed:0.weight": torch.zeros(6, 3)}
    assert evaluate(model, stored, split) == evaluate(model, tensors(model), split)
    tied, split = Tied().double(), Split(draw(5, 3), torch.arange(5) % 3)
    expected = evaluate(tied, parameters(tied), split)
    assert evaluate(tied, dict(tied.state_dict()), split) == expected
    other = {n.replace("first.weight", "last.weight"): v for n, v in parameters(tied).items()}
    assert evaluate(tied, other, split) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [("mse", "squared_error itself"), ("hinge", "hinge itself"), (None, "own_objective"), (3, "3")],
)
def test_what_is_no_objective_is_refused(given, words):
    model, split = network(3, 4).double(), Split(draw(5, 3), torch.arange(5) % 4)
    with pytest.raises(ValueError, match=f"objective must be an Objective, got .*{words}"):
        evaluate(model, tensors(model), split, given)
