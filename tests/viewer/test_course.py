"""Groups of a layer over a whole run, in the server and in a bundle."""

import numpy as np
import pytest
import torch

from surfeit.core import StoreError, Streams
from surfeit.data import load
from surfeit.models import mlp
from surfeit.similarity import carried, divide, start_left, update_directions, updates
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer.bundles.bundle import FILM_ARRAYS, bundle
from surfeit.viewer.bundles.film import Film, levels
from surfeit.viewer.frames.active import ActiveUnits, favourite_class
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.course import course_frame
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.quantised import apart_of
from surfeit.viewer.frames.query import Query
from surfeit.viewer.timelines.library import Library, some_examples
from surfeit.viewer.timelines.run import RunTimeline
from surfeit.viewer.wire import decode


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two trainings on digits of 40 units."""
    store = Store(tmp_path_factory.mktemp("course"))
    for seed in (0, 1):
        model = mlp((40,), input_shape=(1, 8, 8), classes=10)
        recipe = Recipe(epochs=6, lr=0.3, batch_size=60)
        train(model, load("digits"), recipe, seed=seed, store=store)
    return store


@pytest.fixture(scope="module")
def timelines(store):
    return [RunTimeline(run) for run in store.runs()]


def read(data):
    header, arrays = decode(data)
    return header, arrays["labels"].reshape(len(header["at"]), header["units"]).astype(int)


def told(labels):
    """Labels as the page is told them."""
    return np.where(labels == -1, 255, labels)


def test_units_are_divided_at_the_end_and_followed_back(timelines):
    timeline = timelines[0]
    steps = timeline.steps()
    header, labels = read(course_frame(timeline, "fc1", steps, [ActiveUnits(None)]).packed())
    assert (header["source"], header["units"], header["own"]) == ("updates", 40, 40)
    assert (header["at"], header["groups"]) == (steps, 9)  # of 39 units with a direction
    weights = [timeline.weights("fc1", at)[0] for at in steps]
    rows = [update_directions(weight, weights[0].clone()) for weight in weights]
    expected = divide(rows[-1], Streams(0).get("viewer", "course", "fc1"), groups=9)
    assert np.array_equal(labels[-1], told(expected))
    for place in range(len(steps) - 2, 0, -1):
        expected = carried(rows[place], expected)
        assert np.array_equal(labels[place], told(expected))
    assert (labels[0] == 255).all()  # nothing was added yet
    there = labels[-1] != 255  # one unit is never active, and nothing is added to it
    assert there.sum() == 39
    assert (labels[1:-1] == labels[2:])[:, there].mean() > 0.85
    assert header["own_cosine"][0] is None
    assert header["own_cosine"][-1] > header["random_cosine"][-1] + 0.1


def test_server_and_bundle_say_the_same(store, timelines):
    timeline, data = timelines[0], load("digits")
    pictures = Pictures(Library(store, dataset_of=lambda _: data), Cache(None))
    served = pictures.course(Query(timeline.id, "fc1"))
    assert pictures.course(Query(timeline.id, "fc1", "outputs", at=0)) == served
    header, arrays = decode(bundle(timeline, ["fc1"], dataset=data))
    (number,) = [n for n, chart in enumerate(header["charts"]) if chart["kind"] == "course"]
    assert arrays[f"chart_{number}"].tobytes() == served
    assert header["charts"][number] == {"kind": "course", "layer": "fc1", "at": timeline.moment()}


def test_the_class_that_a_unit_answers_to_most(store, timelines):
    timeline, data = timelines[0], load("digits")
    pictures = Pictures(Library(store, dataset_of=lambda _: data), Cache(None))
    header, arrays = decode(pictures.course(Query(timeline.id, "fc1")))
    classes = arrays["classes"].reshape(len(header["at"]), 40)
    split = some_examples(data)[:512]
    model = timeline.model(header["at"][-1])
    with torch.no_grad():
        outputs = model.get_submodule("fc1")(split.inputs.flatten(1)).relu()
    expected = torch.stack(
        [outputs[split.targets == number].mean(dim=0) for number in range(10)]
    ).argmax(dim=0)
    silent = (outputs > 0).float().mean(dim=0) < 0.01
    assert 0 < silent.sum() < 8
    assert classes[-1][~silent].tolist() == expected[~silent].tolist()
    assert (classes[-1][silent] == 255).all()
    both, arrays = decode(pictures.course(Query(timeline.id, "fc1", merged=timelines[1].id)))
    assert (arrays["classes"].reshape(len(both["at"]), 80)[:, :40] == classes).all()
    without = Pictures(Library(store), Cache(None))
    assert "classes" not in decode(without.course(Query(timeline.id, "fc1")))[1]


@pytest.mark.parametrize("missing", [[], [1]])
def test_the_favourite_class_has_the_largest_mean(missing):
    generator = torch.manual_seed(0)
    outputs = torch.rand(7, 60, generator=generator)
    targets = torch.arange(60) % 4
    for one in missing:
        targets[targets == one] = 0
    found = favourite_class(outputs, targets)
    for unit, one in enumerate(found.tolist()):
        means = {
            label: outputs[unit, targets == label].mean() for label in targets.unique().tolist()
        }
        assert one == max(means, key=lambda label: means[label])


def test_merged_runs_are_divided_together(store, timelines):
    first, second = timelines
    pictures = Pictures(Library(store, dataset_of=lambda _: load("digits")), Cache(None))
    header, labels = read(pictures.course(Query(first.id, "fc1", merged=second.id)))
    assert (header["units"], header["own"]) == (80, 40)
    assert labels.shape == (len(first.steps()), 80)


def test_silent_units_have_no_group(timelines, monkeypatch):
    timeline = timelines[0]
    silent = np.arange(40) < 7

    def of(self, timeline, layer, at):
        return torch.from_numpy(~silent), None

    monkeypatch.setattr(ActiveUnits, "of", of)
    _, labels = read(course_frame(timeline, "fc1", timeline.steps(), [ActiveUnits(None)]).packed())
    assert (labels[:, silent] == 255).all()
    assert (labels[-1] == 255).sum() == 7 + 1  # one more was never given anything


def test_a_run_with_one_snapshot_is_divided_by_its_weight_vectors(written):
    timeline = RunTimeline(written(steps=(3,)))
    header, labels = read(
        course_frame(timeline, "fc1", timeline.steps(), [ActiveUnits(None)]).packed()
    )
    assert header["source"] == "weights"
    assert set(labels[0].tolist()) == {0, 1}
    assert header["note"] == "movement is unknown: the run has a single snapshot"


def test_a_broken_snapshot_is_left_out(written):
    timeline = RunTimeline(written(steps=range(0, 60, 5)))
    folder = timeline.place(5)[0].path / "snapshots"
    (folder / "30.safetensors").write_bytes(b"x")
    frame = course_frame(timeline, "fc1", timeline.steps(), [ActiveUnits(None)])
    assert frame.at == [at for at in range(0, 60, 5) if at != 30]
    for path in folder.iterdir():
        path.write_bytes(b"x")
    with pytest.raises(StoreError, match="is damaged"):
        course_frame(timeline, "fc1", timeline.steps(), [ActiveUnits(None)])


def test_courses_of_layers_too_large_to_be_kept_are_the_same(timelines, monkeypatch):
    kept = bundle(timelines[0], ["fc1"])
    monkeypatch.setattr("surfeit.viewer.bundles.bundle._KEPT_NUMBERS", 0)
    assert bundle(timelines[0], ["fc1"]) == kept


def test_merged_updates_have_the_first_runs_level_and_the_same_links(store, timelines):
    first, second = timelines
    data = load("digits")
    pictures = Pictures(Library(store, dataset_of=lambda _: data), Cache(None))
    at = first.moment()
    header, arrays = decode(pictures.graph(Query(first.id, "fc1", "updates", merged=second.id)))
    alone, _ = decode(pictures.graph(Query(first.id, "fc1", "updates")))
    assert (header["units"], header["own"]) == (80, 40)
    assert header["level"] == alone["level"]
    films = decode(bundle(first, ["fc1"], merged=second, dataset=data, links=3_000))
    (about,) = [film for film in films[0]["films"] if film["source"] == "updates"]
    assert about["at"][-1] == at
    assert about["level"][-1] == header["level"]
    number = films[0]["films"].index(about)
    film = Film(
        **{name: films[1][f"film_{number}_{name}"] for name in FILM_ARRAYS},
        **{name: about[name] for name in ("lowest", "step", "error")},
    )
    *_, last = levels(film, 80 * 79 // 2)
    apart = apart_of(film.lowest + (last - 1.0) * film.step)
    export = int(((last > 0) & (apart <= about["level_apart"][-1])).sum())
    assert export == (arrays["apart"] <= header["level_apart"]).sum()


def test_what_training_added_is_counted_from_what_weight_decay_left_of_the_start(tmp_path):
    store = Store(tmp_path)
    recipe = Recipe(epochs=6, lr=0.3, batch_size=60, weight_decay=0.01)
    model = mlp((40,), input_shape=(1, 8, 8), classes=10)
    run = train(model, load("digits"), recipe, store=store)
    pictures = Pictures(Library(store, [run.path]), Cache(None))
    header, arrays = decode(pictures.graph(Query(run.key, "fc1", "updates")))
    first, last = run.weights("fc1", [0, run.steps()[-1]])
    left = start_left(last, first)
    assert left == pytest.approx((1 - 0.3 * 0.01) ** run.steps()[-1], abs=0.15)
    expected = updates(last, left * first).norm(dim=1)
    np.testing.assert_allclose(arrays["moved"], expected, rtol=1e-5)
    assert f"weights decay: {100 * left:.0f} % of the random start is left" in header["note"]
    beginning, arrays = decode(pictures.graph(Query(run.key, "fc1", "updates", at=0)))
    assert not arrays["moved"].any()
    assert "decay" not in (beginning["note"] or "")


def test_masked_weights_are_no_updates(writing):
    mask = {"fc1.weight": torch.ones(6, 4, dtype=torch.bool)}
    mask["fc1.weight"][2] = False
    mask["fc1.weight"][3, :2] = False
    run = writing(mask=mask).finish({"steps": 10})
    pictures = Pictures(Library(Store(run.path.parent), [run.path]), Cache(None))
    _, arrays = decode(pictures.graph(Query(run.key, "fc1", "updates")))
    first, last = run.weights("fc1", [0, 10])
    expected = ((last - first) * mask["fc1.weight"]).norm(dim=1)
    np.testing.assert_allclose(arrays["moved"], expected, rtol=1e-5)
    assert 2 not in {*arrays["source"].tolist(), *arrays["target"].tolist()}
