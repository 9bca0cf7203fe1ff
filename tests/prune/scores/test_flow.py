"""SynFlow against the sum over all paths, Tanaka's conservation law, and layer collapse."""

from itertools import product

import pytest
import torch
from torch import nn

from surfeit.core import CollapseError, Split, Streams
from surfeit.models import mlp
from surfeit.prune.scores import Evidence, synflow, synflow_mask


def split(*shape, dtype=torch.float32):
    return Split(torch.zeros(1, *shape, dtype=dtype), torch.zeros(1, dtype=torch.int64))


def largest(scores, density, *, mask=None):
    """The largest scores of all that the mask keeps; layers may become empty."""
    flat = torch.cat([value.flatten() for value in scores.values()])
    if mask is not None:
        flat = flat.masked_fill(~torch.cat([m.flatten() for m in mask.values()]), -1.0)
    kept = torch.zeros(len(flat), dtype=torch.bool)
    kept[flat.topk(round(density * len(flat))).indices] = True
    parts = kept.split([value.numel() for value in scores.values()])
    return {name: p.view_as(scores[name]) for name, p in zip(scores, parts, strict=True)}


@pytest.mark.parametrize("masked", [False, True])
def test_synflow_is_the_sum_over_all_paths_through_a_weight(build, some_mask, masked):
    mask = some_mask(build()) if masked else None
    evidence = Evidence(build(), split=split(2, 2, 2), mask=mask)
    A, B, C = (w.abs() for w in evidence.weights.values())
    expected = [torch.zeros_like(W) for W in (A, B, C)]
    for i, j, k, l in product(range(8), range(5), range(4), range(3)):
        path = A[j, i] * B[k, j] * C[l, k]
        expected[0][j, i] += path
        expected[1][k, j] += path
        expected[2][l, k] += path
    for found, wanted in zip(synflow(evidence).values(), expected, strict=True):
        assert torch.allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.PReLU])
@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_synflow_is_conserved_from_layer_to_layer(build, kind, activation):
    shape = (2, 2, 2) if kind == "dense" else (2, 4, 4)
    scores = synflow(Evidence(build(kind, activation), split=split(*shape)))
    sums = [float(value.sum()) for value in scores.values()]
    assert sums[0] > 0
    assert sums == pytest.approx([sums[0]] * 3, rel=1e-12)


def test_synflow_is_conserved_at_each_unit(build):
    scores = synflow(Evidence(build(), split=split(2, 2, 2)))
    entering, leaving = scores["fc1.weight"].sum(1), scores["fc2.weight"].sum(0)
    assert torch.allclose(entering, leaving, rtol=1e-12)


def test_synflow_of_equal_weights_depends_on_the_layer_alone():
    model = mlp((20, 5), input_shape=(1, 3, 3), classes=4)
    for value in model.parameters():
        value.data.fill_(-0.1)
    scores = synflow(Evidence(model, split=split(1, 3, 3)))
    flow = 9 * 20 * 5 * 4 * 0.1**3
    for value in scores.values():
        assert torch.allclose(value, torch.full_like(value, flow / value.numel()), rtol=1e-6)


def test_synflow_holds_many_layers_in_float64():
    # 40 layers of gain 10 and more overflow float32.
    model = nn.Sequential(nn.Flatten(), *(nn.Linear(64, 64, bias=False) for _ in range(40)))
    for layer in model[1:]:
        layer.weight.data.fill_(0.5)
    scores = synflow(Evidence(model, split=split(1, 8, 8)))
    sums = [float(value.sum()) for value in scores.values()]
    assert sums == pytest.approx([64.0 * 32.0**40] * 40, rel=1e-9)


def wide_and_narrow():
    """Each of the first layer's 40,000 weights carries little, so that one-shot empties it."""
    return mlp((100, 100), input_shape=(1, 20, 20), classes=10)


@pytest.mark.parametrize("density", [0.02, 0.005])
def test_iterated_synflow_leaves_no_layer_empty_where_one_shot_does(density):
    evidence = Evidence(wide_and_narrow(), split=split(1, 20, 20))
    once = synflow_mask(evidence, density, allocate=largest, rounds=1)
    assert min(int(kept.sum()) for kept in once.values()) == 0
    often = synflow_mask(evidence, density, allocate=largest, rounds=100)
    assert min(int(kept.sum()) for kept in often.values()) > 0
    total = sum(kept.numel() for kept in often.values())
    assert sum(int(kept.sum()) for kept in often.values()) == round(density * total)


def test_synflow_mask_follows_the_exponential_schedule_within_its_masks():
    model = wide_and_narrow()
    start = largest(synflow(Evidence(model, split=split(1, 20, 20))), 0.5)
    asked, masks = [], [start]

    def allocate(scores, density, *, mask):
        assert all(torch.equal(mask[name], masks[-1][name]) for name in mask)
        assert all(not scores[name][~mask[name]].any() for name in mask)
        asked.append(density)
        masks.append(largest(scores, density, mask=mask))
        return masks[-1]

    evidence = Evidence(model, split=split(1, 20, 20), mask=start)
    result = synflow_mask(evidence, 0.03, allocate=allocate, rounds=10)
    assert asked == pytest.approx([0.5 * (0.03 / 0.5) ** (k / 10) for k in range(1, 11)], rel=1e-3)
    assert asked[-1] == 0.03
    assert result is masks[-1]


def test_synflow_mask_scores_as_synflow_does(build, some_mask):
    model, seen = build("convolutional"), []
    mask = some_mask(model)

    def allocate(scores, density, *, mask):
        seen.append(scores)
        return mask

    evidence = Evidence(model, split=split(2, 4, 4), mask=mask)
    synflow_mask(evidence, 0.1, allocate=allocate, rounds=1)
    assert all(torch.equal(seen[0][name], value) for name, value in synflow(evidence).items())


def test_synflow_mask_works_with_the_global_allocation():
    evidence = Evidence(wide_and_narrow(), split=split(1, 20, 20))
    mask = synflow_mask(evidence, 0.02)
    assert sum(int(kept.sum()) for kept in mask.values()) == round(0.02 * 51_000)
    with pytest.raises(CollapseError):
        synflow_mask(evidence, 0.005, rounds=1)


@pytest.mark.parametrize("density", [0.0, -0.1, 0.500001, 2.0])
def test_synflow_mask_says_which_densities_it_can_reach(density):
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 4))
    mask = {"1.weight": torch.arange(16).view(4, 4) < 8}
    evidence = Evidence(model, split=split(1, 2, 2), mask=mask)
    with pytest.raises(ValueError, match=r"density must be in \(0, 0.5\]"):
        synflow_mask(evidence, density, allocate=largest)
    with pytest.raises(ValueError, match="rounds must be at least 1, got 0"):
        synflow_mask(evidence, 0.1, allocate=largest, rounds=0)


class Squashed(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return torch.tanh(self.fc(x.flatten(1)))


@pytest.mark.parametrize(
    "model",
    [
        Squashed(),
        nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2)),
        nn.Sequential(nn.Conv2d(1, 2, 1), nn.GroupNorm(1, 2)),
    ],
)
def test_synflow_says_where_the_network_stays_nonlinear(model):
    generator = Streams(0).get("weights")
    for value in model.parameters():
        value.data = torch.rand(value.shape, generator=generator) * 0.2
    model = nn.Sequential(model, nn.Flatten())
    with pytest.raises(ValueError, match="linear once its weights are positive"):
        synflow(Evidence(model, split=split(1, 2, 2)))


def test_synflow_sees_through_an_activation_that_is_used_twice():
    tanh = nn.Tanh()
    parts = (nn.Linear(4, 4), tanh, nn.Linear(4, 4), tanh, nn.Linear(4, 2))
    scores = synflow(Evidence(nn.Sequential(nn.Flatten(), *parts), split=split(1, 2, 2)))
    sums = [float(value.sum()) for value in scores.values()]
    assert sums == pytest.approx([sums[0]] * 3, rel=1e-9)


def test_synflow_says_where_the_flow_leaves_float64():
    model = nn.Sequential(nn.Flatten(), *(nn.Linear(4, 4) for _ in range(10))).double()
    for value in model.parameters():
        value.data.fill_(1e40)
    evidence = Evidence(model, split=split(1, 2, 2))
    with pytest.raises(ValueError, match="more than float64 holds"):
        synflow(evidence)
