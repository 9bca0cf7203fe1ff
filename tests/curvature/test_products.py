"""Hessian and Gauss-Newton products against torch's dense Hessian, closed forms and invariants."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from surfeit.core import (
    Objective,
    Split,
    Streams,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    own_objective,
    parameters,
    squared_error,
)
from surfeit.curvature import LossSurface, Operator, dense, gauss_newton, hessian

from .conftest import brute_force, draw, function_of, labels, mlp, settled, vectors


class Tied(nn.Module):
    """Decoded by the encoder's own weight."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(4, 4), nn.Linear(4, 4)
        self.dec.weight = self.enc.weight

    def forward(self, x):
        return self.dec(self.enc(x).tanh())


class Twice(nn.Module):
    """A layer that is passed twice."""

    def __init__(self):
        super().__init__()
        self.inner, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.inner(self.inner(x).tanh()).tanh())


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(2, 1, 3, 0.1, activation="gelu", batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.layer(x.view(-1, 2, 2)).flatten(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.LSTM(2, 2, batch_first=True), nn.Linear(2, 3)

    def forward(self, x):
        return self.head(self.cell(x.view(-1, 2, 2))[0][:, -1])


def convolution():
    return nn.Sequential(
        nn.Conv2d(1, 3, 2),
        nn.BatchNorm2d(3),
        nn.GELU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(3, 3),
    )


def in_place():
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 3))


def one_unit():
    return nn.Sequential(nn.Linear(4, 1), nn.Tanh(), nn.Linear(1, 3))


def empty():
    return nn.Sequential(nn.Linear(4, 0), nn.Tanh(), nn.Linear(0, 3))


def images():
    return Split(draw(17, 1, 4, 4, name="images"), labels(17, 3))


NETWORKS = {
    "mlp": (mlp, vectors),
    "one unit": (one_unit, vectors),
    "convolution, normalisation, dropout": (convolution, images),
    "tied weights": (Tied, lambda: vectors(classes=4)),
    "a module twice": (Twice, vectors),
    "in place": (in_place, vectors),
    "attention": (Attention, vectors),
    "recurrent": (Recurrent, vectors),
    "one example": (mlp, lambda: vectors(1)),
    "an empty layer": (empty, vectors),
    "labels of one class": (mlp, lambda: Split(draw(9, 4), torch.zeros(9, dtype=torch.int64))),
}
CLOSE = {"rtol": 1e-9, "atol": 1e-11}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("name", NETWORKS)
def test_hessian_is_that_of_torch(name):
    make, data = NETWORKS[name]
    model, split = settled(make()), data()
    surface = LossSurface.of(model, split, chunk=5)
    truth = brute_force(model, split, cross_entropy)
    torch.testing.assert_close(dense(hessian(surface)), truth, **CLOSE)
    assert surface.size == len(truth)
    loss = cross_entropy.loss(model.eval()(split.inputs), split.targets)
    assert surface.loss == pytest.approx(loss.item(), rel=1e-12)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("name", NETWORKS)
def test_gauss_newton_is_its_definition(name):
    make, data = NETWORKS[name]
    model, split = settled(make()), data()
    found = dense(gauss_newton(LossSurface.of(model, split, chunk=5)))
    truth = sum(_gauss_newton(model.eval(), split[i : i + 1]) for i in range(len(split)))
    torch.testing.assert_close(found, truth / len(split), **CLOSE)


def _gauss_newton(model, one):
    own = list(model.parameters())
    outputs = model(one.inputs)[0]
    rows = [torch.autograd.grad(z, own, retain_graph=True, materialize_grads=True) for z in outputs]
    jacobian = torch.stack([torch.cat([g.reshape(-1) for g in row]) for row in rows])
    p = outputs.detach().softmax(0)
    return jacobian.T @ (p.diag() - p[:, None] * p) @ jacobian


def huber(outputs, targets):
    return F.huber_loss(outputs, targets, delta=0.5)


def shares(n):
    return torch.rand(n, 3, generator=Streams(0).get("share"), dtype=torch.float64)


OBJECTIVES = {
    "squared error": (squared_error, lambda n: draw(n, 3, name="targets")),
    "squared error of labels": (squared_error, lambda n: labels(n, 3)),
    "hinge": (hinge, lambda n: labels(n, 3)),
    "binary cross-entropy": (binary_cross_entropy, shares),
    "of one's own": (own_objective(huber), lambda n: draw(n, 3, name="targets")),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_has_its_hessian(name):
    objective, targets = OBJECTIVES[name]
    model, split = mlp(), Split(draw(17, 4), targets(17))
    found = dense(hessian(LossSurface.of(model, split, objective, chunk=4)))
    torch.testing.assert_close(found, brute_force(model, split, objective), **CLOSE)


def test_logistic_regression_has_its_closed_form():
    split = Split(draw(40, 5), labels(40, 2))
    model = settled(nn.Linear(5, 1, bias=False))
    p = torch.sigmoid(model(split.inputs).detach())
    truth = split.inputs.T @ (p * (1 - p) * split.inputs) / 40
    surface = LossSurface.of(model, split, binary_cross_entropy, chunk=7)
    for operator in (hessian(surface), gauss_newton(surface)):
        torch.testing.assert_close(dense(operator), truth, **CLOSE)


@pytest.mark.parametrize("at", [(0.0, 0.0), (0.7, -1.3)])
def test_two_layer_linear_network_has_its_closed_form(at):
    """`L = mean (a b x − y)²`; at the origin a saddle with the eigenvalues ±2 mean(x y)."""
    x, y = draw(30, 1), draw(30, 1, name="y")
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    a, b = at
    with torch.no_grad():
        model[0].weight.fill_(a)
        model[1].weight.fill_(b)
    xx, xy = float((x * x).mean()), float((x * y).mean())
    mixed = 4 * a * b * xx - 2 * xy
    rows = [[2 * b * b * xx, mixed], [mixed, 2 * a * a * xx]]
    truth = torch.tensor(rows, dtype=torch.float64)
    found = dense(hessian(LossSurface.of(model, Split(x, y), squared_error)))
    torch.testing.assert_close(found, truth, **CLOSE)


@pytest.mark.parametrize("objective", [cross_entropy, squared_error])
def test_gauss_newton_of_a_linear_model_is_its_hessian(objective):
    surface = LossSurface.of(settled(nn.Linear(4, 3)), vectors(), objective)
    torch.testing.assert_close(dense(gauss_newton(surface)), dense(hessian(surface)), **CLOSE)


def test_gauss_newton_of_a_hinge_is_zero():
    assert not dense(gauss_newton(LossSurface.of(mlp(), vectors(), hinge))).any()


@pytest.mark.parametrize("kind", [hessian, gauss_newton])
@pytest.mark.parametrize("chunk", [1, 4, 16, 17, 1000])
def test_chunks_change_nothing(kind, chunk):
    """A sum over batches in place of a mean would grow with their number."""
    whole = dense(kind(LossSurface.of(mlp(), vectors())))
    parts = dense(kind(LossSurface.of(mlp(), vectors(), chunk=chunk)))
    torch.testing.assert_close(parts, whole, **CLOSE)


def test_order_of_examples_changes_nothing():
    split = vectors()
    order = torch.randperm(len(split), generator=Streams(0).get("order"))
    mixed = dense(hessian(LossSurface.of(mlp(), split[order], chunk=5)))
    torch.testing.assert_close(mixed, dense(hessian(LossSurface.of(mlp(), split))), **CLOSE)


def test_permuted_units_have_the_same_eigenvalues():
    model, twin, order = mlp(), mlp(), torch.tensor([3, 0, 4, 1, 2])
    with torch.no_grad():
        twin[0].weight.copy_(model[0].weight[order])
        twin[0].bias.copy_(model[0].bias[order])
        twin[2].weight.copy_(model[2].weight[:, order])
    matrices = [dense(hessian(LossSurface.of(one, vectors()))) for one in (model, twin)]
    torch.testing.assert_close(*map(torch.linalg.eigvalsh, matrices), **CLOSE)


def test_frozen_parameters_are_left_out_and_named():
    model = mlp()
    whole = brute_force(model, vectors(), cross_entropy)
    model[0].requires_grad_(False)
    surface = LossSurface.of(model, vectors())
    assert surface.coordinates.frozen == ("0.weight", "0.bias")
    assert surface.remarks == ("left out, as they are not trained: 0.weight, 0.bias",)
    torch.testing.assert_close(dense(hessian(surface)), whole[25:, 25:], **CLOSE)


@pytest.mark.parametrize("kind", [hessian, gauss_newton])
def test_masked_weights_are_no_coordinates(kind):
    model = mlp()
    kept = torch.rand(5, 4, generator=Streams(0).get("mask")) < 0.6
    with torch.no_grad():
        model[0].weight[~kept] = 0
    free = torch.ones(43, dtype=torch.bool)
    free[:20] = kept.flatten()
    whole = dense(kind(LossSurface.of(model, vectors())))
    surface = LossSurface.of(model, vectors(), mask={"0.weight": kept})
    assert surface.size == int(free.sum())
    assert surface.remarks == (f"left out, as a mask removes them: {int((~kept).sum())} weights",)
    torch.testing.assert_close(dense(kind(surface)), whole[free][:, free], **CLOSE)


def test_gradient_and_loss_at_another_point_are_those_of_the_network_there():
    surface = LossSurface.of(mlp(), vectors(), chunk=6)
    moved = mlp()
    point = surface.coordinates.flat(surface.coordinates.point) + 0.1 * draw(43, name="move")
    with torch.no_grad():
        for name, value in surface.coordinates.tensors(point).items():
            moved.get_parameter(name).copy_(value)
    loss = cross_entropy.loss(moved(vectors().inputs), vectors().targets)
    loss.backward()
    slopes = torch.cat([value.grad.reshape(-1) for value in moved.parameters()])
    assert surface.at(point) == pytest.approx(loss.item(), rel=1e-12)
    torch.testing.assert_close(surface.gradient(point), slopes, **CLOSE)


def test_model_is_only_read():
    model = mlp().train()
    before = parameters(model)
    dense(hessian(LossSurface.of(model, vectors())))
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.named_parameters())
    assert all(value.grad is None for value in model.parameters())


def test_half_precision_is_computed_in_float32_and_says_so():
    surface = LossSurface.of(mlp().bfloat16(), vectors())
    assert surface.remarks == ("torch.bfloat16 parameters are computed in float32",)
    truth = dense(hessian(LossSurface.of(mlp().bfloat16().double(), vectors())))
    torch.testing.assert_close(dense(hessian(surface)), truth, rtol=1e-4, atol=1e-5)


def test_training_mode_uses_the_statistics_of_the_one_chunk():
    model = settled(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)))
    surface = LossSurface.of(model, vectors(), mode="training")
    own = function_of(model.train(), vectors(), cross_entropy)
    truth = torch.autograd.functional.hessian(*own)
    torch.testing.assert_close(dense(hessian(surface)), truth, rtol=1e-8, atol=1e-10)
    assert surface.remarks == ("in training mode",)


@pytest.mark.parametrize(
    ("layer", "mode", "message"),
    [
        (nn.BatchNorm1d(3), "training", r"batch normalisation \(1\) normalises or mixes"),
        (nn.BatchNorm1d(3, track_running_stats=False), "evaluation", "batch normalisation"),
        (nn.Softmax(0), "evaluation", "something in the network normalises or mixes"),
        (nn.Dropout(0.5), "training", "draws at random .* take mode='evaluation'"),
        (nn.Tanh(), "inference", "mode must be 'evaluation' or 'training', got 'inference'"),
    ],
)
def test_what_is_no_function_of_the_parameters_alone_is_refused(layer, mode, message):
    model = settled(nn.Sequential(nn.Linear(4, 3), layer))
    with pytest.raises(ValueError, match=message):
        LossSurface.of(model, vectors(), mode=mode, chunk=6)


def test_batch_normalisation_is_refused_also_where_a_first_chunk_does_not_show_it():
    """Of a, b, a, b the halves have the statistics of the whole."""
    model = settled(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)))
    order = torch.tensor([0, 1, 0, 1, 2, 3])
    with pytest.raises(ValueError, match=r"batch normalisation \(1\) normalises or mixes"):
        LossSurface.of(model, vectors()[order], mode="training", chunk=4)


class Once(torch.autograd.Function):
    """A square whose backward cannot be derived again, but whose forward derivative is known."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, slope):
        return 2 * ctx.saved_tensors[0] * slope

    @staticmethod
    def jvp(ctx, tangent):
        return 2 * ctx.saved_tensors[0] * tangent


class Squares(nn.Module):
    def forward(self, x):
        return Once.apply(x)


class PlainSquares(nn.Module):
    def forward(self, x):
        return x * x


def test_without_a_second_derivative_gauss_newton_remains():
    model = settled(nn.Sequential(nn.Linear(4, 5), Squares(), nn.Linear(5, 3)))
    twin = settled(nn.Sequential(nn.Linear(4, 5), PlainSquares(), nn.Linear(5, 3)))
    surface = LossSurface.of(model, vectors())
    with pytest.raises(ValueError, match=r"no second derivative here .*gauss_newton\(surface\)"):
        hessian(surface)
    truth = dense(gauss_newton(LossSurface.of(twin, vectors())))
    torch.testing.assert_close(dense(gauss_newton(surface)), truth, **CLOSE)


class Detached(torch.autograd.Function):
    """A square whose backward autograd cannot see through: it would take the slope for constant."""

    @staticmethod
    def forward(ctx, x):
        ctx.x = x.detach()
        return x * x

    @staticmethod
    def backward(ctx, slope):
        return 2 * ctx.x * slope


class Own(torch.autograd.Function):
    """A square whose backward is written in operations of torch."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, slope):
        return 2 * ctx.saved_tensors[0] * slope


class Applied(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function.apply(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_backward_that_autograd_cannot_see_through_is_found_out(dtype):
    def network(function):
        model = settled(nn.Sequential(nn.Linear(4, 5), Applied(function), nn.Linear(5, 3)))
        return LossSurface.of(model.to(dtype), vectors())

    with pytest.raises(ValueError, match=r"the backward of Detached is not implemented in"):
        hessian(network(Detached))
    truth = settled(nn.Sequential(nn.Linear(4, 5), PlainSquares(), nn.Linear(5, 3)))
    found = dense(hessian(network(Own)))
    close = CLOSE if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(found, dense(hessian(LossSurface.of(truth, vectors()))), **close)


def test_kinks_beside_a_function_of_ones_own_are_not_taken_for_its_fault():
    layers = [nn.Linear(4, 300), nn.ReLU(), nn.Linear(300, 300), nn.ReLU(), nn.Linear(300, 5)]
    for name in range(5):
        model = settled(nn.Sequential(*layers, Applied(Own), nn.Linear(5, 3)), f"init {name}")
        hessian(LossSurface.of(model, vectors()))


def rough(outputs, targets):
    return Once.apply(outputs - targets).sum(1).mean()


def test_an_objective_without_a_second_derivative_has_neither():
    own = Objective(
        name="rough",
        compute=lambda outputs, targets, reduction: rough(outputs, targets) * len(targets),
        judge=lambda outputs, targets: None,
        check_fit=lambda outputs, targets, width: None,
    )
    surface = LossSurface.of(mlp(), Split(draw(6, 4), draw(6, 3)), own)
    with pytest.raises(ValueError, match="no second derivative"):
        hessian(surface)
    with pytest.raises(ValueError, match="Gauss-Newton matrix has no products"):
        gauss_newton(surface)


def infinite(outputs, targets):
    return (outputs.sum() * 0 + 1) / 0


def steep(outputs, targets):
    return (outputs * 0).abs().sqrt().mean()


def test_what_is_not_finite_is_refused_in_a_sentence():
    split = vectors()
    nans = Split(split.inputs.masked_fill(split.inputs > 1, float("nan")), split.targets)
    with pytest.raises(ValueError, match="outputs must be finite"):
        LossSurface.of(mlp(), nans)
    with pytest.raises(ValueError, match="the loss must be finite, got inf"):
        LossSurface.of(mlp(), split, own_objective(infinite))
    with pytest.raises(ValueError, match="a product with the matrix must be finite"):
        dense(hessian(LossSurface.of(mlp(), split, own_objective(steep))))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk": 0}, "chunk must be a whole number, at least 1, got 0"),
        ({"objective": "hinge"}, "pass surfeit.core.hinge itself"),
        ({"split": draw(3, 4)}, "split must be a Split"),
        ({"mask": {"0.wight": torch.ones(5, 4, dtype=torch.bool)}}, "did you mean '0.weight'"),
        ({"model": nn.Softmax(1)}, "must have a parameter that is trained, but it has none"),
        ({"model": mlp().requires_grad_(False)}, "all are frozen: 0.weight"),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(options, message):
    given = {"model": mlp(), "split": vectors(), **options}
    with pytest.raises(ValueError, match=message):
        LossSurface.of(**given)


def test_dense_matrices_are_bounded():
    cpu = torch.device("cpu")
    identity = Operator(size=3001, product=lambda rows: rows, dtype=torch.float32, device=cpu)
    with pytest.raises(ValueError, match="at most 3,000 parameters, got 3,001"):
        dense(identity)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (torch.ones(2, 3), r"must be \[size, size\], got \[2, 3\]"),
        (torch.ones(2, 2).half(), "float32 or float64, got torch.float16"),
        (torch.tensor([[1.0, 2.0], [3.0, 1.0]]), "must be symmetric"),
    ],
)
def test_a_matrix_that_is_no_operator_says_why(matrix, message):
    with pytest.raises(ValueError, match=message):
        Operator.of_matrix(matrix)


def test_vectors_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"vectors must be \[k, 2\], got \[1, 3\]"):
        Operator.of_matrix(torch.eye(2)).times(torch.ones(1, 3))
