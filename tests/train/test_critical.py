"""Critical weights: against a step done by hand, and within a training."""

import pytest
import torch
import torch.nn.functional as F
from tests.train.conftest import content, small

from surfeit.core import Streams
from surfeit.train import Recipe, train
from surfeit.train.masking import of_critical


def by_hand(params, grads, share):
    """Every weight by itself, in Python: is its product among the largest of all weights?"""
    products = [
        abs(w * g)
        for value, grad in zip(params, grads, strict=True)
        if value.dim() > 1
        for w, g in zip(value.flatten().tolist(), grad.flatten().tolist(), strict=True)
    ]
    least = sorted(products, reverse=True)[max(int(share * len(products)), 1) - 1]
    result = []
    for value, grad in zip(params, grads, strict=True):
        moved = grad.clone()
        for place in range(grad.numel() if value.dim() > 1 else 0):
            w, g = value.flatten()[place].item(), grad.flatten()[place].item()
            moved.view(-1)[place] = share * g if abs(w * g) >= least else 0.0
        result.append(moved)
    return result


def drawn(*shapes):
    generator = Streams(0).get("critical")
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.999])
def test_gradients_of_critical_weights_equal_a_step_by_hand(share):
    shapes = (5, 4), (5,), (3, 2, 2, 2), (3,)
    params, grads = drawn(*shapes, *shapes)[:4], drawn(*shapes, *shapes)[4:]
    found = of_critical(params, grads, share)
    for one, other in zip(found, by_hand(params, grads, share), strict=True):
        assert torch.equal(one, other)
    kept = sum(int((one != 0).sum()) for one in (found[0], found[2]))
    assert kept == max(int(share * 44), 1)


def test_all_weights_are_critical_at_a_share_of_one():
    params, grads = drawn((5, 4)), drawn((5, 4))
    assert of_critical(params, grads, 1.0) is grads


def test_gradients_are_left_as_they_are():
    params, grads = drawn((5, 4)), drawn((5, 4))
    before = grads[0].clone()
    of_critical(params, grads, 0.5)
    assert torch.equal(grads[0], before)


def test_a_training_moves_critical_weights_and_lets_the_others_decay(dataset, store):
    """A step of the whole training set, by autograd and by hand."""
    recipe = Recipe(
        lr=0.1, weight_decay=0.01, steps=1, batch_size=len(dataset.train), critical_share=0.6
    )
    run = train(small, dataset, recipe, store=store)
    network = run.model(0)
    order = torch.randperm(len(dataset.train), generator=Streams(0).get("order", 0))
    outputs = network(dataset.train.inputs[order])
    F.cross_entropy(outputs, dataset.train.labels[order]).backward()
    params = [value.detach() for value in network.parameters()]
    moved = by_hand(params, [value.grad for value in network.parameters()], 0.6)
    for (name, _), value, grad in zip(network.named_parameters(), params, moved, strict=True):
        expected = value - 0.1 * (grad + 0.01 * value)
        assert torch.allclose(run.tensors()[name], expected, atol=1e-6)
        still = (grad == 0) & (value != 0)
        if value.dim() > 1:  # the others only decay
            assert torch.allclose(run.tensors()[name][still], 0.999 * value[still], atol=1e-7)


def test_a_share_of_one_trains_as_without_but_under_its_own_key(dataset, store):
    plain = train(small, dataset, Recipe(lr=0.1, steps=12, batch_size=16), store=store)
    whole = train(
        small, dataset, Recipe(lr=0.1, steps=12, batch_size=16, critical_share=1.0), store=store
    )
    assert plain.key != whole.key
    assert content(plain) == content(whole)
