"""Replicates of a timeline, and between what their metrics lie."""

from functools import partial

import numpy as np
import pyarrow.parquet as pq
import pytest

from surfeit.data import load
from surfeit.models import mlp
from surfeit.procedures.tickets import TicketConfig, find_tickets
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.replicates import band_of
from surfeit.viewer.timelines.timeline import Learning
from surfeit.viewer.wire import decode

NETWORK = partial(mlp, (7,), input_shape=(1, 8, 8), classes=10)
RECIPE = Recipe(epochs=2, lr=0.1)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three replicates, one run at another rate and one on other data."""
    store = Store(tmp_path_factory.mktemp("replicates"))
    for seed in (0, 1, 2):
        train(NETWORK, load("digits"), RECIPE, seed=seed, store=store)
    train(NETWORK, load("digits"), Recipe(epochs=2, lr=0.2), seed=3, store=store)
    return store


def curve(at, **columns):
    return Learning(np.array(at, float), {name: np.array(v, float) for name, v in columns.items()})


def test_a_spread_is_from_the_least_to_the_most_of_all_where_others_were_measured():
    own = curve([0, 5, 9, 12], x=[1, 2, np.nan, 4], y=[0, 0, 0, 0])
    others = [curve([0, 9, 12], x=[3, 7, 2], z=[1, 1, 1]), curve([0, 12], x=[0.5, np.nan])]
    spread = band_of(own, others)
    assert spread is not None
    assert spread.count == 3
    np.testing.assert_equal(spread.least["x"], [0.5, np.nan, np.nan, 2])
    np.testing.assert_equal(spread.most["x"], [3, np.nan, np.nan, 4])
    assert np.isnan(spread.least["y"]).all()
    assert band_of(own, []) is None


def test_runs_that_differ_in_the_seed_alone_are_replicates(store):
    library = Library(store)
    timelines = {one.about().seed: one for one in library.reload()}
    assert {one.about().seed for one in library.replicates(timelines[0])} == {1, 2}
    assert library.replicates(timelines[3]) == []
    given = Library(store, [timelines[0].id, timelines[1].id])
    (own, other) = given.reload()
    assert given.replicates(own) == [other]


def test_the_learning_curve_tells_the_spread_over_replicates(store):
    library = Library(store)
    timelines = {one.about().seed: one for one in library.reload()}
    pictures = Pictures(library, Cache(None))
    header, arrays = decode(pictures.learning(timelines[1].id))
    assert header["replicates"] == 3
    place = header["columns"].index("test_accuracy")
    curves = [timelines[seed].learning().columns["test_accuracy"] for seed in (0, 1, 2)]
    np.testing.assert_equal(arrays[f"least_{place}"], np.min(curves, axis=0))
    np.testing.assert_equal(arrays[f"most_{place}"], np.max(curves, axis=0))
    header, arrays = decode(pictures.learning(timelines[3].id))
    assert "replicates" not in header
    assert "least_0" not in arrays


def test_replicates_of_a_search_are_those_of_its_table(tmp_path):
    store = Store(tmp_path / "store")
    config = TicketConfig(levels=1)
    table = find_tickets(NETWORK, load("digits"), RECIPE, config, seeds=(0, 1), store=store)
    pq.write_table(table, tmp_path / "tickets.parquet")
    library = Library(store, [tmp_path / "tickets.parquet"])
    first, second = library.reload()
    assert library.replicates(first) == [second]
    masked = Library(store)
    runs = [one for one in masked.reload() if one.about().level == 1]
    assert runs
    assert all(masked.replicates(one) == [] for one in runs)
