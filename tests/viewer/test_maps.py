"""Maps of a run: aligned over time, units without a direction under them, and what they cost."""

import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from surfeit.core import StoreError
from surfeit.data import load
from surfeit.models import mlp
from surfeit.similarity import normalised, update_directions
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.embedding import embedded, faithfulness
from surfeit.viewer.frames.maps import chosen_for, map_frame, seconds_of
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.query import Query
from surfeit.viewer.serving.serve import serving
from surfeit.viewer.serving.server import application
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.wire import decode

ANYONE = [ActiveUnits(None)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small network on digits: a run of 24 hidden units."""
    store = Store(tmp_path_factory.mktemp("maps"))
    network = mlp((24,), input_shape=(1, 8, 8), classes=10)
    return train(network, load("digits"), Recipe(epochs=4, lr=0.1), store=store)


def read(pack):
    header, arrays = decode(pack)
    return header, arrays["places"].reshape(len(header["at"]), header["units"], 2)


def test_the_last_moment_is_the_map_of_its_directions_and_others_begin_there(trained):
    timeline = RunTimeline(trained)
    frame = map_frame(timeline, "fc1", timeline.steps(), "weights", "tsne", active=ANYONE)
    assert frame.at == timeline.steps()
    before = None
    for moment in reversed(range(len(frame.at))):
        (weight,) = trained.weights("fc1", [frame.at[moment]])
        rows = normalised(weight)
        before = embedded(rows, "tsne", before)
        spread = float(before.square().sum(dim=1).mean().sqrt())
        np.testing.assert_allclose(frame.places[moment], before / spread, atol=1e-5)
        judged = faithfulness(rows, before)
        assert (frame.neighbours[moment], frame.trust[moment], frame.true[moment]) == judged
    again = map_frame(timeline, "fc1", timeline.steps(), "weights", "tsne", active=ANYONE)
    assert again.packed() == frame.packed()
    sizes = np.square(frame.places).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(sizes, 1, rtol=1e-4)


def test_units_that_nothing_was_added_to_stand_in_rows_under_the_map(trained):
    timeline = RunTimeline(trained)
    frame = map_frame(timeline, "fc1", timeline.steps(), "updates", "tsne", active=ANYONE)
    assert frame.nowhere[0] == 24  # training began here
    assert frame.nowhere[1:] == [0] * (len(frame.at) - 1)
    assert (frame.trust[0], frame.true[0], frame.neighbours[0]) == (None, None, 0)
    under = frame.places[0, :, 1]
    assert under.max() < frame.places[1:, :, 1].min()
    assert len(np.unique(frame.places[0], axis=0)) == 24


def test_each_likeness_has_a_map_and_it_is_kept(trained, tmp_path):
    store = Store(trained.path.parents[2])
    library = Library(store, [trained.path], dataset_of=lambda _: load("digits"))
    pictures = Pictures(library, Cache(tmp_path / "cache"))
    for source in ("weights", "updates", "outputs"):
        header, places = read(pictures.map(Query(trained.key, "fc1", source), "tsne"))
        assert (header["method"], header["source"], header["own"]) == ("tsne", source, 24)
        assert np.isfinite(places).all()
        assert header["trust"][-1] > 0.6
        again = pictures.map(Query(trained.key, "fc1", source), "tsne")
        assert read(again)[0] == header


def test_a_unit_is_left_out_where_it_is_silent_as_the_graph_does(trained):
    timeline = RunTimeline(trained)
    last = timeline.steps()[-1]

    class Half(ActiveUnits):
        def of(self, timeline, layer, at):
            return torch.arange(24) >= 5, None

    frame = map_frame(timeline, "fc1", [last], "updates", "tsne", active=[Half(None)])
    assert frame.nowhere == [5]
    start, end = trained.weights("fc1", [timeline.steps()[0], last])
    rows = update_directions(end, start, active=torch.arange(24) >= 5)
    expected = embedded(rows[5:], "tsne")
    expected = expected / expected.square().sum(dim=1).mean().sqrt()
    np.testing.assert_allclose(frame.places[0, 5:], expected, atol=1e-5)
    assert frame.places[0, :5, 1].max() < frame.places[0, 5:, 1].min()


@pytest.mark.parametrize("seed", [0, 1])
def test_six_units_lie_by_their_components_at_all_moments(written, seed):
    run = written(seed)
    timeline = RunTimeline(run)
    frame = map_frame(timeline, "fc2", timeline.steps(), "weights", "tsne", active=ANYONE)
    assert frame.places.shape == (3, 3, 2)
    assert np.isfinite(frame.places).all()
    assert frame.trust == [1.0] * 3


def test_merged_units_share_one_map(written):
    first, second = written(0), written(1)
    library = Library(Store(first.path.parent), [first.path, second.path])
    query = Query(first.key, "fc1", merged=second.key)
    header, places = read(Pictures(library, Cache(None)).map(query, "tsne"))
    assert (header["units"], header["own"]) == (12, 6)
    both = torch.cat([run.weights("fc1", [10])[0] for run in (first, second)])
    exact = embedded(normalised(both), "tsne")
    np.testing.assert_allclose(
        places[-1], exact / exact.square().sum(dim=1).mean().sqrt(), atol=1e-5
    )


def test_as_many_moments_have_a_map_as_its_time_allows():
    every = list(range(0, 1010, 10))
    assert chosen_for(300, every) == every
    some = chosen_for(1024, every)
    assert 15 < len(some) < 40
    assert (some[0], some[-1]) == (0, 1000)
    assert chosen_for(4096, every) == [0, 1000]
    assert chosen_for(4096, [7]) == [7]
    first, other = seconds_of(1024)
    assert first + (len(some) - 1) * other <= 30


def test_more_units_than_one_would_wait_for_are_refused_with_numbers():
    with pytest.raises(
        ValueError, match=r"^a map of 8,192 units would take about 1\d\d seconds, and more than 60"
    ):
        chosen_for(8192, [0, 1])


def test_the_server_sends_maps_and_what_it_cannot_show(trained, monkeypatch):
    store = Store(trained.path.parents[2])
    pictures = Pictures(Library(store, [trained.path]), Cache(None))
    client = TestClient(application(pictures, "token"), base_url="http://localhost")
    asked = {"layer": "fc1", "source": "weights", "at": 0, "token": "token"}
    answer = client.get(f"/api/timelines/{trained.key}/tsne", params=asked)
    assert answer.content == pictures.map(Query(trained.key, "fc1"), "tsne")
    monkeypatch.setitem(sys.modules, "umap", None)
    refused = client.get(f"/api/timelines/{trained.key}/umap", params=asked)
    assert refused.status_code == 400
    assert "pip install umap-learn" in refused.json()["error"]
    assert list(pictures.catalog()["withoutLayouts"]) == ["umap"]


def test_maps_wait_for_each_other_and_hold_up_nothing_else(trained, monkeypatch):
    store = Store(trained.path.parents[2])
    pictures = Pictures(Library(store, [trained.path]), Cache(None))
    begun, go_on, at_once = threading.Semaphore(0), threading.Event(), []

    def slow(query, method):
        at_once.append(method)
        begun.release()
        go_on.wait(20)
        at_once.remove(method)
        return method.encode()

    monkeypatch.setattr(pictures, "map", slow)
    path = f"/api/timelines/{trained.key}"
    with serving(application(pictures, "token"), 0) as server, ThreadPoolExecutor(3) as pool:

        def get(kind):
            address = f"{server.address}{path}/{kind}?layer=fc1&token=token"
            with urllib.request.urlopen(address, timeout=20) as answer:
                return answer.read()

        coming = [pool.submit(get, "tsne") for _ in range(3)]
        assert begun.acquire(timeout=20)
        assert get("graph") == pictures.graph(Query(trained.key, "fc1"))
        assert at_once == ["tsne"]
        go_on.set()
        assert [one.result() for one in coming] == [b"tsne"] * 3


def test_what_cannot_be_read_is_said(written):
    single = RunTimeline(written(1, steps=(3,)))
    with pytest.raises(StoreError, match="single snapshot"):
        map_frame(single, "fc1", single.steps(), "updates", "tsne", active=ANYONE)
