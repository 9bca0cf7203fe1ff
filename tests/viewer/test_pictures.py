"""Every picture by its query: kept by what it shows, the same from many threads."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from surfeit.core import StoreError
from surfeit.data import load, only_classes
from surfeit.models import mlp
from surfeit.prune import can_go_of_layer, can_go_sentence
from surfeit.similarity import strongest_links
from surfeit.store import Store
from surfeit.train import Recipe, train
from surfeit.viewer.frames.cache import Cache
from surfeit.viewer.frames.outputs import sampled_outputs
from surfeit.viewer.frames.pictures import Pictures
from surfeit.viewer.frames.quantised import inner_product_of
from surfeit.viewer.frames.query import Query
from surfeit.viewer.timelines.library import Library, UnknownTimelineError
from surfeit.viewer.wire import decode


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A store with two small trainings on digits."""
    root = tmp_path_factory.mktemp("pictures")
    for seed in (0, 1):
        model = mlp((7, 5), input_shape=(1, 8, 8), classes=10)
        train(model, load("digits"), Recipe(epochs=1, lr=0.1), seed=seed, store=Store(root))
    return root


@pytest.fixture
def pictures(root, tmp_path):
    library = Library(Store(root), dataset_of=lambda _: load("digits"))
    return Pictures(library, Cache(tmp_path / "cache"))


@pytest.fixture
def runs(pictures):
    return [timeline["id"] for timeline in pictures.catalog()["timelines"]]


def test_graphs_are_of_the_layer_and_moment_asked_for(pictures, runs):
    timeline = pictures.library.get(runs[0])
    for at in timeline.steps():
        header, arrays = decode(pictures.graph(Query(runs[0], "fc1", at=at)))
        pairs, _ = strongest_links(timeline.weights("fc1", at)[0], 100)
        assert header["units"] == 7
        assert [arrays["source"].tolist(), arrays["target"].tolist()] == pairs.tolist()
    last = pictures.graph(Query(runs[0], "fc1"))
    assert last == pictures.graph(Query(runs[0], "fc1", at=timeline.steps()[-1]))


def test_outputs_are_compared_on_the_examples_of_the_data(pictures, runs):
    timeline, examples = pictures.library.get(runs[0]), load("digits").validation
    for at in timeline.steps():
        _, arrays = decode(pictures.graph(Query(runs[0], "fc1", "outputs", at=at)))
        network = timeline.network(at, examples)
        outputs = sampled_outputs(network, "fc1", examples)[0]
        found = np.corrcoef(outputs.numpy())[arrays["source"], arrays["target"]]
        np.testing.assert_allclose(inner_product_of(arrays["apart"]), found, atol=1e-4)
        assert len(found) == 7 * 6 / 2
    weights = decode(pictures.graph(Query(runs[0], "fc1")))[1]
    np.testing.assert_array_equal(arrays["norm"], weights["norm"])


def test_merged_runs_have_both_runs_units(pictures, runs):
    for source in ("weights", "outputs"):
        header, arrays = decode(pictures.graph(Query(runs[0], "fc1", source, merged=runs[1])))
        assert (header["units"], header["own"]) == (14, 7)
        parts = [decode(pictures.graph(Query(run, "fc1", source)))[1] for run in runs]
        np.testing.assert_array_equal(
            arrays["norm"], np.concatenate([part["norm"] for part in parts])
        )


def test_a_run_merged_with_itself_has_twins_at_distance_zero(pictures, runs):
    _, arrays = decode(pictures.graph(Query(runs[0], "fc1", merged=runs[0])))
    twins = arrays["target"] - arrays["source"] == 7
    assert twins.sum() == 7
    assert (arrays["apart"][twins] == 0).all()


def test_the_merged_moment_is_the_last_one_not_after(store, written):
    written(0, steps=(0, 4, 10))
    other = written(1, steps=(2, 8))
    library = Library(store)
    pictures = Pictures(library, Cache(None))
    first = library.reload()[0]
    for at, expected in ((0, 2), (4, 2), (10, 8)):
        _, arrays = decode(pictures.graph(Query(first.id, "fc1", at=at, merged=other.key)))
        norm = other.weights("fc1", [expected])[0].norm(dim=1)
        np.testing.assert_allclose(arrays["norm"][6:], norm, rtol=1e-6)


def test_a_picture_is_computed_once_and_anew_when_the_snapshot_changes(
    store, written, tmp_path, handmade
):
    run = written()
    pictures = Pictures(Library(store), Cache(tmp_path / "cache"))
    query = Query(run.key, "fc1", at=5)
    found = pictures.graph(query)
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(kept) == 1
    before = kept[0].stat().st_ino
    assert pictures.graph(query) == found
    assert kept[0].stat().st_ino == before
    path = run.path / "snapshots" / "5.safetensors"
    path.write_bytes((run.path / "snapshots" / "10.safetensors").read_bytes())
    assert pictures.graph(query) != found


def test_other_data_are_other_pictures(root, tmp_path):
    found = []
    for data in (load("digits"), only_classes(load("digits"), range(5))):
        library = Library(Store(root), dataset_of=lambda _, data=data: data)
        pictures = Pictures(library, Cache(tmp_path))
        found.append(pictures.graph(Query(library.reload()[0].id, "fc1", "outputs")))
    assert found[0] != found[1]


def test_many_threads_see_the_same(pictures, runs):
    queries = [
        (kind, Query(run, layer))
        for kind in (pictures.graph, pictures.spectrum, pictures.removal)
        for run in runs
        for layer in ("fc1", "fc2", "fc3")
    ]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: one[0](one[1]), queries * 3))
    assert together == [kind(query) for kind, query in queries] * 3


def test_removal_has_accuracies_with_data_and_a_note_without(pictures, runs, root):
    header, arrays = decode(pictures.removal(Query(runs[0], "fc1")))
    assert header["examples"] == len(load("digits").validation)
    assert arrays["accuracy_0"].shape == (8,)
    without = Pictures(Library(Store(root)), Cache(None))
    header, arrays = decode(without.removal(Query(runs[0], "fc1")))
    assert header["note"].startswith("removals are not measured: the data")
    assert "accuracy_0" not in arrays
    with pytest.raises(ValueError, match="are not given"):
        without.graph(Query(runs[0], "fc1", "outputs"))


def test_a_level_of_tickets_has_the_answer_of_its_run_alone(pictures, runs, root, tmp_path):
    rows = [
        {"replicate": 0, "level": level, "arm": "ticket", "density": 1.0, "run": key}
        for level, key in enumerate(runs[:2])
    ]
    table = tmp_path / "tickets.parquet"
    pq.write_table(pa.Table.from_pylist(rows), table)
    library = Library(Store(root), [table], dataset_of=lambda _: load("digits"))
    levels = Pictures(library, Cache(None))
    (timeline,) = library.reload()
    for level, key in enumerate(runs[:2]):
        found, _ = decode(levels.removal(Query(timeline.id, "fc1", at=level)))
        alone, _ = decode(pictures.removal(Query(key, "fc1")))
        assert (found["answer"], found["can_go"]) == (alone["answer"], alone["can_go"])


def test_the_last_moment_says_how_many_units_can_go(pictures, runs, root, monkeypatch):
    timeline, digits = pictures.library.get(runs[0]), load("digits")
    model = timeline.network(timeline.steps()[-1], digits.test).model
    expected = can_go_of_layer(model, "fc1", digits.splits)
    header, _ = decode(pictures.removal(Query(runs[0], "fc1")))
    price = "a point of accuracy"
    assert header["answer"] == can_go_sentence(expected, whose="fc1", price=price)
    assert expected.bounds is not None
    assert header["can_go"] == {
        "criterion": expected.criterion,
        "least": expected.bounds.lower,
        "most": expected.bounds.upper,
        "confidence": 0.95,
    }
    first = Query(runs[0], "fc1", at=timeline.steps()[0])
    assert decode(pictures.removal(first))[0].get("answer") is None
    assert decode(pictures.removal(Query(runs[0], "fc3")))[0].get("answer") is None  # the outputs
    without = Pictures(Library(Store(root)), Cache(None))
    assert decode(without.removal(Query(runs[0], "fc1")))[0].get("answer") is None
    monkeypatch.setattr("surfeit.viewer.frames.can_go._OPERATIONS", 1)
    fresh = Pictures(pictures.library, Cache(None))
    assert decode(fresh.removal(Query(runs[0], "fc1")))[0].get("answer") is None


def test_networks_that_cannot_be_built_again_have_a_note(store, written):
    run = written(data="digits")
    record = json.loads((run.path / "run.json").read_text())
    record["identity"]["config"]["architecture"] = {"class": "Mine", "structure": "Mine()"}
    (run.path / "run.json").write_text(json.dumps(record))
    library = Library(store, dataset_of=lambda _: load("digits"))
    header, _ = decode(Pictures(library, Cache(None)).removal(Query(run.key, "fc1")))
    assert header["note"].startswith("removals are not measured: a Mine cannot be built")


def test_learning_is_packed_by_column(pictures, runs):
    header, arrays = decode(pictures.learning(runs[0]))
    metrics = pictures.library.get(runs[0]).learning()
    np.testing.assert_array_equal(arrays["at"], metrics.at)
    for number, name in enumerate(header["columns"]):
        np.testing.assert_array_equal(arrays[f"column_{number}"], metrics.columns[name])


def test_the_catalog_knows_what_loading_finds_out(root):
    library = Library(Store(root), dataset_of=lambda _: (_ for _ in ()).throw(ValueError("gone")))
    pictures = Pictures(library, Cache(None))
    (first, _) = pictures.catalog()["timelines"]
    assert first["withoutData"] is None
    assert pictures.timeline(first["id"])["withoutData"] == "gone"
    assert pictures.catalog()["timelines"][0]["withoutData"] == "gone"


@pytest.mark.parametrize("damage", ["{", "{}", "[]", '{"files": []}'])
def test_one_damaged_run_leaves_the_catalog_to_the_others(store, written, damage):
    written(0)
    broken = written(1)
    (broken.path / "DONE.json").write_text(damage)
    found = Pictures(Library(store), Cache(None)).catalog()
    assert len(found["timelines"]) == 1
    assert "DONE.json is damaged" in found["problems"][0]


def test_a_damaged_beginning_only_hides_the_movement(store, written):
    run = written()
    (run.path / "snapshots" / "0.safetensors").write_bytes(b"x")
    pictures = Pictures(Library(store), Cache(None))
    header, arrays = decode(pictures.graph(Query(run.key, "fc1", at=5)))
    assert np.isnan(arrays["angle"]).all()
    assert header["note"].startswith("movement is unknown: ")
    with pytest.raises(StoreError, match=r"0\.safetensors is damaged"):
        pictures.graph(Query(run.key, "fc1", at=0))


def test_a_single_snapshot_says_nothing_of_movement_until_there_is_another(store, written):
    run = written()
    folder = run.path / "snapshots"
    later = (folder / "5.safetensors").read_bytes()
    (run.path / "DONE.json").unlink()
    for step in run.steps()[1:]:
        (folder / f"{step}.safetensors").unlink()
    pictures = Pictures(Library(store), Cache(store.root / "cache"))
    header, arrays = decode(pictures.graph(Query(run.key, "fc1", at=0)))
    assert np.isnan(arrays["angle"]).all()
    assert header["note"] == "movement is unknown: the run has a single snapshot"
    (folder / "5.safetensors").write_bytes(later)
    header, arrays = decode(pictures.graph(Query(run.key, "fc1", at=0)))
    assert (arrays["angle"] == 0).all()
    assert header["note"] is None


def test_what_is_asked_for_must_be_there(pictures, runs):
    with pytest.raises(
        ValueError, match="no source of similarity 'weight': did you mean 'weights'"
    ):
        Query(runs[0], "fc1", "weight")
    with pytest.raises(UnknownTimelineError):
        pictures.graph(Query("x", "fc1"))
    with pytest.raises(UnknownTimelineError):
        pictures.graph(Query(runs[0], "fc1", merged="x"))
    for ask in (pictures.graph, pictures.spectrum, pictures.removal):
        with pytest.raises(ValueError, match="no layer 'fc9'"):
            ask(Query(runs[0], "fc9"))
        with pytest.raises(ValueError, match="has nothing at step 1"):
            ask(Query(runs[0], "fc1", at=1))


def test_layers_of_other_inputs_cannot_be_merged(store, root, written):
    run = written()
    trained = Library(Store(root)).reload()[0]
    library = Library(store, [run, trained.place(0)[0]])
    with pytest.raises(ValueError, match="cannot be merged: their units have 4 and 64 inputs"):
        Pictures(library, Cache(None)).graph(Query(run.key, "fc1", merged=trained.id))


def test_a_mask_shows_in_the_graph(store, written):
    mask = {"fc1.weight": torch.ones(6, 4, dtype=torch.bool)}
    mask["fc1.weight"][2] = False
    run = written(mask=mask)
    header, arrays = decode(Pictures(Library(store), Cache(None)).graph(Query(run.key, "fc1")))
    assert arrays["kept"].tolist() == [1, 1, 0, 1, 1, 1]
    assert header["note"] == "1 unit has no direction: all weights are zero"


def test_merged_outputs_are_answers_to_the_same_images(root, tmp_path):
    """To those of the first run, though the second was trained on other ones."""
    first, second = (run.key for run in Store(root).runs())
    data = {first: load("digits"), second: only_classes(load("digits"), range(5))}
    library = Library(Store(root), dataset_of=lambda run: data[run.key])
    found = Pictures(library, Cache(None)).graph(Query(first, "fc1", "outputs", merged=second))
    one = Library(Store(root), dataset_of=lambda _: load("digits"))
    assert found == Pictures(one, Cache(None)).graph(Query(first, "fc1", "outputs", merged=second))


def test_why_there_are_no_accuracies_is_never_an_older_reason(root, tmp_path):
    for reason in ("the disk is gone", "the files are damaged"):

        def dataset_of(run, reason=reason):
            raise ValueError(reason)

        pictures = Pictures(Library(Store(root), dataset_of=dataset_of), Cache(tmp_path))
        query = Query(pictures.library.reload()[0].id, "fc1")
        assert decode(pictures.removal(query))[0]["note"] == f"removals are not measured: {reason}"


def test_a_network_that_is_damaged_elsewhere_keeps_its_removal_orders(store, written):
    run = written(data="digits")
    path = run.path / "snapshots" / "10.safetensors"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    library = Library(store, dataset_of=lambda _: load("digits"))
    header, arrays = decode(Pictures(library, Cache(None)).removal(Query(run.key, "fc1")))
    assert header["note"].startswith("removals are not measured: ")
    assert "10.safetensors is damaged" in header["note"]
    assert len(arrays["order_0"]) == 6
