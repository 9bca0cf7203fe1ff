"""All pictures of a timeline in one run of bytes; `test_fixture.py` reads what they show."""

from pathlib import Path

import numpy as np
import pytest

from surfeit.core import StoreError
from surfeit.data import load
from surfeit.models import mlp
from surfeit.store import Run, Store
from surfeit.train import Recipe, train
from surfeit.viewer.bundles.bundle import FILM_ARRAYS, WITHOUT_DATA, WITHOUT_UPDATES, bundle
from surfeit.viewer.bundles.film import Film, levels, pair_products
from surfeit.viewer.bundles.private import without_folders
from surfeit.viewer.bundles.reel import Reel, ahead
from surfeit.viewer.frames.places import Place
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.wire import decode


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small training on digits."""
    model = mlp((20, 5), input_shape=(1, 8, 8), classes=10)
    store = Store(tmp_path_factory.mktemp("bundle"))
    return RunTimeline(train(model, load("digits"), Recipe(epochs=4, lr=0.1), store=store))


def links_of(header, arrays, number=0):
    """The inner product of each pair at each moment; NaN where it is not carried."""
    about = header["films"][number]
    film = Film(
        **{name: arrays[f"film_{number}_{name}"] for name in FILM_ARRAYS},
        **{name: about[name] for name in ("lowest", "step", "error")},
    )
    units = about["units"]
    return [
        np.where(level, film.lowest + (level - 1.0) * film.step, np.nan)
        for level in levels(film, units * (units - 1) // 2)
    ]


@pytest.mark.parametrize("links", [30, None])
def test_a_bundle_shows_the_trainings_graphs_within_its_error(trained, links):
    header, arrays = decode(bundle(trained, ["fc1", "fc2"], links=links))
    assert (header["format"], header["version"]) == ("surfeit-bundle", 1)
    assert [layer["name"] for layer in header["timeline"]["layers"]] == ["fc1", "fc2"]
    for number, layer in enumerate(("fc1", "fc2")):
        about = header["films"][number]
        assert about["layer"] == layer
        assert about["at"] == trained.steps()
        for at, found in zip(about["at"], links_of(header, arrays, number), strict=True):
            units, _ = Place(trained, layer, at).units("weights", None)
            exact = pair_products(units.rows)
            carried = ~np.isnan(found)
            assert carried.sum() >= min(links or 10**6, len(exact))
            assert np.abs(found - exact)[carried].max() <= about["error"] + 1e-6


def test_charts_are_of_some_moments_and_of_the_last(trained, monkeypatch):
    monkeypatch.setattr("surfeit.viewer.bundles.bundle._CHART_SECONDS", 0.004)
    header, arrays = decode(bundle(trained, ["fc1"], dataset=load("digits")))
    drawn = [chart for chart in header["charts"] if chart["kind"] != "pictures"]
    charts = [(chart["kind"], chart["at"]) for chart in drawn]
    steps = trained.steps()
    assert {at for _, at in charts} <= set(steps)
    assert 1 < len({at for _, at in charts}) < len(steps)
    assert charts[-2:] == [("spectrum", steps[-1]), ("removal", steps[-1])]
    removals = [
        decode(arrays[f"chart_{number}"].tobytes())
        for number, chart in enumerate(header["charts"])
        if chart["kind"] == "removal"
    ]
    assert removals[-1][1]["accuracy_0"].shape == (21,)
    assert "accuracy_0" not in removals[0][1]
    assert f"at step {steps[-1]} alone" in removals[0][0]["note"]
    assert header["timeline"]["withoutData"] is None


def test_charts_of_small_layers_are_of_ten_moments_at_most(written):
    header, _ = decode(bundle(RunTimeline(written(steps=range(0, 100, 5))), ["fc2"]))
    at = [chart["at"] for chart in header["charts"] if chart["kind"] == "removal"]
    assert (len(at), at[0], at[-1]) == (10, 0, 95)


def test_without_data_the_bundle_says_how_to_see_more(trained):
    header, arrays = decode(bundle(trained, ["fc1"]))
    assert header["timeline"]["withoutData"] == WITHOUT_DATA
    _, removal = header["charts"][-2:]
    assert removal["kind"] == "removal"
    note = decode(arrays[f"chart_{len(header['charts']) - 1}"].tobytes())[0]["note"]
    assert WITHOUT_DATA in note
    with pytest.raises(ValueError, match="unit outputs need the data"):
        bundle(trained, ["fc1"], source="outputs")


def test_outputs_can_be_bundled_with_data(trained):
    header, arrays = decode(bundle(trained, ["fc1"], source="outputs", dataset=load("digits")))
    assert header["films"][0]["source"] == "outputs"
    (*_, last) = links_of(header, arrays)
    units, _ = Place(trained, "fc1", trained.steps()[-1]).units(
        "outputs", load("digits").validation
    )
    exact = pair_products(units.rows)
    np.testing.assert_allclose(last, exact, atol=header["films"][0]["error"] + 1e-6)


def test_a_broken_snapshot_is_left_out_and_named(written):
    timeline = RunTimeline(written(steps=range(0, 100, 5)))
    folder = timeline.place(5)[0].path / "snapshots"
    (folder / "45.safetensors").write_bytes(b"x")
    (folder / "90.safetensors").unlink()
    header, arrays = decode(bundle(timeline, ["fc1"]))
    about = header["films"][0]
    assert about["at"] == [at for at in range(0, 100, 5) if at not in (45, 90)]
    assert "45.safetensors is damaged" in about["problems"]["45"]
    assert "90.safetensors is missing" in about["problems"]["90"]
    assert len(links_of(header, arrays)) == 18
    for path in folder.iterdir():
        path.write_bytes(b"x")
    with pytest.raises(StoreError, match="is damaged"):
        bundle(timeline, ["fc1"])


def test_no_sentence_of_a_bundle_names_the_folders_of_its_author(written):
    timeline = RunTimeline(written(steps=range(0, 30, 5), data="digits"))
    folder = timeline.place(5)[0].path / "snapshots"
    for at in (0, 15):
        (folder / f"{at}.safetensors").write_bytes(b"x")
    last = folder / "25.safetensors"
    last.write_bytes(last.read_bytes()[:-1] + b"?")  # seen where the whole network is read
    data = bundle(timeline, ["fc1"], dataset=load("digits"))
    assert b"movement is unknown: snapshots/0.safetensors is damaged" in data
    assert b"snapshots/15.safetensors is damaged" in data
    assert b"removals are not measured: snapshots/25.safetensors is damaged" in data
    for part in folder.parents:
        assert len(part.parts) < 3 or f"{part}/".encode() not in data


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("/home/me/a/5.safetensors is damaged: 3/4", "5.safetensors is damaged: 3/4"),
        ("/a/b leads outside /a/c: it is not read", "b leads outside c: it is not read"),
        ("levels 1 (/x/y/z holds no run); 2 (/x/y/w too)", "levels 1 (z holds no run); 2 (w too)"),
        ("'/x/y/z' and C:\\Users\\me\\z", "'z' and z"),
        ("/my own/runs/ab/metrics.jsonl is damaged", "metrics.jsonl is damaged"),
        ("a/b and 1/2, https://example.org/a", "a/b and 1/2, https://example.org/a"),
    ],
)
def test_paths_are_cut_to_their_last_names(said, left):
    assert without_folders(said, [Path("/my own/runs/ab")]) == left


def test_one_moment_that_can_be_read_is_enough(written):
    timeline = RunTimeline(written(steps=range(0, 50, 5)))
    for at in (0, 25, 45):
        (timeline.place(5)[0].path / "snapshots" / f"{at}.safetensors").write_bytes(b"x")
    header, _ = decode(bundle(timeline, ["fc1"]))
    assert header["films"][0]["at"] == [5, 10, 15, 20, 30, 35, 40]
    assert header["films"][0]["notes"][0].startswith("movement is unknown")


def test_a_bundle_of_a_single_moment_and_of_the_output_layer(written):
    header, arrays = decode(bundle(RunTimeline(written(steps=(3,))), ["fc2"]))
    assert header["films"][0]["at"] == [3]
    assert len(links_of(header, arrays)[0]) == 3


def test_a_bundle_says_what_is_wrong(written, writing):
    timeline = RunTimeline(written())
    with pytest.raises(ValueError, match="no layer 'fc9'"):
        bundle(timeline, ["fc9"])
    empty = RunTimeline(Run(writing(seed=5, steps=()).folder))
    with pytest.raises(StoreError, match="has no snapshots"):
        bundle(empty, ["fc1"])


def test_ahead_keeps_the_order_and_passes_errors_on():
    assert list(ahead(lambda x: 2 * x, range(50))) == list(range(0, 100, 2))
    assert list(ahead(lambda x: x, [])) == []
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda x: 1 / x, [1, 0, 1]))


@pytest.mark.parametrize(("units", "together"), [(6, 8), (512, 8), (1024, 4), (4096, 1)])
def test_fewer_moments_of_large_layers_are_read_at_once(written, monkeypatch, units, together):
    run = written(steps=range(20))
    run.about["layers"][0] = {"name": "fc1", "kind": "Linear", "shape": [units, 4]}
    read = []
    monkeypatch.setattr(Reel, "_shots", lambda self, at: read.append(len(at)) or [""] * len(at))
    assert len(list(Reel(RunTimeline(run), "fc1").shots(range(20)))) == 20
    assert max(read) == together


def test_a_bundle_says_whether_it_holds_what_training_added(written):
    def told(run):
        return decode(bundle(RunTimeline(run), ["fc1"]))[0]["timeline"]["withoutUpdates"]

    assert told(written()) is None
    assert told(written(1, steps=(3,))) == "the run has a single snapshot"
    broken = written(2)
    (broken.path / "snapshots" / "0.safetensors").write_bytes(b"x")
    assert told(broken) == WITHOUT_UPDATES
