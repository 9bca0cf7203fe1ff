"""Forward passes with other tensors, against the network that holds them."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from surfeit.core import Split, call, evaluate, fitting, load_, parameters, skeleton, ties

from .test_ties import TIED, chain, transposed


def grads_of(model: nn.Module, outputs: torch.Tensor) -> dict[str, torch.Tensor]:
    """The gradients of a loss by parameter, those of tied parameters added in the whole's axes."""
    every = dict(model.named_parameters())
    grads = torch.autograd.grad(outputs.square().sum(), list(every.values()))
    found = dict(zip(every, grads, strict=True))
    for name, tie in ties(model).items():
        if name in found:  # two objects: PyTorch holds a gradient for each
            found[tie.to] = found[tie.to] + tie.inverse(found.pop(name), every[tie.to].shape)
    return found


@pytest.mark.parametrize("build", TIED)
@pytest.mark.parametrize("structure", [skeleton, lambda model: model], ids=["meta", "own"])
def test_outputs_and_gradients_are_those_of_the_loaded_network(build, structure):
    model, other = build(), build()
    inputs = torch.randn(3, 3, 1, 3) if isinstance(model[0], nn.Conv2d) else torch.randn(3, 4)
    if isinstance(model[0], nn.Conv2d):
        model, other = (nn.Sequential(*one[:2], nn.Flatten(2), one[2]) for one in (model, other))
    tensors = {name: torch.randn_like(value) for name, value in parameters(model).items()}
    load_(other, tensors)
    before = parameters(model)
    leaves = {name: value.clone().requires_grad_() for name, value in tensors.items()}
    outputs = call(structure(model), leaves, inputs)
    assert torch.equal(outputs, other(inputs))
    grads = torch.autograd.grad(outputs.square().sum(), list(leaves.values()))
    expected = grads_of(other, other(inputs))
    for name, grad in zip(leaves, grads, strict=True):
        assert torch.allclose(grad, expected[name], atol=1e-5)
    assert all(torch.equal(before[name], value) for name, value in parameters(model).items())


def test_without_ties_it_is_a_functional_call():
    model, x = chain(), torch.randn(2, 4)
    tensors = {name: torch.randn_like(value) for name, value in parameters(model).items()}
    assert torch.equal(call(model, tensors, x), functional_call(model, tensors, (x,)))
    assert torch.equal(
        call(model, {"0.bias": tensors["0.bias"]}, x),
        functional_call(model, {"0.bias": tensors["0.bias"]}, (x,)),
    )


def test_a_module_at_two_places_has_its_own_weights_back():
    layer = nn.Linear(4, 4)
    model, own = nn.Sequential(nn.Flatten(), layer, nn.ReLU(), layer), layer.weight
    images, labels = torch.randn(6, 4), torch.randint(0, 4, (6,))
    tensors = {"1.weight": torch.zeros(4, 4), "1.bias": torch.zeros(4)}
    assert torch.equal(call(model, tensors, images), torch.zeros(6, 4))
    evaluate(model, tensors, Split(images[:, None, None], labels))
    assert layer.weight is own


def test_one_name_of_a_tied_parameter_stands_for_all():
    model, x = transposed(), torch.randn(2, 4)
    whole = torch.randn(6, 4)
    by_alias = call(model, {"2.weight": whole.T.contiguous()}, x)
    assert torch.allclose(by_alias, call(model, {"0.weight": whole}, x), atol=1e-6)
    both = call(model, {"0.weight": whole, "2.weight": whole.T.clone()}, x)
    assert torch.allclose(by_alias, both, atol=1e-6)
    with pytest.raises(ValueError, match=r"2.weight and 0.weight are one parameter of the network"):
        call(model, {"0.weight": whole, "2.weight": whole.T + 1}, x)


class Counting(nn.Module):
    """Puts another tensor in a buffer's place."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))
        self.one, self.two = nn.Linear(2, 2), nn.Linear(2, 2)
        self.two.weight = self.one.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count = self.count + 1
        return self.two(self.one(x))


def test_what_the_network_puts_in_a_buffers_place_is_in_the_dict():
    model = Counting()
    tensors = parameters(model) | {"count": torch.zeros(())}
    names = set(tensors)
    call(model, tensors, torch.randn(1, 2))
    assert tensors["count"] == 1
    assert model.count == 0
    assert set(tensors) == names


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_inputs_are_copied_into_the_networks_precision(dtype):
    given = torch.tensor([[-1.0, 2.0]])
    network = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(2, 1)).to(dtype)
    found = fitting(network, given)
    assert found.dtype == dtype
    network[0](found)
    assert given.tolist() == [[-1.0, 2.0]]


def test_inputs_that_are_no_real_numbers_and_networks_without_weights_keep_them():
    tokens = torch.arange(3)
    for network in (nn.Embedding(3, 2).double(), nn.Flatten()):
        found = fitting(network, tokens)
        assert torch.equal(found, tokens)
        assert found.data_ptr() != tokens.data_ptr()
