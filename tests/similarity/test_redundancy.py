"""Redundancy of outputs against brute force, closed forms, and units that say nothing."""

import math

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import (
    chance_inner_product,
    class_selectivity,
    correlated_others,
    explained_by_others,
    live_units,
    principal_components,
    shuffled,
)


def drawn(units, examples, seed=0):
    generator = Streams(seed).get("outputs")
    return torch.randn(units, examples, generator=generator, dtype=torch.float64)


def answering(seed=0, dead=True):
    """Outputs behind a ReLU: alike pairs, opposite ones, and a dead unit, which is the fourth."""
    rows = drawn(9, 60, seed)
    rows[1] = rows[0] + 0.4 * rows[1]
    rows[6] = 0.5 * rows[7] - rows[8]
    rows[5] = 4 - rows[4].clamp(-3.5, 3.5)
    rows = rows.relu()
    rows[4] = 8 - rows[5]
    if dead:
        rows[3] = 0.0
    return rows


def correlations(rows):
    """Pair by pair; None for pairs of which one never changes."""
    found = {}
    for i, one in enumerate(rows.tolist()):
        for j, other in enumerate(rows.tolist()):
            flat = len(set(one)) == 1 or len(set(other)) == 1
            found[i, j] = None if flat else float(np.corrcoef(one, other)[0, 1])
    return found


@pytest.mark.parametrize("least", [0.2, 0.5, 0.9, 1.0])
def test_correlated_others_are_those_of_a_loop(least):
    rows = answering()
    pairs = correlations(rows)
    found = correlated_others(rows, least=least).tolist()
    assert math.isnan(found.pop(3))
    others = [
        sum(
            1
            for j in range(9)
            if j != i and pairs[i, j] is not None and abs(pairs[i, j]) >= least - 1e-6
        )
        for i in range(9)
        if i != 3
    ]
    assert found == others
    assert found[3] >= 1  # the opposite of the fifth, r = -1
    assert sum(found) > 0


def test_many_units_are_compared_in_parts(monkeypatch):
    rows = answering()
    whole = correlated_others(rows)
    monkeypatch.setattr("surfeit.similarity.redundancy._ROWS", 2)
    assert torch.allclose(correlated_others(rows), whole, equal_nan=True)


def regressed(rows, unit):
    """Adjusted R² of one unit on all others that change, by least squares."""
    others = [j for j in range(len(rows)) if j != unit and np.ptp(rows[j]) > 0]
    wanted, n = rows[unit], rows.shape[1]
    given = np.column_stack([np.ones(n), *(rows[j] for j in others)])
    left = wanted - given @ np.linalg.lstsq(given, wanted, rcond=None)[0]
    unexplained = (left**2).sum() / ((wanted - wanted.mean()) ** 2).sum()
    return 1 - unexplained * (n - 1) / (n - len(others) - 1)


def test_what_others_explain_is_the_adjusted_r_squared_of_least_squares():
    rows = answering(seed=1)
    rows[6] += 0.1 * drawn(1, 60, seed=5)[0].abs()
    rows[4] = rows[4] + 0.2 * drawn(1, 60, seed=6)[0].abs()  # no longer the opposite of the sixth
    found = explained_by_others(rows)
    assert math.isnan(found[3])
    for unit in (0, 1, 2, 4, 5, 6, 7, 8):
        assert float(found[unit]) == pytest.approx(regressed(rows.numpy(), unit), rel=1e-9)


def test_exact_combinations_are_explained_and_the_rest_is_not():
    rows = drawn(6, 400)
    rows[0] = 2 * rows[1] - 3 * rows[2] + 5
    found = explained_by_others(rows)
    assert found[:3].tolist() == [1, 1, 1]
    assert found[3:].abs().max() < 0.05
    single = explained_by_others(rows.float())  # in which it is off by roundings
    assert single[:3].tolist() == pytest.approx([1, 1, 1], abs=1e-9)
    twins = drawn(3, 50, seed=2)
    twins[2] = -twins[1]
    assert explained_by_others(twins)[1:].tolist() == [1, 1]


def test_chance_explains_nothing_in_the_mean():
    """R² of independent outputs is (u − 1)/(n − 1), a half here; adjusted it is 0."""
    means = [float(explained_by_others(drawn(40, 79, seed)).mean()) for seed in range(30)]
    error = np.std(means, ddof=1) / 30**0.5
    assert abs(np.mean(means)) < 4 * error
    assert error < 0.05


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95, 1.0])
def test_components_are_those_of_the_covariances_eigenvalues(share):
    rows = answering(seed=2)
    values = np.sort(np.linalg.eigvalsh(np.cov(rows.numpy())))[::-1]
    total, held, count = values.sum(), 0.0, 0
    while held < share * total * (1 - 1e-9):
        held += values[count]
        count += 1
    assert principal_components(rows, share=share) == count


def test_components_of_planted_directions():
    """Three directions of equal variance, and as many again that are the same."""
    basis = torch.linalg.qr(drawn(50, 4, seed=3) - drawn(50, 4, seed=3).mean(0)).Q.T
    basis = basis[:3] - basis[:3].mean(dim=1, keepdim=True)
    rows = torch.cat([basis, basis, torch.zeros(2, 50)])
    assert principal_components(rows, share=1 / 3) == 1
    assert principal_components(rows, share=0.34) == 2
    assert principal_components(rows, share=0.95) == 3
    assert principal_components(basis * torch.tensor([[10.0], [1.0], [1.0]]), share=0.95) == 1


@pytest.mark.parametrize("units", range(2, 9))
def test_components_of_equal_variance_are_as_many_as_the_share_says(units):
    drawing = drawn(50, units, seed=units)
    rows = torch.linalg.qr(drawing - drawing.mean(dim=0)).Q.T
    counts = range(1, units + 1)
    assert [principal_components(rows, share=k / units) for k in counts] == list(counts)


def selectivity(row, labels):
    pairs = list(zip(row, labels, strict=True))
    means = {k: np.mean([value for value, one in pairs if one == k]) for k in {*labels}}
    best = max(means, key=means.get)
    others = np.mean([value for value, one in pairs if one != best])
    return (means[best] - others) / (means[best] + others)


def test_selectivity_is_that_of_its_definition():
    rows = answering(seed=4)
    labels = torch.randint(0, 4, (60,), generator=Streams(1).get("labels")) + 3
    found = class_selectivity(rows, labels)
    assert math.isnan(found[3])
    for unit in (0, 1, 2, 4, 5, 6, 7, 8):
        assert float(found[unit]) == pytest.approx(
            selectivity(rows[unit].tolist(), labels.tolist()), rel=1e-12
        )


def test_selectivity_of_perfect_constant_and_dead_units():
    rows = torch.tensor([[0.0, 0, 2, 2, 0, 0], [3.0] * 6, [0.0] * 6, [1.0, 1, 3, 3, 1, 1]])
    found = class_selectivity(rows, torch.tensor([0, 0, 1, 1, 2, 2])).tolist()
    assert found[:2] == [1, 0]
    assert math.isnan(found[2])
    assert found[3] == pytest.approx((3 - 1) / (3 + 1))


def test_shuffled_units_keep_their_values_and_know_nothing_of_each_other():
    rows = answering(seed=3).repeat(4, 20)
    null = shuffled(rows, Streams(0).get("null"))
    assert torch.equal(null.sort(dim=1).values, rows.sort(dim=1).values)
    assert torch.equal(shuffled(rows, Streams(0).get("null")), null)
    live = live_units(rows)
    level = chance_inner_product(int(live.sum()), rows.shape[1] - 1)
    assert correlated_others(rows, least=level)[live].min() >= 3  # each is there four times
    assert correlated_others(null, least=level)[live].max() == 0
    assert explained_by_others(null)[live].abs().max() < 0.1
    assert principal_components(null, share=0.95) > 2 * principal_components(rows, share=0.95)


def test_permuting_units_permutes_and_scaling_changes_only_components():
    rows, order = answering(seed=5), torch.tensor([8, 3, 1, 0, 2, 7, 5, 6, 4])
    labels = torch.arange(60) % 3
    for per_unit in (
        correlated_others,
        explained_by_others,
        live_units,
        lambda each: class_selectivity(each, labels),
    ):
        found = per_unit(rows)
        assert torch.allclose(per_unit(rows[order]), found[order], equal_nan=True)
        assert torch.allclose(per_unit(rows * torch.arange(1, 10)[:, None]), found, equal_nan=True)
    assert principal_components(rows[order], share=0.8) == principal_components(rows, share=0.8)
    assert principal_components(7 * rows, share=0.8) == principal_components(rows, share=0.8)


def test_dead_units_have_nothing_and_change_nothing_of_others():
    rows = answering(dead=False)
    with_dead = torch.cat([rows, torch.full((2, 60), 0.7)])
    assert live_units(with_dead).tolist() == [True] * 9 + [False] * 2
    for per_unit in (correlated_others, explained_by_others):
        found = per_unit(with_dead)
        assert torch.allclose(found[:9], per_unit(rows))
        assert found[9:].isnan().all()
    assert principal_components(with_dead, share=0.9) == principal_components(rows, share=0.9)


def test_outputs_that_never_change_leave_nothing_to_count():
    rows = torch.full((3, 10), 2.0)
    assert not live_units(rows).any()
    assert correlated_others(rows).isnan().all()
    assert explained_by_others(rows).isnan().all()
    assert principal_components(rows, share=0.95) == 0


def test_a_single_unit_is_like_no_other():
    row = drawn(1, 10)
    assert correlated_others(row).tolist() == [0]
    assert explained_by_others(row).tolist() == pytest.approx([0])
    assert principal_components(row, share=0.95) == 1


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_outputs_that_are_not_finite_are_refused(value):
    rows = answering()
    rows[2, 5] = value
    labels = torch.arange(60) % 2
    for measure in (
        live_units,
        correlated_others,
        explained_by_others,
        lambda one: principal_components(one, share=0.9),
        lambda one: class_selectivity(one, labels),
    ):
        with pytest.raises(ValueError, match="finite"):
            measure(rows)


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        (lambda rows: correlated_others(rows, least=0.0), r"least, .* must be in \(0, 1\], got 0"),
        (lambda rows: correlated_others(rows, least=1.1), r"must be in \(0, 1\], got 1.1"),
        (lambda rows: principal_components(rows, share=0.0), r"share, .* in \(0, 1\], got 0"),
        (lambda rows: principal_components(rows, share=math.nan), r"in \(0, 1\], got nan"),
        (lambda rows: explained_by_others(rows[:, :8]), "8 units that are not dead need more than"),
        (lambda rows: class_selectivity(-rows, torch.arange(60) % 2), "outputs must be at least 0"),
        (lambda rows: class_selectivity(rows, torch.arange(59) % 2), "one for each of the 60"),
        (lambda rows: class_selectivity(rows, torch.ones(60)), "labels must be integers"),
        (
            lambda rows: class_selectivity(rows, torch.full((60,), 4)),
            r"labels must be of two classes at least, got \[4\] alone",
        ),
    ],
)
def test_what_says_nothing_is_refused(measure, words):
    with pytest.raises(ValueError, match=words):
        measure(answering())


@pytest.mark.parametrize("least", [0.9999999, 1.0])
def test_no_unit_counts_itself_however_its_own_correlation_is_rounded(least):
    outputs = torch.randn(200, 100, generator=Streams(0).get("rounding")).relu()
    outputs[7] = 3 * outputs[5] + 1
    counts = correlated_others(outputs.double(), least=least)
    assert counts[[5, 7]].tolist() == [1, 1]
    assert counts.sum() == 2


def test_copies_among_the_others_take_nothing_from_what_they_explain():
    found = []
    for draw in range(200):
        outputs = torch.randn(10, 40, generator=Streams(draw).get("copies"), dtype=torch.float64)
        layer = torch.cat([outputs, outputs[:1].expand(15, -1)])
        found.append(explained_by_others(layer)[1:10])
    mean, spread = torch.stack(found).mean(), torch.stack(found).mean(1).std()
    assert abs(float(mean)) < 4 * float(spread) / 200**0.5
