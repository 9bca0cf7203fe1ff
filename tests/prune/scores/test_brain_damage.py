"""OBD against the dense Hessian's diagonal, the Gauss-Newton matrix and unit vectors' products."""

import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian

from surfeit.core import Split, Streams
from surfeit.prune.scores import Evidence, gauss_newton_diagonal, obd


def close(a, b, tolerance=1e-9):
    return torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.LeakyReLU])
def test_obd_is_half_the_hessian_diagonal_of_piecewise_linear_networks(
    build, images, loss_of, flat, kind, activation
):
    evidence = Evidence(build(kind, activation), split=images(kind), batch_size=3)
    loss, w = loss_of(build(kind, activation), images(kind), evidence.names)
    h = torch.autograd.functional.hessian(loss, w).diagonal()
    assert close(flat(gauss_newton_diagonal(evidence)), h)
    assert close(flat(obd(evidence)), h * w.square() / 2)


def test_obd_agrees_with_products_with_unit_vectors(build, images, flat):
    evidence = Evidence(build(), split=images())
    diagonal = {name: torch.zeros_like(w) for name, w in evidence.weights.items()}
    for name, h in diagonal.items():
        for place in range(h.numel()):
            e = {other: torch.zeros_like(w) for other, w in evidence.weights.items()}
            e[name].view(-1)[place] = 1.0
            h.view(-1)[place] = evidence.hessian_vector_product(e)[name].view(-1)[place]
    assert close(flat(gauss_newton_diagonal(evidence)), flat(diagonal))


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_diagonal_of_a_smooth_network_is_the_gauss_newton_matrix(build, images, flat, kind):
    model, split = build(kind, nn.Tanh).eval(), images(kind)
    evidence = Evidence(build(kind, nn.Tanh), split=split)
    expected = torch.zeros_like(flat(evidence.weights))
    for image in split.images:

        def outputs(*weights, image=image):
            tensors = dict(zip(evidence.names, weights, strict=True))
            return torch.func.functional_call(model, tensors, (image[None],))[0]

        parts = jacobian(outputs, tuple(evidence.weights.values()))
        J = torch.cat([part.flatten(1) for part in parts], dim=1)
        p = model(image[None])[0].softmax(0)
        expected += (J.T @ (torch.diag(p) - torch.outer(p, p)) @ J).diagonal() / len(split)
    assert close(flat(gauss_newton_diagonal(evidence)), expected)


def test_obd_of_a_linear_classifier_is_its_closed_form(build):
    # h of weight (c, i) is the mean of p_c (1 - p_c) x_i².
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False)).double()
    model[1].weight.data = torch.arange(8.0).view(2, 4).double() / 10
    x = torch.tensor([[1.0, 2.0, 0.0, -1.0], [0.5, 0.0, 0.0, 3.0]]).double()
    evidence = Evidence(model, split=Split(x.view(2, 1, 2, 2), torch.tensor([0, 1])))
    p = (x @ model[1].weight.T).softmax(1)
    h = ((p * (1 - p)).T @ x.square()).detach() / 2
    found = obd(evidence)["1.weight"]
    assert close(found, h * model[1].weight.detach().square() / 2, 1e-12)
    assert not found[:, 2].any()  # a pixel that is always dark


def test_obd_predicts_the_loss_of_a_removal_at_a_minimum():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(200, 3, generator=generator).double()
    labels = (x[:, 0] + 0.02 * x[:, 1] + torch.randn(200, generator=generator) > 0).long()
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2, bias=False)).double()

    def loss(w):
        return nn.functional.cross_entropy(x @ w.view(2, 3).T, labels)

    w = torch.zeros(6).double()
    for _ in range(8):  # Newton; both classes' weights may move together at no cost
        H, g = (f(loss, w) for f in (torch.autograd.functional.hessian, jacobian))
        w = w - torch.linalg.pinv(H) @ g
    model[1].weight.data = w.view(2, 3)
    scores = obd(Evidence(model, split=Split(x.view(200, 1, 1, 3), labels)))["1.weight"].flatten()
    smallest = int(w.abs().argmin())
    gone = w.clone()
    gone[smallest] = 0
    assert float(scores[smallest]) == pytest.approx(float(loss(gone) - loss(w)), rel=0.02)


def test_obd_is_independent_of_the_batch_size(build, images, flat):
    found = [
        flat(obd(Evidence(build("convolutional"), split=images("convolutional"), batch_size=size)))
        for size in (1, 3, 500)
    ]
    assert close(found[0], found[2], 1e-12)
    assert close(found[1], found[2], 1e-12)


def test_obd_of_removed_weights_is_zero(build, images, some_mask, flat):
    mask = some_mask(build())
    scores = flat(obd(Evidence(build(), split=images(), mask=mask)))
    assert not scores[~flat(mask)].any()
    assert scores[flat(mask)].any()


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.fc2(torch.relu_(self.fc1(x.flatten(1))))


def test_obd_sees_through_activations_in_place(images, flat, loss_of):
    model = InPlace().double()
    for value in model.parameters():
        draws = torch.randn(value.shape, generator=Streams(0).get("w"), dtype=torch.float64)
        value.data = draws
    evidence = Evidence(model, split=images())
    loss, w = loss_of(model, images(), evidence.names)
    h = torch.autograd.functional.hessian(loss, w).diagonal()
    assert close(flat(gauss_newton_diagonal(evidence)), h)


def test_obd_of_other_parameters_is_refused(build, images):
    mask = {"fc1.bias": torch.ones(5, dtype=torch.bool)}
    with pytest.raises(ValueError, match=r"obd scores weights of Linear.*not fc1\.bias"):
        obd(Evidence(build(), split=images(), mask=mask))
