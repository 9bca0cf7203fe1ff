"""Scores on the networks of the oracles: residual, recurrent, attention, transposed, gated."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from surfeit.core import (
    Split,
    Streams,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    own_objective,
    squared_error,
)
from surfeit.models.structure import layers
from surfeit.prune import CRITERIA, activation_correlation, taylor_unit
from surfeit.prune.scores import (
    SCORES,
    Evidence,
    gauss_newton_diagonal,
    obd,
    obs,
    snip,
)

from ...oracles.removal import NETWORKS, built, units_of

EVERY = list(NETWORKS)


def flat_error(outputs, targets):
    """The squared error of outputs of any shape."""
    return (outputs.flatten(1) - targets).square().sum(1).mean()


ERROR = own_objective(flat_error)


def evidence_of(name, **options):
    model, inputs = built(NETWORKS[name])
    outputs = model(inputs).flatten(1)
    generator = Streams(0).get("targets")
    targets = torch.randn(outputs.shape, generator=generator, dtype=torch.float64)
    options = {"objective": ERROR, "generator": Streams(0).get("scores")} | options
    return model, Evidence(model, split=Split(inputs, targets), **options)


def close(a, b, tolerance=1e-9):
    return torch.allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", EVERY)
def test_unit_scores_have_one_entry_a_unit_of_each_layer(name):
    model, evidence = evidence_of(name)
    expected = {layer: own.units for layer, own in layers(model).items() if own.kind != "embedding"}
    for score, criterion in CRITERIA.items():
        found = {layer: len(values) for layer, values in criterion.scores(evidence).items()}
        if score == "activation_correlation":
            assert found.items() <= expected.items()
            left_out = expected.keys() - found.keys()
            assert all(layers(model)[layer].kind == "attention" for layer in left_out)
        else:
            assert found == expected


def minibatches(split, size):
    return [split[start : start + size] for start in range(0, len(split), size)]


def close_to(values, parts, count):
    """Whether scores are the mean over examples of the minibatches' squared slopes."""
    expected = sum(len(part) * slope.square() for part, slope in parts) / count
    return torch.allclose(values, expected, rtol=1e-9, atol=1e-12 * float(expected.max()))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("size", [1, 4])
def test_taylor_unit_is_the_mean_square_of_slopes_in_a_gate_where_removal_acts(name, size):
    model, evidence = evidence_of(name)
    found = taylor_unit(evidence, minibatch=size)
    gated = [layer for layer in model.removable if layer in found]  # embeddings have no scores
    for layer in gated:
        parts = []
        for part in minibatches(evidence.split, size):
            keep = {
                other: torch.ones(units_of(model, other), dtype=torch.float64)
                for other in model.removable
            }
            gate = keep["conv1" if layer == "excite" else layer]  # it goes with what it weighs
            gate.requires_grad_()
            loss = flat_error(model.without(part.inputs, keep), part.targets)
            parts.append((part, torch.autograd.grad(loss, gate)[0]))
        assert close_to(found[layer], parts, len(evidence.split)), layer
        for member in model.removable[layer]:
            if model.removable.get(member) is not None:
                assert torch.equal(found[member], found[layer])


def slopes_in_a_gate_on_weights(model, split, layer, size):
    described = layers(model)[layer]
    parts = []
    for part in minibatches(split, size):
        own = {p.tensor: model.get_parameter(p.tensor) for p in described.weights}
        own |= {p.tensor: model.get_parameter(p.tensor) for p in described.biases}
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            loss = flat_error(model(part.inputs), part.targets)
        grads = dict(zip(own, torch.autograd.grad(loss, list(own.values())), strict=True))
        slope = torch.zeros(described.units, dtype=torch.float64)
        for p in (*described.weights, *described.biases):
            owners = p.owners(own[p.tensor].shape)
            change = (grads[p.tensor] * own[p.tensor]).detach()
            slope.index_add_(0, owners[owners >= 0], change[owners >= 0])
        parts.append((part, slope))
    return parts


@pytest.mark.parametrize("name", ["Encoder", "EncoderLayer"])
def test_units_that_no_removal_is_known_of_have_a_gate_on_weights_and_bias(name):
    model, evidence = evidence_of(name)
    found = taylor_unit(evidence, minibatch=2)
    attention = [layer for layer, own in layers(model).items() if own.kind == "attention"]
    assert len(attention) == 3
    for layer in attention:
        parts = slopes_in_a_gate_on_weights(model, evidence.split, layer, 2)
        assert close_to(found[layer], parts, len(evidence.split)), layer


@pytest.mark.parametrize("name", EVERY)
def test_taylor_is_the_mean_square_of_weights_times_their_slopes(name):
    model, evidence = evidence_of(name)
    found = SCORES["taylor"](evidence, minibatch=4)
    own = {one: model.get_parameter(one) for one in evidence.names}
    sums = {one: torch.zeros_like(w) for one, w in own.items()}
    for part in minibatches(evidence.split, 4):
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            loss = flat_error(model(part.inputs), part.targets)
        grads = torch.autograd.grad(loss, list(own.values()))
        for (one, w), g in zip(own.items(), grads, strict=True):
            sums[one] += len(part) * (g * w).square() / len(evidence.split)
    for one, expected in sums.items():
        assert torch.allclose(found[one], expected.detach(), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", ["Grouped", "UShaped", "Lstm", "Gru", "Encoder"])
def test_weight_vectors_are_rows_of_the_layers_matrix(name):
    model, evidence = evidence_of(name)
    for layer, values in CRITERIA["magnitude"].scores(evidence).items():
        matrix = layers(model)[layer].matrix(model)
        assert close(values, matrix.norm(dim=1))
        total = 0.0
        for part in layers(model)[layer].weights:
            weight = model.get_parameter(part.tensor).detach()
            total += float(weight[part.owners(weight.shape) >= 0].square().sum())
        assert float(values.square().sum()) == pytest.approx(total)


@pytest.mark.parametrize("name", EVERY)
def test_gradients_and_curvature_are_those_of_autograd(name):
    model, evidence = evidence_of(name, batch_size=4)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        loss = flat_error(model(evidence.split.inputs), evidence.split.targets)
    own = [model.get_parameter(one) for one in evidence.names]
    grads = torch.autograd.grad(loss, own, create_graph=True)
    for one, grad in zip(evidence.names, grads, strict=True):
        assert close(evidence.gradients[one], grad.detach())
    product = evidence.hessian_vector_product(evidence.gradients)
    along = sum((g * g.detach()).sum() for g in grads)
    for one, expected in zip(evidence.names, torch.autograd.grad(along, own), strict=True):
        assert close(product[one], expected, 1e-7)


def regression(objective=squared_error):
    generator = Streams(1).get("regression")
    inputs = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    for value in model.parameters():
        value.data = torch.randn(value.shape, generator=generator, dtype=torch.float64)
    targets = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    return model, Evidence(model, split=Split(inputs, targets), objective=objective)


def test_obd_of_the_squared_error_is_the_gauss_newton_diagonal():
    model, evidence = regression()
    expected = {name: torch.zeros_like(w) for name, w in evidence.weights.items()}
    own = [model.get_parameter(name) for name in evidence.names]
    for x in evidence.split.inputs:
        for z in model(x[None])[0]:
            for name, slope in zip(
                expected, torch.autograd.grad(z, own, retain_graph=True), strict=True
            ):
                expected[name] += 2 * slope.square() / len(evidence.split)
    for name, h in gauss_newton_diagonal(evidence).items():
        assert close(h, expected[name])


def test_obd_of_several_positions_is_the_gauss_newton_diagonal():
    generator = Streams(1).get("positions")
    inputs = torch.randn(4, 3, 4, generator=generator, dtype=torch.float64)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    split = Split(inputs, torch.randint(0, 3, (4, 3), generator=generator))
    evidence = Evidence(model, split=split)
    expected = {name: torch.zeros_like(w) for name, w in evidence.weights.items()}
    own = [model.get_parameter(name) for name in evidence.names]
    for example in inputs:
        z = model(example[None])[0]
        for at in z:
            p = at.detach().softmax(0)
            rows = [torch.autograd.grad(k, own, retain_graph=True) for k in at]
            for number, name in enumerate(expected):
                J = torch.stack([row[number] for row in rows]).flatten(1)
                H = torch.diag(p) - torch.outer(p, p)
                curvature = torch.einsum("kq,kl,lq->q", J, H, J).view_as(expected[name])
                expected[name] += curvature / (3 * 4)
    for name, h in gauss_newton_diagonal(evidence).items():
        assert close(h, expected[name])


def mine(outputs, targets):
    return (outputs - targets).abs().mean()


@pytest.mark.parametrize("objective", [hinge, binary_cross_entropy, own_objective(mine)])
def test_scores_follow_the_objective_and_curvature_is_refused(objective):
    model, evidence = regression(objective)
    if objective is not hinge:
        targets = (evidence.split.targets > 0).double()
    else:
        targets = torch.arange(30) % 2
    evidence = Evidence(model, split=Split(evidence.split.inputs, targets), objective=objective)
    loss = objective.loss(model(evidence.split.inputs), targets)
    w = model[0].weight
    expected = (torch.autograd.grad(loss, w)[0] * w).abs()
    assert close(snip(evidence)["0.weight"], expected.detach())
    with pytest.raises(ValueError, match="obd knows the curvature of cross_entropy and squared"):
        obd(evidence)


def test_obs_looks_at_inputs_alone_whatever_the_objective():
    model, evidence = regression()
    split = Split(evidence.split.inputs, torch.zeros(30, dtype=torch.int64))
    other = Evidence(model, split=split, objective=cross_entropy)
    for name, values in obs(evidence).items():
        assert torch.equal(values, obs(other)[name])


@pytest.mark.parametrize("name", ["obd", "obs"])
@pytest.mark.parametrize(
    ("network", "words"),
    [("Lstm", r"'lstm1' \(LSTM\)"), ("Encoder", "attention"), ("UShaped", r"'up' \(ConvTr")],
)
def test_layers_whose_inputs_are_no_rows_are_refused(name, network, words):
    _, evidence = evidence_of(network, objective=squared_error)
    with pytest.raises(ValueError, match=rf"{name} reads the inputs of Linear .*{words}.*taylor"):
        {"obd": obd, "obs": obs}[name](evidence)


class Scaled(nn.Linear):
    """A layer that computes something else than its type does."""

    def forward(self, x):
        return 2 * super().forward(x)


def test_layers_with_a_forward_of_their_own_are_refused():
    model = nn.Sequential(Scaled(4, 3), nn.ReLU(), nn.Linear(3, 2))
    split = Split(torch.randn(5, 4), torch.zeros(5, dtype=torch.int64))
    for score in (obd, obs):
        with pytest.raises(ValueError, match="layer '0' has a forward pass or hooks of its own"):
            score(Evidence(model, split=split))


class Branching(nn.Module):
    """A network whose way depends on numbers that leave PyTorch."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, x):
        x = self.fc1(x)
        if x.detach().numpy().sum() > -1e9:
            return self.fc2(x)
        return x[:, :2]


def test_networks_that_cannot_be_followed_have_scores_of_their_weights():
    split = Split(torch.randn(9, 4), torch.arange(9) % 2)
    evidence = Evidence(Branching(), split=split)
    assert snip(evidence).keys() == {"fc1.weight", "fc2.weight"}
    assert CRITERIA["magnitude"].scores(evidence).keys() == {"fc1", "fc2"}
    with pytest.raises(ValueError, match="takes another way at 'fc2' once numbers change"):
        activation_correlation(evidence)


def test_tokens_and_embeddings():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(7, 5), nn.Flatten(), nn.Linear(15, 3)).double()
    split = Split(torch.randint(0, 7, (12, 3)), torch.arange(12) % 3)
    evidence = Evidence(model, split=split)
    assert evidence.names == ["2.weight"]
    assert CRITERIA["magnitude"].scores(evidence).keys() == {"2"}
    expected = torch.autograd.grad(
        F.cross_entropy(model(split.inputs), split.targets), model[2].weight
    )[0]
    assert close(evidence.gradients["2.weight"], expected)
    from surfeit.prune.scores import synflow

    with pytest.raises(ValueError, match=r"not tokens of torch\.int64"):
        synflow(evidence)


def test_one_evidence_answers_for_all_scores_of_a_recurrent_network():
    from surfeit.prune.scores import synflow

    _, evidence = evidence_of("Lstm")
    assert snip(evidence).keys() == {*evidence.names}
    with pytest.raises(ValueError, match="synflow needs a network that is linear"):
        synflow(evidence)  # on a copy of the network that gradients were taken of
