"""Runs as they are read: weights, models, metrics, damage."""

import json
import os

import pytest
import torch
from torch import nn

from surfeit.core import StoreError, cross_entropy, digest, parameters, squared_error
from surfeit.store import Run, RunWriter, density_of

from .conftest import NETWORK, weights_at


def flip(path, place=-1):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))


def test_weights_are_those_written(finished):
    run = finished()
    assert run.steps() == [0, 5, 10]
    assert run.layers == ["fc1", "fc2"]
    expected = torch.stack([weights_at(step)["fc1.weight"] for step in (0, 5, 10)])
    assert torch.equal(run.weights("fc1"), expected)
    assert torch.equal(run.weights("fc1", [10, 0]), expected[[2, 0]])
    assert digest(run.tensors(5)) == digest(weights_at(5))
    assert digest(run.tensors()) == digest(weights_at(10))


def test_model_has_the_weights_of_the_step_and_leaves_the_generator_alone(finished):
    before = torch.get_rng_state()
    model = finished().model(5)
    assert torch.equal(before, torch.get_rng_state())
    assert not model.training
    assert digest(parameters(model)) == digest(weights_at(5))


def test_model_into_a_module_of_ones_own(finished):
    model = nn.Sequential()
    for name, part in NETWORK.named_children():
        model.add_module(name, part)
    assert digest(parameters(finished().model(into=model))) == digest(weights_at(10))
    with pytest.raises(ValueError, match="the model and the weights differ"):
        finished(1).model(into=nn.Linear(2, 2))


def test_model_of_a_float64_run_is_not_rounded(writer):
    writing = writer()
    tensors = {name: value.double() / 3 for name, value in weights_at(0).items()}
    writing.snapshot(0, tensors)
    assert digest(parameters(writing.finish({}).model())) == digest(tensors)


def test_masked_run_gives_back_zeros_and_its_mask(finished):
    mask = {"fc1.weight": weights_at(99)["fc1.weight"] > 0}
    run = finished(mask=mask)
    assert torch.equal(run.mask["fc1.weight"], mask["fc1.weight"])
    expected = weights_at(5)["fc1.weight"] * mask["fc1.weight"]
    assert torch.equal(run.weights("fc1", [5])[0], expected)
    assert torch.equal(parameters(run.model(5))["fc1.weight"], expected)
    assert run.verify() == []


def test_metrics_have_types_even_where_all_is_missing(finished, writer):
    table = finished().metrics()
    assert table.column_names == ["step", "loss", "train_loss"]
    assert table["step"].to_pylist() == [0, 5, 10]
    assert str(table["train_loss"].type) == "double"
    writing = writer(1)
    assert Run(writing.folder).metrics().num_rows == 0
    writing.record({"step": 0, "loss": float("nan")})
    assert Run(writing.folder).metrics().to_pylist() == [{"step": 0, "loss": None}]


def test_metrics_leave_out_a_last_line_still_being_written(writer):
    writing = writer()
    writing.record({"step": 0})
    path = writing.folder / "metrics.jsonl"
    path.write_text(path.read_text() + '{"step": 1')
    assert Run(writing.folder).metrics()["step"].to_pylist() == [0]
    path.write_text('{"step": 0\n{"step": 1}\n')
    with pytest.raises(StoreError, match=r"metrics.jsonl is damaged"):
        Run(writing.folder).metrics()


def test_status_follows_the_run(writer):
    writing = writer()
    assert Run(writing.folder).status == "interrupted"
    with pytest.raises(StoreError, match="is not done: give the command that started it again"):
        _ = Run(writing.folder).done
    with pytest.raises(StoreError, match="has no snapshots"):
        Run(writing.folder).weights("fc1")
    writing.snapshot(0, weights_at(0))
    assert Run(writing.folder).steps() == [0]
    run = writing.finish({})
    assert run.status == "done"
    assert run.key[:12] in repr(run)


def test_wrong_names_and_steps_are_told(finished):
    run = finished()
    with pytest.raises(ValueError, match=r"no layer 'fc3': did you mean"):
        run.weights("fc3")
    with pytest.raises(ValueError, match=r"has no snapshot at step 7; it has 0, 5, 10"):
        run.weights("fc1", [0, 7])
    with pytest.raises(ValueError, match="has no snapshot at step 7"):
        run.model(7)
    with pytest.raises(ValueError, match="no step is asked for"):
        run.weights("fc1", [])


def test_a_deleted_snapshot_is_named_and_never_skipped(finished):
    run = finished()
    (run.path / "snapshots" / "5.safetensors").unlink()
    assert run.steps() == [0, 5, 10]
    with pytest.raises(StoreError, match=r"5.safetensors is missing. The command that made"):
        run.weights("fc1")
    assert run.weights("fc1", [0, 10]).shape == (2, 3, 4)
    assert len(run.verify()) == 1
    assert run.lacks() == ["snapshots/5.safetensors"]
    (run.path / "metrics.jsonl").unlink()
    with pytest.raises(StoreError, match=r"metrics.jsonl is missing"):
        run.metrics()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: flip(path), "its sha256 is not what was written"),
        (lambda path: flip(path, 0), "its sha256 is not what was written"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes instead of"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "bytes instead of"),
    ],
)
@pytest.mark.parametrize("name", ["snapshots/5.safetensors", "metrics.jsonl", "mask.safetensors"])
def test_verify_finds_a_flipped_byte_a_missing_and_a_cut_file(finished, damage, words, name):
    run = finished(mask={"fc1.weight": weights_at(99)["fc1.weight"] > 0})
    assert run.verify() == []
    damage(run.path / name)
    (found,) = Run(run.path).verify()
    assert found.startswith(str(run.path / name))
    assert words in found


def test_verify_of_an_unfinished_run_reads_every_header(writer):
    writing = writer()
    for step in (0, 5):
        writing.snapshot(step, weights_at(step))
    writing.checkpoint(weights_at(5), {"step": 5})
    assert Run(writing.folder).verify() == []
    for path in ("snapshots/0.safetensors", "checkpoint.safetensors"):
        cut = writing.folder / path
        cut.write_bytes(cut.read_bytes()[:-1])
    assert len(Run(writing.folder).verify()) == 2


def test_verify_tells_a_damaged_done_file(finished):
    run = finished()
    (run.path / "DONE.json").write_text("{")
    (words,) = Run(run.path).verify()
    assert "DONE.json is damaged" in words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "run.json is damaged: it is not valid JSON"),
        ("[]", "run.json is damaged: it holds no record"),
        ("{}", "schema None"),
        ('{"schema": 1}', "run.json is damaged: it has no 'key'"),
        ('{"schema": 2, "key": ""}', "schema 2, this version of surfeit reads up to 1: update"),
    ],
)
def test_a_damaged_or_newer_record_is_told(finished, content, words):
    run = finished()
    (run.path / "run.json").write_text(content)
    with pytest.raises(StoreError, match=words):
        Run(run.path)


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(StoreError, match=r"holds no run: it has no run\.json"):
        Run(tmp_path)


def test_done_file_lists_every_file_with_its_sum(finished):
    files = json.loads((finished().path / "DONE.json").read_text())["files"]
    assert set(files) == {"run.json", "metrics.jsonl"} | {
        f"snapshots/{step}.safetensors" for step in (0, 5, 10)
    }


def test_a_flipped_byte_is_not_measured(finished):
    run = finished()
    flip(run.path / "snapshots" / f"{run.steps()[-1]}.safetensors")
    with pytest.raises(StoreError, match=r"its sha256 is not what was written.*delete what is"):
        run.tensors()


def test_a_damaged_record_says_what_to_do(finished):
    run = finished()
    (run.path / "run.json").write_text('{"schema": 1')
    with pytest.raises(StoreError, match=r"damaged.*Delete this folder and give the command"):
        Run(run.path)


def test_mask_at_is_the_last_one_until_then_and_never_another_for_one_that_is_missing(writer):
    masks = {step: {"fc1.weight": weights_at(step)["fc1.weight"] > 0} for step in (0, 3, 7)}
    writing = writer(mask=masks[0])
    writing.snapshot(0, weights_at(0))
    for step in (3, 7):
        writing.mask(step, masks[step])
    run = writing.finish({"steps": 10})
    found = {step: run.mask_at(step)["fc1.weight"] for step in (0, 2, 3, 6, 7, 10)}
    for step, from_step in {0: 0, 2: 0, 3: 3, 6: 3, 7: 7, 10: 7}.items():
        assert torch.equal(found[step], masks[from_step]["fc1.weight"])
    assert torch.equal(run.mask_at()["fc1.weight"], masks[7]["fc1.weight"])

    (run.path / "masks" / "7.safetensors").unlink()
    assert torch.equal(run.mask_at(6)["fc1.weight"], masks[3]["fc1.weight"])
    for step in (7, None):
        with pytest.raises(StoreError, match=r"7\.safetensors is missing"):
            run.mask_at(step)
    (run.path / "mask.safetensors").unlink()
    with pytest.raises(StoreError, match=r"mask\.safetensors is missing"):
        _ = Run(run.path).mask


def test_density_is_the_share_of_all_layers_weights_that_the_mask_keeps(finished):
    assert density_of(finished()) == 1
    mask = {"fc1.weight": torch.zeros(3, 4, dtype=torch.bool)}
    mask["fc1.weight"][0] = True
    assert density_of(finished(1, mask)) == (4 + 6) / (12 + 6)


@pytest.mark.parametrize(
    ("kind", "config", "objective"),
    [
        ("train", {}, cross_entropy),
        ("train", {"objective": "squared_error"}, squared_error),
        ("recorded", {"settings": {}}, None),
        ("recorded", {"settings": {"objective": "squared-error"}}, squared_error),
    ],
)
def test_objective_is_what_the_record_says(finished, tmp_path, kind, config, objective):
    assert _as(finished(), tmp_path, kind, config).objective is objective


def test_an_objective_that_cannot_be_made_again_is_asked_for(finished, tmp_path):
    own = {"objective": {"function": "mine.huber", "source": "ab"}}
    with pytest.raises(ValueError, match=r"'mine.huber', a function .* pass it as objective="):
        _ = _as(finished(), tmp_path, "train", own).objective
    with pytest.raises(ValueError, match="no objective 'hige'"):
        _ = _as(finished(), tmp_path / "other", "train", {"objective": "hige"}).objective


def _as(run, folder, kind, config):
    """The same weights with another record."""
    identity = {**run.identity, "kind": kind, "config": config}
    writer = RunWriter(folder / "as", key=run.key, identity=identity, about=run.about)
    writer.snapshot(0, run.tensors())
    return writer.finish({"steps": 0})


def _record(run, **about):
    path = run.path / "run.json"
    record = json.loads(path.read_text())
    record["about"] |= about
    path.write_text(json.dumps(record))
    return Run(run.path)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"shape": [4, 3]}, r"they make a matrix of \[3, 4\]"),
        ({"shape": [3, 2, 3]}, r"they make a matrix of \[3, 4\]"),
        ({"shape": [3, 4], "tensor": "fc1.bias"}, "flatten|Dimension"),
        (
            {"shape": [3, 4], "tensor": {"to": "fc1.weight", "axes": [0, 5]}},
            "Dimen",
        ),
        (
            {"shape": [9, 4], "weights": [{"tensor": "a", "units": 9, "stored": "fc1.weight"}]},
            "exceeds dimension size",
        ),
    ],
)
def test_weights_that_do_not_fit_the_record_are_a_sentence(finished, layer, words):
    run = _record(finished(), layers=[{"name": "fc1", "kind": "Linear"} | layer])
    with pytest.raises(StoreError, match=rf"layer 'fc1' are not those that run.json.*({words})"):
        run.weights("fc1")


def test_a_tensor_that_is_not_stored_is_named(finished):
    run = _record(
        finished(), layers=[{"name": "fc1", "kind": "Linear", "shape": [3, 4], "tensor": "x"}]
    )
    with pytest.raises(StoreError, match="has no tensor 'x'"):
        run.weights("fc1")


@pytest.mark.parametrize(
    "architecture",
    [
        {},
        {"type": "Linear"},
        {"type": "Riesenrad", "options": {}},
        {"type": "Linear", "options": {"in_features": "a", "out_features": 2}},
        {"type": "Linear", "options": {"width": 2}},
        {"type": "Sequential", "parts": [{"name": "a", "same_as": "b"}]},
        {"type": "Sequential", "parts": 3},
        {"type": "Linear", "options": {"in_features": 10**6, "out_features": 10**6}},
    ],
)
def test_an_architecture_that_describes_no_network_is_a_sentence(finished, architecture):
    run = _record(finished(), architecture=architecture)
    with pytest.raises(StoreError, match="its architecture describes no network"):
        run.model()


def test_a_run_without_an_architecture_is_told(finished):
    run = finished()
    path = run.path / "run.json"
    record = json.loads(path.read_text())
    del record["identity"]["config"]["architecture"]
    path.write_text(json.dumps(record))
    with pytest.raises(StoreError, match="it has no architecture"):
        Run(run.path).model()


def test_an_objective_of_no_kind_is_asked_for(finished, tmp_path):
    with pytest.raises(ValueError, match=r"was trained by 3, a function .* pass it as objective="):
        _ = _as(finished(), tmp_path, "recorded", {"settings": {"objective": 3}}).objective


@pytest.mark.parametrize("name", ["snapshots/5.safetensors", "metrics.jsonl", "mask.safetensors"])
def test_verify_names_a_pipe_and_does_not_wait_for_it(finished, name):
    run = finished(mask={"fc1.weight": weights_at(99)["fc1.weight"] > 0})
    (run.path / name).unlink()
    os.mkfifo(run.path / name)
    (words,) = run.verify()
    assert words == f"{run.path / name} cannot be read: it is a pipe, not a file"
    assert run.lacks() == [name]


def test_verify_does_not_read_a_file_of_another_size(finished, monkeypatch):
    run = finished()
    with open(run.path / "snapshots" / "5.safetensors", "r+b") as file:
        file.truncate(1 << 40)  # a hole: it takes no space
    monkeypatch.setattr("surfeit.store.files.FileSum.read", lambda path: pytest.fail("it is read"))
    run.path.joinpath("DONE.json").write_text(
        json.dumps({"files": {"snapshots/5.safetensors": {"size": 1, "sha256": "0" * 64}}})
    )
    assert "bytes instead of 1" in run.verify()[0]


def test_verify_of_an_unfinished_run_reads_masks_and_metrics(writer):
    writing = writer(mask={"fc1.weight": weights_at(99)["fc1.weight"] > 0})
    writing.snapshot(0, weights_at(0))
    writing.record({"step": 0})
    writing.mask(0, {"fc1.weight": torch.ones(3, 4, dtype=torch.bool)})
    assert Run(writing.folder).verify() == []
    (writing.folder / "metrics.jsonl").write_bytes(b"\xac\n")
    for name in ("mask.safetensors", "masks/0.safetensors"):
        (writing.folder / name).write_bytes(b"")
    found = " ".join(Run(writing.folder).verify())
    for name in ("metrics.jsonl", "mask.safetensors", "masks/0.safetensors"):
        assert f"{name} is" in found


def test_sentences_of_verify_are_printable(finished):
    run = finished()
    path = run.path / "DONE.json"
    record = json.loads(path.read_text())
    record["files"]["../\x1b[2J"] = record["files"]["run.json"]
    path.write_text(json.dumps(record))
    assert "\x1b" not in run.verify()[0]


def test_density_of_a_network_without_layers_is_one(finished):
    assert density_of(_record(finished(), layers=[])) == 1
