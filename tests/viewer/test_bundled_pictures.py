"""Pictures of units' weights in a page that carries its data."""

import numpy as np
import pytest

from surfeit.core import StoreError
from surfeit.data import load
from surfeit.models import conv_2, mlp
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer.bundles import pictured as chosen
from surfeit.viewer.bundles.bundle import bundle
from surfeit.viewer.bundles.pictured import pictured
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.places import Place
from surfeit.viewer.frames.query import Query
from surfeit.viewer.timelines.library import Library, some_examples
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.wire import decode


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A training of 20 units on digits, 12 epochs."""
    store = Store(tmp_path_factory.mktemp("pictured"))
    model = mlp((20, 5), input_shape=(1, 8, 8), classes=10)
    train(model, load("digits"), Recipe(epochs=12, lr=0.1, batch_size=100), store=store)
    return store


@pytest.fixture(scope="module")
def timeline(store):
    return RunTimeline(next(iter(store.runs())))


def carried(data):
    """What a bundle holds of pictures: header and arrays by layer and moment."""
    header, arrays = decode(data)
    return {
        (chart["layer"], chart["at"]): decode(arrays[f"chart_{number}"].tobytes())
        for number, chart in enumerate(header["charts"])
        if chart["kind"] == "pictures"
    }


def test_small_layers_have_them_at_ten_moments_and_as_the_server_has_them(store, timeline):
    data = load("digits")
    found = carried(bundle(timeline, ["fc1", "fc2"], dataset=data))
    steps = timeline.steps()
    moments = [at for layer, at in found if layer == "fc1"]
    assert len(moments) == 10
    assert (moments[0], moments[-1]) == (steps[0], steps[-1])
    pictures = Pictures(Library(store, dataset_of=lambda _: data), Cache(None))
    for at in (moments[0], moments[4], moments[-1]):
        header, arrays = decode(pictures.weight_pictures(Query(timeline.id, "fc1", at=at)))
        assert found["fc1", at][0] == header
        for name, values in arrays.items():
            np.testing.assert_array_equal(found["fc1", at][1][name], values)
    why = "the layer does not read the image itself"
    assert {at: header["why"] for (layer, at), (header, _) in found.items() if layer == "fc2"} == {
        steps[-1]: why
    }


def test_without_data_there_are_none(timeline):
    assert carried(bundle(timeline, ["fc1"])) == {}


@pytest.mark.parametrize(
    ("together", "most", "count", "pooled"),
    [(20 * 64 * 2 * 3, 10**6, 3, 1), (20 * 64 * 2, 10**6, 1, 1), (1, 10**6, 1, 1), (1, 700, 1, 2)],
)
def test_the_last_moment_is_always_there_and_others_as_room_allows(
    timeline, monkeypatch, together, most, count, pooled
):
    monkeypatch.setattr(chosen, "TOGETHER", together)
    monkeypatch.setattr(chosen, "MOST_NUMBERS", most)
    found = carried(bundle(timeline, ["fc1"], dataset=load("digits")))
    assert len(found) == count
    assert {header["pooled"] for header, _ in found.values()} == {pooled}
    assert ("fc1", timeline.moment()) in found


def test_what_cannot_be_read_says_why_without_naming_a_folder(timeline, monkeypatch):
    folder = timeline.place(timeline.moment())[0].path

    def broken(*_, **__):
        raise StoreError(f"{folder}/snapshots/3 is damaged")

    monkeypatch.setattr(Place, "weight_pictures", broken)
    (found,) = carried(bundle(timeline, ["fc1"], dataset=load("digits"))).values()
    assert found[0]["shape"] is None
    assert "is damaged" in found[0]["why"]
    assert str(folder) not in found[0]["why"]


def test_filters_of_images_are_carried_too(tmp_path):
    store = Store(tmp_path)
    model = conv_2(input_shape=(1, 8, 8), classes=10)
    run = train(model, load("digits"), Recipe(epochs=1, lr=0.1, batch_size=500), store=store)
    timeline = RunTimeline(run)
    places = [Place(timeline, "conv1", at) for at in timeline.steps()]
    *_, (place, found) = pictured(places, some_examples(load("digits")))
    assert (place.at, found.shape) == (timeline.moment(), (1, 3, 3))
