"""Removal orders against greedy removal by brute force, closed forms and invariants."""

import pytest
import torch

from surfeit.core import Streams
from surfeit.prune import (
    CRITERIA,
    frame_potential,
    inner_product,
    magnitude,
    random,
    raw_frame_potential,
    removal_order,
)

TIE = 1e-9


def unit_rows(weight):
    rows = weight.double().flatten(1)
    norms = rows.norm(dim=1, keepdim=True)
    return torch.where(norms > 0, rows / norms.clamp(min=1e-300), 0.0)


def total_frame_potential(weight):
    return float((unit_rows(weight) @ unit_rows(weight).T).square().sum())


def total_inner_product(weight):
    return float((unit_rows(weight) @ unit_rows(weight).T).abs().sum())


def total_raw_frame_potential(weight):
    rows = weight.double().flatten(1)
    return float((rows @ rows.T).square().sum())


def total_magnitude(weight):
    return float(weight.double().flatten(1).norm(dim=1).sum())


TOTALS = {
    magnitude: total_magnitude,
    frame_potential: total_frame_potential,
    inner_product: total_inner_product,
    raw_frame_potential: total_raw_frame_potential,
}


def brute_force(weight, total, remove):
    """Tries every candidate at every removal and recomputes the whole total, as the report does."""
    left, order = list(range(len(weight))), []
    while left:
        now = total(weight[left])
        losses = [now - total(weight[[j for j in left if j != i]]) for i in left]
        extreme = min(losses) if remove == "least" else max(losses)
        place = next(p for p, x in enumerate(losses) if abs(x - extreme) <= TIE * max(now, 1e-30))
        order.append(left.pop(place))
    return order


@pytest.mark.parametrize("remove", ["least", "most"])
@pytest.mark.parametrize("criterion", TOTALS)
@pytest.mark.parametrize("shape", [(14, 5), (12, 40), (10, 3, 2, 2)])
def test_order_equals_greedy_removal_by_brute_force(criterion, remove, shape):
    weight = torch.randn(shape, generator=Streams(3).get("weight"))
    weight[4] = 0
    assert removal_order(weight, criterion, remove).tolist() == brute_force(
        weight, TOTALS[criterion], remove
    )


def test_frame_potential_order_of_a_closed_form():
    # Three units along one line, two along another, one alone: the loner contributes least.
    weight = torch.tensor([[1, 0, 0], [0, 2, 0], [3, 0, 0], [0, 0, 1], [0, -1, 0], [-1.0, 0, 0]])
    assert removal_order(weight, frame_potential).tolist() == [3, 1, 4, 0, 2, 5]
    # The largest group first until it is as small as the next: then the lowest unit of a tie.
    assert removal_order(weight, frame_potential, "most").tolist() == [0, 1, 2, 3, 4, 5]


def test_magnitude_order_sorts_the_norms():
    weight = torch.tensor([[3.0, 4.0], [0.0, 1.0], [6.0, 0.0]])
    assert removal_order(weight, magnitude).tolist() == [1, 0, 2]
    assert removal_order(weight, magnitude, "most").tolist() == [2, 0, 1]


@pytest.mark.parametrize("criterion", TOTALS)
def test_zero_rows_go_first_by_least_and_last_by_most(criterion):
    weight = torch.randn(9, 4, generator=Streams(0).get("weight"))
    weight[[2, 7]] = 0
    assert removal_order(weight, criterion, "least").tolist()[:2] == [2, 7]
    assert removal_order(weight, criterion, "most").tolist()[-2:] == [2, 7]


@pytest.mark.parametrize("criterion", TOTALS)
def test_all_zero_weights_go_in_the_order_of_the_units(criterion):
    assert removal_order(torch.zeros(5, 3), criterion, "most").tolist() == list(range(5))


@pytest.mark.parametrize("remove", ["least", "most"])
@pytest.mark.parametrize("criterion", TOTALS)
def test_permuting_units_permutes_the_order(criterion, remove):
    weight = torch.randn(60, 20, generator=Streams(1).get("weight"))
    permutation = torch.randperm(60, generator=Streams(1).get("permutation"))
    order = removal_order(weight, criterion, remove)
    permuted = permutation[removal_order(weight[permutation], criterion, remove)]
    # The last two are a tie where only angles count, and the lower of them wins.
    assert torch.equal(permuted[:-2], order[:-2])


@pytest.mark.parametrize("remove", ["least", "most"])
@pytest.mark.parametrize("criterion", TOTALS)
@pytest.mark.parametrize("scale", [1e-30, 1e25])
def test_rescaling_the_layer_changes_no_order(criterion, remove, scale):
    weight = torch.randn(40, 20, generator=Streams(1).get("weight"))
    order = removal_order(weight, criterion, remove).tolist()
    assert removal_order(weight * scale, criterion, remove).tolist() == order


@pytest.mark.parametrize("criterion", [frame_potential, inner_product])
def test_rescaling_a_unit_changes_no_order_of_angles(criterion):
    weight = torch.randn(40, 20, generator=Streams(1).get("weight"))
    scales = torch.logspace(-12, 12, 40).unsqueeze(1)
    assert torch.equal(removal_order(weight * scales, criterion), removal_order(weight, criterion))


def test_exact_copies_are_ties_that_the_lowest_unit_wins():
    weight = torch.randn(30, 8, generator=Streams(2).get("weight")).repeat(3, 1)
    order = removal_order(weight, raw_frame_potential).tolist()
    for unit in range(30):
        assert order.index(unit) < order.index(unit + 30) < order.index(unit + 60)


@pytest.mark.parametrize("remove", ["least", "most"])
def test_tiny_units_beside_large_ones_keep_their_own_order(remove):
    # Norms from 1 to 1e-10: what large units leave behind by rounding would drown the small ones.
    weight = 1 + 0.1 * torch.randn(24, 6, generator=Streams(4).get("weight"), dtype=torch.float64)
    weight *= torch.logspace(0, -10, 24, dtype=torch.float64).unsqueeze(1)
    order = removal_order(weight, raw_frame_potential, remove).tolist()
    assert order == sorted(range(24), reverse=remove == "least")


def test_random_order_is_the_generators_own():
    weight = torch.randn(50, 3)
    orders = [removal_order(weight, random, generator=Streams(seed).get("x")) for seed in (0, 0, 1)]
    assert torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])
    assert sorted(orders[0].tolist()) == list(range(50))


def test_random_orders_are_uniform():
    generator = Streams(0).get("uniform")
    first = [
        int(removal_order(torch.ones(4, 1), random, "least", generator)[0]) for _ in range(800)
    ]
    counts = torch.bincount(torch.tensor(first), minlength=4)
    # Each count is binomial(800, 1/4), standard deviation 12.2: five of them.
    assert (counts - 200).abs().max() < 62


def test_a_users_own_criterion_is_a_function():
    def largest_weight(weight, generator):
        return weight.abs().amax(dim=1)

    weight = torch.tensor([[1.0, -5.0], [2.0, 2.0], [0.0, 3.0]])
    assert removal_order(weight, largest_weight).tolist() == [1, 2, 0]


def test_pairs_need_not_be_symmetric():
    # Unit 0 contributes 5 while unit 1 is there and 1 without it.
    pairs = torch.tensor([[1.0, 4.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
    assert removal_order(torch.ones(3, 1), lambda w, g: pairs).tolist() == [1, 0, 2]


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_is_called_by_its_own_name(name):
    assert CRITERIA[name].name == name


def test_errors_say_what_is_allowed():
    weight = torch.ones(3, 2)
    with pytest.raises(ValueError, match="remove must be 'least' or 'most', got 'worst'"):
        removal_order(weight, magnitude, "worst")
    with pytest.raises(ValueError, match="random needs a generator, got None"):
        removal_order(weight, random)
    with pytest.raises(ValueError, match=r"must be \[units, inputs, ...\].*got \[3\]"):
        removal_order(torch.ones(3), magnitude)
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="weights must be finite"):
            removal_order(torch.tensor([[1.0, bad]]), magnitude)
    with pytest.raises(ValueError, match=r"\[3\] scores or \[3, 3\] pairs, got \[2\]"):
        removal_order(weight, lambda w, g: torch.ones(2))
    with pytest.raises(ValueError, match="a criterion must return finite"):
        removal_order(weight, lambda w, g: torch.full((3,), torch.nan))
    with pytest.raises(ValueError, match=r"pairs must be >= 0, got -1\.0"):
        removal_order(weight, lambda w, g: -torch.ones(3, 3))


def test_arrays_and_names_are_told_what_to_pass():
    weight = torch.eye(3)
    with pytest.raises(ValueError, match=r"weight must be a torch tensor, got a ndarray"):
        removal_order(weight.numpy(), magnitude)
    with pytest.raises(ValueError, match=r"a function such as surfeit.prune.magnitude, got 'fp'"):
        removal_order(weight, "fp")
