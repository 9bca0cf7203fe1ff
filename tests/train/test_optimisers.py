"""Optimisers bit for bit against torch's own classes; L1 and clipping by hand."""

import pytest
import torch

from surfeit.core import Streams
from surfeit.train import Recipe
from surfeit.train.optimisers import Optimiser

SHAPES = {"a.weight": (7, 5), "a.bias": (7,), "c.weight": (3, 2, 3, 3)}


def params(dtype=torch.float32):
    generator = Streams(0).get("p")
    return {n: torch.randn(s, generator=generator).to(dtype) for n, s in SHAPES.items()}


def grads(step, dtype=torch.float32):
    generator = Streams(step).get("g")
    return [torch.randn(s, generator=generator).to(dtype) for s in SHAPES.values()]


def theirs(recipe, weights):
    common = {"lr": recipe.lr, "weight_decay": recipe.weight_decay}
    if recipe.optimizer == "sgd":
        momentum = {"momentum": recipe.momentum, "nesterov": recipe.nesterov}
        return torch.optim.SGD(weights, fused=True, **momentum, **common)
    common["eps"] = recipe.epsilon
    if recipe.optimizer == "adagrad":
        return torch.optim.Adagrad(weights, foreach=True, **common)
    if recipe.optimizer == "rmsprop":
        options = {"alpha": recipe.alpha, "momentum": recipe.momentum}
        return torch.optim.RMSprop(weights, foreach=True, **options, **common)
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(weights, betas=(recipe.beta1, recipe.beta2), fused=True, **common)


RECIPES = [
    Recipe(lr=0.1),
    Recipe(lr=0.1, momentum=0.9),
    Recipe(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    Recipe(optimizer="adam", lr=0.01),
    Recipe(optimizer="adam", lr=0.01, weight_decay=0.1, beta1=0.8, beta2=0.9, epsilon=1e-3),
    Recipe(optimizer="adamw", lr=0.01, weight_decay=0.1),
    Recipe(optimizer="adagrad", lr=0.1, weight_decay=0.01),
    Recipe(optimizer="rmsprop", lr=0.01),
    Recipe(optimizer="rmsprop", lr=0.01, momentum=0.9, weight_decay=0.01, alpha=0.9),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: f"{r.optimizer} {r.momentum}")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_optimiser_is_torchs_own_bit_for_bit(recipe, dtype):
    ours, weights = params(dtype), list(params(dtype).values())
    optimiser, other = Optimiser(recipe, ours), theirs(recipe, weights)
    for step in range(6):
        for weight, grad in zip(weights, grads(step, dtype), strict=True):
            weight.grad = grad
        lr = recipe.lr / (step + 1)
        other.param_groups[0]["lr"] = lr
        other.step()
        optimiser.step_(grads(step, dtype), lr)
        if step == 2:  # its state taken up by another one goes on the same
            state = {name: value.clone() for name, value in optimiser.state().items()}
            optimiser = Optimiser(recipe, ours)
            optimiser.load_(state)
    for mine, weight in zip(ours.values(), weights, strict=True):
        assert torch.equal(mine, weight)


def test_l1_pulls_weights_and_not_biases():
    ours, before = params(), params()
    Optimiser(Recipe(lr=0.1, l1=0.5), ours).step_([torch.zeros(s) for s in SHAPES.values()], 0.1)
    for name, value in ours.items():
        pull = 0.0 if name.endswith("bias") else 0.5
        assert torch.allclose(value, before[name] - 0.1 * pull * before[name].sign())


@pytest.mark.parametrize(("largest", "scaled"), [(0.5, True), (1e3, False)])
def test_clipping_scales_all_gradients_by_one_factor(largest, scaled):
    ours, before = params(torch.float64), params(torch.float64)
    given = grads(0, torch.float64)
    Optimiser(Recipe(clip_norm=largest), ours).step_(given, 0.1)
    total = sum((grad**2).sum() for grad in grads(0, torch.float64)) ** 0.5
    factor = largest / total if scaled else 1.0
    for grad, (name, value) in zip(grads(0, torch.float64), ours.items(), strict=True):
        assert torch.allclose(value, before[name] - 0.1 * factor * grad, rtol=1e-5)


def test_gradients_that_are_one_tensor_are_scaled_once():
    shared = torch.full((2, 2), 3.0)
    ours = {"a": torch.zeros(2, 2), "b": torch.zeros(2, 2)}
    Optimiser(Recipe(clip_norm=1.0, l1=0.5), ours).step_([shared, shared], 1.0)
    assert torch.allclose(torch.stack(list(ours.values())).norm(), torch.tensor(1.0))
    assert torch.equal(shared, torch.full((2, 2), 3.0))


def first_update(recipe, weight, grad):
    """The weight after one update from fresh moments, by the equations of the sources."""
    decay = recipe.weight_decay
    if recipe.optimizer == "adamw":
        return weight * (1 - recipe.lr * decay) - recipe.lr * grad / (grad.abs() + recipe.epsilon)
    grad = grad + decay * weight
    if recipe.optimizer == "sgd":
        return weight - recipe.lr * grad
    remembered = (1 - recipe.alpha) ** 0.5 if recipe.optimizer == "rmsprop" else 1.0
    return weight - recipe.lr * grad / (remembered * grad.abs() + recipe.epsilon)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "adagrad", "rmsprop"])
@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_weight_decay_is_what_its_description_says(optimizer, clip_norm):
    recipe = Recipe(optimizer=optimizer, lr=0.05, weight_decay=0.7, clip_norm=clip_norm)
    ours, before = params(torch.float64), params(torch.float64)
    given = grads(0, torch.float64)
    Optimiser(recipe, ours).step_(given, recipe.lr)
    total = sum((grad**2).sum() for grad in given) ** 0.5
    factor = 1.0 if clip_norm is None else clip_norm / (total + 1e-6)
    for grad, (name, value) in zip(given, ours.items(), strict=True):
        expected = first_update(recipe, before[name], factor * grad)
        assert torch.allclose(value, expected, rtol=1e-9, atol=1e-12)
