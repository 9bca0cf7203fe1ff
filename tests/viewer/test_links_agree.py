"""One set of links by default: in the server, the export, the report and in print."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from surfeit.core import Streams
from surfeit.data import load
from surfeit.models import mlp
from surfeit.similarity import chance_inner_product, cosine_graph, normalised, pairwise_products
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer.bundles.bundle import FILM_ARRAYS, bundle
from surfeit.viewer.bundles.contents import contents, still
from surfeit.viewer.bundles.film import Film, Filming, levels, pair_products, scale_of
from surfeit.viewer.bundles.nearest import nearest_pairs
from surfeit.viewer.fallback import still_view
from surfeit.viewer.frames.active import MOST_MEASURED, ActiveUnits, measured_at
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.graph import graph_frame
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.places import Place
from surfeit.viewer.frames.quantised import STEPS, apart_of, cut_of, inner_product_of, limit_of
from surfeit.viewer.frames.query import Query
from surfeit.viewer.frames.units import units_of
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.wire import decode


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A training whose 40 units read 4 pixels each: chance is often passed."""
    store = Store(tmp_path_factory.mktemp("links"))
    model = mlp((60, 40), input_shape=(1, 8, 8), classes=10)
    train(model, load("digits"), Recipe(epochs=5, lr=0.5, batch_size=60), store=store)
    return store


@pytest.fixture(scope="module")
def timeline(store):
    (run,) = store.runs()
    return RunTimeline(run)


def js_limit(level):
    """The greatest distance of a link, as the page's `apartOf` rounds it."""
    return math.floor((1 - min(max(level, -1), 1)) / 2 * 65535 + 0.5)


def films_of(data):
    """By layer and likeness: what is said, and at each moment the quantised distances, as the page
    reads them; −1 where a pair is not carried."""
    header, arrays = decode(data)
    found = {}
    for number, about in enumerate(header["films"]):
        film = Film(
            **{name: arrays[f"film_{number}_{name}"] for name in FILM_ARRAYS},
            **{name: about[name] for name in ("lowest", "step", "error")},
        )
        units = about["units"]
        aparts = [
            np.where(level > 0, apart_of(film.lowest + (level - 1.0) * film.step).astype(int), -1)
            for level in levels(film, units * (units - 1) // 2)
        ]
        found[about["layer"], about["source"]] = about, aparts
    return found


def pairs_of(units, condensed):
    return np.stack(np.triu_indices(units, 1), axis=1)[condensed].tolist()


@pytest.mark.parametrize("source", ["weights", "updates"])
@pytest.mark.parametrize("layer", ["fc1", "fc2"])
def test_server_export_and_graph_have_the_same_links(store, timeline, layer, source, monkeypatch):
    # Few weight vectors of so short a training are more alike than chance: lower that, to compare.
    monkeypatch.setattr("surfeit.viewer.frames.places.chance_of", lambda shape: 0.14142)
    pictures = Pictures(Library(store, dataset_of=lambda _: load("digits")), Cache(None))
    filmed = films_of(bundle(timeline, ["fc1", "fc2"], dataset=load("digits"), links=900))
    about, aparts = filmed[layer, source]
    steps, linked = timeline.steps(), 0
    for moment, at in enumerate(steps):
        header, arrays = decode(pictures.graph(Query(timeline.id, layer, source, at=at)))
        level = header["level"]
        assert about["level"][moment] == level
        limit = js_limit(level)
        assert header["level_apart"] == about["level_apart"][moment] == limit
        near = arrays["apart"] <= limit
        server = np.stack([arrays["source"][near], arrays["target"][near]], axis=1).tolist()
        units = header["units"]
        export = pairs_of(units, (aparts[moment] >= 0) & (aparts[moment] <= limit))
        assert sorted(server) == export
        if source == "weights":
            weight = timeline.weights(layer, at)[0]
            assert level == 0.14142
            assert len(export) > 20
            assert cosine_graph(weight, inner_product=level).edges.T.tolist() == export
        linked += len(export)
    assert linked > 0


def test_print_has_the_servers_links(store, timeline):
    weight = timeline.weights("fc2", timeline.moment())[0]
    level = chance_inner_product(*weight.shape)
    frame = graph_frame(units_of(weight, level=level))
    drawn = still_view(weight, title="").links
    near = frame.apart <= limit_of(level)
    assert sorted(zip(frame.source[near], frame.target[near], strict=True)) == sorted(
        map(tuple, drawn)
    )


def test_print_has_the_servers_links_of_updates(store, timeline):
    place = Place(timeline, "fc2", timeline.moment())
    frame = graph_frame(place.units("updates", None, ActiveUnits(None))[0])
    assert frame.level is not None
    view = still(timeline, "fc2")
    dark = view.link_opacity >= view.link_opacity.max() - 1e-9
    near = frame.apart <= limit_of(frame.level)
    assert near.sum() > 0
    assert sorted(zip(frame.source[near], frame.target[near], strict=True)) == sorted(
        map(tuple, view.links[dark])
    )


@pytest.mark.parametrize("level", [0.123456, 0.5, 0.9])
def test_distances_up_to_the_limit_are_those_from_the_level_on(level):
    step = 2 / STEPS
    products = np.concatenate([level + step * np.linspace(-3, 3, 601), [-1.0, 1.0]])
    apart = apart_of(products, level=level)
    assert ((apart <= limit_of(level)) == (products >= level)).all()
    assert np.abs(inner_product_of(apart) - products).max() <= step * 1.51
    order = np.argsort(-products, kind="stable")
    assert (np.diff(apart[order].astype(int)) >= 0).all()
    assert limit_of(level) == js_limit(level)
    assert limit_of(1.0) == 0
    assert limit_of(-1.0) == STEPS
    assert apart_of(np.array([-1.0]), level=-1.0).tolist() == [STEPS]


def moving(units, inputs, moments, speed=0.05):
    generator, weight, found = Streams(0).get("agree"), None, []
    for _ in range(moments):
        step = torch.randn(units, inputs, generator=generator)
        weight = step if weight is None else weight + speed * step
        found.append(normalised(weight))
    return found


@pytest.mark.parametrize("links", [50, 300, 10_000])
def test_films_round_no_pair_across_a_level_that_moves(links):
    rows = moving(40, 6, 30)
    begins = [0.9 - 0.015 * moment for moment in range(30)]
    products = [pair_products(row, level=level) for row, level in zip(rows, begins, strict=True)]
    scale = scale_of(products[::3], links, reach=1.0, neighbours=3)
    filming = Filming(scale, links, neighbours=3)
    for found, level in zip(products, begins, strict=True):
        filming.add(found, level)
    written = filming.film()
    assert written.error <= 1.01 * written.step
    for state, exact, level, floor in zip(
        levels(written, 780), products, begins, written.floor, strict=True
    ):
        apart = apart_of(written.lowest + (state - 1.0) * written.step)
        drawn = (state > 0) & (apart <= limit_of(level))
        assert (drawn <= (exact >= level)).all()
        missing = (exact >= level) & ~drawn
        assert (exact[missing] < floor).all()
        if links > 300:
            assert not missing.any()


def test_links_below_all_levels_of_a_film_are_left_out_and_the_floor_says_so():
    products = np.array([[0.9, 0.5, 0.45], [0.9, 0.2, 0.1]], np.float32)
    filming = Filming(scale_of(products[:1], 3), 3)
    for found in products:
        filming.add(found, 0.15)
    written = filming.film()
    (_, last) = levels(written, 3)
    assert (last > 0).tolist() == [True, True, False]
    assert written.floor[1] == pytest.approx(0.15)


@pytest.mark.parametrize("links", [0, 20, 200])
def test_films_carry_each_units_nearest(links):
    rows = moving(30, 5, 6)
    rows[3][7] = 0
    products = [pair_products(row) for row in rows]
    filming = Filming(scale_of(products, 200), links, neighbours=4)
    for found in products:
        filming.add(found)
    one, other = np.triu_indices(30, 1)
    for state, row in zip(levels(filming.film(), 435), rows, strict=True):
        similar = (row @ row.T).numpy()
        np.fill_diagonal(similar, -np.inf)
        carried = set(zip(one[state > 0].tolist(), other[state > 0].tolist(), strict=True))
        live = row.norm(dim=1) > 0
        for unit in range(30):
            if not live[unit]:
                assert not any(unit in pair for pair in carried)
                continue
            similar[unit, ~live.numpy()] = -np.inf
            for near in np.argsort(-similar[unit])[:4].tolist():
                assert (min(unit, near), max(unit, near)) in carried


@pytest.mark.parametrize("units", [1, 2, 3, 12])
def test_nearest_pairs_are_those_of_a_sorted_matrix(units):
    products = pair_products(moving(units, 4, 1)[0])
    found = nearest_pairs(products, 2, np.inf)
    one, other = np.triu_indices(units, 1)
    similar = np.full((units, units), -np.inf)
    similar[one, other] = similar[other, one] = products
    expected = {
        (min(unit, near), max(unit, near))
        for unit in range(units)
        for near in np.argsort(-similar[unit])[: min(2, units - 1)].tolist()
    }
    assert set(zip(one[found].tolist(), other[found].tolist(), strict=True)) == expected
    assert len(nearest_pairs(products, 2, -np.inf)) == 0


def test_the_activity_that_counts_is_that_of_the_next_of_ten_moments(written):
    timeline = RunTimeline(written(steps=range(0, 200, 5)))
    measured = sorted({measured_at(timeline, at) for at in timeline.steps()})
    assert len(measured) <= MOST_MEASURED
    assert (measured[0], measured[-1]) == (0, 195)
    assert all(measured_at(timeline, at) >= at for at in timeline.steps())
    few = RunTimeline(written(1, steps=(0, 5, 10)))
    assert [measured_at(few, at) for at in (0, 5, 10)] == [0, 5, 10]


def test_activity_is_measured_once_a_moment_and_says_why_it_is_not(store, timeline, monkeypatch):
    passes = []
    run = RunTimeline.network
    monkeypatch.setattr(
        RunTimeline,
        "network",
        lambda self, at, examples: passes.append(at) or run(self, at, examples),
    )
    active = ActiveUnits(load("digits").validation)
    for _ in range(3):
        found, why = active.of(timeline, "fc1", timeline.moment())
    assert (found.shape, found.dtype, why) == ((60,), torch.bool, None)
    assert len(passes) == 1
    assert ActiveUnits(None).of(timeline, "fc1", 0) == (
        None,
        "silent units are not left out: that takes the data that the network was trained on",
    )
    odd = replace(load("digits").validation, inputs=torch.zeros(len(load("digits").validation), 3))
    found, why = ActiveUnits(odd).of(timeline, "fc1", timeline.moment())
    assert found is None
    assert why.startswith("silent units are not left out: ")


def test_updates_of_a_run_with_a_single_snapshot_are_unknown(written):
    run = written(steps=(3,))
    pictures = Pictures(Library(Store(run.path.parent), [run.path]), Cache(None))
    with pytest.raises(ValueError, match="updates are unknown: the run has a single snapshot"):
        pictures.graph(Query(run.key, "fc1", "updates"))
    header, _ = decode(bundle(RunTimeline(run), ["fc1"]))
    assert [film["source"] for film in header["films"]] == ["weights"]


def test_updates_begin_where_training_began(timeline, store):
    pictures = Pictures(Library(store, dataset_of=lambda _: load("digits")), Cache(None))
    header, arrays = decode(pictures.graph(Query(timeline.id, "fc1", "updates", at=0)))
    assert header["level"] == 1
    assert len(arrays["apart"]) == 0
    assert "training began here" in header["note"]
    assert not arrays["moved"].any()
    _, last = decode(pictures.graph(Query(timeline.id, "fc1", "updates")))
    first, final = (timeline.weights("fc1", at)[0] for at in (0, timeline.moment()))
    np.testing.assert_allclose(last["moved"], (final - first).norm(dim=1), rtol=1e-5)


def test_updates_without_data_say_that_silent_units_are_there(timeline, store):
    pictures = Pictures(Library(store), Cache(None))
    header, _ = decode(pictures.graph(Query(timeline.id, "fc1", "updates")))
    assert "silent units are not left out: the data" in header["note"]
    assert "silent units are not left out" in str(decode(bundle(timeline, ["fc1"]))[0]["films"][1])


@pytest.mark.parametrize("rank", [1, 40, 300])
def test_a_threshold_of_the_report_joins_the_same_units_on_its_page(timeline, rank):
    """It travels as a link weight of five digits, and is read back as the page reads it."""
    weight = timeline.weights("fc2", timeline.moment())[0]
    link = float(pairwise_products(normalised(weight)).sort().values[-rank])
    cut = float(f"{cut_of(link, 0.5):.5g}")
    limit = math.floor(-math.log(cut) * 0.25 * STEPS / 2 + 1e-6)  # the page's `maxApartOf`
    assert limit == limit_of(link)
    data = contents(timeline, "fc2", link=link).bundle
    about, aparts = films_of(data)["fc2", "weights"]
    assert about["level"] == [link] * len(timeline.steps())
    report = cosine_graph(weight, inner_product=link).edges.T.tolist()
    assert pairs_of(40, (aparts[-1] >= 0) & (aparts[-1] <= limit)) == report
    assert len(report) >= rank - 1
