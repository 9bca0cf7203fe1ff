"""A random network pruned to a target: untouched weights, closed forms, and the promised errors."""

import copy
import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch import nn

from surfeit.core import Streams, digest, parameters
from surfeit.models import describe, is_rebuildable, mlp
from surfeit.procedures.supermasks.approximation import approximation_error, output_bound
from surfeit.procedures.supermasks.construction import construct
from surfeit.procedures.supermasks.paths import best_subset, miss_probability, nearest_pair


def stream(name="construction"):
    return Streams(0).get(name)


@pytest.fixture
def target():
    model = mlp((6, 5), input_shape=(1, 3, 3), classes=4, generator=stream("target")).double()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("bias"):
                value.normal_(0, 0.3, generator=stream(name))
    return model


@pytest.fixture
def images():
    return torch.randn(50, 1, 3, 3, generator=stream("images"), dtype=torch.float64)


def test_the_network_is_random_twice_as_deep_and_none_of_its_weights_is_changed(target):
    before = digest(parameters(target))
    found = construct(target, pairs=7, generator=stream())
    linear = [part for part in found.network if isinstance(part, nn.Linear)]
    assert len(linear) == 2 * 3
    assert is_rebuildable(describe(found.network))
    layers = [target.fc1, target.fc2, target.fc3]
    for inner, outer, one in zip(linear[::2], linear[1::2], layers, strict=True):
        largest = max(float(value.detach().abs().max()) for value in one.parameters())
        bound = (2 * largest) ** 0.5
        assert inner.weight.shape == (7 * (one.in_features + 1), one.in_features)
        assert outer.weight.shape == (one.out_features, len(inner.weight))
        assert outer.bias is None
        drawn = torch.cat([v.detach().flatten() for v in (inner.weight, inner.bias, outer.weight)])
        assert kstest(drawn / bound, "uniform", (-1, 2)).pvalue > 0.01
    weights = digest(parameters(found.network))
    found.pruned()
    assert digest(parameters(found.network)) == weights
    assert digest(parameters(target)) == before


def test_the_mask_is_bool_fits_the_network_and_keeps_one_input_a_unit(target):
    found = construct(target, pairs=7, generator=stream())
    own = dict(found.network.named_parameters())
    assert found.mask.keys() == own.keys()
    for name, kept in found.mask.items():
        assert kept.dtype == torch.bool
        assert kept.shape == own[name].shape
        if name.endswith("in.weight"):
            both = torch.cat([kept, found.mask[name.replace("weight", "bias")][:, None]], dim=1)
            assert both.sum(1).max() == 1


def test_the_pruned_network_is_the_random_one_with_zeros(target):
    found = construct(target, pairs=5, generator=stream())
    pruned = parameters(found.pruned())
    for name, value in parameters(found.network).items():
        torch.testing.assert_close(pruned[name], value * found.mask[name])


def test_the_error_falls_with_width(target, images):
    table = approximation_error(target, images, pairs=(4, 32, 256, 2048), seeds=(0, 1))
    for name in ("weight_error", "output_error", "mean_output_error", "output_bound"):
        errors = np.array(table[name].to_pylist()).reshape(2, 4)
        assert (np.diff(errors, axis=1) < 0).all()
    # The nearest of n products is at a distance of the order of 1 / n.
    errors = np.array(table["mean_output_error"].to_pylist()).reshape(2, 4).mean(0)
    assert errors[1] / errors[3] == pytest.approx(64, rel=0.75)
    assert table["agreement"].to_pylist()[3] > 0.95


def test_output_errors_keep_within_their_bound_at_every_image(target, images):
    for pairs in (3, 30, 300):
        found = construct(target, pairs=pairs, generator=stream())
        with torch.no_grad():
            difference = (found.pruned()(images) - target(images)).abs()
        bound = output_bound(target, found, images)
        assert (difference <= bound + 1e-12).all()
        assert (difference > bound / 100).any()


def test_the_bound_is_met_where_all_errors_point_one_way(target, images):
    """Positive weights and images, every weight too large by its error: nothing is lost."""
    found = construct(target, pairs=3, generator=stream())
    with torch.no_grad():
        for value in target.parameters():
            value.abs_()
        worse = copy.deepcopy(target)
        for name, errors in found.errors.items():
            worse.get_submodule(name).weight.add_(errors[:, :-1])
            worse.get_submodule(name).bias.add_(errors[:, -1])
        difference = worse(images.abs()) - target(images.abs())
    torch.testing.assert_close(output_bound(target, found, images.abs()), difference)


def test_a_target_with_modules_at_two_places_is_built_as_one_with_copies(target, images):
    relu, layer = nn.ReLU(), copy.deepcopy(target.fc2)
    square = nn.Linear(5, 5).double()
    reused = nn.Sequential(nn.Flatten(), target.fc1, relu, layer, relu, square, relu, square)
    apart = copy.deepcopy(reused)
    for place in (4, 6):
        apart[place] = nn.ReLU()
    apart[7] = copy.deepcopy(square)
    one, other = (construct(model, pairs=5, generator=stream()) for model in (reused, apart))
    assert torch.equal(one.pruned()(images), other.pruned()(images))
    assert len(one.errors) == 4


def test_path_errors_are_what_single_inputs_show():
    model = nn.Sequential(nn.Linear(4, 3)).double()
    with torch.no_grad():
        model[0].weight.normal_(generator=stream("w"))
        model[0].bias.normal_(generator=stream("b"))
    found = construct(model, pairs=20, generator=stream())
    pruned = found.pruned()
    with torch.no_grad():
        at_zero = pruned(torch.zeros(1, 4).double())[0]
        torch.testing.assert_close((at_zero - model[0].bias).abs(), found.errors["0"][:, -1])
        for place, sign in product(range(4), (1, -1)):
            one = torch.zeros(1, 4).double()
            one[0, place] = sign
            slope = (pruned(one)[0] - at_zero) * sign
            missed = (slope - model[0].weight[:, place]).abs()
            assert (missed <= found.errors["0"][:, place] + 1e-12).all()


def test_a_target_made_of_the_random_networks_own_products_is_met_exactly(images):
    """Each weight is planted as the product of one pair; wider layers have room for both signs."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 4)).double()
    with torch.no_grad():
        for value in model.parameters():
            value.fill_(0.5)
    random = construct(model, pairs=6, generator=stream(), bound=1.0).network
    u, v = random[1].weight.detach(), random[3].weight.detach().view(4, 10, 6)
    rows = torch.arange(9).repeat_interleave(6)
    own = u[torch.arange(54), rows].view(9, 6)
    place = (own > 0).int().argmax(1)
    planted = (
        own.gather(1, place[:, None])[:, 0]
        * v[:, :9].gather(2, place.expand(4, 9)[..., None])[..., 0]
    )
    with torch.no_grad():
        model[1].weight.copy_(planted)
        model[1].bias.zero_()
    found = construct(model, pairs=6, generator=stream(), bound=1.0)
    assert digest(parameters(found.network)) == digest(parameters(random))
    positive = images.abs()
    with torch.no_grad():
        torch.testing.assert_close(found.pruned()(positive), model(positive), rtol=0, atol=1e-14)
        assert (found.pruned()(-positive) - model(-positive)).abs().max() > 1e-3


@pytest.mark.parametrize("choose", [nearest_pair, best_subset])
def test_an_exact_planted_pair_is_chosen(choose):
    products = torch.tensor([[0.3, -0.7, 0.25, 0.0], [0.9, -2.0, 1.5, 0.8]])
    wanted = torch.tensor([0.25, -2.0])
    expected = [[False, False, True, False], [False, True, False, False]]
    assert choose(products, wanted).tolist() == expected


@pytest.mark.parametrize("choose", [nearest_pair, best_subset])
def test_no_pair_is_kept_where_none_is_nearer(choose):
    products = torch.tensor([[0.3, -0.7, 0.0], [0.3, 0.7, 0.0]])
    assert not choose(products, torch.tensor([0.0, -5.0])).any()


def test_best_subset_is_the_best_of_all_and_better_than_the_nearest_pair():
    products = torch.rand(6, 5, 8, generator=stream(), dtype=torch.float64) * 2 - 1
    wanted = torch.rand(6, 5, generator=stream("w"), dtype=torch.float64) * 2 - 1

    def missed(kept):
        return ((products * kept).sum(-1) - wanted).abs()

    best = missed(best_subset(products, wanted))
    for place in ((0, 0), (3, 2), (5, 4)):
        sums = [products[place] @ torch.tensor(s).double() for s in product((0, 1), repeat=8)]
        least = min(abs(float(one - wanted[place])) for one in sums)
        assert float(best[place]) == pytest.approx(least)
    nearest = missed(nearest_pair(products, wanted))
    assert (best <= nearest + 1e-12).all()
    assert best.median() < nearest.median() / 5


def test_subsets_need_exponentially_fewer_pairs(target, images):
    subset = approximation_error(target, images, pairs=(14,), choose=best_subset)
    nearest = approximation_error(target, images, pairs=(14, 56), choose=nearest_pair)
    errors = nearest["mean_output_error"].to_pylist()
    assert subset["mean_output_error"][0].as_py() < errors[0]


def test_only_the_first_layer_needs_paths_for_negative_inputs(target):
    found = construct(target, pairs=60, generator=stream())
    for name, signed in (("fc1", True), ("fc2", False), ("fc3", False)):
        inner = found.network.get_submodule(f"{name}_in")
        kept = found.mask[f"{name}_in.weight"]
        assert bool((inner.weight[kept] < 0).any()) == signed
        assert (inner.bias[found.mask[f"{name}_in.bias"]] > 0).all()


def test_miss_probability_is_the_share_of_draws_that_miss():
    generator = stream("misses")
    for weight, tolerance, pairs, bound in (
        (0.3, 0.05, 10, 1.0),
        (-0.9, 0.1, 20, 1.0),
        (1.1, 0.2, 8, 1.3),
    ):
        u, v = ((2 * torch.rand(40_000, pairs, generator=generator) - 1) * bound for _ in range(2))
        missed = ((u <= 0) | ((u * v - weight).abs() > tolerance)).all(1).double()
        expected = miss_probability(weight, tolerance, pairs=pairs, bound=bound)
        assert float(missed.mean()) == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 40_000))
    assert miss_probability(0.04, 0.05, pairs=1) == 0
    assert miss_probability(5.0, 0.1, pairs=9) == 1


def test_weight_errors_are_as_rare_as_their_probability_says():
    model = nn.Sequential(nn.Linear(40, 30, bias=False)).double()
    with torch.no_grad():
        model[0].weight.fill_(0.4)
    found = construct(model, pairs=12, generator=stream(), bound=1.0)
    # Both paths of a weight must be near: two independent chances to miss. (Pairs share their u.)
    hit = float((found.errors["0"][:, :-1] <= 0.1).double().mean())
    assert hit == pytest.approx((1 - miss_probability(0.4, 0.1, pairs=12)) ** 2, abs=0.08)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: construct(t, pairs=0, generator=stream()), "pairs must be at least 1, got 0"),
        (lambda t: construct(t, pairs=1, generator=stream(), bound=0.0), "bound must be above 0"),
        (
            lambda t: construct(t[:-1], pairs=1, generator=stream()),
            "Flatten, Linear, ReLU, Linear, ReLU$",
        ),
        (
            lambda t: construct(nn.Linear(2, 2), pairs=1, generator=stream()),
            "got Linear of no layers",
        ),
        (
            lambda t: construct(
                nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2)),
                pairs=1,
                generator=stream(),
            ),
            "got Sequential of Linear, Tanh, Linear",
        ),
        (
            lambda t: approximation_error(t, torch.zeros(1, 1, 3, 3), pairs=()),
            "at least one number",
        ),
        (
            lambda t: approximation_error(
                t, torch.zeros(1, 1, 3, 3), pairs=(17,), choose=best_subset
            ),
            "at most 16 pairs can be tried, got 17",
        ),
        (lambda t: miss_probability(0.1, 0.0, pairs=1), "above 0 and pairs at least 1, got 0.0"),
    ],
)
def test_wrong_arguments_are_named(target, call, message):
    with pytest.raises(ValueError, match=message):
        call(target)


def test_a_target_that_is_not_finite_is_named(target):
    with torch.no_grad():
        target[1].weight[0, 0] = math.nan
    with pytest.raises(ValueError, match="the weights of fc1 must be finite"):
        construct(target, pairs=1, generator=stream())
