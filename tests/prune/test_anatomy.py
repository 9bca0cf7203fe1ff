"""The anatomy of a ticket against enumeration, closed forms and planted differences."""

import subprocess
import sys
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact, kstest, mannwhitneyu

from surfeit.core import Streams
from surfeit.prune.anatomy import (
    QUANTITIES,
    anatomy_table,
    count_table,
    distance_table,
    distances,
    kept_counts,
    null_counts,
    sign_changes,
    spread,
    travel,
)


def stream(name="anatomy"):
    return Streams(0).get(name)


def evenly(units, inputs, kept, generator):
    """Exactly `kept` weights of the layer, at places that are all equally likely."""
    mask = torch.zeros(units * inputs, dtype=torch.bool)
    mask[torch.randperm(units * inputs, generator=generator)[:kept]] = True
    return mask.view(units, inputs)


def clumped(units, inputs, generator):
    """Half of the units keep four times as many weights as the others."""
    rates = torch.where(torch.arange(units) % 2 == 0, 0.4, 0.1)
    return torch.rand(units, inputs, generator=generator) < rates[:, None]


def all_masks(units, inputs, kept):
    for places in combinations(range(units * inputs), kept):
        mask = torch.zeros(units * inputs, dtype=torch.bool)
        mask[list(places)] = True
        yield mask.view(units, inputs)


def weights(*shape, name="weights"):
    return torch.randn(*shape, generator=stream(name), dtype=torch.float64)


def row_of(table, layer, quantity):
    rows = [r for r in table.to_pylist() if (r["layer"], r["quantity"]) == (layer, quantity)]
    assert len(rows) == 1
    return rows[0]


# --- spread ---


def test_counts_are_those_of_a_loop_over_units_and_inputs():
    mask = torch.rand(4, 3, 2, 2, generator=stream()) < 0.5
    assert kept_counts(mask).tolist() == [int(mask[unit].sum()) for unit in range(4)]
    assert kept_counts(mask, over="inputs").tolist() == [int(mask[:, i].sum()) for i in range(3)]


@pytest.mark.parametrize(("units", "inputs", "kept"), [(3, 3, 4), (2, 4, 3), (4, 2, 5)])
def test_null_moments_are_those_of_all_masks_there_are(units, inputs, kept):
    found = [spread(mask) for mask in all_masks(units, inputs, kept)]
    assert np.mean([one.dispersion for one in found]) == pytest.approx(1)
    mean = np.mean([one.conditional for one in found])
    assert mean == pytest.approx(found[0].null_conditional)
    assert np.mean([one.empty for one in found]) == pytest.approx(found[0].null_empty)
    z = np.array([one.z for one in found])
    assert (z.mean(), z.std()) == pytest.approx((0, 1))


def test_conditional_is_the_share_of_kept_among_the_others_of_each_kept_weights_unit():
    mask = torch.rand(6, 5, generator=stream()) < 0.4
    others = [
        bool(mask[unit, other])
        for unit, place in mask.nonzero().tolist()
        for other in range(5)
        if other != place
    ]
    assert spread(mask).conditional == pytest.approx(np.mean(others))


@pytest.mark.parametrize("drawn", [False, True])
def test_p_values_are_uniform_where_the_null_is_true(drawn):
    generator, found = stream(), []
    for _ in range(300):
        mask = evenly(40, 60, 600, generator)
        options = {"generator": generator, "draws": 99} if drawn else {}
        found.append(spread(mask, **options).p_value)
    assert kstest(found, "uniform").pvalue > 0.01
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.04)


def test_p_value_by_draws_and_by_chi_square_agree():
    generator = stream("agree")
    for _ in range(5):
        mask = evenly(30, 50, 300, generator)
        close = spread(mask).p_value
        drawn = spread(mask, generator=generator, draws=4999).p_value
        assert drawn == pytest.approx(close, abs=5 * np.sqrt(close * 2 / 5000) + 0.01)


def test_a_clumped_mask_is_found_and_only_along_its_own_direction():
    mask = clumped(40, 100, stream())
    over_units, over_inputs = spread(mask), spread(mask, over="inputs")
    assert over_units.p_value < 1e-6
    assert over_units.dispersion > 5
    assert over_units.conditional > over_units.null_conditional
    assert over_inputs.p_value > 0.01
    assert spread(mask, generator=stream(), draws=199).p_value == pytest.approx(2 / 200)
    assert spread(mask.T, over="inputs") == over_units


def test_a_mask_more_even_than_chance_is_found():
    even = torch.zeros(40, 50, dtype=torch.bool)
    even[:, ::2] = True
    found = spread(even)
    assert found.dispersion == 0
    assert found.p_value < 1e-6
    assert found.conditional == pytest.approx(24 / 49)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.integers(2, 9), st.floats(0, 1), st.integers(0, 99))
def test_spread_ignores_the_order_of_units_and_of_inputs(units, inputs, density, seed):
    generator = Streams(seed).get("order")
    mask = torch.rand(units, inputs, generator=generator) < density
    rows = torch.randperm(units, generator=generator)
    columns = torch.randperm(inputs, generator=generator)
    first, second = spread(mask), spread(mask[rows][:, columns])
    assert repr(first) == repr(second)  # NaN is not equal to itself
    assert 0 <= first.p_value <= 1


@pytest.mark.parametrize("kept", [0, 1, 12])
def test_nothing_can_vary_where_none_one_or_all_are_kept(kept):
    mask = (torch.arange(12) < kept).view(3, 4)
    found = spread(mask, generator=stream())
    assert found.p_value == 1
    assert np.isnan(found.dispersion)
    assert found.empty == (3, 2, 0)[[0, 1, 12].index(kept)]


def test_a_layer_of_single_weights_a_unit_has_no_conditional():
    found = spread(torch.tensor([[True], [False], [True]]))
    assert np.isnan(found.conditional)
    assert found.p_value == 1


def test_null_counts_are_the_frequencies_over_all_masks():
    found = np.zeros(4)
    masks = list(all_masks(3, 3, 4))
    for mask in masks:
        found[int(mask[0].sum())] += 1
    np.testing.assert_allclose(null_counts(3, 3, 4), found / len(masks))


# --- travel ---


def test_distances_are_in_initial_deviations():
    before, after = weights(4, 5), weights(4, 5, name="after")
    expected = (after - before).abs() / np.std(before.numpy())
    torch.testing.assert_close(distances(before, after), expected)
    torch.testing.assert_close(distances(7 * before, 7 * after), expected)


def test_travel_is_the_textbooks_means_and_ranks():
    before, after = weights(8, 9), weights(8, 9, name="after")
    mask = torch.rand(8, 9, generator=stream()) < 0.3
    found, moved = travel(before, after, mask), distances(before, after)
    kept, others = moved[mask].numpy(), moved[~mask].numpy()
    assert (found.kept, found.others) == pytest.approx((kept.mean(), others.mean()))
    assert found.kept_rms == pytest.approx(np.sqrt((kept**2).mean()))
    assert found.others_rms == pytest.approx(np.sqrt((others**2).mean()))
    assert found.further == pytest.approx((kept[:, None] > others).mean())
    assert found.p_value == pytest.approx(mannwhitneyu(kept, others).pvalue, rel=0.05)
    assert (found.kept_n, found.others_n) == (len(kept), len(others))


def test_travel_finds_weights_that_were_moved_and_no_difference_where_there_is_none():
    before, step = weights(40, 40), weights(40, 40, name="step")
    mask = torch.rand(40, 40, generator=stream()) < 0.2
    planted = travel(before, before + step * torch.where(mask, 2.0, 1.0), mask)
    assert planted.further > 0.6
    assert planted.p_value < 1e-6
    assert travel(before, before + step, mask).p_value > 0.01
    still = travel(before, before, mask)
    assert (still.further, still.p_value) == (0.5, 1.0)


def test_travel_of_a_full_mask_has_nothing_to_compare_with():
    found = travel(weights(3, 3), weights(3, 3, name="after"), torch.ones(3, 3, dtype=torch.bool))
    assert np.isnan(found.others)
    assert np.isnan(found.further)
    assert (found.p_value, found.others_n) == (1.0, 0)


def test_sign_changes_are_counted_exactly():
    before = torch.tensor([1.0, -1.0, 2.0, -2.0, 3.0, 1.0])
    after = torch.tensor([-1.0, -3.0, 0.0, 2.0, 3.0, -1.0])
    mask = torch.tensor([True, True, True, False, False, False])
    found = sign_changes(before, after, mask)
    assert (found.kept, found.kept_n, found.others, found.others_n) == (2, 3, 2, 3)
    assert found.p_value == pytest.approx(1)


def test_sign_changes_p_value_is_near_fishers():
    before, mask = torch.ones(600), torch.arange(600) < 200
    after = torch.ones(600)
    after[:40], after[200:250] = -1, -1
    found = sign_changes(before, after, mask)
    exact = fisher_exact([[40, 160], [50, 350]]).pvalue
    assert found.p_value == pytest.approx(exact, rel=0.4)


# --- tables ---


@pytest.fixture
def ticket():
    mask = {"fc1.weight": clumped(20, 30, stream()), "fc2.weight": evenly(5, 20, 30, stream())}
    initial = {name: weights(*kept.shape, name=name) for name, kept in mask.items()}
    step = {name: weights(*kept.shape, name=f"step {name}") for name, kept in mask.items()}
    dense = {n: initial[n] + step[n] * torch.where(mask[n], 2.0, 0.5) for n in mask}
    final = {n: (initial[n] + 0.5 * step[n]) * mask[n] for n in mask}
    return mask, initial | {"fc1.bias": torch.zeros(20)}, dense, final


def test_anatomy_table_holds_every_quantity_of_every_layer(ticket):
    mask, initial, dense, final = ticket
    table = anatomy_table(mask, initial, dense=dense, ticket=final)
    found = [(row["layer"], row["quantity"]) for row in table.to_pylist()]
    assert found == [(layer, quantity) for layer in ("fc1", "fc2") for quantity in QUANTITIES]


def test_anatomy_table_says_what_the_functions_say(ticket):
    mask, initial, dense, final = ticket
    table = anatomy_table(mask, initial, dense=dense, ticket=final)
    kept, w = mask["fc1.weight"], initial["fc1.weight"]
    found, way = spread(kept), travel(w, dense["fc1.weight"], kept)
    row = row_of(table, "fc1", "units_conditional")
    assert (row["value"], row["null"]) == (found.conditional, found.null_conditional)
    assert (row["p_value"], row["n"]) == (found.p_value, 20)
    row = row_of(table, "fc1", "travel")
    assert (row["value"], row["null"], row["p_value"]) == (way.kept, way.others, way.p_value)
    assert way.p_value < 1e-6
    signs = sign_changes(w, dense["fc1.weight"], kept)
    row = row_of(table, "fc1", "sign_changes")
    assert row["value"] == signs.kept / signs.kept_n
    assert row["null"] == signs.others / signs.others_n
    assert row["lower"] < row["value"] < row["upper"]
    total = sum(int(one.sum()) for one in mask.values()) / 700
    row = row_of(table, "fc2", "density")
    assert (row["value"], row["null"]) == pytest.approx((0.3, total))


def test_the_tickets_own_way_is_compared_with_the_same_weights_in_the_dense_network(ticket):
    mask, initial, dense, final = ticket
    table = anatomy_table(mask, initial, dense=dense, ticket=final)
    kept, w = mask["fc1.weight"], initial["fc1.weight"]
    row = row_of(table, "fc1", "ticket_travel")
    assert row["value"] == pytest.approx(float(distances(w, final["fc1.weight"])[kept].mean()))
    assert row["null"] == pytest.approx(float(distances(w, dense["fc1.weight"])[kept].mean()))
    assert row["value"] == pytest.approx(row["null"] / 4)  # planted: 0.5 against 2 steps
    assert row["p_value"] < 1e-6
    assert row["n"] == int(kept.sum())
    alone = anatomy_table(mask, initial, ticket=final)
    assert row_of(alone, "fc1", "ticket_travel")["null"] is None
    assert "travel" not in alone["quantity"].to_pylist()


def test_the_same_training_twice_differs_in_nothing(ticket):
    mask, initial, dense, _ = ticket
    table = anatomy_table(mask, initial, dense=dense, ticket=dense)
    for quantity in ("ticket_travel", "ticket_sign_changes"):
        row = row_of(table, "fc1", quantity)
        assert row["value"] == pytest.approx(row["null"])
        assert row["p_value"] == 1


def test_anatomy_of_a_bias_has_no_spread_and_undefined_numbers_are_null():
    mask = {"fc1.bias": torch.tensor([True, False, True])}
    initial = {"fc1.bias": torch.tensor([0.0, 1.0, 2.0])}
    table = anatomy_table(mask, initial, dense=initial)
    assert set(table["layer"].to_pylist()) == {"fc1.bias"}
    assert not [name for name in table["quantity"].to_pylist() if name.startswith("units")]
    full = {"fc1.bias": torch.ones(3, dtype=torch.bool)}
    assert (
        row_of(anatomy_table(full, initial, dense=initial), "fc1.bias", "further")["value"] is None
    )


def test_count_table_counts_every_group_and_expects_as_many(ticket):
    table = count_table(ticket[0])
    for layer, over, groups in (("fc1", "units", 20), ("fc1", "inputs", 30), ("fc2", "units", 5)):
        chosen = [r for r in table.to_pylist() if (r["layer"], r["over"]) == (layer, over)]
        assert [row["kept"] for row in chosen] == list(range(len(chosen)))
        assert sum(row["observed"] for row in chosen) == groups
        assert sum(row["expected"] for row in chosen) == pytest.approx(groups)
    counts = np.repeat(*(np.array(table.slice(0, 31)[n].to_pylist()) for n in ("kept", "observed")))
    assert sorted(counts[:20]) == sorted(kept_counts(ticket[0]["fc1.weight"]).tolist())


def test_distance_table_is_the_histogram_of_distances(ticket):
    mask, initial, dense, _ = ticket
    table = distance_table(mask, initial, dense, bins=7)
    assert isinstance(table, pa.Table)
    moved = distances(initial["fc1.weight"], dense["fc1.weight"])
    for of, chosen in (("kept", mask["fc1.weight"]), ("others", ~mask["fc1.weight"])):
        rows = [r for r in table.to_pylist() if (r["layer"], r["of"]) == ("fc1", of)]
        assert sum(row["share"] for row in rows) == pytest.approx(1)
        row = rows[1]
        inside = (moved[chosen] >= row["lower"]) & (moved[chosen] < row["upper"])
        assert row["share"] == pytest.approx(float(inside.double().mean()))


MASK = torch.ones(2, 3, dtype=torch.bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: spread(MASK.float()),
            r"bool \[units, inputs, ...\] with entries, got torch.float32",
        ),
        (lambda: spread(MASK[0]), r"got torch.bool \[3\]"),
        (lambda: spread(MASK.numpy()), "must be a torch tensor, got a ndarray"),
        (lambda: spread(MASK, over="input"), "did you mean 'inputs'"),
        (lambda: spread(MASK, draws=0), "draws must be at least 1, got 0"),
        (lambda: null_counts(2, 3, 7), r"kept in \[0, groups · size\], got 2, 3 and 7"),
        (lambda: distances(weights(2, 3), weights(3, 2)), r"one shape, got \[2, 3\] and \[3, 2\]"),
        (lambda: distances(torch.zeros(2, 3), weights(2, 3)), "all 6 of them are equal"),
        (lambda: distances(weights(2), weights(2) / 0), "those after hold NaN or infinity"),
        (lambda: travel(weights(2, 3), weights(2, 3), MASK.T), r"bool \[2, 3\] like the weights"),
        (lambda: sign_changes(weights(2), weights(3), MASK), "one shape"),
        (lambda: anatomy_table({}, {}), "names no parameter"),
        (lambda: anatomy_table({"fc1.weight": MASK}, {"fc.weight": MASK}), "mean 'fc.weight'"),
        (lambda: distance_table({"a": MASK}, {"a": MASK}, {}), "no weights of the masked"),
        (lambda: distance_table({}, {}, {}, bins=0), "bins must be at least 1, got 0"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_scipy_is_loaded_by_measuring_and_not_by_importing():
    code = (
        "import sys, surfeit.train, surfeit.prune.anatomy as anatomy, torch\n"
        "before = 'scipy' in sys.modules\n"
        "anatomy.spread(torch.eye(3) > 0)\n"
        "print(before, 'scipy.stats' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False True\n"
