"""A user's own loop as a run."""

import numpy as np
import pytest
import torch

from surfeit.core import StoreError, digest, parameters
from surfeit.store import Run, Store
from surfeit.train import Recorder

from .conftest import make_dataset, normalised, small


def test_three_lines_give_a_run_like_any_other(tmp_path):
    model = normalised()
    recorder = Recorder(model, tmp_path / "mine", data=make_dataset(), settings={"lr": 1})
    kept = [digest(dict(model.state_dict()))]
    for step in (3, np.int64(7)):
        with torch.no_grad():
            model[0].weight.add_(1)
        recorder.record(step, validation_accuracy=torch.tensor(0.5), loss=float("nan"))
        kept.append(digest(dict(model.state_dict())))
    run = recorder.finish()
    assert recorder.finish() is run
    assert run.steps() == [0, 3, 7]
    assert [digest(run.tensors(step)) for step in run.steps()] == kept
    assert run.metrics().to_pylist() == [
        {"step": step, "validation_accuracy": 0.5, "loss": None} for step in (3, 7)
    ]
    assert run.weights("0").shape == (3, 4, 9)
    assert run.config["settings"] == {"lr": 1}
    assert run.about["data"] == "blobs"
    assert run.verify() == []
    assert Store().find(run.path).key == run.key
    assert digest(parameters(run.model())) == digest(parameters(model))


def test_without_metrics_the_table_is_empty(tmp_path):
    with Recorder(small(), tmp_path) as recorder:
        recorder.record(1)
    run = Run(tmp_path)
    assert run.status == "done"
    assert run.metrics().num_rows == 0


def test_an_error_leaves_an_interrupted_run_with_all_that_was_recorded(tmp_path):
    def loop():
        with Recorder(small(), tmp_path) as recorder:
            recorder.record(1, loss=2.0)
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        loop()
    run = Run(tmp_path)
    assert run.status == "interrupted"
    assert run.steps() == [0, 1]
    assert run.metrics()["loss"].to_pylist() == [2.0]


def test_two_recordings_are_two_runs(tmp_path):
    keys = {Recorder(small(), tmp_path / name).finish().key for name in ("a", "b")}
    assert len(keys) == 2


def test_recorder_errors(tmp_path):
    recorder = Recorder(small(), tmp_path)
    assert Run(tmp_path).status == "running"
    recorder.record(2)
    for step in (2, 1):
        with pytest.raises(
            ValueError, match=f"step must be above 2, the last recorded, got {step}"
        ):
            recorder.record(step)
    for step in (3.5, True, "4"):
        with pytest.raises(ValueError, match="step must be an integer, got"):
            recorder.record(step)
    run = recorder.finish()
    with pytest.raises(StoreError, match="is finished: nothing can be recorded after"):
        recorder.record(9)
    assert run.verify() == []
    with pytest.raises(StoreError, match="already holds a run"):
        Recorder(small(), tmp_path)
    with pytest.raises(ValueError, match="texts, numbers, lists and dicts"):
        Recorder(small(), tmp_path / "x", settings={"f": print})
    assert not (tmp_path / "x").exists()
    with pytest.raises(ValueError, match="must be finite"):
        Recorder(small(), tmp_path / "x", settings={"f": float("nan")})


@pytest.mark.parametrize("value", [None, "half", torch.zeros(2)])
def test_metrics_that_are_no_numbers_are_named_and_nothing_is_kept(tmp_path, value):
    recorder = Recorder(small(), tmp_path / "mine", data=make_dataset())
    with pytest.raises(ValueError, match="validation_accuracy must be one number, got"):
        recorder.record(1, validation_accuracy=value)
    recorder.record(1, validation_accuracy=0.5)
    assert recorder.finish().steps() == [0, 1]


def test_data_that_are_no_data_set_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"data must be a Dataset .*, got 'digits'"):
        Recorder(small(), tmp_path / "mine", data="digits")
    assert not (tmp_path / "mine").exists()
