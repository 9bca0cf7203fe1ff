"""Layerwise OBS against least squares and explicit inverses."""

import pytest
import torch
from torch import nn

from surfeit.core import Split
from surfeit.prune.scores import Evidence, obs, obs_update

TINY = 1e-9  # damping that changes nothing here


def close(a, b, tolerance=1e-6):
    return torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance)


def rows_of(layer, x):
    """What each unit of a layer reads, [samples, inputs], by torch's own im2col."""
    if isinstance(layer, nn.Linear):
        return [x]
    channels = x.chunk(layer.groups, dim=1)
    fold = {"padding": layer.padding, "stride": layer.stride, "dilation": layer.dilation}
    return [
        nn.functional.unfold(part, layer.kernel_size, **fold).transpose(1, 2).flatten(0, 1)
        for part in channels
    ]


def inputs_of(model, x):
    """Each layer's input, by plain forward passes."""
    found, model = {}, model.eval()
    for name, module in model.named_children():
        if isinstance(module, nn.Linear | nn.Conv2d):
            found[name] = (module, x)
        x = module(x)
    return found


def least_cost(X, w, kept, q, images):
    """The least mean ½‖Δy‖² over all changes of the kept weights that make weight q zero."""
    others = [i for i in range(len(w)) if kept[i] and i != q]
    lost = X[:, q] * w[q]
    if others:
        change = torch.linalg.lstsq(X[:, others], lost[:, None]).solution[:, 0]
        lost = lost - X[:, others] @ change
    return lost.square().sum() / (2 * images)


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
@pytest.mark.parametrize("masked", [False, True])
def test_obs_is_the_least_cost_of_a_removal(build, images, some_mask, kind, masked):
    model, split = build(kind, nn.Tanh), images(kind, 60)
    mask = some_mask(model) if masked else {}
    with torch.no_grad():
        for name, kept in mask.items():
            model.get_parameter(name).mul_(kept)
    found = obs(Evidence(model, split=split, mask=mask or None, batch_size=7), damping=TINY)
    for name, (layer, x) in inputs_of(model, split.images).items():
        W = layer.weight.detach().flatten(1)
        kept = mask.get(f"{name}.weight", torch.ones_like(W, dtype=torch.bool)).flatten(1)
        groups = rows_of(layer, x.detach())
        per_group = len(W) // len(groups)
        for unit, w in enumerate(W):
            X = groups[unit // per_group]
            costs = [least_cost(X, w, kept[unit], q, len(split)) for q in range(len(w))]
            assert close(found[f"{name}.weight"].flatten(1)[unit], torch.stack(costs))


def test_obs_is_the_formula_with_the_explicit_inverse(build, images):
    model, split = build(), images("dense", 30)
    found = obs(Evidence(model, split=split), damping=0.01)["fc1.weight"]
    X = split.images.flatten(1)
    psi = X.T @ X / 30
    psi += 0.01 * psi.diagonal().mean() * torch.eye(8).double()
    expected = model.fc1.weight.detach().square() / (2 * torch.linalg.inv(psi).diagonal())
    assert close(found, expected, 1e-12)


def test_obs_of_independent_inputs_is_magnitude_times_their_power():
    x = torch.diag(torch.tensor([1.0, 2.0, 0.0, 4.0])).double()
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    split = Split(x.view(4, 1, 2, 2), torch.zeros(4, dtype=torch.int64))
    found = obs(Evidence(model, split=split), damping=1e-12)["1.weight"]
    power = torch.tensor([1.0, 4.0, 0.0, 16.0]).double() / 4
    assert close(found, model[1].weight.detach().square() * power / 2, 1e-9)


def test_obs_of_a_repeated_input_is_next_to_nothing():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 4, generator=generator).double()
    x[:, 3] = x[:, 2]
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    nn.init.ones_(model[1].weight)
    split = Split(x.view(50, 1, 2, 2), torch.zeros(50, dtype=torch.int64))
    found = obs(Evidence(model, split=split))["1.weight"]
    assert (found[:, 2:] < 1e-3 * found[:, :2].min()).all()


def test_obs_of_dead_inputs_is_zero():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    split = Split(torch.zeros(5, 1, 2, 2), torch.zeros(5, dtype=torch.int64))
    assert not obs(Evidence(model, split=split))["1.weight"].any()
    mask = {"1.weight": torch.tensor([[True, False, True, True], [False] * 4])}
    new = obs_update(Evidence(model, split=split), mask)["1.weight"]
    assert torch.equal(new, torch.where(mask["1.weight"], model[1].weight.detach(), 0.0))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
        nn.Conv2d(2, 4, 3, padding="same", groups=2),
        nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular"),
    ],
)
def test_obs_reads_what_any_convolution_reads(layer):
    # Half the mean squared change of the output is ½ tr(ΔW Ψ ΔWᵀ), whatever the convolution.
    from surfeit.prune.scores.inputs import second_moments

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(9, 2, 6, 6, generator=generator).double()
    model = nn.Sequential(layer, nn.Flatten(), nn.LazyLinear(2)).double()
    model(x)
    evidence = Evidence(model, split=Split(x, torch.zeros(9, dtype=torch.int64)), batch_size=4)
    psi = second_moments(evidence)["0"]
    W = layer.weight.detach().flatten(1).unflatten(0, (layer.groups, -1))
    y = layer(x) - layer.bias.view(-1, 1, 1)
    assert close(torch.einsum("gui,gij,guj->", W, psi, W), y.square().sum() / 9, 1e-10)


def test_obs_update_is_the_least_squares_fit_of_the_kept_weights(build, images, some_mask):
    model, split = build(), images("dense", 40)
    mask = some_mask(model)
    found = obs_update(Evidence(model, split=split), mask, damping=TINY)["fc1.weight"]
    X, W, kept = split.images.flatten(1), model.fc1.weight.detach(), mask["fc1.weight"]
    for unit in range(len(W)):
        fit = torch.linalg.lstsq(X[:, kept[unit]], (X @ W[unit])[:, None]).solution[:, 0]
        assert close(found[unit, kept[unit]], fit)
    assert not found[~kept].any()
    change = X @ (found - W).T
    assert change.square().sum() < (X @ (W * ~kept).T).square().sum()


def test_obs_update_of_one_weight_costs_its_score(build, images):
    model, split = build(), images("dense", 40)
    evidence = Evidence(model, split=split)
    mask = {name: torch.ones_like(w, dtype=torch.bool) for name, w in evidence.weights.items()}
    mask["fc1.weight"][2, 5] = False
    change = obs_update(evidence, mask, damping=TINY)["fc1.weight"] - model.fc1.weight.detach()
    cost = (split.images.flatten(1) @ change.T).square().sum() / (2 * len(split))
    assert close(obs(evidence, damping=TINY)["fc1.weight"][2, 5], cost)


def test_obs_says_what_it_cannot_do(build, images):
    evidence = Evidence(build(), split=images())
    with pytest.raises(ValueError, match="damping must be > 0, got 0"):
        obs(evidence, damping=0)
    with pytest.raises(ValueError, match=r"the mask must name fc1\.weight, fc2"):
        obs_update(evidence, {"fc1.weight": torch.ones(5, 8, dtype=torch.bool)})
    mask = {"fc1.bias": torch.ones(5, dtype=torch.bool)}
    with pytest.raises(ValueError, match=r"obs scores weights of Linear.*not fc1\.bias"):
        obs(Evidence(build(), split=images(), mask=mask))
