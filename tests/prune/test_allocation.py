"""Masks from scores: how many, which, ties and nesting, as properties over drawn shapes."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from surfeit.core import CollapseError
from surfeit.prune import (
    ALLOCATIONS,
    check_nested,
    densities,
    erk_mask,
    full_mask,
    global_mask,
    layer_rates,
    layerwise_mask,
    level_densities,
    n_of_m_mask,
    uniform_mask,
)
from surfeit.prune import density as density_of
from surfeit.prune.checks import check_alive

QUIETLY = settings(max_examples=40, deadline=None)
DENSITIES = st.floats(0.02, 1.0)
MATRICES = st.tuples(st.integers(2, 9), st.integers(2, 12))
KERNELS = st.tuples(st.integers(2, 5), st.integers(1, 6), st.just(3), st.just(3))
SHAPES = st.lists(MATRICES | KERNELS, min_size=1, max_size=4)
SEEDS = st.integers(0, 10_000)
BY_DENSITY = pytest.mark.parametrize("allocate", ALLOCATIONS.values(), ids=ALLOCATIONS.keys())


def distinct(shapes, seed):
    """Scores of which no two are equal, in any order."""
    sizes = [math.prod(shape) for shape in shapes]
    generator = torch.Generator().manual_seed(seed)
    parts = torch.randperm(sum(sizes), generator=generator).float().split(sizes)
    return {f"l{i}.weight": p.view(s) for i, (p, s) in enumerate(zip(parts, shapes, strict=True))}


def coarse(shapes, seed):
    """Scores with many ties: 0, 1 or 2."""
    return {name: score.remainder(3) for name, score in distinct(shapes, seed).items()}


def size(scores):
    return sum(score.numel() for score in scores.values())


def count(mask):
    return sum(int(kept.sum()) for kept in mask.values())


def masked_or_collapse(allocate, *args, **kwargs):
    """The mask; a draw in which a layer would be emptied is none to test."""
    try:
        return allocate(*args, **kwargs)
    except CollapseError:
        assume(False)


@BY_DENSITY
@QUIETLY
@given(shapes=SHAPES, density=DENSITIES, seed=SEEDS)
def test_mask_keeps_the_count_asked_for_overall(allocate, shapes, density, seed):
    scores = coarse(shapes, seed)
    mask = masked_or_collapse(allocate, scores, density)
    assert count(mask) == round(density * size(scores))
    check_alive(mask)


@BY_DENSITY
@QUIETLY
@given(shapes=SHAPES, density=DENSITIES, smaller=st.floats(0.1, 1.0), seed=SEEDS)
def test_mask_is_nested_in_the_one_given(allocate, shapes, density, smaller, seed):
    outer = masked_or_collapse(allocate, distinct(shapes, seed), density)
    # Other scores than the outer mask's: by the same ones it would be nested by itself.
    other = distinct(shapes, seed + 1)
    inner = masked_or_collapse(allocate, other, density * smaller, mask=outer)
    check_nested(inner, outer)
    assert count(inner) == round(density * smaller * size(other))


@QUIETLY
@given(shapes=SHAPES, density=DENSITIES, seed=SEEDS)
def test_global_mask_keeps_no_score_below_one_it_removes(shapes, density, seed):
    scores = distinct(shapes, seed)
    mask = masked_or_collapse(global_mask, scores, density)
    threshold = size(scores) - round(density * size(scores))
    assert all(torch.equal(mask[name], score >= threshold) for name, score in scores.items())


@QUIETLY
@given(shapes=SHAPES, seed=SEEDS, data=st.data())
def test_layerwise_mask_keeps_the_count_of_each_parameter(shapes, seed, data):
    scores = distinct(shapes, seed)
    wanted = {name: data.draw(st.floats(0.3, 1.0)) for name in scores}
    mask = layerwise_mask(scores, wanted)
    for name, score in scores.items():
        kept = round(wanted[name] * score.numel())
        assert int(mask[name].sum()) == kept
        assert set(score[mask[name]].tolist()) == set(score.flatten().topk(kept).values.tolist())


@QUIETLY
@given(shapes=SHAPES, density=DENSITIES, seed=SEEDS)
def test_uniform_mask_is_within_one_weight_everywhere(shapes, density, seed):
    scores = coarse(shapes, seed)
    mask = masked_or_collapse(uniform_mask, scores, density)
    for name, kept in mask.items():
        assert abs(int(kept.sum()) - density * scores[name].numel()) <= 1 + 1e-9


@QUIETLY
@given(shapes=SHAPES, density=DENSITIES, seed=SEEDS)
def test_erk_mask_is_within_one_weight_of_its_formula(shapes, density, seed):
    scores = distinct(shapes, seed)
    mask = masked_or_collapse(erk_mask, scores, density)

    def shares(scale):
        return [min(scale * sum(shape), math.prod(shape)) for shape in shapes]

    low, high = 0.0, float(max(map(math.prod, shapes)))
    for _ in range(200):  # bisection for ε
        middle = (low + high) / 2
        low, high = (
            (middle, high) if sum(shares(middle)) < density * size(scores) else (low, middle)
        )
    for kept, share in zip(mask.values(), shares(high), strict=True):
        assert abs(int(kept.sum()) - share) <= 1 + 1e-6


def test_erk_mask_has_the_densities_of_the_paper():
    scores = {"conv.weight": torch.rand(64, 32, 3, 3), "fc.weight": torch.rand(100, 300)}
    found = densities(erk_mask(scores, 0.1))
    raw = [(64 + 32 + 3 + 3) / (64 * 32 * 9), (100 + 300) / (100 * 300)]
    assert found["conv.weight"] / found["fc.weight"] == pytest.approx(raw[0] / raw[1], rel=1e-3)


def test_erk_mask_keeps_a_small_layer_whole_and_passes_the_rest_on():
    scores = {"a.weight": torch.rand(100, 100), "out.weight": torch.rand(2, 3)}
    mask = erk_mask(scores, 0.5)
    assert bool(mask["out.weight"].all())
    assert count(mask) == 5003


@BY_DENSITY
@QUIETLY
@given(shapes=SHAPES, density=DENSITIES, seed=SEEDS)
def test_permuting_units_permutes_the_mask(allocate, shapes, density, seed):
    scores = distinct(shapes, seed)
    generator = torch.Generator().manual_seed(seed)
    orders = {name: torch.randperm(len(s), generator=generator) for name, s in scores.items()}
    mask = masked_or_collapse(allocate, scores, density)
    permuted = allocate({name: scores[name][order] for name, order in orders.items()}, density)
    assert all(torch.equal(permuted[name], mask[name][order]) for name, order in orders.items())


@BY_DENSITY
@QUIETLY
@given(shapes=SHAPES, density=DENSITIES, seed=SEEDS)
def test_of_equal_scores_the_first_are_kept(allocate, shapes, density, seed):
    scores = coarse(shapes, seed)
    mask = masked_or_collapse(allocate, scores, density)
    for name, kept in mask.items():
        for value in scores[name].unique():
            places = kept[scores[name] == value].int()
            assert bool((places.diff() <= 0).all())  # kept ones, then removed ones


def test_global_mask_keeps_the_first_parameters_of_equal_scores():
    scores = {"a.weight": torch.tensor([[3.0, 1.0], [1.0, 1.0]]), "b.weight": torch.ones(1, 2)}
    scores["b.weight"][0, 1] = 2
    mask = global_mask(scores, 4 / 6)
    assert mask["a.weight"].tolist() == [[True, True], [True, False]]
    assert mask["b.weight"].tolist() == [[False, True]]


@BY_DENSITY
def test_all_equal_scores_give_the_count_asked_for(allocate):
    scores = {"a.weight": torch.zeros(10, 10)}
    mask = allocate(scores, 0.25)
    assert mask["a.weight"].flatten().tolist() == [True] * 25 + [False] * 75


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_scores_of_any_real_dtype_work(dtype):
    score = torch.tensor([[4, 3, 2, 1]]).to(dtype)
    assert global_mask({"a.weight": score}, 0.5)["a.weight"].tolist() == [
        [True, True, False, False]
    ]


def test_scores_may_be_infinite_and_still_need_gradients():
    score = torch.tensor([[math.inf, 0.0, -math.inf, 1.0]], requires_grad=True)
    mask = global_mask({"a.weight": score}, 0.5)
    assert mask["a.weight"].tolist() == [[True, False, False, True]]
    assert not mask["a.weight"].requires_grad


@pytest.mark.parametrize("allocate", [global_mask, uniform_mask, erk_mask])
def test_density_one_keeps_all(allocate):
    scores = distinct([(3, 5), (2, 7), (4, 2, 3, 3)], 0)
    assert density_of(allocate(scores, 1.0)) == 1


def holder(shape, transposed=False):
    """A network whose layer "l0" has a weight of this shape."""
    with torch.device("meta"):
        if len(shape) == 2:
            layer = nn.Linear(shape[1], shape[0])
        else:
            kind = nn.ConvTranspose2d if transposed else nn.Conv2d
            inputs, units = (shape[:2]) if transposed else (shape[1], shape[0])
            layer = kind(inputs, units, shape[2:])
    return nn.ModuleDict({"l0": layer})


def test_n_of_m_mask_goes_along_the_inputs_of_a_transposed_convolution():
    score = torch.rand(8, 4, 3, 3)
    mask = n_of_m_mask({"l0.weight": score}, 2, 4, model=holder((8, 4, 3, 3), transposed=True))
    assert mask["l0.weight"].unflatten(0, (2, 4)).sum(1).unique().tolist() == [2]
    with pytest.raises(ValueError, match="pass the model"):
        n_of_m_mask({"l0.weight": score}, 2, 4)


@QUIETLY
@given(shape=MATRICES | KERNELS, m=st.integers(1, 6), seed=SEEDS, data=st.data())
def test_n_of_m_mask_keeps_exactly_the_n_largest_of_each_group(shape, m, seed, data):
    n = data.draw(st.integers(1, m))
    score = distinct([shape], seed)["l0.weight"]
    mask = n_of_m_mask({"l0.weight": score}, n, m, model=holder(shape))["l0.weight"]
    values, kept = score.movedim(1, -1).flatten(0, -2), mask.movedim(1, -1).flatten(0, -2)
    for row in range(len(values)):
        for start in range(0, shape[1], m):
            group = values[row, start : start + m]
            best = group.topk(min(n, len(group))).values
            assert set(group[kept[row, start : start + m]].tolist()) == set(best.tolist())


def test_n_of_m_mask_keeps_the_first_of_equal_scores():
    mask = n_of_m_mask({"a.weight": torch.ones(1, 8)}, 2, 4)
    assert mask["a.weight"].tolist() == [[True, True, False, False] * 2]


@QUIETLY
@given(shape=MATRICES, seed=SEEDS)
def test_n_of_m_mask_stays_within_a_mask_whatever_the_scores(shape, seed):
    outer = distinct([shape], seed)["l0.weight"].remainder(3) > 0
    assume(bool(outer.any()))
    score = torch.where(outer, -torch.inf, 1.0)  # the removed ones have the larger scores
    mask = n_of_m_mask({"l0.weight": score}, 2, 4, mask={"l0.weight": outer})["l0.weight"]
    for start in range(0, shape[1], 4):
        survivors = outer[:, start : start + 4].sum(1)
        assert mask[:, start : start + 4].sum(1).equal(survivors.clamp(max=2))
    check_nested({"l0.weight": mask}, {"l0.weight": outer})


@QUIETLY
@given(shapes=SHAPES, seed=SEEDS, rate=st.floats(0.0, 0.5), levels=st.integers(1, 6))
def test_level_densities_remove_the_rate_of_what_survives(shapes, seed, rate, levels):
    scores = distinct(shapes, seed)
    mask = {name: torch.ones_like(score, dtype=torch.bool) for name, score in scores.items()}
    for level in range(levels):
        before = {name: int(kept.sum()) for name, kept in mask.items()}
        wanted = masked_or_collapse(level_densities, mask, dict.fromkeys(mask, rate))
        inner = layerwise_mask(distinct(shapes, seed + level), wanted, mask=mask)
        check_nested(inner, mask)
        assert {n: int(kept.sum()) for n, kept in inner.items()} == {
            name: round((1 - rate) * survivors) for name, survivors in before.items()
        }
        mask = inner


def test_layer_rates_halve_the_output_layers_and_single_out_convolutions():
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3),
        torch.nn.BatchNorm2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 4),
        torch.nn.Linear(4, 3),
    )
    expected = {"0.weight": 0.2, "3.weight": 0.2, "4.weight": 0.1}
    assert layer_rates(model) == expected
    assert layer_rates(model, 0.2, conv_rate=0.15, output_rate=0.05) == {
        "0.weight": 0.15,
        "3.weight": 0.2,
        "4.weight": 0.05,
    }
    assert list(full_mask(model)) == list(expected)
