"""The chance level of directions: against random ones, planted groups, and where it is blind."""

import math

import numpy as np
import pytest
import torch
from scipy.special import betainc

from surfeit.core import Streams
from surfeit.similarity import (
    chance_inner_product,
    chance_level,
    cosine_graph,
    ends_of,
    judged_pairs,
    level_of_chance,
    level_of_pairs,
    normalised,
    pairwise_products,
)
from surfeit.similarity.pairs import settle_pairs_


def draw(*shape, name=("rows",), dtype=torch.float32):
    return torch.randn(*shape, generator=Streams(0).get(*name), dtype=dtype)


def within(units, dimensions, columns, name):
    """Random directions that fill some of the dimensions that they lie in."""
    basis = torch.linalg.qr(draw(columns, dimensions, name=(name, "basis"))).Q
    return normalised(draw(units, dimensions, name=(name, "units")) @ basis.T)


def links(rows, level):
    return cosine_graph(rows, inner_product=level).edges.shape[1]


def above(rows, level):
    """As `links`, by all pairs."""
    similar = rows.double() @ rows.double().T
    return int((similar >= level).triu(1).sum())


@pytest.mark.parametrize(("units", "dimensions"), [(40, 3), (120, 7), (300, 25), (300, 60)])
def test_one_pair_in_all_passes_the_level_of_random_directions(units, dimensions):
    counts, sizes = [], []
    for repetition in range(60):
        rows = within(units, dimensions, 64, f"{units} {dimensions} {repetition}")
        level = chance_level(rows)
        counts.append(above(rows, level.value))
        sizes.append(level.dimensions)
    # Links are near to Poisson: of 60 with a mean of 1 the standard error is 0.13.
    assert np.mean(counts) == pytest.approx(1, abs=0.5)
    assert np.median(sizes) == pytest.approx(dimensions, rel=0.1)


def test_directions_that_fill_few_dimensions_pass_the_isotropic_level_by_the_thousand():
    rows = within(300, 25, 784, "few")
    assert links(rows, chance_inner_product(300, 784)) > 5_000
    assert links(rows, chance_level(rows).value) < 5


def test_dimensions_are_those_whose_random_pairs_have_this_median():
    for dimensions in (2, 3, 5, 20, 400):
        # In 3 dimensions a cosine is uniform, in 2 that of a uniform angle.
        rows = draw(2_000, dimensions, name=("median", dimensions), dtype=torch.float64)
        cosines = (normalised(rows[:1_000]) * normalised(rows[1_000:])).sum(dim=1)
        found = level_of_pairs(cosines, units=300, pairs=1_000, columns=1_000)
        assert betainc(0.5, (found.dimensions - 1) / 2, found.median**2) == pytest.approx(0.5)
        assert found.dimensions == pytest.approx(1.25 + 0.455 / found.median**2, rel=0.08)
        assert found.dimensions == pytest.approx(dimensions, rel=0.25)
    exact = torch.tensor([0.5] * 50)
    assert level_of_pairs(exact, units=11, pairs=50, columns=9).dimensions == pytest.approx(3)
    # A cosine in 3 dimensions is uniform: P(cos > t) = (1 - t) / 2.
    assert level_of_pairs(exact, units=11, pairs=50, columns=9).value == pytest.approx(1 - 2 / 50)


@pytest.mark.parametrize(("cosine", "least"), [(0.9, 0.98), (0.7, 0.1)])
def test_planted_groups_are_found(cosine, least):
    """Ten groups of 30 around ten directions of their own, in 25 dimensions."""
    centres = within(10, 25, 784, "centres").repeat_interleave(30, dim=0)
    strays = within(300, 25, 784, "strays")
    strays = normalised(strays - (strays * centres).sum(dim=1, keepdim=True) * centres)
    # Two units have the cosine of their shares of the centre.
    rows = normalised(math.sqrt(cosine) * centres + math.sqrt(1 - cosine) * strays)
    level = chance_level(rows)
    group = torch.arange(300) // 30
    same = (group[:, None] == group).triu(1)
    similar = rows @ rows.T
    assert (similar[same] >= level.value).float().mean() > least
    others = (group[:, None] != group).triu(1)
    assert (similar[others] >= level.value).float().mean() < 0.01


def test_the_level_is_blind_where_most_units_share_one_direction():
    shared, rest = within(1, 60, 100, "shared"), within(300, 60, 100, "rest")
    rows = rest.clone()
    rows[:240] = normalised(shared + 0.3 * rest[:240])
    level = chance_level(rows)
    similar = rows[:240] @ rows[:240].T
    assert similar.median() > 0.9
    assert level.value > 0.99
    assert links(rows, level.value) < 10


def test_units_without_a_direction_count_neither_as_units_nor_as_pairs():
    rows = within(50, 8, 20, "live")
    with_zeros = torch.zeros(80, 20)
    with_zeros[torch.arange(50) + 10] = rows
    found = chance_level(with_zeros)
    assert (found.pairs, found.drawn, found.error) == (1225, 1225, 0)
    assert found.value == pytest.approx(chance_level(rows).value, abs=1e-6)


@pytest.mark.parametrize("units", [1, 2, 9])
def test_few_units_say_nothing_of_what_is_usual(units):
    found = chance_level(within(units, 5, 6, "few"))
    assert (found.value, math.isnan(found.dimensions)) == (1.0, True)
    assert chance_level(torch.zeros(40, 3)).value == 1.0


def test_a_single_input_or_equal_rows_leave_no_level():
    assert chance_level(normalised(draw(20, 1))).value == 1.0
    assert chance_level(normalised(torch.ones(20, 4))).value == pytest.approx(1, abs=1e-6)


def test_directions_more_even_than_chance_are_judged_by_all_their_columns():
    found = chance_level(torch.eye(30))
    assert (found.median, found.dimensions) == (0, 30)
    assert 0 < found.value < 1


def test_units_of_different_groups_are_no_pairs():
    rows = torch.zeros(60, 24)
    parts = [within(20, 4, 8, f"group {group}") for group in range(3)]
    for group, part in enumerate(parts):
        rows[20 * group : 20 * group + 20, 8 * group : 8 * group + 8] = part
    found = chance_level(rows, groups=3)
    assert found.pairs == 3 * 190
    own = torch.cat([(part @ part.T)[tuple(torch.triu_indices(20, 20, 1))] for part in parts])
    expected = level_of_pairs(own, units=60, pairs=570, columns=8)
    assert found.value == pytest.approx(expected.value, abs=1e-6)
    assert chance_level(rows).median == 0  # what counting the others' zeros would do


def test_many_units_are_judged_by_drawn_pairs_with_the_draws_error():
    rows = within(1_000, 20, 40, "many")
    found = chance_level(rows)
    assert (found.pairs, found.drawn) == (499_500, 50_000)
    similar = (rows @ rows.T)[tuple(torch.triu_indices(1_000, 1_000, 1))]
    exact = level_of_pairs(similar, units=1_000, pairs=499_500, columns=40)
    assert found.value == chance_level(rows).value  # the same pairs at every call
    values = [chance_level(rows, generator=Streams(1).get("draw", n)).value for n in range(12)]
    off = [abs(value - exact.value) for value in values]
    assert 0 < found.error < 0.02
    assert sum(gap <= found.error for gap in off) >= 10
    assert max(off) < 2 * found.error
    assert exact.error == 0


def test_drawn_pairs_are_of_one_group_and_of_two_units():
    rows = torch.zeros(1_400, 4)  # in one group all are equal, in the other all are at right angles
    rows[:700, 0] = 1
    rows[700:, 2:] = torch.eye(2).repeat(350, 1)
    found = chance_level(rows, groups=2)
    assert found.pairs == 2 * 244_650
    # Three of four pairs are parallel; a unit beside itself or another group would change that.
    assert found.median == 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_levels_of_other_types_are_nearly_those_of_float32(dtype):
    rows = within(100, 12, 30, "types")
    found = chance_level(rows.to(dtype))
    assert found.value == pytest.approx(chance_level(rows).value, abs=0.01)


def test_levels_do_not_depend_on_the_order_of_units():
    rows = within(200, 12, 30, "order")
    assert chance_level(rows.flip(0)).value == pytest.approx(chance_level(rows).value, abs=1e-6)


def test_directions_that_cannot_be_judged_are_refused():
    rows = draw(12, 4)
    rows[3, 1] = math.nan
    with pytest.raises(ValueError, match="directions must be finite, got 1 NaN"):
        chance_level(rows)
    with pytest.raises(ValueError, match="groups must divide 12 units and 4 columns evenly, got 3"):
        chance_level(draw(12, 4), groups=3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_judged_pairs_are_the_level_and_the_products_settled_at_it(dtype):
    rows = torch.zeros(90, 20, dtype=dtype)
    rows[5:] = within(85, 6, 20, "judged").to(dtype)
    level, products = judged_pairs(rows)
    assert level == chance_level(rows)
    expected = pairwise_products(rows, level=level.value)
    torch.testing.assert_close(products, expected, rtol=0, atol=0, equal_nan=True)
    assert judged_pairs(rows.repeat(8, 1))[1] is None  # drawn pairs are not all pairs
    assert judged_pairs(rows, groups=2) == (chance_level(rows, groups=2), None)
    one, other = ends_of(torch.arange(len(products)), 90)
    assert torch.equal(torch.stack([one, other]), torch.triu_indices(90, 90, 1))


def test_pairs_next_to_the_level_are_settled_among_all_pairs():
    turns = torch.arange(200, dtype=torch.float64) / 42 * 2 * torch.pi
    rows = normalised(torch.stack([turns.cos(), turns.sin()], dim=1).float())
    products = pairwise_products(rows)
    settle_pairs_(products, rows, 0.5)
    assert torch.equal(products, pairwise_products(rows, level=0.5))
    assert not torch.equal(products >= 0.5, pairwise_products(rows) >= 0.5)


def test_levels_from_drawn_chance_are_those_of_a_known_tail():
    """In 3 dimensions cosines are uniform: P(cos > t) = (1 - t) / 2."""
    drawn = 2 * torch.rand(20_000, generator=Streams(0).get("uniform"), dtype=torch.float64) - 1
    for pairs in (20_000, 5_000, 200):  # one, four and a hundred drawn pairs for each
        found = level_of_chance(drawn, pairs=pairs)
        assert found.value == pytest.approx(1 - 2 / pairs, abs=1.5 * found.error + 2e-4)
        assert 0 < found.error < 0.01
        assert (found.pairs, found.drawn) == (pairs, 20_000)


@pytest.mark.parametrize("dimensions", [4, 9, 25])
def test_one_pair_passes_the_level_drawn_from_its_own_kind(dimensions):
    counts = []
    for repetition in range(60):
        name = f"{dimensions} {repetition}"
        drawn = pairwise_products(within(120, dimensions, 30, f"drawn {name}"))
        rows = within(120, dimensions, 30, f"own {name}")
        counts.append(above(rows, level_of_chance(drawn, pairs=7_140).value))
    assert np.mean(counts) == pytest.approx(1, abs=0.6)


@pytest.mark.parametrize("ratio", [1, 4, 25, 31, 40])
def test_the_error_of_a_drawn_level_covers_the_true_one(ratio):
    """In 3 dimensions 1 − t of the level is 2 / pairs; also where its tail is hardly continued."""
    covered, pairs, generator = 0, 500, Streams(0).get("covering", ratio)
    for _ in range(200):
        drawn = 2 * torch.rand(pairs * ratio, generator=generator, dtype=torch.float64) - 1
        found = level_of_chance(drawn, pairs=pairs)
        covered += abs(found.value - (1 - 2 / pairs)) <= found.error
    assert covered / 200 > 0.85


def test_few_pairs_leave_no_level_from_chance():
    drawn = torch.linspace(0, 0.9, 1_000)
    assert level_of_chance(drawn, pairs=44).value == 1.0
    assert level_of_chance(drawn[:44], pairs=400).value == 1.0
    assert level_of_chance(drawn, pairs=45).value < 0.9
    with pytest.raises(ValueError, match="inner products must be finite"):
        level_of_chance(torch.tensor([0.1, math.nan]), pairs=45)
