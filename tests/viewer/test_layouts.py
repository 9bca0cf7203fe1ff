"""Places and matrices as pages without a server carry them."""

import numpy as np
import pytest
import torch

from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer.bundles.bundle import bundle
from surfeit.viewer.bundles.layouts import compact_matrix, compact_places, layout_packs
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.maps import map_frame
from surfeit.viewer.frames.matrix import NONE, matrix_frame
from surfeit.viewer.frames.plane import PlaneFrame, plane_frame
from surfeit.viewer.frames.units import units_of
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.wire import decode

from .reading import places_of, products_of

ANYONE = ActiveUnits(None)


@pytest.fixture(scope="module")
def timeline(tmp_path_factory):
    """A small training on digits: 24 hidden units over 5 snapshots."""
    store = Store(tmp_path_factory.mktemp("layouts"))
    network = mlp((24,), input_shape=(1, 8, 8), classes=10)
    return RunTimeline(train(network, load("digits"), Recipe(epochs=4, lr=0.1), store=store))


def packs(timeline, layer="fc1", sources=("weights", "updates"), **options):
    found = layout_packs([timeline], layer, timeline.steps(), sources, active=ANYONE, **options)
    return {(about["kind"], about["source"]): decode(pack) for about, pack in found}


@pytest.mark.parametrize("moments", [1, 2, 30])
def test_places_are_kept_to_a_step(moments):
    places = np.random.default_rng(0).normal(size=(moments, 7, 2)).cumsum(axis=0)
    frame = PlaneFrame(
        source="weights",
        units=7,
        own=7,
        at=list(range(moments)),
        places=places.astype(np.float32),
        share=[0.5] * moments,
    )
    header, arrays = decode(compact_places(frame.packed()))
    assert header["share"] == frame.share
    wide = (places.max(axis=(0, 1)) - places.min(axis=(0, 1))).max()
    assert header["step"] == pytest.approx(wide / 1023, rel=1e-4)
    np.testing.assert_allclose(places_of(header, arrays), places, atol=0.51 * header["step"])


def test_units_in_one_place_stay_there():
    frame = PlaneFrame(
        source="updates", units=3, own=3, at=[0], places=np.zeros((1, 3, 2), "f4"), share=[None]
    )
    header, arrays = decode(compact_places(frame.packed()))
    assert (places_of(header, arrays) == 0).all()


@pytest.mark.parametrize("units", [1, 2, 9])
def test_a_matrix_loses_nothing(units):
    weight = torch.randn(units, 4, generator=torch.manual_seed(0))
    weight[units // 2] = 0
    pack = matrix_frame(units_of(weight, level=0.4))
    header, arrays = decode(compact_matrix(pack))
    assert header["nowhere"] == [units // 2]
    exact = decode(pack)[1]["products"].reshape(units, units)
    found = products_of(header, arrays)
    assert (found == exact).all()
    assert (found[units // 2] == NONE).all()


def test_a_page_carries_components_and_a_small_layers_matrix_of_each_likeness(timeline):
    found = packs(timeline)
    assert set(found) == {(k, s) for k in ("plane", "matrix") for s in ("weights", "updates")}
    for source in ("weights", "updates"):
        exact = plane_frame(timeline, "fc1", timeline.steps(), source)
        header, arrays = found["plane", source]
        assert header["at"] == exact.at
        assert header["share"] == exact.share
        np.testing.assert_allclose(places_of(header, arrays), exact.places, atol=header["step"])
        rows = timeline.weights("fc1", timeline.steps()[-1])[0].double()
        if source == "updates":
            rows = rows - timeline.weights("fc1", 0)[0].double()
        rows = rows / rows.norm(dim=1, keepdim=True)
        products = products_of(*found["matrix", source]) / 127
        np.testing.assert_allclose(products, rows @ rows.T, atol=0.51 / 127)


def test_maps_and_larger_matrices_are_carried_on_request(timeline, monkeypatch):
    monkeypatch.setattr("surfeit.viewer.bundles.layouts.USUAL_MATRIX", 23)
    assert {kind for kind, _ in packs(timeline)} == {"plane"}
    found = packs(timeline, maps=True)
    assert {kind for kind, _ in found} == {"plane", "matrix", "tsne"}
    exact = map_frame(timeline, "fc1", timeline.steps(), "weights", "tsne", active=[ANYONE])
    header, arrays = found["tsne", "weights"]
    assert header["trust"] == exact.trust
    np.testing.assert_allclose(places_of(header, arrays), exact.places, atol=header["step"])


def test_only_some_moments_have_places_in_a_long_run(timeline, monkeypatch):
    monkeypatch.setattr("surfeit.viewer.bundles.layouts.MOST_MOMENTS", 3)
    header, _ = packs(timeline)["plane", "weights"]
    steps = timeline.steps()
    assert header["at"] == [steps[0], steps[2], steps[4]]
    monkeypatch.setattr("surfeit.viewer.bundles.layouts._SECONDS", 0)
    header, _ = packs(timeline)["plane", "weights"]
    assert header["at"] == [steps[0], steps[4]]


def test_outputs_have_a_matrix_and_no_components(timeline):
    data = load("digits")
    header, _ = decode(bundle(timeline, ["fc1"], source="outputs", dataset=data))
    kinds = [about["kind"] for about in header["charts"] if "source" in about]
    assert kinds == ["matrix"]


def test_two_runs_share_places_and_matrix(written):
    first, second = (RunTimeline(written(seed)) for seed in (0, 1))
    found = layout_packs([first, second], "fc1", [0, 5, 10], ["weights"], active=ANYONE, maps=True)
    for about, pack in found:
        header, _ = decode(pack)
        assert (header["units"], header["own"]) == (12, 6), about


def test_a_layer_of_too_many_units_has_no_map(timeline, monkeypatch):
    monkeypatch.setattr("surfeit.viewer.frames.maps.MOST_SECONDS", 0)
    assert {kind for kind, _ in packs(timeline, maps=True)} == {"plane", "matrix"}
