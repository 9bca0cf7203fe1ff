"""What allocations refuse: densities, missing or undefined scores, emptied layers."""

import re

import pytest
import torch

from surfeit.core import CollapseError
from surfeit.prune import (
    ALLOCATIONS,
    allocation_named,
    global_mask,
    layer_rates,
    layerwise_mask,
    level_densities,
    n_of_m_mask,
    uniform_mask,
)

BY_DENSITY = pytest.mark.parametrize("allocate", ALLOCATIONS.values(), ids=ALLOCATIONS.keys())
SCORES = {
    "fc1.weight": torch.arange(100.0).view(10, 10) + 1,
    "fc2.weight": torch.arange(6.0).view(2, 3) / 10,
}


@BY_DENSITY
@pytest.mark.parametrize("density", [0, -0.1, 1.01, float("nan"), float("inf"), "0.5", None])
def test_density_outside_0_to_1_is_refused(allocate, density):
    with pytest.raises(ValueError, match=re.escape(f"density must be in (0, 1], got {density!r}")):
        allocate(SCORES, density)


def test_density_of_one_parameter_outside_0_to_1_is_named():
    with pytest.raises(ValueError, match=r"density must be in \(0, 1\], got 0 for 'fc2.weight'"):
        layerwise_mask(SCORES, {"fc1.weight": 0.5, "fc2.weight": 0})


def test_global_mask_that_would_empty_a_layer_names_it():
    with pytest.raises(CollapseError, match=r"layer 'fc2' would be left without weights.*6 of"):
        global_mask(SCORES, 0.5)


def test_global_mask_of_less_than_one_weight_is_a_collapse():
    with pytest.raises(CollapseError, match="fc1"):
        global_mask(SCORES, 1e-4)


def test_layerwise_mask_never_rounds_a_tiny_layer_to_zero():
    with pytest.raises(CollapseError, match="layer 'fc2'"):
        layerwise_mask(SCORES, {"fc1.weight": 0.5, "fc2.weight": 0.05})


def test_uniform_mask_never_rounds_a_tiny_layer_to_zero():
    def mask_of(tiny, large):
        return uniform_mask(
            {"a.weight": torch.rand(tiny, 1), "b.weight": torch.rand(large, 1)}, 0.1
        )

    # 0.6 and 10.8 weights, 11 in all: one of them the tiny layer's, though 10.8 lost more.
    assert {name: int(kept.sum()) for name, kept in mask_of(6, 108).items()} == {
        "a.weight": 1,
        "b.weight": 10,
    }
    # 0.4 weights round to none, although there would be one left over.
    with pytest.raises(CollapseError, match="layer 'a'"):
        mask_of(4, 106)
    # 0.6 and 0.6 weights, 1 in all: not for both.
    with pytest.raises(CollapseError, match="layer 'b'"):
        mask_of(6, 6)


def test_level_densities_never_round_a_tiny_layer_to_zero():
    mask = {"fc1.weight": torch.tensor([[True, False]])}
    assert level_densities(mask, {"fc1.weight": 0.4}) == {"fc1.weight": 0.5}
    with pytest.raises(CollapseError, match="layer 'fc1'"):
        level_densities(mask, {"fc1.weight": 0.6})


def test_n_of_m_mask_of_a_dead_layer_names_it():
    mask = {"fc1.weight": torch.zeros(2, 4, dtype=torch.bool)}
    with pytest.raises(CollapseError, match="layer 'fc1'"):
        n_of_m_mask({"fc1.weight": torch.rand(2, 4)}, mask=mask)


@BY_DENSITY
def test_more_than_survives_is_refused(allocate):
    mask = {name: score.remainder(2) > 0 for name, score in SCORES.items()}
    with pytest.raises(ValueError, match=r"asks for .* but the mask keeps only \d+"):
        allocate(SCORES, 0.9, mask=mask)


def test_uniform_mask_refuses_what_no_parameter_alone_lacks():
    # 10.9 weights of each are asked for: 10 of each survive, but 22 in all do not.
    scores = {name: torch.arange(20.0).view(20, 1) for name in ("a.weight", "b.weight")}
    mask = {name: score < 10 for name, score in scores.items()}
    with pytest.raises(ValueError, match=r"asks for 22 of all parameters together.*only 20"):
        uniform_mask(scores, 0.545, mask=mask)


def test_layerwise_mask_names_where_more_is_asked_for_than_survives():
    mask = {
        name: torch.arange(score.numel()).view(score.shape) < 3 for name, score in SCORES.items()
    }
    with pytest.raises(ValueError, match=r"asks for 5 of 'fc2.weight'.*keeps only 3"):
        layerwise_mask(SCORES, {"fc1.weight": 0.03, "fc2.weight": 5 / 6}, mask=mask)


@BY_DENSITY
def test_nan_scores_are_refused(allocate):
    scores = {**SCORES, "fc1.weight": SCORES["fc1.weight"].clone()}
    scores["fc1.weight"][0, :3] = torch.nan
    with pytest.raises(ValueError, match=r"3 of 'fc1.weight' are NaN"):
        allocate(scores, 0.5)
    with pytest.raises(ValueError, match="are NaN"):
        n_of_m_mask(scores)


def test_nan_scores_of_removed_weights_do_not_matter():
    score = torch.tensor([[torch.nan, 1.0, 2.0]])
    mask = {"fc.weight": torch.tensor([[False, True, True]])}
    kept = global_mask({"fc.weight": score}, 1 / 3, mask=mask)
    assert kept["fc.weight"].tolist() == [[False, False, True]]


def test_scores_and_mask_of_different_models_are_refused():
    with pytest.raises(ValueError, match=r"the scores and the mask .*'fc2.weight'"):
        global_mask(SCORES, 0.5, mask={"fc1.weight": torch.ones(10, 10, dtype=torch.bool)})
    other = {name: torch.ones(3, 3, dtype=torch.bool) for name in SCORES}
    with pytest.raises(ValueError, match=r"'fc1.weight' is \[10, 10\] and \[3, 3\]"):
        global_mask(SCORES, 0.5, mask=other)


def test_no_scores_and_wrong_types_are_refused():
    with pytest.raises(ValueError, match="no scores"):
        global_mask({}, 0.5)
    with pytest.raises(ValueError, match="must be a torch tensor, got a list"):
        global_mask({"fc.weight": [[1.0]]}, 0.5)  # pyright: ignore[reportArgumentType]


def test_mistyped_and_missing_names_of_densities_are_told():
    with pytest.raises(ValueError, match=r"'fc1.wieght': did you mean 'fc1.weight'"):
        layerwise_mask(SCORES, {"fc1.wieght": 0.5, "fc2.weight": 0.5})
    with pytest.raises(ValueError, match=r"needs a density, but fc2.weight got none"):
        layerwise_mask(SCORES, {"fc1.weight": 0.5})
    with pytest.raises(ValueError, match=r"needs a rate, but fc.weight got none"):
        level_densities({"fc.weight": torch.ones(1, 1, dtype=torch.bool)}, {})


@pytest.mark.parametrize(("n", "m"), [(0, 4), (5, 4), (1, 0), (-1, -1)])
def test_n_of_m_out_of_range_is_refused(n, m):
    with pytest.raises(ValueError, match=f"1 <= n <= m, got n = {n} and m = {m}"):
        n_of_m_mask(SCORES, n, m)


def test_n_of_m_needs_inputs():
    with pytest.raises(ValueError, match=r"'fc.bias' is \[4\]"):
        n_of_m_mask({"fc.bias": torch.rand(4)})


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_rates_outside_0_to_1_are_refused(rate):
    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\)"):
        layer_rates(torch.nn.Linear(2, 2), rate)
    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\).*for 'a.weight'"):
        level_densities({"a.weight": torch.ones(2, 2, dtype=torch.bool)}, {"a.weight": rate})


def test_allocations_are_found_by_name_and_the_nearest_suggested():
    assert allocation_named("global") is global_mask
    with pytest.raises(ValueError, match="no allocation 'globl': did you mean 'global'"):
        allocation_named("globl")


@pytest.mark.parametrize("densities", [0.3, [0.3, 0.3], None])
def test_densities_that_are_not_by_name_are_told_of_uniform_mask(densities):
    words = re.escape(f'such as {{"fc1.weight": 0.3, ...}}, got {densities!r}: ')
    with pytest.raises(ValueError, match=rf"{words}.* pass it to uniform_mask"):
        layerwise_mask(SCORES, densities)


@BY_DENSITY
@pytest.mark.parametrize("given", [3, None, "fc1", [1]])
def test_scores_or_masks_that_are_not_by_name_are_refused(allocate, given):
    with pytest.raises(ValueError, match="scores must be tensors by parameter name"):
        allocate(given, 0.1)
    if given is not None:
        with pytest.raises(ValueError, match="a mask must be bool tensors by parameter name"):
            allocate(SCORES, 0.5, mask=given)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: layerwise_mask(3, {}), "scores must be tensors by parameter name"),
        (lambda: layerwise_mask(3, 0.1), "scores must be tensors by parameter name"),
        (lambda: n_of_m_mask(3), "scores must be tensors by parameter name"),
        (lambda: n_of_m_mask(SCORES, "2"), "n of m needs whole numbers, 1 <= n <= m, got n = '2'"),
        (lambda: n_of_m_mask(SCORES, 1.5), "n of m needs whole numbers"),
        (lambda: level_densities(3, {}), "a mask must be bool tensors by parameter name"),
        (lambda: level_densities({"a": 3}, {"a": 0.2}), "the mask of 'a' must be a bool tensor"),
        (lambda: level_densities({}, 0.2), "rates must be by parameter name"),
        (lambda: layer_rates(torch.nn.Linear(2, 2), "a"), r"rate must be in \[0, 1\), .* got 'a'"),
        (lambda: allocation_named([]), "no allocation"),
    ],
)
def test_arguments_of_another_type_are_refused(made, words):
    with pytest.raises(ValueError, match=words):
        made()
