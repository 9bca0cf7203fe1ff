"""A layer's links over many moments: what is read back, against what was written."""

import zlib

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.similarity import normalised
from surfeit.viewer.bundles.film import (
    Scale,
    drift_of,
    film,
    least_of,
    levels,
    pair_products,
    scale_of,
)
from surfeit.viewer.bundles.series import series, values_of


def moving(units, inputs, moments, *, speed=0.05):
    """Pairs' inner products while weights wander; some units lose their direction on the way."""
    generator, weight, found = Streams(0).get("film"), None, []
    for moment in range(moments):
        step = torch.randn(units, inputs, generator=generator)
        weight = step if weight is None else weight + speed * step
        seen = weight.clone()
        if moment > moments // 2:
            seen[3] = 0
        found.append(pair_products(normalised(seen)))
    return found


def read(written, pairs):
    """The inner product of every carried pair at each moment; NaN for the others."""
    return [
        np.where(level > 0, written.lowest + (level - 1.0) * written.step, np.nan)
        for level in levels(written, pairs)
    ]


@pytest.mark.parametrize("links", [0, 1, 100, 700, 10_000])
def test_every_moment_is_complete_and_within_the_error(links):
    products = moving(40, 6, 25)
    scale = scale_of(products[::12], links)
    written = film(products, scale, links)
    assert written.error <= 0.76 * written.step or links == 1
    off = 0.0
    for found, exact, floor in zip(read(written, 780), products, written.floor, strict=True):
        carried = ~np.isnan(found)
        assert not (carried & np.isnan(exact)).any()
        if links:
            assert carried[exact >= floor].all()
            assert carried.sum() >= min(links, (~np.isnan(exact)).sum())
            assert (found[carried] >= floor - 1.6 * written.step).all()
        else:
            assert not carried.any()
        off = max(off, np.abs(found - exact)[carried].max(initial=0))
    assert off == pytest.approx(written.error, abs=1e-6)
    if links == 10_000:
        assert (written.floor == -1).all()


def test_what_stands_still_costs_nothing():
    products = moving(30, 5, 1) * 20
    written = film(products, scale_of(products[:1], 100), 100)
    assert len(written.changes) == len(written.gaps) == 0
    assert set(written.entry_ends.tolist()) == {len(written.entries)}


def test_what_trembles_within_a_level_costs_nothing():
    generator = np.random.default_rng(0)
    base = np.linspace(0.1, 0.9, 200).astype(np.float32)
    scale = Scale(0.0, 0.01)
    trembling = [base + 0.001 * generator.uniform(-1, 1, 200).astype(np.float32) for _ in range(30)]
    written = film(trembling, scale, 200)
    assert (len(written.changes), len(written.entered)) == (0, 200)
    assert written.error <= 0.0071


def test_what_moves_much_is_written_in_coarser_steps_and_says_so(monkeypatch):
    calm, wild = (moving(60, 6, 40, speed=speed) for speed in (0.002, 0.1))
    size, error = {}, {}
    for budget in (10**9, 10_000):
        monkeypatch.setattr("surfeit.viewer.bundles.film._BYTES", budget)
        for name, products in (("calm", calm), ("wild", wild)):
            drift = drift_of(*products[20:22], 900)
            scale = scale_of(products[::13], 900, moments=40, drift=drift)
            written = film(products, scale, 900)
            found = (written.gaps, written.changes, written.entries, written.entered)
            size[name, budget] = sum(len(zlib.compress(part.tobytes())) for part in found)
            error[name, budget] = written.error
    assert error["calm", 10_000] == error["calm", 10**9]
    assert error["wild", 10_000] > 2 * error["wild", 10**9]
    assert size["wild", 10**9] > 25_000
    assert size["wild", 10_000] < 16_000


def test_drift_is_that_of_what_is_carried():
    before = np.array([0.9, 0.8, 0.1, np.nan, 0.7], np.float32)
    after = np.array([0.8, 0.9, 0.9, 0.5, np.nan], np.float32)
    assert drift_of(before, after, 3) == pytest.approx(0.1)
    assert drift_of(before, after, 9) == pytest.approx(1 / 3)
    assert drift_of(before, after, 0) == 0


def test_values_beyond_the_levels_are_cut_off_and_the_error_says_so():
    written = film([np.array([0.5, 0.9, -0.5], np.float32)], Scale(0.0, 0.001), 3)
    assert read(written, 3)[0] == pytest.approx([0.254, 0.254, 0.0])
    assert written.error == pytest.approx(0.646, abs=1e-3)


@pytest.mark.parametrize("gap", [0, 1, 254, 255, 256, 509, 510, 511, 5000])
def test_gaps_of_any_length_are_read_back(gap):
    products = np.full(6000, np.nan, np.float32)
    products[[gap, gap + 1, 5999]] = 0.5
    written = film([products], Scale(0.0, 0.1), 10)
    (found,) = levels(written, 6000)
    assert np.flatnonzero(found).tolist() == [gap, gap + 1, 5999]


def test_pair_products_are_those_of_all_pairs_across_blocks():
    weight = torch.randn(600, 4, generator=Streams(0).get("pairs"))
    weight[17] = 0
    rows = normalised(weight)
    found = pair_products(rows)
    one, other = np.triu_indices(600, 1)
    expected = (rows @ rows.T).numpy()[one, other]
    gone = (one == 17) | (other == 17)
    assert np.isnan(found[gone]).all()
    np.testing.assert_allclose(found[~gone], expected[~gone], atol=1e-6)
    assert len(pair_products(torch.ones(1, 3))) == 0


def test_the_least_inner_product_is_that_of_the_last_link():
    products = np.array([0.5, np.nan, 0.1, 0.9, 0.3], np.float32)
    assert [least_of(products, links) for links in (0, 1, 3, 4, 9)] == [
        np.inf,
        pytest.approx(0.9),
        pytest.approx(0.3),
        -np.inf,
        -np.inf,
    ]


def test_layers_without_links_can_be_filmed():
    nothing = [np.empty(0, np.float32)] * 3
    written = film(nothing, scale_of(nothing, 10), 10)
    assert [len(level) for level in levels(written, 0)] == [0, 0, 0]
    dead = [np.full(3, np.nan, np.float32)] * 2
    assert not any(level.any() for level in levels(film(dead, scale_of(dead, 5), 5), 3))


def test_too_many_units_are_refused():
    with pytest.raises(ValueError, match="up to 8192 units, this layer has 8193"):
        pair_products(torch.ones(8193, 1))


def test_series_are_read_back_within_a_step():
    values = np.random.default_rng(0).normal(size=(20, 7)).cumsum(axis=0)
    values[3:6, 2] = np.nan
    written = series(values)
    np.testing.assert_allclose(
        values_of(written), values, atol=(written.high - written.low) / 508 + 1e-9
    )
    assert written.changes.dtype == np.uint8


@pytest.mark.parametrize("value", [1.0, np.nan])
def test_series_of_one_value_are_exact(value):
    values = np.full((4, 3), value)
    np.testing.assert_array_equal(values_of(series(values)), values)
