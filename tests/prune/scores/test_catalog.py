"""What holds for every score: shapes, finite numbers, permutations of units, names."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from surfeit.core import Split, Streams, parameters
from surfeit.prune import CRITERIA, unit_score_named
from surfeit.prune.scores import (
    SCORES,
    Evidence,
    score_named,
)

from .rounding import EPS, ROUNDINGS, terms

ALL = [*SCORES.items(), *((name, one.scores) for name, one in CRITERIA.items())]


def network(seed):
    generator = Streams(seed).get("weights")
    model = nn.Sequential(
        *(nn.Conv2d(2, 4, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 3)),
    )
    for value in model.parameters():
        value.data = torch.randn(value.shape, generator=generator)
    return model.double()


def permuted(model, channels, units):
    """The same function with the units of its first two layers in another order."""
    other = network(0)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        for value in (*other[0].parameters(), *other[1].parameters()):
            value.copy_(value[channels].clone())
        columns = other[4].weight.unflatten(1, (4, 4))[:, channels].flatten(1)
        other[4].weight.copy_(columns[units])
        other[4].bias.copy_(other[4].bias[units].clone())
        other[6].weight.copy_(other[6].weight[:, units].clone())
    return other


def some_split(seed, count=12):
    generator = Streams(seed).get("images")
    images = torch.randn(count, 2, 3, 3, generator=generator, dtype=torch.float64)
    return Split(images, torch.randint(0, 3, (count,), generator=generator))


def reordered(tensor, name, channels, units):
    """A tensor by parameter or layer name, in the order of the permuted network's units."""
    layer = name.removesuffix(".weight")
    if layer == "0":
        return tensor[channels]
    if layer == "4":
        tensor = tensor[units]
        if tensor.dim() == 2:
            tensor = tensor.unflatten(1, (4, 4))[:, channels].flatten(1)
        return tensor
    return tensor[:, units] if tensor.dim() == 2 else tensor


@settings(max_examples=12, deadline=None)
@example(124, [0, 1, 3, 2], [0, 1, 2, 3, 4], False)  # one unit speaks: all correlations are 1
@given(st.integers(0, 1000), st.permutations(range(4)), st.permutations(range(5)), st.booleans())
def test_scores_move_with_the_units(seed, channels, units, masked):
    first = network(seed)
    second = permuted(first, channels, units)
    mask = None
    if masked:
        generator = Streams(seed).get("mask")
        mask = {
            name: torch.rand(value.shape, generator=generator) < 0.6
            for name, value in first.named_parameters()
            if name in ("0.weight", "4.weight", "6.weight")
        }
    moved = mask and {n: reordered(m, n, channels, units) for n, m in mask.items()}
    before = parameters(network(seed + 1))
    given_ = Evidence(first, initial=before, split=some_split(seed), mask=mask)
    initial = parameters(permuted(network(seed + 1), channels, units))
    then = Evidence(second, initial=initial, split=some_split(seed), mask=moved)
    for name, score in ALL:
        if name == "random":
            continue
        found, added = score(then), terms(name, given_)
        for where, value in score(given_).items():
            expected, size = (reordered(t, where, channels, units) for t in (value, added[where]))
            off = (found[where] - expected).abs()
            assert (off <= ROUNDINGS * EPS * size).all(), (name, where)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_rounding_may_do_is_little_beside_the_scores(seed):
    evidence = Evidence(
        network(seed), initial=parameters(network(seed + 1)), split=some_split(seed)
    )
    for name, score in ALL:
        if name == "random":
            continue
        added = terms(name, evidence)
        for where, value in score(evidence).items():
            assert ROUNDINGS * EPS * added[where].max() < 1e-5 * value.abs().max(), (name, where)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", SCORES)
def test_scores_are_finite_float64_and_shaped_like_the_weights(name, masked):
    model = network(0).float()
    mask = None
    if masked:  # a unit without any weights, and a layer with a single one
        mask = {"0.weight": torch.ones(4, 2, 2, 2), "6.weight": torch.zeros(3, 5)}
        mask = {key: value.bool() for key, value in mask.items()}
        mask["0.weight"][2] = False
        mask["6.weight"][1, 1] = True
    evidence = Evidence(
        model,
        initial=parameters(network(1)),
        split=some_split(0),
        mask=mask,
        generator=Streams(0).get("scores"),
    )
    found = SCORES[name](evidence)
    assert list(found) == ["0.weight", "4.weight", "6.weight"]
    for key, value in found.items():
        assert value.shape == evidence.weights[key].shape
        assert value.dtype == torch.float64
        assert bool(value.isfinite().all())
        assert not value.requires_grad


@pytest.mark.parametrize("name", CRITERIA)
def test_unit_scores_are_finite_float64_one_a_unit(name):
    mask = {"0.weight": torch.ones(4, 2, 2, 2, dtype=torch.bool)}
    mask["0.weight"][2] = False
    evidence = Evidence(
        network(0), split=some_split(0), mask=mask, generator=Streams(0).get("scores")
    )
    found = CRITERIA[name].scores(evidence)
    assert [(key, tuple(value.shape)) for key, value in found.items()] == [
        ("0", (4,)),
        ("4", (5,)),
        ("6", (3,)),
    ]
    for value in found.values():
        assert value.dtype == torch.float64
        assert bool(value.isfinite().all())
        assert not value.requires_grad


def test_scores_are_found_by_name_with_dashes_or_underscores():
    for name, score in SCORES.items():
        assert score_named(name) is score
        assert score_named(name.replace("_", "-")) is score
    assert unit_score_named("taylor-unit").criterion is CRITERIA["taylor_unit"]


def test_unknown_scores_get_the_nearest_suggested():
    with pytest.raises(ValueError, match="no score 'large-finale': did you mean 'large_final'"):
        score_named("large-finale")
    with pytest.raises(ValueError, match="no unit score 'filternorm': did you mean 'filter_norm'"):
        unit_score_named("filternorm")


def test_tables_of_scores_are_read_only():
    for table in (SCORES, CRITERIA):
        with pytest.raises(TypeError):
            table["mine"] = len


def test_scores_of_units_say_what_they_need():
    with pytest.raises(ValueError, match=r"'filter-norm' is a score of units: .* granularity"):
        score_named("filter-norm")
