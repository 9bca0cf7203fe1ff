"""A user's own loop as a run."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from surfeit.core import DataError, DiskError, StoreError, Streams, digest, parameters
from surfeit.data import keep_data, kept_data, load
from surfeit.prune import full_mask, removal_table, unit_mask
from surfeit.report.write import write_report
from surfeit.store import Run, Store
from surfeit.train import Recipe, Recorder, train

from ..core.test_wrappers import WRAPPERS
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


@pytest.mark.parametrize("path", [None, 3, "", b""])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(ValueError, match=r"path must be the run's folder, such as \"runs/mine\""):
        Recorder(small(), path)


@pytest.mark.parametrize("model", [None, nn.Linear, small().state_dict()])
def test_what_is_no_network_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="model must be a network"):
        Recorder(model, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (97.0, "got 97: divide percent by 100, 0.97"),
        (torch.tensor(1.5), "got 1.5: divide percent by 100, 0.015"),
        (360, r"in \[0, 1\], got 360$"),
        (-0.1, r"in \[0, 1\], got -0.1$"),
        (float("inf"), "got inf"),
    ],
)
def test_an_accuracy_that_is_no_fraction_is_refused_and_nothing_is_kept(tmp_path, value, words):
    recorder = Recorder(small(), tmp_path / "mine")
    with pytest.raises(ValueError, match=f"test_accuracy must be a fraction .*{words}"):
        recorder.record(1, test_accuracy=value)
    recorder.record(1, test_accuracy=1, accuracy=0.0, validation_accuracy=float("nan"), other=97)
    assert recorder.finish().steps() == [0, 1]


def wider(model: nn.Sequential) -> None:
    model[0] = nn.Linear(9, 5)


def halved(model: nn.Sequential) -> None:
    model.half()


def longer(model: nn.Sequential) -> None:
    model.append(nn.Linear(3, 3))


def pruned(model: nn.Sequential) -> None:
    prune.l1_unstructured(model[0], "weight", 0.5)


def tied(model: nn.Sequential) -> None:
    model[0].bias = model[2].bias = nn.Parameter(torch.zeros(4))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (wider, r"0.weight was float32 \[4, 9\] and is float32 \[5, 9\]"),
        (halved, r"0.weight was float32 \[4, 9\] and is float16 \[4, 9\], .*, and 1 more"),
        (longer, "3.weight is new, 3.bias is new"),
        (pruned, "0.weight is gone, 0.weight_orig is new, 0.weight_mask is new"),
        (tied, "2.bias is gone"),
    ],
)
def test_a_network_that_changes_its_tensors_is_refused_and_the_record_stays_whole(
    tmp_path, change, words
):
    model = nn.Sequential(nn.Linear(9, 4), nn.ReLU(), nn.Linear(4, 4))
    recorder = Recorder(model, tmp_path / "mine")
    recorder.record(1, loss=1.0)
    change(model)
    with pytest.raises(ValueError, match=rf"no longer the one that this record began .*{words}"):
        recorder.record(2, loss=2.0)
    assert Run(tmp_path / "mine").steps() == [0, 1]
    run = recorder.finish()
    assert run.verify() == []
    assert run.weights("0").shape == (2, 4, 9)
    assert run.metrics()["loss"].to_pylist() == [1.0]


def test_an_error_of_a_changed_network_leaves_the_run_interrupted(tmp_path):
    model = small()

    def loop():
        with Recorder(model, tmp_path) as recorder:
            model[-1] = nn.Linear(1, 1)
            recorder.record(1)

    with pytest.raises(ValueError, match="another folder"):
        loop()
    assert Run(tmp_path).status == "interrupted"
    assert Run(tmp_path).verify() == []


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_wrapped_network_is_recorded_as_what_is_within(tmp_path, wrap):
    model = normalised()
    recorder = Recorder(wrap(model), tmp_path / "mine", data=make_dataset())
    with torch.no_grad():
        model[0].weight.add_(1)
    recorder.record(1)
    run = recorder.finish()
    assert run.layers == ["0", "5"]
    assert run.about["model"] == "Sequential"
    assert digest(run.tensors()) == digest(dict(model.state_dict()))
    given = wrap(normalised())
    for into in (None, normalised(), given):
        loaded = run.model(into=into)
        assert type(loaded) is nn.Sequential
        assert digest(parameters(loaded)) == digest(parameters(model))
    assert digest(parameters(given)) == digest(parameters(model))


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_wrapped_network_is_trained_and_measured_as_what_is_within(tmp_path, wrap):
    data, model = make_dataset(), normalised()
    plain = train(normalised(), data, Recipe(steps=2), store=Store(tmp_path))
    run = train(wrap(model), data, Recipe(steps=2), store=Store(tmp_path))
    assert run.key == plain.key

    def built(*, input_shape, classes, generator):
        return wrap(normalised())

    assert train(built, data, Recipe(steps=2), store=Store(tmp_path)).key == plain.key
    splits = {"test": data.test}
    tables = [removal_table(of, "0", splits, streams=Streams(0)) for of in (model, wrap(model))]
    assert tables[0] == tables[1]
    assert full_mask(wrap(model)).keys() == full_mask(model).keys()
    gone = {"0": torch.tensor([True, False, True, True])}
    masks = [unit_mask(of, gone) for of in (model, wrap(model))]
    assert digest(masks[0]) == digest(masks[1])


def test_weights_of_a_record_with_prefixed_names_fit_the_plain_network(tmp_path):
    """As records of wrapped networks were written before prefixes were taken off."""
    model = nn.Sequential(nn.Linear(3, 2))
    run = Recorder(_Module(model), tmp_path / "old").finish()
    assert list(run.tensors()) == ["module.0.bias", "module.0.weight"]
    loaded = run.model(into=nn.Sequential(nn.Linear(3, 2)))
    assert digest(parameters(loaded)) == digest(parameters(model))


class _Module(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module


def test_data_are_kept_with_the_run_and_read_again(tmp_path):
    data = make_dataset()
    recorder = Recorder(small(), tmp_path / "mine", data=data, keep_data=True)
    assert kept_data(Run(tmp_path / "mine")).fingerprint == data.fingerprint
    run = recorder.finish()
    kept = kept_data(run)
    assert kept.fingerprint == data.fingerprint
    assert kept.name == "blobs"
    assert kept.class_names == data.class_names
    for name, split in data.splits.items():
        assert torch.equal(kept.splits[name].inputs, split.inputs)
        assert torch.equal(kept.splits[name].targets, split.targets)
    assert "data/splits.safetensors" in run.done["files"]
    assert run.verify() == []
    assert run.steps() == [0]
    assert write_report(run, kept, tmp_path / "report").is_file()
    assert not [path for path in run.path.rglob("*") if path.name.endswith(".tmp")]


def test_without_data_nothing_is_kept_and_none_is_found(tmp_path):
    assert kept_data(Recorder(small(), tmp_path / "a", data=make_dataset()).finish()) is None
    assert kept_data(Run(Recorder(small(), tmp_path / "b")._writer.folder)) is None
    with pytest.raises(ValueError, match=r"keep_data keeps the data set with the run: give it"):
        Recorder(small(), tmp_path / "c", keep_data=True)
    assert not (tmp_path / "c").exists()


def test_kept_data_that_are_damaged_or_others_are_refused(tmp_path):
    run = Recorder(small(), tmp_path / "mine", data=make_dataset(), keep_data=True).finish()
    path = run.path / "data" / "splits.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DataError, match=r"splits.safetensors is damaged.*give --data"):
        kept_data(run)
    assert len(run.verify()) == 1
    path.unlink()
    with pytest.raises(DataError, match=r"splits\.safetensors is missing"):
        kept_data(run)
    recorder = Recorder(small(), tmp_path / "open", data=make_dataset(), keep_data=True)
    keep_data(load("digits"), tmp_path / "open")
    with pytest.raises(DataError, match=r"holds other data than run .* was recorded with"):
        kept_data(Run(tmp_path / "open"))
    recorder.finish()


def test_a_file_that_the_run_did_not_finish_with_is_not_its_data(tmp_path):
    run = Recorder(small(), tmp_path / "mine", data=make_dataset()).finish()
    keep_data(make_dataset(), run.path)
    assert kept_data(run) is None


def test_data_that_cannot_be_written_leave_no_run(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "data").write_text("in the way")
    with pytest.raises(DiskError, match="a file of that name is in the way"):
        Recorder(small(), tmp_path / "mine", data=make_dataset(), keep_data=True)
    assert not (tmp_path / "mine" / "run.json").exists()


@pytest.mark.parametrize("kept", ["yes", 1, None])
def test_keep_data_is_true_or_false(tmp_path, kept):
    with pytest.raises(ValueError, match=f"keep_data must be True or False, got {kept!r}"):
        Recorder(small(), tmp_path / "mine", data=make_dataset(), keep_data=kept)
    assert not (tmp_path / "mine").exists()
