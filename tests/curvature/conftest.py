"""What the tests of curvature share: small networks, and their Hessians by torch's own function."""

import torch
from torch import nn
from torch.func import functional_call

from surfeit.core import Split, Streams, differentiable


def draw(*shape, name="draw"):
    return torch.randn(*shape, generator=Streams(0).get(name), dtype=torch.float64)


def labels(n, classes, name="labels"):
    return torch.randint(0, classes, (n,), generator=Streams(0).get(name))


def settled(model, name="init"):
    """The network in float64, with drawn weights and statistics."""
    generator = Streams(0).get(name)
    model = model.double()
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(0.5 * torch.randn(value.shape, generator=generator, dtype=torch.float64))
        for value in model.buffers():
            if value.is_floating_point():
                value.copy_(0.5 + torch.rand(value.shape, generator=generator, dtype=torch.float64))
    return model


def mlp():
    return settled(nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)))


def vectors(n=17, classes=3):
    return Split(draw(n, 4, name="inputs"), labels(n, classes))


def function_of(model, split, objective):
    """The mean loss as a function of one vector, and the vector where the network is."""
    own = dict(model.named_parameters())
    sizes = [value.numel() for value in own.values()]

    def loss(vector):
        parts = vector.split(sizes)
        tensors = {
            name: part.view(value.shape)
            for (name, value), part in zip(own.items(), parts, strict=True)
        }
        outputs = functional_call(model, tensors, (split.inputs.clone(),))
        return objective.loss(outputs, split.targets)

    return loss, torch.cat([value.detach().reshape(-1) for value in own.values()])


def brute_force(model, split, objective):
    """The Hessian by `torch.autograd.functional.hessian`."""
    with differentiable(model):
        return torch.autograd.functional.hessian(*function_of(model.eval(), split, objective))
