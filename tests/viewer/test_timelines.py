"""Runs over their steps: what is there, what is still being written, what is broken."""

import math

import numpy as np
import pytest
import torch

from surfeit.core import StoreError
from surfeit.similarity import chance_inner_product
from surfeit.store import Lease, Run
from surfeit.viewer.timelines.describing import chance_of, described
from surfeit.viewer.timelines.records import LayerShape, layer_shapes
from surfeit.viewer.timelines.run import RunTimeline


def test_a_run_has_a_moment_for_each_snapshot(written):
    run = written()
    timeline = RunTimeline(run)
    assert timeline.id == run.key
    assert (timeline.name, timeline.axis, timeline.status) == ("mlp, seed 0", "step", "done")
    assert [(one.at, one.epoch, one.run) for one in timeline.moments()] == [
        (0, 0.0, run.key),
        (5, 1.0, run.key),
        (10, 2.0, run.key),
    ]
    assert timeline.moment() == 10
    assert timeline.moment(5) == 5
    assert [timeline.moment_beside(timeline, at) for at in (-3, 0, 5, 7, 99)] == [0, 0, 5, 5, 10]


def test_weights_and_beginnings_are_those_of_the_run(written):
    run = written()
    timeline = RunTimeline(run)
    weight, kept = timeline.weights("fc1", 5)
    assert torch.equal(weight, run.weights("fc1", [5])[0])
    assert kept is None
    assert torch.equal(timeline.initial("fc1", 10), run.weights("fc1", [0])[0])
    assert torch.equal(
        timeline.model(10).get_parameter("fc1.weight"), timeline.weights("fc1", 10)[0]
    )
    several = torch.stack([weight for weight, _ in timeline.several("fc2", [0, 10])])
    assert torch.equal(several, run.weights("fc2")[[0, 2]])


def test_a_run_that_did_not_keep_its_first_weights_has_no_beginning(written):
    assert RunTimeline(written(steps=(5, 10))).initial("fc1", 10) is None


def test_masks_come_with_the_weights(written):
    mask = {"fc1.weight": torch.arange(24).reshape(6, 4) % 2 == 0}
    timeline = RunTimeline(written(mask=mask))
    weight, kept = timeline.weights("fc1", 5)
    assert torch.equal(kept, mask["fc1.weight"])
    assert (weight[~kept] == 0).all()
    assert timeline.weights("fc2", 5)[1] is None


def test_masks_of_a_run_that_prunes_are_those_of_the_moment(writing):
    writer = writing()
    for step, share in ((0, 1), (6, 2)):
        writer.mask(step, {"fc1.weight": torch.arange(24).reshape(6, 4) % share == 0})
    timeline = RunTimeline(writer.finish({"steps": 10}))
    kept = [int(mask.sum()) for _, mask in timeline.several("fc1", [0, 5, 10])]
    assert kept == [24, 24, 12]


def test_learning_is_the_metrics_by_step(written):
    found = RunTimeline(written()).learning()
    assert found.at.tolist() == [0, 5, 10]
    assert found.columns["train_loss"].tolist() == [1, 1 / 6, 1 / 11]
    assert "step" not in found.columns


def test_null_metrics_are_nan_and_no_metrics_are_none(writing):
    writer = writing(steps=())
    timeline = RunTimeline(Run(writer.folder))
    assert len(timeline.learning().at) == 0
    writer.record({"step": 3, "test_loss": None})
    assert math.isnan(timeline.learning().columns["test_loss"][0])


def test_a_run_being_written_grows(writing, handmade):
    writer = writing(steps=(0,))
    timeline = RunTimeline(Run(writer.folder))
    with Lease(writer.folder):
        assert timeline.status == "running"
        assert timeline.steps() == [0]
        writer.snapshot(5, handmade(5))
        assert timeline.steps() == [0, 5]
        assert timeline.weights("fc1", 5)[0].shape == (6, 4)
    assert timeline.status == "interrupted"


def test_a_run_without_snapshots_says_so(writing):
    writer = writing(steps=())
    timeline = RunTimeline(Run(writer.folder))
    key = timeline.id[:12]
    assert described(timeline, None)["note"] == f"run {key} has no snapshots"
    assert timeline.moments() == []
    with pytest.raises(StoreError, match=f"run {key} has no snapshots"):
        timeline.moment()
    with Lease(writer.folder):
        assert timeline.note.endswith("the first one is still to come")


def test_a_broken_snapshot_leaves_the_others(written):
    timeline = RunTimeline(written())
    path = timeline.place(5)[0].path / "snapshots" / "5.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match=r"5\.safetensors is damaged"):
        timeline.weights("fc1", 5)
    assert timeline.weights("fc1", 10)[0].shape == (6, 4)
    path.unlink()
    with pytest.raises(StoreError, match=r"5\.safetensors is missing"):
        timeline.weights("fc1", 5)


def test_damaged_metrics_hide_no_weights(written):
    timeline = RunTimeline(written())
    (timeline.place(5)[0].path / "metrics.jsonl").write_text("{nonsense\n")
    assert [moment.epoch for moment in timeline.moments()] == [None] * 3
    with pytest.raises(StoreError, match=r"metrics\.jsonl is damaged"):
        timeline.learning()


def test_what_is_not_there_is_named(written):
    timeline = RunTimeline(written())
    with pytest.raises(ValueError, match="no layer 'fc3': did you mean"):
        timeline.weights("fc3", 5)
    with pytest.raises(ValueError, match="has nothing at step 7; it has 3 steps from 0 to 10"):
        timeline.moment(7)
    with pytest.raises(ValueError, match="no snapshot at step 7"):
        timeline.weights("fc1", 7)


@pytest.mark.parametrize("name", ["snapshots/5.safetensors", "metrics.jsonl", "mask.safetensors"])
def test_links_that_lead_out_of_the_run_are_not_followed(written, tmp_path, name):
    timeline = RunTimeline(written())
    path = timeline.place(5)[0].path / name
    outside = tmp_path / "outside"
    outside.write_bytes(path.read_bytes() if path.exists() else b"")
    path.unlink(missing_ok=True)
    path.symlink_to(outside)
    with pytest.raises(StoreError, match="leads outside"):
        timeline.learning() if name == "metrics.jsonl" else timeline.weights("fc1", 5)


def test_stamps_change_with_the_files_they_stand_for(written, handmade):
    timeline = RunTimeline(written())
    before = {at: timeline.stamp(at) for at in (0, 5, 10)}
    assert len(set(before.values())) == 3
    path = timeline.place(5)[0].path / "snapshots" / "5.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert timeline.stamp(5) != before[5]
    assert timeline.stamp(10) == before[10]


def test_a_record_without_layers_is_damaged(written):
    run = written()
    run.about["layers"] = [{"name": "fc1"}]
    with pytest.raises(StoreError, match="does not describe the layers"):
        layer_shapes(run)
    del run.about["layers"]
    with pytest.raises(StoreError, match="does not describe the layers"):
        RunTimeline(run)


def test_a_timeline_is_described_in_the_pages_words(written):
    found = described(RunTimeline(written()), "no data")
    assert found["withoutData"] == "no data"
    assert found["note"] is None
    assert found["moments"][1] == {"at": 5, "epoch": 1.0, "run": found["id"]}
    assert found["layers"][0] == {
        "name": "fc1",
        "kind": "linear",
        "units": 6,
        "inputs": 4,
        "chance": chance_inner_product(6, 4),
    }


def test_convolutions_and_single_units_are_described(written):
    run = written()
    run.about["layers"] = [
        {"name": "conv1", "kind": "Conv2d", "shape": [8, 3, 5, 5]},
        {"name": "out", "kind": "Linear", "shape": [1, 8]},
    ]
    convolution, single = described(RunTimeline(run), None)["layers"]
    assert (convolution["kind"], convolution["inputs"]) == ("convolution", 75)
    assert single["chance"] == 1.0
    assert chance_of(LayerShape("x", "linear", 8, 1)) == 1.0
    assert np.isfinite(convolution["chance"])


@pytest.mark.parametrize("name", ["masks/6.safetensors", "mask.safetensors"])
def test_masks_that_lead_out_of_the_run_are_not_followed(writing, tmp_path, name):
    writer = writing()
    for step in (0, 6):
        writer.mask(step, {"fc1.weight": torch.ones(6, 4, dtype=torch.bool)})
    timeline = RunTimeline(writer.finish({"steps": 10}))
    path = timeline.place(5)[0].path / name
    path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / "outside")
    for read in (lambda: timeline.weights("fc1", 10), lambda: timeline.model(10)):
        with pytest.raises(StoreError, match="leads outside"):
            read()


def test_it_is_said_why_what_training_added_is_unknown(writing, written):
    assert RunTimeline(written()).without_updates() is None
    assert RunTimeline(written(1, steps=(3,))).without_updates() == "the run has a single snapshot"
    late = "the run's first snapshot was not kept"
    assert RunTimeline(written(2, steps=(5, 10))).without_updates() == late
    assert RunTimeline(writing(3, steps=()).finish({})).without_updates() == (
        "the run has no snapshots"
    )
